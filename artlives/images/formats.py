"""Which formats are read and written, and what each of them can hold."""

from collections.abc import Mapping
from pathlib import Path

from artlives.errors import ArtlivesError

# Formats that are read by Pillow, as it names them; HEIF is read by pi-heif.
READ = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")
# Formats that are written, by the ending of the file's name.
WRITTEN = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".avif": "AVIF",
    ".gif": "GIF",
}
# What the names of a folder's pictures end in.
SUFFIXES = {*WRITTEN, ".heic", ".heif", ".hif"}

# Hold values of 16 bits.
DEEP = {"PNG", "TIFF"}
# Hold several pictures: as an animation, or as the pages of a document.
ANIMATED, PAGED = {"PNG", "GIF", "WEBP", "AVIF"}, {"TIFF"}
# Hold no transparency.
OPAQUE = {"JPEG", "BMP"}
# Hold EXIF, XMP and a colour profile.
DESCRIBED = {"JPEG", "PNG", "WEBP", "TIFF", "AVIF"}

# Pixels of a side that a format holds: JPEG by libjpeg's limit, below that of the format; AVIF by what readers made
# with libavif accept by default.
MOST_SIDE: Mapping[str, int] = {"JPEG": 65_500, "WEBP": 16_383, "GIF": 65_535, "AVIF": 32_768}
# Pixels in all, likewise.
MOST_PIXELS: Mapping[str, int] = {"AVIF": 16_384**2}
# Bytes of a file whose offsets have 32 bits, without 64 KiB for what is not pixels.
MOST_BYTES: Mapping[str, int] = {"TIFF": 2**32 - 2**16, "BMP": 2**32 - 2**16}


def format_of(path: str | Path) -> str:
    """The format, as Pillow names it, that a file of this name is written in.

    Raises:
        ArtlivesError: if its ending is none of `WRITTEN`.
    """
    try:
        return WRITTEN[Path(path).suffix.lower()]
    except KeyError:
        endings = " ".join(WRITTEN)
        raise ArtlivesError(f"{path} cannot be written: give it one of the endings {endings}") from None


def format_for_stream(format: str | None, animated: bool) -> str:
    """The format that a picture which was read from `format` is written in where no file's name tells.

    That is its own where it is one that is written; a photo of a phone that is not becomes a JPEG. A single picture
    does not go to GIF, which has 256 colours.
    """
    if format == "HEIF":
        return "JPEG"
    if format not in WRITTEN.values() or (format == "GIF" and not animated):
        return "PNG"
    return str(format)


def check_size(name: str | Path, format: str, width: int, height: int, pixel_bytes: int = 3) -> None:
    """Check that a format can hold a picture of this size, which is written to a file called `name` in messages.

    Args:
        pixel_bytes: bytes of a pixel.

    Raises:
        ArtlivesError: it cannot.
    """
    side, pixels = MOST_SIDE.get(format), MOST_PIXELS.get(format)
    if side and max(width, height) > side:
        limit = f"{side} pixels a side"
    elif pixels and width * height > pixels:
        limit = f"{pixels} pixels"
    elif width * height * pixel_bytes > MOST_BYTES.get(format, width * height * pixel_bytes):
        limit = "4 GB"
    else:
        return
    raise ArtlivesError(
        f"{name} cannot hold {width}x{height} pixels, {format} ends at {limit}: write a PNG, or make it smaller"
    )
