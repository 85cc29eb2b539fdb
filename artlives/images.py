"""Files <-> pictures in NumPy, and everything that is odd about image files.

Reading ends in a `Photo`: 8-bit sRGB, upright, its transparency and metadata beside it. Writing goes
the other way, by the ending of the file's name. NumPy is imported when pixels are made, so that asking
what can be written costs nothing.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from artlives.errors import ArtlivesError
from artlives.files import replacing
from artlives.memory import expect

if TYPE_CHECKING:
    import numpy as np

# Called before a picture is decoded, with the bytes that reading it, and writing it later, takes at most. It may wait,
# and raises MemoryError where there are not so many.
Admit = Callable[[int], object]

# Bytes for each pixel that reading or writing a picture takes at most: Pillow holds four, and turning it upright or
# converting its colours takes four more each; the arrays that are made of it, or that it is made of, three to four.
BYTES_EACH = 16
# The weights of red, green and blue in luminance, ITU-R BT.601.
LUMA = (0.299, 0.587, 0.114)
# Formats that are read, as Pillow names them.
READ = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
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
}
# What the names of a folder's pictures end in, those that cannot be read among them: they are reported.
SUFFIXES = {*WRITTEN, ".gif", ".heic", ".heif", ".avif"}

# Rows that are filled at a time, an even number, so that a huge picture takes little memory in fp32.
FILLED_ROWS = 512
# Kept of a photo's main EXIF directory. The rest describes how its file was laid out, or where it was taken.
KEPT_TAGS = {
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.HostComputer,
    ExifTags.Base.Rating,
    ExifTags.Base.RatingPercent,
    ExifTags.Base.Copyright,
    ExifTags.Base.XPTitle,
    ExifTags.Base.XPComment,
    ExifTags.Base.XPAuthor,
    ExifTags.Base.XPKeywords,
    ExifTags.Base.XPSubject,
}
# Maker notes may hold a preview of the unpainted photo, and their offsets break when they are moved.
DROPPED_TAGS = {ExifTags.Base.MakerNote, ExifTags.IFD.Interop}
# Bytes of EXIF data: a segment of a JPEG file holds 65,533, its header among them.
MAX_EXIF = 65_000


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture as the rest of artlives sees it.

    Attributes:
        pixels: (H, W, 3) uint8, sRGB, upright.
        alpha: (H, W) uint8, 0 where the picture is transparent; None if it is opaque.
        format: the format it was read from, as Pillow names it; None if it was never a file.
        exif: its metadata without place, orientation, thumbnail and maker's note; None if there is none.
        notes: a line for each oddity that was passed over, naming the file.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    format: str | None = None
    exif: bytes | None = None
    notes: tuple[str, ...] = ()


def load(source: str | Path | BinaryIO, name: str = "the picture", *, admit: Admit = expect) -> Photo:
    """Read a picture from a file or a binary stream (called `name` in messages).

    JPEG, PNG, WebP, TIFF, BMP and GIF, the first picture where there are several. Orientation and
    colour profile are applied, transparency is kept, and 16-bit values are scaled to 8 bits.

    Raises:
        ArtlivesError: if it cannot be read, is empty, damaged or cut short, is no picture of these
            formats, or is larger than Pillow's limit or than the memory that is free, which is
            checked before decoding.
    """
    if not isinstance(source, str | Path):
        return _read(io.BytesIO(source.read()), name, admit)
    try:
        with Path(source).open("rb") as file:
            return _read(file if file.seekable() else io.BytesIO(file.read()), str(source), admit)
    except OSError as error:
        raise ArtlivesError(f"{source} cannot be read: {error.strerror or error}") from error


def from_pil(image: Image.Image, name: str = "the picture") -> Photo:
    """A PIL image of any mode as a `Photo`: upright, in sRGB, 8 bits.

    Raises:
        ArtlivesError: if its pixels are floating-point numbers or 32-bit integers.
    """
    import numpy as np

    notes = []
    try:
        exif = _kept_exif(image.getexif())
    except Exception:
        # Damaged metadata may raise any exception.
        image.info.pop("exif", None)
        exif = None
        notes.append(f"{name}: its metadata is damaged and was left out")
    profile = image.info.get("icc_profile")
    format = "JPEG" if image.format == "MPO" else image.format
    image = _eight_bits(ImageOps.exif_transpose(image), name)
    gray = Image.getmodebase(image.mode) == "L"
    alpha = None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = np.array(image.getchannel("A"))
        image = image.convert("RGB")
    if profile:
        try:
            image = _to_srgb(image, profile, gray)
        except (ImageCms.PyCMSError, OSError, ValueError) as error:
            notes.append(f"{name}: its colour profile was passed over: {error}")
    pixels = np.array(image if image.mode == "RGB" else image.convert("RGB"))
    return Photo(pixels, alpha, format, exif, tuple(notes))


def to_pil(photo: Photo) -> Image.Image:
    """The picture as a PIL image: RGBA where it has transparency, else RGB."""
    image = Image.fromarray(photo.pixels)
    if photo.alpha is not None:
        image.putalpha(Image.fromarray(photo.alpha))
    return image


def on_white(photo: Photo) -> Image.Image:
    """The picture as a PIL image in RGB, its transparent parts laid on white."""
    image = to_pil(photo)
    if photo.alpha is None:
        return image
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def fitted(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """`size` with its longer side reduced to `long_side`; as it is if it is no longer than that."""
    scale = long_side / max(*size, 1)
    return size if scale >= 1 else (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))


def fit(photo: Photo, long_side: int) -> Photo:
    """The picture with its longer side reduced to `long_side` pixels; a smaller one as it is."""
    height, width = photo.pixels.shape[:2]
    size = fitted((width, height), long_side)
    if size == (width, height):
        return photo
    import numpy as np

    small = to_pil(photo).resize(size, Image.Resampling.LANCZOS)
    alpha = None if photo.alpha is None else np.array(small.getchannel("A"))
    return replace(photo, pixels=np.array(small.convert("RGB")), alpha=alpha)


def filled(photo: Photo) -> Photo:
    """The picture with the colours of its transparent parts made from those around them; an opaque one as it is.

    What cannot be seen may hold any colour, and would change what is painted beside it. Each pixel keeps as much of its
    own colour as it is opaque; the rest is the mean of what is visible in ever larger surroundings (pull and push,
    Gortler et al. 1996, "The lumigraph", section 3.4).
    """
    import numpy as np

    if photo.alpha is None:
        return photo
    height = len(photo.pixels)

    def weighted(top: int) -> np.ndarray:
        """Colours times their weights, and these, of some rows: (h, W, 4) in fp32."""
        rows = slice(top, top + FILLED_ROWS)
        share = alpha[rows, :, None].astype(np.float32) / 255
        return np.concatenate([photo.pixels[rows] * share, share], 2)

    alpha, tops = photo.alpha, range(0, height, FILLED_ROWS)
    levels = [np.concatenate([_halved(weighted(top)) for top in tops])]
    while max(levels[-1].shape[:2]) > 1:
        levels.append(_halved(levels[-1]))
    # Of a picture that is nowhere visible, grey.
    below = np.full((1, 1, 3), 127.5, np.float32)
    for level in reversed(levels):
        below = _over(level, below)
    pixels = [_over(weighted(top), below[top // 2 :]).round().clip(0, 255).astype(np.uint8) for top in tops]
    return replace(photo, pixels=np.concatenate(pixels))


def _halved(level: np.ndarray) -> np.ndarray:
    """(h, w, 4) of half the sides: the sums of every four pixels, with a weight of 1 at most."""
    import numpy as np

    even = np.pad(level, ((0, len(level) % 2), (0, level.shape[1] % 2), (0, 0)))
    sums = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    halved: np.ndarray = sums / np.maximum(sums[:, :, 3:], 1)
    return halved


def _over(level: np.ndarray, below: np.ndarray) -> np.ndarray:
    """(h, w, 3): what is visible of a level, and beneath it `below`, of half its sides or more."""
    height, width = level.shape[:2]
    rows = below[: (height + 1) // 2]
    over: np.ndarray = (
        level[:, :, :3] + (1 - level[:, :, 3:]) * rows.repeat(2, 0).repeat(2, 1)[:height, :width]
    )
    return over


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


def save(photo: Photo, target: str | Path | BinaryIO, *, quality: int = 92) -> None:
    """Write a picture to a file, in the format of its ending, or to a binary stream, in the photo's own.

    A photo that was read from a format that is not written goes to a stream as PNG. JPEG and BMP hold
    no transparency: there the picture is laid on white. `quality`, 1 to 100, is that of JPEG and WebP;
    from 90 on JPEG keeps the colours at full resolution. The file appears whole or not at all.

    Raises:
        ArtlivesError: if the file cannot be written, or the format cannot hold the picture.
        OSError: if the stream cannot be written.
    """
    if isinstance(target, str | Path):
        format = format_of(target)
        with replacing(target) as temporary, temporary.open("wb") as file:
            _encode(photo, file, format, quality)
    else:
        buffer = io.BytesIO()
        own = photo.format if photo.format in WRITTEN.values() else None
        _encode(photo, buffer, own or "PNG", quality)
        target.write(buffer.getvalue())


def _read(file: IO[bytes], name: str, admit: Admit) -> Photo:
    head = file.read(12)
    file.seek(0)
    if not head:
        raise ArtlivesError(f"{name} is empty")
    if head[4:8] == b"ftyp":
        raise ArtlivesError(f"{name}: HEIC and AVIF are not supported: save it as JPEG or PNG first")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file, formats=READ) as image:
                admit(BYTES_EACH * image.width * image.height)
                return from_pil(image, name)
    except ArtlivesError:
        raise
    except UnidentifiedImageError as error:
        formats = "JPEG, PNG, WebP, TIFF, BMP or GIF"
        raise ArtlivesError(f"{name} is not a picture, or is damaged: give a {formats} file") from error
    except Image.DecompressionBombError as error:
        numbers = str(error).split(",")[0]
        raise ArtlivesError(f"{name} is too large: make it smaller first. {numbers}") from error
    except MemoryError as error:
        detail = f" ({error})" if error.args else ""
        raise ArtlivesError(f"{name} does not fit in memory{detail}: make it smaller first") from error
    except Exception as error:
        # A damaged file may raise any exception.
        raise ArtlivesError(f"{name} is damaged or cut short: {error}") from error


def _kept_exif(exif: Image.Exif) -> bytes | None:
    kept = Image.Exif()
    for tag in KEPT_TAGS & set(exif):
        kept[tag] = exif[tag]
    details = {
        tag: value for tag, value in exif.get_ifd(ExifTags.IFD.Exif).items() if tag not in DROPPED_TAGS
    }
    if details:
        if ExifTags.Base.ColorSpace in details:
            # 1 is sRGB.
            details[ExifTags.Base.ColorSpace] = 1
        kept[ExifTags.IFD.Exif] = details
    if not kept:
        return None
    data = kept.tobytes()
    if len(data) > MAX_EXIF:
        raise ValueError("longer than a JPEG segment")
    return data


def _exif_of_size(data: bytes, width: int, height: int) -> bytes:
    """EXIF in which the picture's size, if it is stated, is this one."""
    exif = Image.Exif()
    exif.load(data)
    details = exif.get_ifd(ExifTags.IFD.Exif)
    if ExifTags.Base.ExifImageWidth in details:
        size = {ExifTags.Base.ExifImageWidth: width, ExifTags.Base.ExifImageHeight: height}
        exif[ExifTags.IFD.Exif] = {**details, **size}
    return exif.tobytes()


