"""Training: a style network learns to paint any photo in one pass (Johnson et al. 2016, section 3)."""

import json
import math
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from artlives import images, styles
from artlives.architecture import STYLE_NETWORK
from artlives.errors import ArtlivesError
from artlives.files import replacing
from artlives.network import StyleNetwork
from artlives.training.losses import steadiness_loss, total_variation
from artlives.training.objective import Objective, tensor
from artlives.training.perceptual import Perceptual
from artlives.training.photos import Photos

SHIFT = 32  # pixels, at most, between the two windows that have to be painted alike
NOISE = 2.0  # grey levels, standard deviation, of the second window
# Crops of several sizes, in parts of `size`, so that large pictures get large strokes too; as many pixels a batch.
CROPS = (0.75, 1.0, 1.5)
AVERAGE = 0.99  # what the running average of the weights keeps of itself each step
CHECKPOINT_EVERY, PREVIEW_EVERY, LOG_EVERY = 50, 250, 10  # steps


@dataclass(frozen=True)
class Recipe:
    """What decides the outcome of a training; kept in its checkpoint and in the style's metadata.

    `size` is the middle crop's side in pixels, `batch_size` the number of such crops a step, `style_size` the
    painting's longer side in pixels, which sets the strokes' size. The weights multiply the losses of
    `artlives.training.losses`. `start` is the name or file of the style whose weights to begin with; None begins
    with random ones.
    """

    steps: int = 1000
    size: int = 256
    batch_size: int = 4
    seed: int = 0
    learning_rate: float = 3e-3
    style_size: int = 512
    content_weight: float = 1.0
    style_weight: float = 1.0
    steadiness_weight: float = 40.0
    tv_weight: float = 1e-5
    start: str | None = None


class Progress(NamedTuple):
    """One step's outcome: `step` counts from 1; the losses are unweighted."""

    step: int
    losses: dict[str, float]


class Interrupted(Exception):
    """Training was stopped by a signal, after a checkpoint was written."""

    def __init__(self, signum: int, step: int) -> None:
        super().__init__(f"stopped at step {step}")
        self.signum, self.step = signum, step


