"""Photographs to train on: random crops of random photos, the same ones for the same seed and step."""

import logging
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from artlives import images, memory, styles
from artlives.errors import ArtlivesError
from artlives.files import files_in
from artlives.names import photos_among

# A photo's short side is this many times the crop's side at most, and once at least: things are seen in many sizes, and
# a crop is still a large part of its photo.
ZOOM = 1.6
# Photos that are held out where that is left open, and how many there must be for it: a tenth of them is no loss.
HELD_OUT, HELD_OUT_OF = 10, 100
# The share of crops that are mirrored: a photo and its mirror image are alike.
MIRRORED = 0.5
# Bytes of decoded photos that are kept at most; a thousand of 350 pixels a side take 0.4 GB.
KEPT = 2 << 30

log = logging.getLogger(__name__)


class Photos:
    """The photos in a folder and in the folders in it, as `names.photos_among`, without the last `holdout` ones.

    Where `holdout` is None, these are `HELD_OUT` if there are `HELD_OUT_OF` or more, else none. With `nested` false, it
    is the folder's own pictures alone. One that cannot be read is skipped, with one warning. Any number of threads may
    call its methods.

    Raises:
        ArtlivesError: no picture is there, or the folder cannot be read.
    """

    def __init__(self, folder: Path, holdout: int | None = 0, nested: bool = True) -> None:
        found = files_in(folder) if nested else [path.name for path in folder.glob("*") if path.is_file()]
        files = [folder / path for path in photos_among(found, styles.files())]
        if holdout is None:
            holdout = HELD_OUT if len(files) >= HELD_OUT_OF else 0
        kept = max(0, len(files) - holdout)
        self.files, self.held_out = files[:kept], files[kept:]
        self.folder = folder
        self._unreadable: set[Path] = set()
        # Decoded, and the bytes that there is still room for.
        self._kept: dict[Path, Image.Image] = {}
        self._room = 0
        self._lock = Lock()
        if not self.files:
            raise ArtlivesError(
                f"{folder} holds no pictures to train on; give a folder of photographs with --photos"
            )

    def crops(
        self, count: int, size: int, generator: np.random.Generator, share: slice = slice(None)
    ) -> NDArray[np.uint8]:
        """`count` crops of `size` pixels a side, half of them mirrored: (count, size, size, 3).

        With `share`, those of them alone; `generator` moves on by all of them.
        """
        drawn = [(int(generator.integers(len(self.files))), *generator.random(4)) for _ in range(count)]
        return np.stack([self._crop(size, *draw) for draw in drawn[share]])

    def keep(self, device: torch.device) -> None:
        """Keep photos in memory once they are decoded, as many as fit, where a GPU would wait for them."""
        if device.type != "cpu":
            self._room = min(KEPT, memory.free() // 4)

    def _crop(
        self, size: int, index: int, zoom: float, x: float, y: float, mirrored: float
    ) -> NDArray[np.uint8]:
        photo = self._photo(index)
        scale = size * ZOOM**zoom / min(photo.size)
        w, h = (max(size, round(side * scale)) for side in photo.size)
        left, top = int(x * (w - size + 1)), int(y * (h - size + 1))
        # Only the crop's part of the photo is resized.
        box = tuple(edge / scale for edge in (left, top, left + size, top + size))
        box = (box[0], box[1], min(box[2], photo.width), min(box[3], photo.height))
        pixels = np.asarray(photo.resize((size, size), Image.Resampling.BICUBIC, box=box))
        return pixels[:, ::-1] if mirrored < MIRRORED else pixels

    def _photo(self, index: int) -> Image.Image:
        """The photo of that index, or the next one that can be read."""
        for offset in range(len(self.files)):
            path = self.files[(index + offset) % len(self.files)]
            if (kept := self._kept.get(path)) is not None:
                return kept
            if path in self._unreadable:
                continue
            try:
                return self._remembered(path, Image.fromarray(images.load(path).pixels))
            except ArtlivesError as error:
                self._tell_unreadable(path, error)
        raise ArtlivesError(f"none of the pictures in {self.folder} can be read")

    def _remembered(self, path: Path, photo: Image.Image) -> Image.Image:
        size = photo.width * photo.height * 3
        with self._lock:
            if size <= self._room and path not in self._kept:
                self._room -= size
                self._kept[path] = photo
        return photo

    def _tell_unreadable(self, path: Path, error: ArtlivesError) -> None:
        with self._lock:
            told = path in self._unreadable
            self._unreadable.add(path)
        if not told:
            log.warning("skipping a photo: %s", error)

    def whole(self, index: int) -> NDArray[np.uint8]:
        """The photo of that index, whole: (H, W, 3) uint8."""
        return np.asarray(self._photo(index))
