"""Training: a style network learns to paint any photo in one pass (Johnson et al. 2016, section 3)."""

import io
import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from artlives import grain, images, styles
from artlives.architecture import STYLE_NETWORK, activated
from artlives.blocks.kernels.dispatch import quick_in_bf16
from artlives.errors import ArtlivesError, lacks_memory
from artlives.files import replacing
from artlives.network import StyleNetwork
from artlives.training.choices import OPTIMIZERS, initialize
from artlives.training.losses import steadiness_loss, total_variation
from artlives.training.objective import Objective, tensor
from artlives.training.perceptual import Perceptual
from artlives.training.photos import Photos
from artlives.training.processes import Processes
from artlives.training.recipe import MEAN, NONE, Recipe, card
from artlives.training.record import Record

# Pixels, at most, between the two windows that have to be painted alike: three of the network's grid of 8.
SHIFT = 24
# Grey levels, the standard deviation of noise in the second window: a camera's in good light.
NOISE = 2.0
# What the running average of the weights keeps of itself each step: it looks back over some hundred steps.
AVERAGE = 0.99
# Steps. Losses are brought from the device, and looked at, when they are logged.
CHECKPOINT_EVERY, LOG_EVERY = 50, 10
# In a whole training.
PREVIEWS = 8
# Of the loss.
PARTS = ("style", "content", "palette", "tone", "steadiness", "variation")
SHOWN = ("loss", *PARTS, "gradient")


class Progress(NamedTuple):
    """One step's outcome: `step` counts from 1."""

    step: int
    values: Tensor

    def losses(self) -> dict[str, float]:
        """The step's losses by name, unweighted, steadiness as PSNR in dB; asking waits for the device."""
        losses = dict(zip(SHOWN, self.values.tolist(), strict=True))
        losses["steadiness"] = -10 * math.log10(max(losses["steadiness"], 1e-12))
        return losses


class Batch(NamedTuple):
    """This process's crops (n, size + SHIFT, size + SHIFT, 3), the same with grain, of how many, and the second
    window's shift.
    """

    crops: NDArray[np.uint8]
    grainy: NDArray[np.uint8]
    total: int
    shift: tuple[int, int]


class Interrupted(Exception):
    """Training was stopped by a signal, after a checkpoint was written."""

    def __init__(self, signum: int, step: int) -> None:
        super().__init__(f"stopped at step {step}")
        self.signum, self.step = signum, step


