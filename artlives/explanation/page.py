"""The page that shows a photo on its way through a style's network: one HTML file, and pictures beside it."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
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
from artlives.training.objective import tensor
from artlives.training.perceptual import Perceptual

PAGE, PICTURES = "index.html", "pictures"
PHOTO_SIZE, KEPT_SIZE = 384, 256  # pixels of the longer side: through the network, and made from noise

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
    perceptual: Path | None = None,
    painting: Path | None = None,
    device: str = "auto",
) -> Path:
    """Write the page on `photo` in `style` into `folder`, which is made where there is none; returns its path.

    Args:
        perceptual: VGG-19's weights, as for `Perceptual`; without, what its layers keep is left out.
        painting: the painting that the style was learned from, to show what they keep of it.
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        ArtlivesError: if there is no such device, if a file cannot be read or written, or if a side of the photo,
            reduced to a longer side of 384 pixels, is below 16.
    """
    where = devices.pick(device)
    clean = images.fit(photo, PHOTO_SIZE).pixels
    x = tensor(grain.added(clean, style.grain), where)
    height, width = (side - side % reduction(style.steps) for side in x.shape[2:])
    if min(height, width) < SMALLEST:
        raise ArtlivesError(
            f"the photo is too small or too narrow: at {PHOTO_SIZE} pixels a side is below {SMALLEST}"
        )
    network = load(style, where)
    x = x[:, :, :height, :width]
    frames = filmstrip(network, style.layers, x)
    pictures = {
        "photo.png": colours(tensor(clean, where)[0, :, :height, :width]),
        "filters.png": first_filters(network),
    }
    blocks = []
    for i, frame in enumerate(frames):
        file = f"{i + 1:02}-{frame.layer.kind}.png"
        pictures[file] = frame.picture
        blocks.append({"frame": frame, "file": file, "scale": round(width / frame.width)})

    kept: dict[str, list[dict[str, str]]] = {"photo": [], "painting": []}
    if perceptual:
        judge = Perceptual(perceptual, where)
        originals = {"photo": tensor(images.fit(photo, KEPT_SIZE).pixels, where)}
        if painting:
            originals["painting"] = tensor(images.fit(images.load(painting), KEPT_SIZE).pixels, where)
            pictures["painting.png"] = colours(originals["painting"][0])
        jobs = [(of, layer) for of in originals for layer in KEPT[of]]
        for of, layer in tqdm(jobs, unit="layer", disable=None):
            made = (content_kept if of == "photo" else style_kept)(judge, originals[of], layer)
            file = f"{of}-{layer}.png"
            pictures[file] = colours(made[0])
            kept[of].append({"layer": layer, "file": file, "sentence": KEPT[of][layer]})

    template = Environment(
        loader=PackageLoader("artlives.explanation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("page.html")
    html = template.render(style=style, width=width, height=height, blocks=blocks, kept=kept, shown=CHANNELS)
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
