"""Pictures from files, and everything that is odd about these."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import IO, BinaryIO, NamedTuple

from PIL import Image, ImageFile, ImageOps

from artlives import memory
from artlives.errors import ArtlivesError
from artlives.images import colors, deep, metadata, needs, profiles, tiff
from artlives.images.animations import loops_of
from artlives.images.formats import ANIMATED, DEEP, PAGED, format_for_stream
from artlives.images.opening import opened
from artlives.images.photo import Animation, Photo

# As a format: that of a stream, the photo's own or what stands for it.
OWN = "own"
# The marker at the end of a JPEG file.
END_OF_IMAGE = b"\xff\xd9"
LIFTING = Lock()


class Reading(NamedTuple):
    """What is done with files that are not quite as most are.

    Attributes:
        strict: a JPEG file that lacks its last bytes is refused, too; else what is missing is gray, and a note tells.
        keep_profile: the picture will be written in the colours of its profile instead of sRGB.
    """

    strict: bool = True
    keep_profile: bool = False


DEFAULT = Reading()


def load(
    source: str | Path | BinaryIO,
    name: str = "the picture",
    *,
    target: str | None = None,
    reading: Reading = DEFAULT,
) -> Photo:
    """Read a picture from a file or a binary stream (called `name` in messages).

    JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP and GIF. Orientation and colour profile are applied, transparency is kept.

    Args:
        target: the format, as Pillow names it, that the picture or its painting will be written in, or `OWN`: what it
            can hold is read, 16 bits and all pictures of an animation or a document; what it cannot hold is told in
            `Photo.notes`. By default, the first picture with 8 bits.
        reading: what is done with files that are not quite as most are.

    Raises:
        ArtlivesError: if it cannot be read, is empty, damaged or cut short, is no picture of these formats, or does not
            fit in memory, which is checked before decoding.
    """
    if not isinstance(source, str | Path):
        return _read(io.BytesIO(source.read()), name, target, reading)
    try:
        with Path(source).open("rb") as file:
            whole = file if file.seekable() else io.BytesIO(file.read())
            return _read(whole, str(source), target, reading)
    except OSError as error:
        raise ArtlivesError(f"{source} cannot be read: {error.strerror or error}") from error


def is_painting(source: str | Path | BinaryIO) -> bool:
    """Whether a file is a painting or a sheet that was written by `save`; no pixels are decoded.

    False for what cannot be read, and for BMP files, which hold no metadata.
    """
    return _peeked(source, _has_mark)


def is_animated(source: str | Path | BinaryIO) -> bool:
    """Whether a file holds several pictures; False for what cannot be read."""
    return _peeked(source, lambda image: bool(getattr(image, "is_animated", False)))


def _peeked(source: str | Path | BinaryIO, question: Callable[[ImageFile.ImageFile], bool]) -> bool:
    """The answer to a question about the header of a file; False for what cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not isinstance(source, str | Path):
                return question(opened(source))
            with Path(source).open("rb") as file:
                return question(opened(file))
    except Exception:
        # A damaged file may raise any exception.
        return False


def _has_mark(image: ImageFile.ImageFile) -> bool:
    if image.format == "GIF":
        return bytes(image.info.get("comment", b"")).startswith(metadata.MARK.encode())
    # Pillow would decode a PNG file to look for EXIF behind its pixels.
    if image.format == "PNG" and "exif" not in image.info:
        return False
    return metadata.painted_by_of(image.getexif()) is not None


def from_pil(image: Image.Image, name: str = "the picture") -> Photo:
    """A PIL image of any mode as a `Photo`: upright, in sRGB, 8 bits.

    Raises:
        ArtlivesError: if its pixels are floating-point numbers or 32-bit integers.
    """
    return _photo(image, None, name, None, DEFAULT)


def _read(file: IO[bytes], name: str, target: str | None, reading: Reading) -> Photo:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = opened(file, name)
            try:
                return _pictures(image, file, name, target, reading)
            except OSError as error:
                if reading.strict or image.format not in ("JPEG", "MPO") or "truncated" not in str(error):
                    raise
            file.seek(0)
            ended = io.BytesIO(file.read() + END_OF_IMAGE)
            photo = _pictures(opened(ended, name), ended, name, target, reading)
            return replace(
                photo, notes=(*photo.notes, f"{name} is cut short: it is painted as far as it goes")
            )
    except ArtlivesError:
        raise
    except Image.DecompressionBombError as error:
        # Some of Pillow's decoders check it by themselves.
        raise ArtlivesError(
            f"{name} has more pixels than Pillow reads of this format: save it as PNG, or make it smaller first"
        ) from error
    except MemoryError as error:
        detail = f" ({error})" if error.args else ""
        raise ArtlivesError(f"{name} does not fit in memory{detail}: make it smaller first") from error
    except Exception as error:
        # A damaged file may raise any exception.
        raise ArtlivesError(f"{name} is damaged or cut short: {error}") from error


