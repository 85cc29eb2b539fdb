"""The contact sheet: a photo and what every style makes of it, side by side and named."""

import re
from collections.abc import Callable, Sequence
from math import ceil

import numpy as np
from anyascii import anyascii
from PIL import Image, ImageDraw, ImageFont

from artlives.images import Photo, to_pil
from artlives.styles import Style

# Pixels between pictures and around them.
GAP = 12
# Colours of the background, of names, and of what stands below them.
PAPER, INK, PALE_INK = "white", "#222222", "#777777"


def sheet_of(photo: Photo, line: str, paintings: Sequence[tuple[Style, Photo]], columns: int) -> Photo:
    """The sheet of a photo, above `line`, and of its paintings, of the same size, above their styles' names.

    `columns` is as `contact_sheet` takes it.
    """
    tiles = [(to_pil(photo), "photo", line)]
    tiles += [(to_pil(painting), style.name, style.caption) for style, painting in paintings]
    return Photo(np.array(contact_sheet(tiles, columns)), painted_by="sheet")


def contact_sheet(tiles: Sequence[tuple[Image.Image, str, str]], columns: int) -> Image.Image:
    """Lays out pictures of one size in rows of `columns`, each above its title and a smaller line.

    The columns are as wide as the widest title at least; lines are cut short. The letters of other scripts than English
    ones, which Pillow's own font lacks, are transliterated.

    Args:
        tiles: (picture, title, line); transparent pictures are laid on white.
        columns: >= 1.

    Returns:
        An RGB image.
    """
    width, height = tiles[0][0].size
    title_size = max(14, width // 22)
    title_font, line_font = (ImageFont.load_default(size) for size in (title_size, title_size * 3 // 4))
    titles = [_in_ascii(title) for _, title, _ in tiles]
    width = max(width, *(ceil(title_font.getlength(title)) for title in titles))
    caption = title_size * 5 // 2
    columns = min(columns, len(tiles))
    rows = ceil(len(tiles) / columns)
    sheet = Image.new("RGB", (columns * (width + GAP) + GAP, rows * (height + caption + GAP) + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for i, (picture, _, line) in enumerate(tiles):
        x = GAP + i % columns * (width + GAP)
        y = GAP + i // columns * (height + caption + GAP)
        sheet.paste(picture, (x, y), picture if picture.mode == "RGBA" else None)
        draw.text((x, y + height + title_size // 4), titles[i], INK, title_font)
        below = y + height + title_size * 3 // 2
        draw.text((x, below), _fitting(_in_ascii(line), width, line_font.getlength), PALE_INK, line_font)
    return sheet


def _in_ascii(text: str) -> str:
    """A line of text in the letters that every font has."""
    return re.sub(r"[^ -~]+", " ", anyascii(text))


def _fitting(text: str, width: int, length: Callable[[str], float]) -> str:
    """`text`, its end left out as far as it is wider than `width` pixels."""
    if length(text) <= width:
        return text
    while text and length(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"
