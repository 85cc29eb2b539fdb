"""Training: a style network learns to paint any photo in one pass (Johnson et al. 2016, section 3)."""

import math
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from artlives.blocks.kernels.dispatch import quick_in_bf16
from artlives.engines.network import StyleNetwork
from artlives.engines.tensors import on_device
from artlives.errors import ArtlivesError, lacks_memory
from artlives.signals import caught_signals
from artlives.training import checkpoint, memory
from artlives.training.batch import Batch, drawn, noisy
from artlives.training.choices import OPTIMIZERS, initialize
from artlives.training.loading import ahead, loaders_for
from artlives.training.losses import Overlap, overlap, steadiness_loss, total_variation
from artlives.training.objective import Objective
from artlives.training.perceptual import Perceptual
from artlives.training.photos import Photos
from artlives.training.precision import quick_products
from artlives.training.preview import preview
from artlives.training.processes import Processes
from artlives.training.recipe import Recipe
from artlives.training.record import Record
from artlives.training.recorded import Inputs, Recorded
from artlives.training.signals import Interrupted
from artlives.training.tensors import from_pixels

# Grey levels, the standard deviation of noise in the second window: a camera's in good light.
NOISE = 2.0
# What the running average of the weights keeps of itself each step: it looks back over some hundred steps.
AVERAGE = 0.99
# The most that the gradient's norm may be, without unit: one crop unlike all others must not undo many steps.
GRADIENT_NORM = 1.0
# Steps. A checkpoint every minute or so on a CPU loses little. Losses stay on the device until they are logged, since
# asking for them waits for it.
CHECKPOINT_EVERY, LOG_EVERY = 50, 10
# Steps whose losses are averaged in the style's card: a single one's depend on its crops.
RECENT = 50
# In a whole training: three rows of `Record.draw_previews`.
PREVIEWS = 8
# A step's noise is seeded by its number plus this times the recipe's seed: trainings of fewer steps share no seed.
SEEDS_APART = 1_000_003
# What a step tells; between the first and the last are the parts of the loss.
LOSSES = ("loss", *Recipe().loss_weights, "gradient")


class Progress(NamedTuple):
    """One step's outcome: `step` counts from 1."""

    step: int
    values: Tensor

    def losses(self) -> dict[str, float]:
        """The step's losses by name, unweighted, steadiness as PSNR in dB; asking waits for the device."""
        losses = dict(zip(LOSSES, self.values.tolist(), strict=True))
        # Of equal pictures it is 120 dB, not infinite.
        losses["steadiness"] = -10 * math.log10(max(losses["steadiness"], 1e-12))
        return losses