def _eight_bits(image: Image.Image, name: str) -> Image.Image:
    """16-bit gray scaled to 8 bits; a picture of any other mode as it is."""
    import numpy as np

    if image.mode != "F" and not image.mode.startswith("I"):
        return image
    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ArtlivesError(f"{name} has values that are not of 8 or 16 bits: save it with 8 bits first")
    gray = Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))
    if "transparency" in image.info:
        gray.putalpha(Image.fromarray((values != image.info["transparency"]).astype(np.uint8) * 255))
    return gray


def _to_srgb(image: Image.Image, profile: bytes, gray: bool) -> Image.Image:
    """The picture's colours by its ICC profile, as RGB in sRGB.

    Raises OSError, ValueError or ImageCms.PyCMSError where the profile is damaged or not for such a picture.
    """
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    space = source.profile.xcolor_space.strip()
    mode = {"GRAY": "L", "CMYK": "CMYK", "RGB": "RGB"}.get(space)
    if mode is None or (mode == "CMYK") != (image.mode == "CMYK") or (mode == "L" and not gray):
        raise ValueError(f"it is for {space}, the picture is {image.mode}")
    srgb = ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(source, srgb, mode, "RGB").apply(image.convert(mode))


def _encode(photo: Photo, file: IO[bytes], format: str, quality: int) -> None:
    image = to_pil(photo)
    options: dict[str, Any] = {}
    if format in ("JPEG", "BMP") and photo.alpha is not None:
        image = on_white(photo)
    if format in ("JPEG", "WEBP"):
        options["quality"] = quality
    if format == "JPEG":
        options["subsampling"] = "4:4:4" if quality >= 90 else "4:2:0"
    if format == "PNG":
        # Level 6, the default, takes three times as long and saves little on brush strokes.
        options["compress_level"] = 3
    if photo.exif and format != "BMP":
        options["exif"] = _exif_of_size(photo.exif, *image.size)
    try:
        image.save(file, format, **options)
    except ValueError as error:
        raise ArtlivesError(f"the picture cannot be written as {format}: {error}") from error