class Trainer:
    """Trains one style in `folder`, where its checkpoint, log and previews are.

    Of several `processes`, each takes its part of every batch, so that together they do what one would do. The first
    alone writes files.

    Raises:
        ArtlivesError: a painting, the photos or the checkpoint cannot be read, or do not fit.
    """

    def __init__(
        self,
        paintings: Path | Sequence[Path],
        photos: Photos,
        recipe: Recipe,
        perceptual: Perceptual,
        folder: Path,
        device: torch.device | str = "cpu",
        processes: Processes | None = None,
    ) -> None:
        self.photos, self.recipe = photos, recipe
        self.objective = Objective(
            perceptual,
            paintings,
            recipe.style_size,
            recipe.content_cost,
            recipe.style_cost,
            recipe.scale_weights,
            recipe.content_weights,
        )
        self.folder, self.device = folder, torch.device(device)
        self.processes = processes or Processes()
        if recipe.batch_size < self.processes.count:
            raise ArtlivesError(
                f"{self.processes.count} processes are too many for --batch-size {recipe.batch_size}: give more or "
                "start fewer"
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArtlivesError(f"{folder} cannot be made: {error.strerror}") from error
        self.checkpoint, self.record = folder / "checkpoint.pt", Record(folder)
        self.step = 0
        self.recent: list[Tensor] = []  # what is `SHOWN` of the last 50 steps
        self.before: list[
            dict[str, Any]
        ] = []  # cards of the trainings that led to the weights it starts with
        self.layers = activated(STYLE_NETWORK, recipe.activation)
        torch.manual_seed(recipe.seed)
        self.network = StyleNetwork(self.layers)
        initialize(self.network, recipe.init)
        self.network.to(self.device)
        if recipe.start != NONE:
            self._start_from(recipe.start)
        self.average = deepcopy(self.network).eval()
        # The weights and their average stay in fp32, as do pictures on the way.
        self.network.compute_dtype = torch.bfloat16 if quick_in_bf16(self.device) else None
        self.optimizer = OPTIMIZERS[recipe.optimizer](self.network.parameters(), lr=recipe.learning_rate)
        # Its backward pass averages the gradients of all processes.
        self._together = DistributedDataParallel(self.network) if self.processes.count > 1 else self.network

    def _start_from(self, start: str) -> None:
        """Takes the weights of a style, or the mean of all shipped ones'."""
        found = list(map(styles.read, styles.shipped().values())) if start == MEAN else [styles.find(start)]
        for style in found:
            if style.layers != self.layers:
                raise ArtlivesError(
                    f"{style.path} holds a network of another shape: start from another style"
                )
        weights = [styles.load_network(style).state_dict() for style in found]
        mean = {key: sum(each[key] for each in weights) / len(weights) for key in weights[0]}
        self.network.load_state_dict(mean)
        if start != MEAN:
            card = dict(found[0].training)
            self.before = [*card.pop("before", []), card]

    def run(self, report: Callable[[Progress], None]) -> dict[str, float]:
        """Trains to the last step and returns the last losses, averaged over the last 50 steps.

        Raises:
            Interrupted: by SIGINT or SIGTERM; the checkpoint holds all that was done.
            ArtlivesError: a loss is not finite, or a step needs more memory than there is; the last checkpoint
                before is kept.
        """
        recipe, writes = self.recipe, self.processes.rank == 0
        previews = {round(recipe.steps * part / PREVIEWS) for part in range(1, PREVIEWS + 1)}
        with ThreadPoolExecutor(1) as executor, _signals() as caught:
            upcoming = executor.submit(self._batch, self.step)
            started, first = time.perf_counter(), self.step
            while self.step < recipe.steps:
                batch = upcoming.result()
                if self.step + 1 < recipe.steps:
                    upcoming = executor.submit(self._batch, self.step + 1)
                losses = self._train(batch)
                self.step += 1
                done = self.step == recipe.steps
                self.recent = [*self.recent[-49:], losses]
                logged = self.step % LOG_EVERY == 0 or done
                report(Progress(self.step, losses))
                # With several processes this waits for the device, as their gradients do.
                stopped = self.processes.sum(torch.tensor(len(caught), device=self.device)).item() > 0
                if writes and logged:
                    self._log((time.perf_counter() - started) / (self.step - first))
                if logged:
                    started, first = time.perf_counter(), self.step
                if writes and self.step in previews:
                    self._preview()
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
        state = {
            "step": self.step,
            "recent": self.recent,
            "recipe": card(self.recipe),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)  # to a full disk, torch's own writing fails with an error of its own
        with replacing(self.checkpoint) as temporary:
            temporary.write_bytes(buffer.getbuffer())

    def resume(self) -> None:
        """Goes on from the checkpoint, whatever number of processes it was written by.

        Raises:
            ArtlivesError: there is none, it cannot be read, or it is of another recipe.
        """
        try:
            state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
            differing = [k for k, v in card(self.recipe).items() if state["recipe"].get(k) != v]
            if not differing:
                self.network.load_state_dict(state["network"])
                self.average.load_state_dict(state["average"])
                self.optimizer.load_state_dict(state["optimizer"])
                self.step, self.recent = state["step"], state["recent"]
        except FileNotFoundError:
            raise ArtlivesError(f"{self.checkpoint} is not there: start without --resume") from None
        except Exception as error:  # torch.load raises many kinds for a damaged file
            raise ArtlivesError(
                f"{self.checkpoint} cannot be read: start without --resume ({error})"
            ) from error
        if differing:
            raise ArtlivesError(
                f"{self.checkpoint} was made with other options ({', '.join(differing)}): give the same, or start "
                "without --resume"
            )
        if self.processes.rank == 0:
            self.record.forget_after(self.step)

    def is_unfinished(self) -> bool:
        """Whether the folder holds the checkpoint of a training that has not come to its last step."""
        try:
            state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
            return state["step"] < state["recipe"]["steps"]
        except Exception:  # none, or a damaged one: torch.load raises many kinds
            return False

    def restart(self) -> None:
        """Removes what an earlier training left in the folder.

        Raises:
            ArtlivesError: it cannot be removed.
        """
        if self.processes.rank == 0:
            try:
                self.checkpoint.unlink(missing_ok=True)
            except OSError as error:
                raise ArtlivesError(f"{self.checkpoint} cannot be removed: {error.strerror}") from error
            self.record.forget_after(0)

    def card(self) -> dict[str, Any]:
        """What the style's metadata say of its training, and of those before that led to its start."""
        return {**card(self.recipe), "photos": len(self.photos.files), "before": self.before}

    def _batch(self, step: int) -> Batch:
        """Step `step`'s photos.

        Without torch, since this runs in a thread of its own: torch would start further threads for it, which
        take the processors from those that train.
        """
        recipe = self.recipe
        generator = np.random.default_rng((recipe.seed, step))
        down, right = (int(n) for n in generator.integers(0, SHIFT + 1, 2))
        places = generator.integers(0, grain.PERIOD, (recipe.batch_size, 2))
        share = self.processes.share(recipe.batch_size)
        crops = self.photos.crops(recipe.batch_size, recipe.size + SHIFT, generator, share)
        grainy = [
            grain.added(crop, recipe.grain, *place) for crop, place in zip(crops, places[share], strict=True)
        ]
        return Batch(crops, np.stack(grainy), recipe.batch_size, (down, right))

    def _train(self, batch: Batch) -> Tensor:
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.learning_rate * one_cycle(self.step / recipe.steps)
        losses = self._losses_and_gradients(batch)
        if losses is None:
            raise ArtlivesError(self._memory_advice())
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        with torch.no_grad():
            for kept, new in zip(self.average.parameters(), self.network.parameters(), strict=True):
                kept.lerp_(new, 1 - min(AVERAGE, (1 + self.step) / (10 + self.step)))
        return torch.cat([losses, norm.view(1)])

    def _losses_and_gradients(self, batch: Batch) -> Tensor | None:
        """The whole batch's "loss" and `PARTS`, and the gradients in the network's parameters; None if memory does not
        suffice."""
        recipe, processes = self.recipe, self.processes
        self.optimizer.zero_grad()
        try:
            parts = self._parts(batch)
            weights = (
                recipe.style_weight,
                1.0,  # content's weights are within it
                recipe.palette_weight,
                recipe.tone_weight,
                recipe.steadiness_weight,
                recipe.tv_weight,
            )
            loss = torch.stack(parts) @ torch.tensor(weights, device=self.device)
            (loss * processes.count).backward()  # for the processes' gradients are averaged, not added up
        except (MemoryError, RuntimeError) as error:
            if lacks_memory(error):
                return None
            raise
        return processes.sum(torch.stack([loss, *parts]).detach())

    def _parts(self, batch: Batch) -> tuple[Tensor, ...]:
        """The `PARTS` of the loss for this process's crops, which over all processes add up to the
        batch's: means over samples, times the share of the samples that are here.
        """
        processes, total = self.processes, batch.total
        crops, grainy = (
            torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2).float()
            for pixels in (batch.crops, batch.grainy)
        )
        size, (down, right) = crops.shape[-1] - SHIFT, batch.shift
        # The steadiness of half the batch is enough. Every process draws all of its noise, to take its own.
        half = (total + 1) // 2
        generator = torch.Generator(self.device).manual_seed(self.recipe.seed * 1_000_003 + self.step)
        noise = torch.randn((half, 3, size, size), generator=generator, device=self.device) * NOISE
        noise = noise[processes.share(half)]
        again = grainy[: len(noise), :, down : down + size, right : right + size] + noise
        painted, painted_again = self._together(torch.cat([grainy[:, :, :size, :size], again])).split(
            [len(crops), len(again)]
        )

        content = self.objective.content_of(crops[:, :, :size, :size])
        # What content is relative to, as over the whole batch.
        sums = {place: processes.sum(magnitude) for place, magnitude in content.magnitudes.items()}
        distances = self.objective.distances(painted, content._replace(magnitudes=sums))
        share = len(crops) / total
        steadiness = (
            steadiness_loss(painted[: len(again)], painted_again, batch.shift) * (len(again) / half)
            if len(again)
            else painted.new_zeros(())
        )
        return (
            distances.style * share,
            distances.content,
            distances.palette * share,
            distances.tone * share,
            steadiness,
            total_variation(painted) * share,
        )

    def _memory_advice(self) -> str:
        recipe = self.recipe
        problem = f"{recipe.batch_size} crops of {recipe.size} px a step need more memory than there is"
        if self.processes.count > 1:  # they would have to try together
            return f"{problem}: give a smaller --batch-size"
        batch_size = recipe.batch_size
        while batch_size > 1:
            batch_size //= 2
            crops = np.full((batch_size, recipe.size + SHIFT, recipe.size + SHIFT, 3), 128, np.uint8)
            if self._losses_and_gradients(Batch(crops, crops, batch_size, (0, 0))) is not None:
                return f"{problem}: --batch-size {batch_size} fits"
        return f"{problem}, and so does a single one: give a smaller --size"

    def _mean(self, count: int) -> dict[str, float]:
        """The losses, averaged over the last `count` steps; {} before the first.

        Raises:
            ArtlivesError: one of them is not finite.
        """
        if not self.recent:
            return {}
        values = torch.stack(self.recent[-count:]).mean(0)
        if not values.isfinite().all():
            saved = f"; {self.checkpoint} holds the last good state" if self.checkpoint.exists() else ""
            raise ArtlivesError(
                f"the loss is no longer finite at step {self.step}: give a smaller --learning-rate{saved}"
            )
        return Progress(self.step, values).losses()

    def _log(self, seconds: float) -> None:
        losses = {name: round(loss, 4) for name, loss in self._mean(LOG_EVERY).items()}
        self.record.add({"step": self.step, **losses, "seconds": round(seconds, 2)})

    def _preview(self) -> None:
        """A picture of two photos and what the network makes of them by now."""
        tiles = []
        for i in range(min(2, len(self.photos.files))):
            photo = images.fit(images.Photo(self.photos.whole(i)), 512).pixels
            with torch.no_grad():
                painted = self.average(tensor(grain.added(photo, self.recipe.grain), self.device))
            pixels = painted[0].clamp(0, 255).round().byte().permute(1, 2, 0).cpu().numpy()
            tiles.append(np.hstack([photo, pixels]))
        width = max(tile.shape[1] for tile in tiles)
        paddings = [((0, 0), (0, width - tile.shape[1]), (0, 0)) for tile in tiles]
        sheet = np.vstack(
            [np.pad(*parts, constant_values=255) for parts in zip(tiles, paddings, strict=True)]
        )
        self.record.add_preview(self.step, images.Photo(sheet))


def one_cycle(progress: float) -> float:
    """The learning rate's factor at `progress` in 0..1: up over the first tenth, then down to 0, along cosines.

    Smith & Topin 2018, "Super-convergence".
    """
    if progress < 0.1:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * progress / 0.1)) / 2
    return (1 + math.cos(math.pi * (progress - 0.1) / 0.9)) / 2


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM instead of ending at once; a second one ends at once."""
    caught: list[int] = []

    def handle(signum: int, frame: FrameType | None) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(signum)

    before = {signum: signal.signal(signum, handle) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
