"""A file's format and header, without its pixels; and the line that says why a file is not read."""

from __future__ import annotations

import struct
from typing import IO

from PIL import Image, ImageFile

from artlives.errors import ArtlivesError
from artlives.images import tiff
from artlives.images.formats import READ

# Brands of the container of ISO/IEC 14496-12 whose files hold pictures in HEVC, and those of any kind of pictures.
HEVC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
PICTURE_BRANDS = {b"avif", b"avis", b"mif1", b"msf1"}
# What files of videos begin with, or hold from the fifth byte on: Matroska and WebM, MPEG; QuickTime without a brand.
VIDEO_STARTS = (b"\x1a\x45\xdf\xa3", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3")
VIDEO_BOXES = (b"moov", b"mdat", b"wide")
# Bytes that tell the kind of a file: the brands of a container among them.
HEAD = 64


def opened(file: IO[bytes], name: str = "the picture") -> ImageFile.ImageFile:
    """The image in a file, of which no more than the header is read; it is closed with the file.

    Pillow's limit of pixels does not hold: who decodes the image checks its size.

    Raises:
        ArtlivesError: it is empty, a video, or no picture of the formats that are read.
    """
    file.seek(0)
    head = file.read(HEAD)
    if not head:
        raise ArtlivesError(f"{name} is empty")
    if _is_heif(head):
        from pi_heif import HeifImageFile

        try:
            file.seek(0)
            image: ImageFile.ImageFile = HeifImageFile(file)
            return image
        except SyntaxError as error:
            raise ArtlivesError(f"{name} is damaged or cut short: {error}") from error
    if _is_video(head):
        raise ArtlivesError(f"{name} is a video: give a picture, or paint it with artlives video")
    # They are in Pillow's list when their modules are imported.
    from PIL import (  # noqa: F401
        AvifImagePlugin,
        BmpImagePlugin,
        GifImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    for format in READ:
        factory, accept = Image.OPEN[format]
        if accept and accept(head[:16]) is not True:
            continue
        file.seek(0)
        try:
            return factory(file, "")
        except (SyntaxError, IndexError, TypeError, KeyError, struct.error) as error:
            # That of a TIFF file may be sound for all that.
            if format == "TIFF" and (kind := tiff.kind_of(file)):
                raise ArtlivesError(
                    f"{name} is a TIFF file of a kind that is not read ({kind}): save it as PNG, or as TIFF with 8 or "
                    f"16 bits in RGB"
                ) from error
    formats = "JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP or GIF"
    raise ArtlivesError(f"{name} is not a picture, or is damaged: give a {formats} file")


def _brands(head: bytes) -> set[bytes]:
    """The brands of a container, as far as they are in `head`: the major one, and those that it is compatible with."""
    if head[4:8] != b"ftyp":
        return set()
    end = min(len(head), int.from_bytes(head[:4], "big"))
    return {head[8:12], *(head[i : i + 4] for i in range(16, end - 3, 4))}


def _is_heif(head: bytes) -> bool:
    brands = _brands(head)
    # A file of the kind mif1 may hold AV1 as well as HEVC.
    return bool(brands & HEVC_BRANDS) and head[8:12] not in (b"avif", b"avis")


def _is_video(head: bytes) -> bool:
    if head[4:8] == b"ftyp":
        return not _brands(head) & PICTURE_BRANDS
    riff = head[:4] == b"RIFF" and head[8:12] == b"AVI "
    return riff or head.startswith(VIDEO_STARTS) or head[4:8] in VIDEO_BOXES