def _pictures(
    image: ImageFile.ImageFile, file: IO[bytes], name: str, target: str | None, reading: Reading
) -> Photo:
    """The picture in a file that is opened, and those after it."""
    if target == OWN:
        target = format_for_stream(image.format, animated=True)
    paged = image.format in PAGED
    several = target is not None and (paged or image.format in ANIMATED)
    count = getattr(image, "n_frames", 1) if several else 1
    numbers = [i for i in range(count) if _counts(image, i)] if count > 1 else [0]
    notes: tuple[str, ...] = ()
    if len(numbers) > 1 and target not in (PAGED if paged else ANIMATED):
        formats = "TIFF" if paged else "GIF, PNG or WebP"
        notes = (
            f"{name} holds {len(numbers)} pictures; only the first was painted: write a {formats} file for all",
        )
        numbers = [0]
    photos, durations = [], []
    with _without_limit(image):
        for i, number in enumerate(numbers):
            if count > 1:
                image.seek(number)
            _check_memory(image, len(numbers) - i, target)
            photos.append(_photo(image, file, name, target, reading))
            durations.append(image.info.get("duration", 0))
    animation = None if paged or len(photos) < 2 else Animation(tuple(durations), loops_of(image))
    notes += tuple(dict.fromkeys(note for photo in photos for note in photo.notes))
    return replace(photos[0], more=tuple(photos[1:]), notes=notes, animation=animation)


def _counts(image: ImageFile.ImageFile, number: int) -> bool:
    """Whether a picture of a file is one of its own: no preview of another page, nor what stands for an animation."""
    if image.format == "TIFF":
        image.seek(number)
        return tiff.is_page(image)
    return number > 0 or not image.info.get("default_image")


def _check_memory(image: Image.Image, count: int, target: str | None) -> None:
    """Raise MemoryError if there is too little memory to read so many pictures of that size."""
    needed = needs.bytes_to_read(image, count, target)
    if not memory.is_there(needed):
        width, height = image.size
        pictures = f"{count} pictures of " if count > 1 else ""
        raise MemoryError(
            f"{pictures}{width}x{height} pixels take {needed / 1e9:.1f} GB, and {memory.free() / 1e9:.1f} GB are free"
        )


@contextmanager
def _without_limit(image: Image.Image) -> Iterator[None]:
    """Lift Pillow's limit of pixels, if the image is beyond it: Pillow checks it for TIFF when it decodes."""
    most = Image.MAX_IMAGE_PIXELS
    if most is None or image.width * image.height <= 2 * most:
        yield
        return
    # It is the process's own: one image at a time lifts it and sets it again.
    with LIFTING:
        most, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = most


def _photo(
    image: Image.Image, file: IO[bytes] | None, name: str, target: str | None, reading: Reading
) -> Photo:
    """The picture that an image shows now.

    Args:
        file: that the image was opened from, if it is one that is not loaded.
    """
    picture, low = image, None
    if file and isinstance(image, ImageFile.ImageFile):
        if image.format == "TIFF" and (halves := tiff.halves_of_planes(image, file)):
            picture, low = halves
        elif image.format in DEEP and target in DEEP:
            low = deep.low_bytes(image, file)
    picture.load()
    known, painted_by, sound = metadata.read(image)
    notes = [] if sound else [f"{name}: its metadata is damaged and was left out"]
    upright, low = ImageOps.exif_transpose(picture), low and ImageOps.exif_transpose(low)
    profile = image.info.get("icc_profile")
    if not profile and upright.mode in ("RGB", "RGBA") and metadata.says_adobe_rgb(image):
        profile = profiles.adobe_rgb()
    if profile == profiles.srgb():
        profile = None
    has_16_bits = image.format == "TIFF" and tiff.has_16_bits(image)
    stored = colors.Stored(upright, low, tiff.is_negative(image), has_16_bits)
    found = colors.sixteen_bits(stored, profile, name, notes) if target in DEEP else None
    pixels, alpha = found or colors.eight_bits(stored, profile, name, notes)
    kept = profile if reading.keep_profile else None
    if kept and not profiles.is_written(kept):
        notes.append(f"{name}: its colour profile is not one to write colours in: its painting is in sRGB")
        kept = None
    format = "JPEG" if image.format == "MPO" else image.format
    return Photo(pixels, alpha, format, known, tuple(notes), painted_by, kept)
