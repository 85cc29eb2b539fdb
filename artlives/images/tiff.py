"""What Pillow does not do with TIFF files (TIFF 6.0): values of 16 bits in planes, or with white as 0."""

from __future__ import annotations

import struct
from typing import IO, Any

from PIL import Image, ImageFile, TiffImagePlugin
from PIL.ExifTags import Base

# Values of PlanarConfiguration and of PhotometricInterpretation.
PLANES, WHITE_IS_ZERO = 2, 0
PHOTOMETRIC = {
    0: "gray, white is 0",
    1: "gray",
    2: "RGB",
    3: "with a palette",
    5: "CMYK",
    6: "YCbCr",
    8: "Lab",
    34892: "linear raw",
}
FORMATS = {1: "", 2: " signed", 3: " floating-point", 5: " complex", 6: " complex"}
# In the version of a file whose offsets have 64 bits.
BIG = b"\x2b"
# Bits of NewSubfileType: a smaller version of another picture of the file, a mask for one.
REDUCED, MASK = 1, 4


def is_page(image: ImageFile.ImageFile) -> bool:
    """Whether the present picture of a TIFF file is one of its own, and no preview or mask of another."""
    return not _tags(image).get(Base.NewSubfileType, 0) & (REDUCED | MASK)


def has_16_bits(image: Image.Image) -> bool:
    """Whether all values of a TIFF image have 16 bits."""
    return set(_numbers(_tags(image).get(Base.BitsPerSample, 1))) == {16}


def in_planes(image: Image.Image) -> bool:
    """Whether the channels of a TIFF image are stored one after the other."""
    return bool(_tags(image).get(Base.PlanarConfiguration) == PLANES)


def halves_of_planes(image: ImageFile.ImageFile, file: IO[bytes]) -> tuple[Image.Image, Image.Image] | None:
    """The first and the second bytes of values of 16 bits in planes without compression, which Pillow reads wrongly.

    Args:
        image: of `file`, before it is loaded.

    Returns:
        two images with the orientation of `image`; None of other pictures.

    Raises:
        ValueError: the file is cut short.
    """
    import numpy as np

    raw = all(tile.codec_name == "raw" for tile in image.tile)
    if not (in_planes(image) and has_16_bits(image) and raw and image.mode in ("RGB", "RGBA")):
        return None
    channels = len(image.getbands())
    tiles: list[Any] = list(image.tile)
    width, height = (max(tile.extents[i] for tile in tiles) for i in (2, 3))
    values = np.empty((height, width, channels), np.uint16)
    for i, tile in enumerate(tiles):
        left, top, right, bottom = tile.extents
        # Bytes of a row, which Pillow gives for a tile that reaches beyond the picture.
        row = tile.args[1] or 2 * (right - left)
        file.seek(tile.offset)
        stored = np.frombuffer(file.read(row * (bottom - top)), f"{_order(image)}u2")
        plane = i * channels // len(tiles)
        values[top:bottom, left:right, plane] = stored.reshape(bottom - top, -1)[:, : right - left]
    high, low = (Image.fromarray(part.astype(np.uint8)) for part in (values >> 8, values & 255))
    for half in (high, low):
        half.getexif()[Base.Orientation] = _tags(image).get(Base.Orientation, 1)
    return high, low


def is_negative(image: Image.Image) -> bool:
    """Whether 16-bit grays are stored with white as 0, which Pillow does not turn round."""
    if image.format != "TIFF" or not image.mode.startswith("I;16"):
        return False
    return bool(_tags(image).get(Base.PhotometricInterpretation) == WHITE_IS_ZERO)


def kind_of(file: IO[bytes]) -> str | None:
    """What a TIFF file's first picture is said to be; None if the file does not say so soundly."""
    file.seek(0)
    head = file.read(8)
    try:
        if BIG in head[2:4]:
            head += file.read(8)
        directory = TiffImagePlugin.ImageFileDirectory_v2(head)
        file.seek(directory.next)
        directory.load(file)
        bits = _numbers(directory[Base.BitsPerSample])
        sign = FORMATS.get(_numbers(directory.get(Base.SampleFormat, 1))[0], "")
        photometric = directory[Base.PhotometricInterpretation]
    except (KeyError, IndexError, SyntaxError, TypeError, ValueError, struct.error):
        return None
    values = f"{len(bits)} x {bits[0]} bits" if len(bits) > 1 else f"{bits[0]} bits"
    colors = PHOTOMETRIC.get(photometric, f"photometric interpretation {photometric}")
    return f"{values}{sign}, {colors}, compression {directory.get(Base.Compression, 1)}"


def _order(image: Image.Image) -> str:
    return ">" if _tags(image).prefix == b"MM" else "<"


def _tags(image: Image.Image) -> TiffImagePlugin.ImageFileDirectory_v2:
    assert isinstance(image, TiffImagePlugin.TiffImageFile)
    return image.tag_v2


def _numbers(values: Any) -> tuple[int, ...]:
    return values if isinstance(values, tuple) else (values,)
