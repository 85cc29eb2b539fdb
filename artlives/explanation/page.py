"""The page that shows a photo on its way through a style's network: one HTML file, and pictures beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from artlives import devices, grain, images, styles
from artlives.architecture import SMALLEST
from artlives.engines.torch import load
from artlives.errors import ArtlivesError
from artlives.explanation.filmstrip import CHANNELS, colours, filmstrip, first_filters
from artlives.explanation.reconstruction import content_kept, style_kept
from artlives.files import replacing
from artlives.images import Photo
from artlives.plan import reduction
from artlives.training.perceptual import Perceptual
from artlives.training.tensors import from_pixels

# The page's file, and the folder of its pictures beside it.
PAGE, PICTURES = "index.html", "pictures"
# Pixels of the longer side: of the photo that goes through the network, as wide as a column of the page; and of what is
# made from noise, which takes seconds a picture.
PHOTO_SIZE, KEPT_SIZE = 384, 256

# The layers that training judges by, and what the pictures made from noise show of them.
KEPT = {
    "photo": {
        "conv1_1": "keeps the photo almost to the pixel.",
        "conv2_1": "keeps it too, but for the finest grain.",
        "conv3_1": "begins to let go of exact colours.",
        "conv3_3": "keeps shapes and gives up shades and fine lines: training compares photos here.",
        "conv3_4": "keeps shapes too, a little less exactly.",
    },
    "painting": {
        "conv1_1": "keeps the palette, as dots.",
        "conv2_1": "keeps short strokes and their colours.",
        "conv3_1": "keeps whole strokes and outlines.",
        "conv3_4": "keeps the largest motifs; colours fade.",
    },
}


def explain(
    photo: Photo,
    style: styles.Style,
    folder: Path,
    *,
    perceptual: str | Path | None = None,
    painting: Path | None = None,
    device: str = "auto",
) -> Path:
    """Write the page on `photo` in `style` into `folder`, which is made where there is none; returns its path.

    Args:
        perceptual: VGG-19's weights, as for `Perceptual`.
        painting: the painting that the style was learned from, to show what they keep of it.
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        ArtlivesError: if there is no such device, if a file cannot be read or written, or if a side of the photo,
            reduced to a longer side of 384 pixels, is below 16.
    """
    where = devices.pick(device)
    pictures, blocks, (height, width) = _on_its_way(photo, style, where)
    kept: dict[str, list[dict[str, str]]] = {"photo": [], "painting": []}
    originals = {"photo": images.fit(photo, KEPT_SIZE).pixels}
    if painting:
        originals["painting"] = images.fit(images.load(painting), KEPT_SIZE).pixels
        pictures["painting.png"] = Image.fromarray(originals["painting"])
    for of, layer, picture in _kept(originals, Perceptual(perceptual, where), where):
        file = f"{of}-{layer}.png"
        pictures[file] = picture
        kept[of].append({"layer": layer, "file": file, "sentence": KEPT[of][layer]})

    template = Environment(
        loader=PackageLoader("artlives.explanation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("page.html")
    html = template.render(style=style, width=width, height=height, blocks=blocks, kept=kept, shown=CHANNELS)
    return _written(folder, html, pictures)


def _on_its_way(
    photo: Photo, style: styles.Style, where: torch.device
) -> tuple[dict[str, Image.Image], list[dict[str, Any]], tuple[int, int]]:
    """The pictures of the photo, the filters and the blocks by file name; what the page says of each block; and the
    height and width of the photo in pixels."""
    clean = images.fit(photo, PHOTO_SIZE).pixels
    x = from_pixels(grain.added(clean, style.grain), where)
    height, width = (side - side % reduction(style.steps) for side in x.shape[2:])
    if min(height, width) < SMALLEST:
        raise ArtlivesError(
            f"the photo is too small or too narrow: at {PHOTO_SIZE} pixels a side is below {SMALLEST}"
        )
    network = load(style, where)
    pictures = {
        "photo.png": Image.fromarray(clean[:height, :width]),
        "filters.png": first_filters(network),
    }
    blocks = []
    for i, frame in enumerate(filmstrip(network, style.layers, x[:, :, :height, :width])):
        file = f"{i + 1:02}-{frame.layer.kind}.png"
        pictures[file] = frame.picture
        blocks.append({"frame": frame, "file": file, "scale": round(width / frame.width)})
    return pictures, blocks, (height, width)


def _kept(
    originals: dict[str, NDArray[np.uint8]], judge: Perceptual, where: torch.device
) -> Iterator[tuple[str, str, Image.Image]]:
    """Of what, the layer, and the picture made from noise, for each of the `originals` (H, W, 3) and its layers."""
    tensors = {of: from_pixels(pixels, where) for of, pixels in originals.items()}
    jobs = [(of, layer) for of in originals for layer in KEPT[of]]
    for of, layer in tqdm(jobs, unit="layer", disable=None):
        made = (content_kept if of == "photo" else style_kept)(judge, tensors[of], layer)
        yield of, layer, colours(made[0])


def _written(folder: Path, html: str, pictures: dict[str, Image.Image]) -> Path:
    """The page's path, once it is written with its pictures."""
    try:
        (folder / PICTURES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArtlivesError(f"{folder} cannot be made a folder: {error.strerror or error}") from error
    for name, picture in pictures.items():
        with replacing(folder / PICTURES / name) as temporary:
            picture.save(temporary, "PNG")
    with replacing(folder / PAGE) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return folder / PAGE
