"""The README's pictures: sample photos in all shipped styles, a photo beside its painting, and the one at the top.

    python -m benchmarks.gallery [-o images/gallery] [--photos images]

Writes PHOTO-STYLE.jpg for each line of `PAINTINGS`, painted at the photo's own size and then reduced, before-after.jpg
at full size, and hero.jpg, whose tiles are painted at the size they are shown at, so that each stroke is seen. Files
that are there already are replaced; what each weighs is printed.
"""

import argparse
from functools import cache
from pathlib import Path

from PIL import Image, ImageOps

from artlives import Stylizer, images, styles

# (photo, style)
PAINTINGS = [
    ("astronaut", "wave"),
    ("hopper", "udnie"),
    ("vash-gon", "scream"),
    ("chelsea", "rain-princess"),
    ("coffee", "rain-princess"),
    ("lake", "wave"),
    ("boston", "shipwreck"),
    ("singapore", "rain-princess"),
    ("boston", "scream"),
    ("otters", "rain-princess"),
]
BEFORE_AFTER = ("hopper", "udnie")
HERO = [
    [("astronaut", "wave"), ("hopper", "udnie"), ("vash-gon", "scream")],
    [("singapore", "rain-princess"), ("lake", "shipwreck")],
]  # rows, of tiles of one size each
HERO_WIDTH, ROW_HEIGHTS = 1552, (512, 434)  # pixels; three squares as wide as the astronaut above, 16:9 below
CENTRE = (0.5, 0.2)  # of what is kept of a photo that a tile crops, across and down: heads are at the top
LONG_SIDE, QUALITY = 900, 88  # pixels; of JPEG
GUTTER = 8  # pixels, white


@cache
def painter(style: str) -> Stylizer:
    return Stylizer(style)


def joined(pictures: list[Image.Image], down: bool = False) -> Image.Image:
    """Pictures side by side, or one below the other, on white with gutters between them."""
    widths, heights = zip(*(picture.size for picture in pictures), strict=True)
    gutters = GUTTER * (len(pictures) - 1)
    size = (max(widths), sum(heights) + gutters) if down else (sum(widths) + gutters, max(heights))
    sheet = Image.new("RGB", size, "white")
    at = 0
    for picture in pictures:
        sheet.paste(picture, (0, at) if down else (at, 0))
        at += picture.size[down] + GUTTER
    return sheet


def hero(photos: Path) -> Image.Image:
    rows = []
    for tiles, height in zip(HERO, ROW_HEIGHTS, strict=True):
        width = (HERO_WIDTH - GUTTER * (len(tiles) - 1)) // len(tiles)
        row = []
        for name, style in tiles:
            photo = images.to_pil(images.load(photos / f"{name}.jpg"))
            small = ImageOps.fit(photo, (width, height), Image.Resampling.LANCZOS, centering=CENTRE)
            row.append(painter(style)(small))
        rows.append(joined(row))
    return joined(rows, down=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Paint the README's pictures.")
    parser.add_argument("-o", "--output", type=Path, default=Path("images/gallery"))
    parser.add_argument("--photos", type=Path, default=Path("images"), help="folder of the sample photos")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    total = 0

    def write(photo: images.Photo, name: str) -> None:
        nonlocal total
        path = options.output / f"{name}.jpg"
        images.save(photo, path, quality=QUALITY)
        total += path.stat().st_size
        height, width = photo.pixels.shape[:2]
        print(f"{path.name:32} {width:5} x {height:<5} {path.stat().st_size // 1000:5} kB", flush=True)

    for name, style in PAINTINGS:
        painting = painter(style)(images.load(options.photos / f"{name}.jpg"))
        write(images.fit(painting, LONG_SIDE), f"{name}-{style}")
    name, style = BEFORE_AFTER
    photo = images.load(options.photos / f"{name}.jpg")
    pair = [images.to_pil(photo), images.to_pil(painter(style)(photo))]
    write(images.from_pil(joined(pair)), "before-after")
    write(images.from_pil(hero(options.photos)), "hero")
    print(f"{total / 1e6:.1f} MB in all")
    used = {style for _, style in [*PAINTINGS, *(tile for row in HERO for tile in row)]}
    if unseen := styles.shipped().keys() - used:
        print("in no picture:", *sorted(unseen))


if __name__ == "__main__":
    main()
