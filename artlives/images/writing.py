"""Pictures to files."""

from __future__ import annotations

import io
import zlib
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, BinaryIO

from PIL import ExifTags, Image, PngImagePlugin

from artlives import memory
from artlives.errors import ArtlivesError
from artlives.files import replacing
from artlives.images import deep, metadata, needs, profiles
from artlives.images.animations import write_animation
from artlives.images.formats import (
    ANIMATED,
    DEEP,
    DESCRIBED,
    OPAQUE,
    check_size,
    format_for_stream,
    format_of,
)
from artlives.images.photo import Animation, Photo, on_white, to_pil

# Of zlib, in PNG files: level 6, the default, takes three times as long and saves little on brush strokes.
COMPRESS_LEVEL = 3
# From this quality on, JPEG and AVIF keep the colours at full resolution.
FULL_COLORS = 90
# Of a GIF file, which knows no half transparency: the alpha from which on a pixel is opaque, and how many colours there
# are beside transparency.
OPAQUE_FROM, GIF_COLORS = 128, 255
# TIFF tags of what Pillow does not write by itself.
XMP_TAG, PROFILE_TAG = 700, 34675


def save(
    photo: Photo, target: str | Path | BinaryIO, *, format: str | None = None, quality: int = 92
) -> None:
    """Write a picture to a file, which appears whole or not at all, or to a binary stream.

    JPEG and BMP hold no transparency: there the picture is laid on white. PNG and TIFF files have the picture's own 8
    or 16 bits. Several pictures are written where the format holds such.

    Args:
        format: as Pillow names it. By default, that of the file's ending; for a stream, the one that the photo was read
            from, but JPEG for HEIC, and PNG for others that are not written and for a single picture of GIF.
        quality: of JPEG, WebP and AVIF, 1 to 100; from 90 on JPEG and AVIF keep the colours at full resolution.

    Raises:
        ArtlivesError: if the file cannot be written, or the format cannot hold the picture.
        OSError: if the stream cannot be written.
    """
    if isinstance(target, str | Path):
        format = format or format_of(target)
        check(photo, target)
        # Pages are read again while others are added.
        with replacing(target) as temporary, temporary.open("w+b") as file:
            _encode(photo, file, format, quality)
    else:
        buffer = io.BytesIO()
        format = format or format_for_stream(photo.format, photo.animation is not None)
        _encode(photo, buffer, format, quality)
        target.write(buffer.getvalue())


def check(photo: Photo, target: str | Path) -> None:
    """Check before it is painted that a picture can be written to a file of this name.

    Raises:
        ArtlivesError: its format cannot hold so large a picture, or is none that is written, or there is too little
            memory to write it.
    """
    format = format_of(target)
    if not memory.is_there(needed := needs.bytes_to_write(photo, target)):
        raise ArtlivesError(
            f"{target} cannot be written: as {format} it takes {needed / 1e9:.1f} GB of memory, and "
            f"{memory.free() / 1e9:.1f} GB are free"
        )
    height, width = photo.pixels.shape[:2]
    value = photo.pixels.itemsize if format in DEEP else 1
    channels = 4 if photo.alpha is not None and format not in OPAQUE else 3
    check_size(target, format, width, height, value * channels)


def _encode(photo: Photo, file: IO[bytes], format: str, quality: int) -> None:
    try:
        if format == "TIFF" and photo.more and not photo.animation:
            _encode_pages(photo, file)
        elif format in DEEP and photo.pixels.itemsize > 1 and not photo.animation:
            _encode_deep(photo, file, format)
        else:
            image = _image(photo, format)
            options = _options(photo, format, quality)
            if photo.animation and format in ANIMATED:
                pictures = [image, *(_image(other, format) for other in photo.more)]
                options |= _durations(photo.animation, format)
                write_animation(pictures, file, format, photo.animation.loops, **options)
            else:
                image.save(file, format, **options)
    except ValueError as error:
        raise ArtlivesError(f"the picture cannot be written as {format}: {error}") from error


def _image(photo: Photo, format: str) -> Image.Image:
    """The picture as Pillow writes it in that format."""
    image = on_white(photo) if format in OPAQUE else to_pil(photo)
    if photo.profile and format in DESCRIBED:
        image = profiles.from_srgb(image, photo.profile)
    return _with_palette(image) if format == "GIF" else image


def _with_palette(image: Image.Image) -> Image.Image:
    """The picture in 255 colours, the last one of which is transparent."""
    indexed = image.convert("RGB").quantize(GIF_COLORS)
    if image.mode == "RGBA":
        transparent = image.getchannel("A").point(lambda alpha: 255 * (alpha < OPAQUE_FROM))
        indexed.paste(GIF_COLORS, mask=transparent)
        indexed.info["transparency"] = GIF_COLORS
    return indexed


