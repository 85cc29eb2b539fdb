"""A study: a short training that learns a painting's manner well enough to paint with it, in half a minute.

It begins with the mean of all shipped styles' weights, which know photos and strokes already, and takes some hundred
small steps on a few photos. Nothing is written to disk.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from artlives import devices, images
from artlives.errors import ArtlivesError
from artlives.files import sample_photos
from artlives.training.memory import keep_freed_memory
from artlives.training.perceptual import Perceptual
from artlives.training.photos import ZOOM, Photos
from artlives.training.recipe import STUDY, card
from artlives.training.session import start_of
from artlives.training.trainer import Trainer

# Photos that are learned on at most: they are kept in memory, and a study draws a few hundred crops from them.
PHOTOS = 32


class Study:
    """A painting's manner, while it is learnt.

    Args:
        painting: (H, W, 3) uint8, sRGB.
        photos: files to learn on beside the sample photos; those that cannot be read are passed over.
        device: "auto", "cpu", "cuda", "mps", or torch's.
    """

    def __init__(
        self, painting: np.ndarray, photos: Sequence[Path] = (), device: str | torch.device = "auto"
    ) -> None:
        keep_freed_memory()
        where = devices.pick(device)
        content = _Kept([*photos, *sorted(sample_photos().glob("*.jpg"))])
        weights, _ = start_of(STUDY)
        self._trainer = Trainer(
            [painting], content, STUDY, Perceptual(device=where), None, where, weights=weights
        )
        self._card = {**card(STUDY), "photos": len(content.files), "before": []}

    def run(self, report: Callable[[int], None]) -> None:
        """Learn, and call `report` after each of `STUDY.steps` steps with its number. What it raises ends the study.

        Raises:
            Interrupted: SIGINT or SIGTERM came.
        """
        self._card["losses"] = self._trainer.run(lambda progress: report(progress.step))

    def weights(self) -> dict[str, np.ndarray]:
        """What has been learnt so far: a network's weights of fp32 by the names of `plan.shapes`, as copies."""
        return {
            name: value.cpu().numpy().copy() for name, value in self._trainer.average.file_weights().items()
        }

    def card(self) -> dict[str, Any]:
        """What a style's `training` says of it."""
        return self._card


class _Kept(Photos):
    """Photos in memory, as small as crops need them: a file that is decoded anew for each crop would take its time."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.pictures: list[Image.Image] = []
        self.files, self.held_out = [], []
        side = STUDY.size * ZOOM
        for file in files:
            if len(self.files) == PHOTOS:
                break
            try:
                picture = images.on_white(images.load(file))
            except ArtlivesError:
                continue
            factor = side / min(picture.size)
            if factor < 1:
                picture = picture.resize((round(picture.width * factor), round(picture.height * factor)))
            self.pictures.append(picture)
            self.files.append(file)

    def _photo(self, index: int) -> Image.Image:
        return self.pictures[index]
