"""A study: a short training that learns a painting's manner well enough to paint with it, in half a minute.

It begins with the mean of all shipped styles' weights, which know photos and strokes already, and takes 120 small steps
on a few photos.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image

from artlives import devices, images, styles
from artlives.errors import ArtlivesError
from artlives.files import sample_photos
from artlives.training.memory import keep_freed_memory
from artlives.training.perceptual import Perceptual
from artlives.training.photos import ZOOM, Photos
from artlives.training.recipe import STUDY, card
from artlives.training.session import start_of
from artlives.training.trainer import Trainer

# Photos that are learned on at most: they are kept in memory, and a study draws 240 crops from them.
PHOTOS = 32


def study(
    painting: Path,
    target: Path,
    *,
    name: str,
    photos: Sequence[Path] = (),
    device: str | torch.device = "auto",
    report: Callable[[int], None] = lambda step: None,
) -> styles.Style:
    """Learn a painting's manner and write it as a style.

    Args:
        painting: its file; of several pictures in it the first, transparent parts laid on white.
        target: the style file to write.
        name: the style's name.
        photos: to learn on beside the sample photos; those that cannot be read are passed over.
        device: "auto", "cpu", "cuda", "mps", or torch's.
        report: called after each of `STUDY.steps` steps with its number. What it raises ends the study.

    Raises:
        ArtlivesError: the painting cannot be read, or the style cannot be written.
    """
    picture = images.on_white(images.load(painting))
    keep_freed_memory()
    where = devices.pick(device)
    content = _Kept([*photos, *sorted(sample_photos().glob("*.jpg"))])
    weights, before = start_of(STUDY)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "painting.png")
        picture.save(file)
        trainer = Trainer(file, content, STUDY, Perceptual(device=where), None, where, weights=weights)
    losses = trainer.run(lambda progress: report(progress.step))
    styles.save(
        target,
        trainer.average.file_weights(),
        name=name,
        painting=painting.name,
        painter="",
        year="",
        licence="",
        layers=STUDY.layers,
        training={**card(STUDY), "photos": len(content.files), "before": before, "losses": losses},
    )
    return styles.read(target)


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