def _options(photo: Photo, format: str, quality: int) -> dict[str, Any]:
    """What `Image.save` is told besides the picture."""
    height, width = photo.pixels.shape[:2]
    known = photo.metadata
    options: dict[str, Any] = {}
    if format in ("JPEG", "WEBP", "AVIF"):
        options["quality"] = quality
    if format in ("JPEG", "AVIF"):
        options["subsampling"] = "4:4:4" if quality >= FULL_COLORS else "4:2:0"
    if format == "PNG":
        options |= {"compress_level": COMPRESS_LEVEL, "pnginfo": _texts(photo)}
    if format == "GIF" and photo.painted_by:
        options["comment"] = metadata.MARK + photo.painted_by
    if known.resolution and format in ("JPEG", "PNG", "BMP", "TIFF"):
        options["dpi"] = known.resolution
    if format not in DESCRIBED:
        return options
    options["icc_profile"] = photo.profile or profiles.srgb()
    exif = metadata.exif_for(known, width, height, photo.painted_by, photo.profile is not None)
    if format == "TIFF":
        exif.update(_tags(known))
    elif known.xmp and format != "PNG":
        options["xmp"] = known.xmp
    if format == "JPEG" and known.iptc:
        options["extra"] = metadata.segment_of(known.iptc)
    if exif:
        options["exif"] = exif
    return options


def _texts(photo: Photo) -> PngImagePlugin.PngInfo:
    """The texts of a PNG file, XMP among them."""
    texts = PngImagePlugin.PngInfo()
    for keyword, text in photo.metadata.texts:
        texts.add_text(keyword, text)
    if photo.metadata.xmp:
        texts.add_itxt("XML:com.adobe.xmp", photo.metadata.xmp.decode())
    if photo.painted_by:
        texts.add_text("Software", metadata.MARK + photo.painted_by)
    return texts


def _tags(known: metadata.Metadata) -> dict[int, bytes]:
    """XMP and IPTC as tags of a TIFF file."""
    found = {XMP_TAG: known.xmp, metadata.IPTC_TAG: known.iptc}
    return {tag: value for tag, value in found.items() if value}


def _durations(animation: Animation, format: str) -> dict[str, Any]:
    """How long the pictures of an animation are shown, and what becomes of them then."""
    options: dict[str, Any] = {"duration": [round(duration) for duration in animation.durations]}
    # Each picture of a GIF replaces the one before, which would show through where it is transparent.
    return options | {"disposal": 2} if format == "GIF" else options


def _encode_pages(photo: Photo, file: IO[bytes]) -> None:
    from PIL.TiffImagePlugin import AppendingTiffWriter

    with AppendingTiffWriter(file) as pages:
        for page in (photo, *photo.more):
            page = replace(page, more=(), painted_by=photo.painted_by)
            if page.pixels.itemsize > 1:
                _encode_deep(page, pages, "TIFF")
            else:
                _image(page, "TIFF").save(pages, "TIFF", **_options(page, "TIFF", 100))
            pages.newFrame()


def _encode_deep(photo: Photo, file: IO[bytes], format: str) -> None:
    """Write a picture of 16 bits as PNG or TIFF."""
    import numpy as np

    pixels = profiles.deep_from_srgb(photo.pixels, photo.profile) if photo.profile else photo.pixels
    values = pixels if photo.alpha is None else np.dstack([pixels, photo.alpha])
    options = _options(photo, format, 100)
    exif: Image.Exif = options.get("exif", Image.Exif())
    if format == "TIFF":
        tags = {tag: exif.get_ifd(tag) if tag == ExifTags.IFD.Exif else value for tag, value in exif.items()}
        deep.write_tiff(file, values, {**tags, PROFILE_TAG: options["icc_profile"]})
        return
    chunks = [(b"iCCP", b"ICC Profile\0\0" + zlib.compress(options["icc_profile"]))]
    if photo.metadata.resolution:
        # Pixels per metre, an inch of which is 0.0254.
        across, down = (round(each / 0.0254) for each in photo.metadata.resolution)
        chunks.append((b"pHYs", across.to_bytes(4, "big") + down.to_bytes(4, "big") + b"\1"))
    chunks += [(chunk[0], chunk[1]) for chunk in options["pnginfo"].chunks]
    if exif:
        chunks.append((b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")))
    deep.write_png(file, values, chunks)
