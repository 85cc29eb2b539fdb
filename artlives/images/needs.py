"""How many bytes of memory a picture takes while it is read, and while it is written."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from artlives.images.formats import DEEP, format_of
from artlives.images.opening import opened
from artlives.images.photo import Photo, fitted

# Bytes for each pixel at most, as measured with Pillow 12 on pictures of 4 megapixels. Reading: Pillow's four and those
# of a copy, then three and again three on the way to NumPy.
READ = 15
# More for transparency, and for a colour profile.
ALPHA, PROFILE = 8, 7
# More in formats whose decoders hold whole pictures.
DECODERS = {"WEBP": 11, "AVIF": 6, "HEIF": 6}
# With 16 bits, all together; and what Pillow's unpackers of such are called by.
READ_DEEP, UNPACKER_OF_16_BITS = 31, ";16"
# Writing, beside the picture itself.
WRITTEN, ENCODERS = 5, {"WEBP": 11, "AVIF": 42}


def bytes_to_read(image: Image.Image, count: int = 1, target: str | None = None) -> int:
    """What reading `count` pictures takes that are like one whose header is read, for the format `target`."""
    each = READ + ALPHA * image.has_transparency_data + PROFILE * ("icc_profile" in image.info)
    each += DECODERS.get(image.format or "", 0)
    kept = 3
    if target in DEEP and UNPACKER_OF_16_BITS in str(getattr(image, "tile", "")):
        each, kept = READ_DEEP, 6
    return image.width * image.height * (each + kept * (count - 1))


def bytes_to_write(photo: Photo, target: str | Path) -> int:
    """What writing a picture to a file of this name takes, beside the picture."""
    height, width = photo.pixels.shape[:2]
    return _bytes_to_write(width, height, target)


def bytes_to_paint(source: str | Path, target: str | Path, size: int | None) -> int:
    """What it takes to read a file, to hold its photo beside its painting, and to write that to a file of this name.

    What the network needs is not among it. 0 where the file cannot be read here; whoever reads it says why.

    Args:
        size: that the photo is reduced to, as by `fit`.
    """
    try:
        with Path(source).open("rb") as file:
            image = opened(file)
            width, height = image.size if size is None else fitted(image.size, size)
            reading = bytes_to_read(image, target=format_of(target))
    except Exception:
        # A damaged file may raise any exception.
        return 0
    # The photo and the painting, of three bytes a pixel, or six.
    return max(reading, 12 * width * height + _bytes_to_write(width, height, target))


def _bytes_to_write(width: int, height: int, target: str | Path) -> int:
    return height * width * ENCODERS.get(format_of(target), WRITTEN)
