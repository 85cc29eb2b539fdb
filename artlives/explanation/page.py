"""The page that shows a photo on its way through a style's network: one HTML file with the pictures inside."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import NamedTuple

import torch
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image
from torch import Tensor

from artlives import devices, grain, images, styles
from artlives.architecture import SMALLEST
from artlives.engines.torch import load
from artlives.errors import ArtlivesError
from artlives.explanation.blocks import Block, blocks, filters
from artlives.explanation.filmstrip import colours, filmstrip
from artlives.explanation.reconstruction import Kept, Report, kept
from artlives.files import replacing
from artlives.images import Photo
from artlives.plan import reduction
from artlives.styles import Style
from artlives.training.perceptual import Perceptual
from artlives.training.tensors import from_pixels

# Pixels of the longer side of the photo that goes through the network: it is wider than most columns of the page.
PHOTO_SIZE = 384
# Of pictures in colour, which are written as WebP.
QUALITY = 88


class Subject(NamedTuple):
    """The photo of a page, (1, 3, H, W) in 0..255: as it is, and with grain, as the network is given it."""

    clean: Tensor
    grained: Tensor


class Row(NamedTuple):
    """The same photo in a style: after each block but the last the strongest channel, and the painting."""

    style: Style
    channels: list[Image.Image]
    painting: Image.Image


def explain(
    photo: Photo,
    style: Style,
    path: Path,
    *,
    perceptual: str | Path | None = None,
    painting: Path | None = None,
    device: str = "auto",
    report: Report = lambda what, done, total: None,
) -> None:
    """Write the page on `photo` in `style` to the file `path`, whole or not at all.

    Args:
        perceptual: VGG-19's weights, as for `Perceptual`.
        painting: the painting that the style was learned from, to show it and what the perceptual network keeps of it.
        device: "auto", "cpu", "cuda" or "mps".
        report: is told of each picture that takes long; see `reconstruction.kept`.

    Raises:
        ArtlivesError: if there is no such device, if a file cannot be read or written, or if a side of the photo,
            reduced to a longer side of 384 pixels, is below 16.
    """
    where = devices.pick(device)
    subject = _subject(photo, style, where)
    original = images.load(painting) if painting else None
    network = load(style, where)
    made: dict[str, list[Kept]] = {"photo": [], "painting": []}
    # In fp32: rounding to bf16 ends L-BFGS's search early.
    judge = Perceptual(perceptual, where, torch.float32)
    for picture in kept(judge, photo, original, where, report):
        made[picture.of].append(picture)
    found = blocks(network, style.layers, subject.clean, subject.grained)
    page = {
        "style": style,
        "photo": colours(subject.clean[0]),
        "original": None if original is None else images.on_white(images.fit(original, PHOTO_SIZE)),
        "blocks": found,
        "filters": filters(network, subject.clean, subject.grained),
        "rows": [_row(other, photo, where) for other in _alike(style)],
        "kept": made,
        "steps": _steps(found),
    }
    template = Environment(
        loader=PackageLoader("artlives.explanation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("page.html")
    html = template.render(page, embedded=_embedded)
    with replacing(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def _subject(photo: Photo, style: Style, where: torch.device) -> Subject:
    """The photo reduced to `PHOTO_SIZE`, cut to sides that the network halves without a rest."""
    pixels = images.fit(photo, PHOTO_SIZE).pixels
    height, width = (side - side % reduction(style.steps) for side in pixels.shape[:2])
    if min(height, width) < SMALLEST:
        raise ArtlivesError(
            f"the photo is too small or too narrow: at {PHOTO_SIZE} pixels a side is below {SMALLEST}"
        )
    pixels = pixels[:height, :width]
    return Subject(from_pixels(pixels, where), from_pixels(grain.added(pixels, style.grain), where))


def _steps(found: list[Block]) -> list[dict[str, str]]:
    """What the slider shows after the photo, block by block."""
    return [
        {
            "title": f"After block {i}: {block.frame.layer.kind}",
            "words": f"{block.sentence} The three components hold {block.frame.share:.0%} of the variance.",
            "src": _embedded(block.frame.picture),
        }
        for i, block in enumerate(found[:-1], 1)
    ]


def _alike(style: Style) -> list[Style]:
    """The style, and those that come with artlives and have the same layers."""
    shipped = [styles.read(path) for path in styles.shipped().values()]
    return [style, *(other for other in shipped if other.layers == style.layers and other.name != style.name)]


def _row(style: Style, photo: Photo, where: torch.device) -> Row:
    frames = filmstrip(load(style, where), style.layers, _subject(photo, style, where).grained)
    return Row(style, [frame.channels[0].picture for frame in frames[:-1]], frames[-1].picture)


def _embedded(picture: Image.Image) -> str:
    """A picture as a data URI."""
    file = io.BytesIO()
    if picture.mode == "L":
        picture.save(file, "PNG", optimize=True)
    else:
        picture.convert("RGB").save(file, "WEBP", quality=QUALITY)
    kind = "png" if picture.mode == "L" else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