class Trainer:
    """Trains one style in `folder`, where its checkpoint, log and previews are.

    Of several `processes`, each takes its part of every batch, so that together they do what one would do. The first
    alone writes files.

    Args:
        paintings: the painting, or several: files, or pixels (H, W, 3) of uint8.
        photos: what is learned on.
        recipe: what decides the outcome; `recipe.start` is only what `weights` came from.
        perceptual: the network that judges.
        folder: of the checkpoint, the log and the previews, made where there is none; None to keep nothing.
        device: where the style network computes, the same as `perceptual`'s.
        weights: a `StyleNetwork.state_dict` to begin with; None for random weights.

    Raises:
        ArtlivesError: a painting cannot be read, the folder cannot be made, or there are fewer crops than processes.
    """

    def __init__(
        self,
        paintings: Path | Sequence[Path | np.ndarray],
        photos: Photos,
        recipe: Recipe,
        perceptual: Perceptual,
        folder: Path | None,
        device: torch.device | str = "cpu",
        processes: Processes | None = None,
        weights: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.photos, self.recipe, self.folder = photos, recipe, folder
        self.device, self.processes = torch.device(device), processes or Processes()
        if recipe.batch_size < self.processes.count:
            raise ArtlivesError(
                f"{self.processes.count} processes are too many for --batch-size {recipe.batch_size}: give more or "
                "start fewer"
            )
        self.objective = Objective(
            perceptual,
            paintings,
            recipe.style_size,
            recipe.content_cost,
            recipe.style_cost,
            recipe.scale_weights,
            recipe.content_weights,
            recipe.style_layers,
        )
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ArtlivesError(f"{folder} cannot be made: {error.strerror}") from error
            self.checkpoint, self.record = folder / "checkpoint.pt", Record(folder)
        # On the device once and for all: to copy them there, the CPU would wait for it in each step.
        self.loss_weights = torch.tensor(list(recipe.loss_weights.values()), device=self.device)
        photos.keep(self.device)
        self.step = 0
        self.recent: list[Tensor] = []
        torch.manual_seed(recipe.seed)
        self.network = StyleNetwork(recipe.layers)
        initialize(self.network, recipe.init)
        self.network.to(self.device)
        if weights is not None:
            self.network.load_state_dict(weights)
        self.average = deepcopy(self.network).eval()
        # The weights and their average stay in fp32, as do pictures on the way.
        self.network.compute_dtype = torch.bfloat16 if quick_in_bf16(self.device) else None
        self.optimizer = OPTIMIZERS[recipe.optimizer](self.network.parameters(), lr=recipe.learning_rate)
        # Its backward pass averages the gradients of all processes.
        self._distributed = (
            DistributedDataParallel(self.network) if self.processes.count > 1 else self.network
        )
        alone_on_gpu = self.device.type == "cuda" and self.processes.count == 1
        self._compute = Recorded(self._backward) if alone_on_gpu else self._backward

    def run(self, report: Callable[[Progress], None]) -> dict[str, float]:
        """Trains to the last step and returns the last losses, averaged over `RECENT` steps.

        Raises:
            Interrupted: by SIGINT or SIGTERM; the checkpoint holds all that was done.
            ArtlivesError: a loss is not finite, or a step needs more memory than there is; the last checkpoint
                before is kept.
        """
        self._expect_memory()
        recipe, writes = self.recipe, self.processes.rank == 0 and self.folder is not None
        previews = {round(recipe.steps * part / PREVIEWS) for part in range(1, PREVIEWS + 1)}
        threads = loaders_for(self.device)
        batches = ahead(self._batch, range(self.step, recipe.steps), threads)
        with closing(batches), quick_products(self.device), caught_signals() as caught:
            started, first = time.perf_counter(), self.step
            for batch in batches:
                losses = self._train(batch)
                self.step += 1
                done = self.step == recipe.steps
                self.recent = [*self.recent[1 - RECENT :], losses]
                logged = self.step % LOG_EVERY == 0 or done
                report(Progress(self.step, losses))
                stopped = self._any_caught(caught)
                if writes and logged:
                    self._log((time.perf_counter() - started) / (self.step - first))
                if logged:
                    started, first = time.perf_counter(), self.step
                if writes and self.step in previews:
                    self.record.add_preview(self.step, preview(self.average, self.photos, recipe.grain))
                if writes and (self.step % CHECKPOINT_EVERY == 0 or done or stopped):
                    self.save()
                if stopped and not done:
                    raise Interrupted(caught[0] if caught else signal.SIGTERM, self.step)
        return self._mean(len(self.recent))

    def save(self) -> None:
        """Writes the checkpoint, whole or not at all.

        Raises:
            ArtlivesError: it cannot be written, or a loss before it was not finite.
        """
        self._mean(len(self.recent))
        checkpoint.save(
            self.checkpoint, self.recipe, self._parts(), checkpoint.Reached(self.step, self.recent)
        )

    def resume(self) -> None:
        """Goes on from the checkpoint, whatever number of processes it was written by.

        Raises:
            ArtlivesError: there is none, it cannot be read, or it is of another recipe.
        """
        self.step, self.recent = checkpoint.load(self.checkpoint, self.recipe, self._parts(), self.device)
        if self.processes.rank == 0:
            self.record.forget_after(self.step)

    def restart(self) -> None:
        """Removes what an earlier training left in the folder.

        Raises:
            ArtlivesError: it cannot be removed.
        """
        if self.processes.rank == 0:
            checkpoint.remove(self.checkpoint)
            self.record.forget_after(0)

    def _any_caught(self, caught: Sequence[int]) -> bool:
        """Whether any process was told to stop; of several, all have to know it after the same step."""
        if self.processes.count == 1:
            return bool(caught)
        # This waits for the device, as their gradients do.
        return self.processes.sum(torch.tensor(len(caught), device=self.device)).item() > 0

    def _parts(self) -> checkpoint.Parts:
        """What the checkpoint keeps the state of."""
        return {"network": self.network, "average": self.average, "optimizer": self.optimizer}

    def _batch(self, step: int) -> Batch:
        return drawn(self.photos, self.recipe, step, self.processes.share(self.recipe.batch_size))

    def _train(self, batch: Batch) -> Tensor:
        """One step of the optimizer; returns the `LOSSES`."""
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.learning_rate * one_cycle(self.step / recipe.steps)
        losses = self._losses_and_gradients(batch)
        if losses is None:
            # Several processes would have to try together.
            fits = self._fits if self.processes.count == 1 else None
            raise ArtlivesError(memory.advice(recipe, fits))
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM)
        self.optimizer.step()
        # In the first steps the average looks back over all of them but the earliest, as TensorFlow's
        # `ExponentialMovingAverage` does with `num_updates`: the weights that a training began with are soon out of it.
        kept = min(AVERAGE, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            averages, latest = (tuple(network.parameters()) for network in (self.average, self.network))
            torch._foreach_lerp_(averages, latest, 1 - kept)
        return torch.cat([losses, norm.view(1)])

    def _expect_memory(self) -> None:
        """Raise ArtlivesError where a step needs more memory than a container leaves, by what a few crops need.

        A GPU's memory, which no container limits, is refused where it lacks. Several processes would have to try it
        together.
        """
        recipe = self.recipe
        if self.device.type != "cpu" or self.processes.count > 1:
            return
        # Of two crops, one is painted twice, for its steadiness: as of larger batches, half.
        tried = min(2, recipe.batch_size)
        grown = memory.growth(lambda: self._fits(tried))
        if not memory.suffices(recipe.batch_size, tried, grown):
            raise ArtlivesError(memory.advice(recipe, lambda crops: memory.suffices(crops, tried, grown)))

    def _fits(self, batch_size: int) -> bool:
        """Whether memory suffices for a step of so many crops."""
        return self._losses_and_gradients(noisy(batch_size, self.recipe.size)) is not None

    def _losses_and_gradients(self, batch: Batch) -> Tensor | None:
        """The whole batch's loss and its parts, and the gradients in the network's parameters; None if memory does not
        suffice."""
        try:
            losses = self._compute(self._inputs(batch))
        except (MemoryError, RuntimeError) as error:
            if lacks_memory(error):
                return None
            raise
        return self.processes.sum(losses)

    def _inputs(self, batch: Batch) -> Inputs:
        recipe, processes = self.recipe, self.processes
        size, (down, right) = recipe.size, batch.shift
        crops, grainy = (from_pixels(pixels, self.device) for pixels in (batch.crops, batch.grainy))
        # The steadiness of half the batch is enough. Every process draws all of its noise, to take its own.
        half = (batch.total + 1) // 2 if recipe.steadiness_weight else 0
        generator = torch.Generator(self.device).manual_seed(recipe.seed * SEEDS_APART + self.step)
        noise = torch.randn((half, 3, size, size), generator=generator, device=self.device) * NOISE
        noise = noise[processes.share(half)]
        again = grainy[: len(noise), :, down : down + size, right : right + size] + noise
        windows = torch.cat([grainy[:, :, :size, :size], again])
        shown = (on_device(x.numpy(), self.device) for x in overlap(size, batch.shift))
        shares = len(crops) / batch.total, len(noise) / max(1, half)
        return Inputs(crops[:, :, :size, :size], windows, Overlap(*shown), shares)

    def _backward(self, inputs: Inputs) -> Tensor:
        """The loss and its parts, detached, and the gradients in the network's parameters."""
        self.optimizer.zero_grad()
        found = self._losses(inputs)
        parts = torch.stack([found[part] for part in self.recipe.loss_weights])
        loss = parts @ self.loss_weights
        # Times their number, for the processes' gradients are averaged, not added up.
        torch.autograd.backward(loss * self.processes.count)
        return torch.cat([loss.view(1), parts]).detach()

    def _losses(self, inputs: Inputs) -> dict[str, Tensor]:
        """The parts of the loss, by the names of `Recipe.loss_weights`, for this process's crops.

        Over all processes they add up to the batch's: means over samples, times the share of the samples that are here.
        """
        processes, here, again = self.processes, len(inputs.crops), len(inputs.windows) - len(inputs.crops)
        painted, painted_again = self._distributed(inputs.windows).split([here, again])

        content = self.objective.content_of(inputs.crops)
        # What content is relative to, as over the whole batch.
        sums = {place: processes.sum(magnitude) for place, magnitude in content.magnitudes.items()}
        distances = self.objective.distances(painted, content._replace(magnitudes=sums))
        share, share_again = inputs.shares
        steadiness = (
            steadiness_loss(painted[:again], painted_again, inputs.overlap) * share_again
            if again
            else painted.new_zeros(())
        )
        return {
            "style": distances.style * share,
            "content": distances.content,
            "palette": distances.palette * share,
            "tone": distances.tone * share,
            "steadiness": steadiness,
            "variation": total_variation(painted) * share,
        }

    def _mean(self, count: int) -> dict[str, float]:
        """The losses, averaged over the last `count` steps; {} before the first.

        Raises:
            ArtlivesError: one of them is not finite.
        """
        if not self.recent:
            return {}
        values = torch.stack(self.recent[-count:]).mean(0)
        if not values.isfinite().all():
            kept = self.folder is not None and self.checkpoint.exists()
            saved = f"; {self.checkpoint} holds the last good state" if kept else ""
            raise ArtlivesError(
                f"the loss is no longer finite at step {self.step}: give a smaller --learning-rate{saved}"
            )
        return Progress(self.step, values).losses()

    def _log(self, seconds: float) -> None:
        losses = {name: round(loss, 4) for name, loss in self._mean(LOG_EVERY).items()}
        self.record.add({"step": self.step, **losses, "seconds": round(seconds, 2)})


def one_cycle(progress: float) -> float:
    """The learning rate's factor at `progress` in 0..1: up over the first tenth, then down to 0, along cosines.

    Smith & Topin 2018, "Super-convergence".
    """
    if progress < 0.1:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * progress / 0.1)) / 2
    return (1 + math.cos(math.pi * (progress - 0.1) / 0.9)) / 2