class Trainer:
    """Trains one style in `folder`, where its checkpoint, log and previews are.

    Raises:
        ArtlivesError: the painting, the photos or the checkpoint cannot be read, or do not fit.
    """

    def __init__(
        self,
        painting: Path,
        photos: Photos,
        recipe: Recipe,
        perceptual: Perceptual,
        folder: Path,
        device: torch.device | str = "cpu",
    ) -> None:
        self.photos, self.recipe = photos, recipe
        self.objective = Objective(perceptual, painting, recipe.style_size)
        self.folder, self.device = folder, torch.device(device)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArtlivesError(f"{folder} cannot be made: {error.strerror}") from error
        self.checkpoint = folder / "checkpoint.pt"
        self.step = 0
        self.recent: list[dict[str, float]] = []  # the last 50 steps' losses
        torch.manual_seed(recipe.seed)
        self.network = StyleNetwork().to(self.device)
        if recipe.start is not None:
            self._begin_with(styles.find(recipe.start))
        self.average = deepcopy(self.network).eval()
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=recipe.learning_rate)

    def _begin_with(self, style: styles.Style) -> None:
        if style.layers != STYLE_NETWORK:
            raise ArtlivesError(f"{style.path} holds a network of another shape: start from another style")
        self.network.load_state_dict(styles.load_network(style, self.device).state_dict())

    def run(self, report: Callable[[Progress], None]) -> dict[str, float]:
        """Trains to the last step and returns the last losses, averaged over the last 50 steps.

        Raises:
            Interrupted: by SIGINT or SIGTERM; the checkpoint holds all that was done.
            ArtlivesError: a loss is not finite; the last checkpoint before is kept.
        """
        recipe = self.recipe
        with ThreadPoolExecutor(1) as executor, _signals() as caught:
            upcoming = executor.submit(self._batch, self.step)
            while self.step < recipe.steps:
                batch = upcoming.result()
                if self.step + 1 < recipe.steps:
                    upcoming = executor.submit(self._batch, self.step + 1)
                started = time.perf_counter()
                losses = self._train(*batch)
                self.step += 1
                self.recent = [*self.recent[-49:], losses]
                report(Progress(self.step, losses))
                if self.step % LOG_EVERY == 0:
                    self._log(_mean(self.recent[-LOG_EVERY:]), time.perf_counter() - started)
                if self.step % PREVIEW_EVERY == 0 or self.step == recipe.steps:
                    self._preview()
                if self.step % CHECKPOINT_EVERY == 0 or self.step == recipe.steps or caught:
                    self.save()
                if caught and self.step < recipe.steps:
                    raise Interrupted(caught[0], self.step)
        return _mean(self.recent)

    def save(self) -> None:
        """Writes the checkpoint, whole or not at all."""
        state = {
            "step": self.step,
            "recent": self.recent,
            "recipe": asdict(self.recipe),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        with replacing(self.checkpoint) as temporary, temporary.open("wb") as file:
            torch.save(state, file)

    def resume(self) -> None:
        """Goes on from the checkpoint.

        Raises:
            ArtlivesError: there is none, it cannot be read, or it is of another recipe.
        """
        try:
            state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
            differing = [k for k, v in asdict(self.recipe).items() if state["recipe"].get(k) != v]
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

    def card(self) -> dict[str, Any]:
        """What the style's metadata say of its training."""
        return {**asdict(self.recipe), "photos": len(self.photos.files)}

    def _batch(self, step: int) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        """Step `step`'s photos (N, size + SHIFT, size + SHIFT, 3) and the second window's shift.

        Without torch, since this runs in a thread of its own: torch would start further threads for it, which
        take the processors from those that train.
        """
        recipe = self.recipe
        generator = np.random.default_rng((recipe.seed, step))
        part = float(generator.choice(CROPS))
        size = max(64, round(recipe.size * part / 16) * 16)
        count = max(1, round(recipe.batch_size * (recipe.size / size) ** 2))
        down, right = (int(n) for n in generator.integers(0, SHIFT + 1, 2))
        return self.photos.crops(count, size + SHIFT, generator), (down, right)

    def _train(self, batch: NDArray[np.uint8], shift: tuple[int, int]) -> dict[str, float]:
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.learning_rate * one_cycle(self.step / recipe.steps)
        crops = torch.from_numpy(batch).to(self.device).permute(0, 3, 1, 2).float()
        size, (down, right) = crops.shape[-1] - SHIFT, shift
        photos = crops[:, :, :size, :size]
        # The steadiness of half the batch is enough.
        again = crops[: (len(crops) + 1) // 2, :, down : down + size, right : right + size]
        generator = torch.Generator(self.device).manual_seed(recipe.seed * 1_000_003 + self.step)
        noise = torch.randn(again.shape, generator=generator, device=self.device) * NOISE
        painted, painted_again = self.network(torch.cat([photos, again + noise])).split(
            [len(photos), len(again)]
        )

        content, style = self.objective.distances(painted, self.objective.content_of(photos))
        steadiness = steadiness_loss(painted[: len(again)], painted_again, shift)
        variation = total_variation(painted)
        loss = (
            recipe.content_weight * content
            + recipe.style_weight * style
            + recipe.steadiness_weight * steadiness
            + recipe.tv_weight * variation
        )
        self.optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        if not norm.isfinite():
            raise ArtlivesError(
                f"the loss is no longer finite at step {self.step}; {self.checkpoint} holds the last good state"
            )
        self.optimizer.step()
        with torch.no_grad():
            for kept, new in zip(self.average.parameters(), self.network.parameters(), strict=True):
                kept.lerp_(new, 1 - min(AVERAGE, (1 + self.step) / (10 + self.step)))
        return {
            "loss": loss.item(),
            "style": style.item(),
            "content": content.item(),
            "steadiness": -10 * math.log10(max(steadiness.item(), 1e-12)),  # PSNR in dB
            "variation": variation.item(),
        }

    def _log(self, losses: dict[str, float], seconds: float) -> None:
        entry = {
            "step": self.step,
            **{k: round(v, 4) for k, v in losses.items()},
            "seconds": round(seconds, 2),
        }
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def _preview(self) -> None:
        """A picture of two photos and what the network makes of them by now."""
        tiles = []
        for i in range(min(2, len(self.photos.files))):
            photo = images.fit(images.Photo(self.photos.whole(i)), 512).pixels
            with torch.no_grad():
                painted = self.average(tensor(photo, self.device))
            pixels = painted[0].clamp(0, 255).round().byte().permute(1, 2, 0).cpu().numpy()
            tiles.append(np.hstack([photo, pixels]))
        width = max(tile.shape[1] for tile in tiles)
        sheet = np.vstack([np.pad(tile, ((0, 0), (0, width - tile.shape[1]), (0, 0))) for tile in tiles])
        images.save(images.Photo(sheet), self.folder / f"preview-{self.step:05}.jpg")


def one_cycle(progress: float) -> float:
    """The learning rate's factor at `progress` in 0..1: up over the first tenth, then down to 0, along cosines.

    Smith & Topin 2018, "Super-convergence".
    """
    if progress < 0.1:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * progress / 0.1)) / 2
    return (1 + math.cos(math.pi * (progress - 0.1) / 0.9)) / 2


def _mean(entries: list[dict[str, float]]) -> dict[str, float]:
    return {key: sum(entry[key] for entry in entries) / len(entries) for key in entries[0]} if entries else {}


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
