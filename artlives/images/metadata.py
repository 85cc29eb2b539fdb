"""What a file says about its picture, and may be passed on: who made it, how and when, and whose it is.

Of each kind of metadata, what is kept is listed. The rest describes how the file was laid out, shows the unpainted
photo (thumbnails, maker's notes, editing histories), or tells where it was taken: that is never passed on.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from PIL import ExifTags, Image

T = TypeVar("T")
# Of an IPTC record, data sets by their two numbers.
Iptc = dict[tuple[int, int], bytes | list[bytes]]

# Of the main EXIF directory.
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
# Not of the directory of details. Maker notes may hold a preview of the unpainted photo, and their offsets break when
# they are moved.
DROPPED_TAGS = {ExifTags.Base.MakerNote, ExifTags.IFD.Interop}
# Of PNG's texts, by their keywords in small letters: those that its specification names, and whose the picture is.
# Others may hold EXIF, with the place in it.
KEPT_TEXTS = {
    "title",
    "author",
    "description",
    "copyright",
    "creation time",
    "disclaimer",
    "warning",
    "source",
    "comment",
    "artist",
    "creator",
    "license",
    "rights",
}
# Of IPTC: the encoding of texts, title, keywords, creator and his position, headline, credit, source, copyright notice,
# caption, and who wrote it.
KEPT_IPTC = [(1, 90), (2, 5), (2, 25), *((2, i) for i in (80, 85, 105, 110, 115, 116, 120, 122))]
# The number of an IPTC record among Photoshop's resources, and the TIFF tag of one.
IPTC_RESOURCE, IPTC_TAG = 0x0404, 33723
# What says in IPTC that texts are in UTF-8: an escape sequence of ISO 2022.
UTF8 = b"\x1b%G"
# EXIF tags that are filled from an IPTC data set or a PNG text where they are not there, since all formats hold EXIF.
FILLED_TAGS = {
    ExifTags.Base.Artist: ((2, 80), "Author"),
    ExifTags.Base.Copyright: ((2, 116), "Copyright"),
}
# Bytes of EXIF, of XMP and of IPTC: a segment of a JPEG file holds 65,533, with their headers.
MAX_BYTES = 65_000
# Bytes of an XMP packet that is read: editing histories take megabytes.
MAX_PACKET = 4 << 20
# Pixels per inch that are told by mistake or by default are below or above.
RESOLUTIONS = 2, 100_000
# What the EXIF tag Software of a painting begins with; the style's name follows.
MARK = "artlives "
# Values of the EXIF tags ColorSpace and ResolutionUnit.
SRGB, UNCALIBRATED, INCH = 1, 65535, 2


@dataclass(frozen=True)
class Metadata:
    """What is passed on of a file's metadata.

    Attributes:
        exif: without place, orientation, thumbnail and maker's note; None if there is none.
        xmp: an XMP packet that says whose the picture is; None if there is none.
        iptc: an IPTC record (IIM) without place; None if there is none.
        texts: keywords and texts of a PNG file.
        resolution: pixels per inch, horizontally and vertically; None if it is not told.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()
    resolution: tuple[float, float] | None = None


def read(image: Image.Image) -> tuple[Metadata, str | None, bool]:
    """The metadata of a loaded image, what `Photo.painted_by` was when `save` wrote it, and whether all is sound.

    What is damaged, or too long to be written, is left out; damaged EXIF is taken from `image`, too.
    """
    sound = True

    def part(read: Callable[[], T], otherwise: T) -> T:
        nonlocal sound
        try:
            return read()
        except Exception:
            # Damaged metadata may raise any exception.
            sound = False
            return otherwise

    nothing: Iptc = {}
    iptc = part(lambda: _iptc_of(image), nothing)
    texts = _texts_of(image)
    xmp, record = part(lambda: _xmp_of(image), None), part(lambda: _packed(iptc), None)
    resolution = part(lambda: _resolution_of(image), None)
    try:
        exif, painted_by = _kept_exif(image.getexif(), iptc, dict(texts)), painted_by_of(image.getexif())
    except Exception:
        sound = False
        exif, painted_by = part(lambda: _kept_exif(Image.Exif(), iptc, dict(texts)), None), None
        # `ImageOps.exif_transpose` would stumble over it.
        for key in ("exif", "Raw profile type exif"):
            image.info.pop(key, None)
    return Metadata(exif, xmp, record, texts, resolution), painted_by, sound


def painted_by_of(exif: Image.Exif) -> str | None:
    """What `Photo.painted_by` was when `save` wrote the file with this metadata."""
    software = str(exif.get(ExifTags.Base.Software, ""))
    return _decoded(software.removeprefix(MARK)) if software.startswith(MARK) else None


def says_adobe_rgb(image: Image.Image) -> bool:
    """Whether the EXIF of an image names Adobe RGB, as cameras do that write no profile (DCF 2.0, section 3.2.2)."""
    try:
        exif = image.getexif()
        space = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
        index = exif.get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex)
    except Exception:
        # Damaged metadata may raise any exception.
        return False
    return space != SRGB and index == "R03"


def exif_for(
    metadata: Metadata, width: int, height: int, painted_by: str | None, profiled: bool
) -> Image.Exif:
    """The EXIF of a picture of this size, with the mark of a painting; empty where there is nothing to say.

    Args:
        profiled: whether its colours are those of a profile and not sRGB.
    """
    exif = Image.Exif()
    if metadata.exif:
        exif.load(metadata.exif)
    for tag, value in list(exif.items()):
        exif[tag] = _as_read(value)
    details = exif.get_ifd(ExifTags.IFD.Exif)
    if details:
        if ExifTags.Base.ExifImageWidth in details:
            details |= {ExifTags.Base.ExifImageWidth: width, ExifTags.Base.ExifImageHeight: height}
        if ExifTags.Base.ColorSpace in details:
            details[ExifTags.Base.ColorSpace] = UNCALIBRATED if profiled else SRGB
        exif[ExifTags.IFD.Exif] = details
    if metadata.resolution and ExifTags.Base.XResolution not in exif:
        exif[ExifTags.Base.XResolution], exif[ExifTags.Base.YResolution] = metadata.resolution
        exif[ExifTags.Base.ResolutionUnit] = INCH
    if painted_by:
        exif[ExifTags.Base.Software] = (MARK + painted_by).encode()
    return exif


def segment_of(iptc: bytes) -> bytes:
    """The segment of a JPEG file, marker and length included, that holds an IPTC record as Photoshop writes it."""
    resource = b"8BIM" + struct.pack(">HHI", IPTC_RESOURCE, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)
    content = b"Photoshop 3.0\0" + resource
    return b"\xff\xed" + struct.pack(">H", len(content) + 2) + content


def _kept_exif(exif: Image.Exif, iptc: Iptc, texts: dict[str, str]) -> bytes | None:
    kept = Image.Exif()
    for tag in KEPT_TAGS & set(exif):
        kept[tag] = _as_read(exif[tag])
    for tag, (data_set, keyword) in FILLED_TAGS.items():
        text = texts.get(keyword) or _text_of(iptc, data_set)
        if text and tag not in kept:
            kept[tag] = text.encode()
    details = {
        tag: value for tag, value in exif.get_ifd(ExifTags.IFD.Exif).items() if tag not in DROPPED_TAGS
    }
    if details:
        kept[ExifTags.IFD.Exif] = details
    return _limited(kept.tobytes()) if kept else None


def _as_read(value: Any) -> Any:
    """A value of EXIF as it is written again: Pillow reads the bytes of a text as Latin-1, but would write ASCII."""
    return value.encode("latin-1") if isinstance(value, str) and not value.isascii() else value


def _xmp_of(image: Image.Image) -> bytes | None:
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if not packet:
        return None
    if len(packet) > MAX_PACKET:
        raise ValueError("an XMP packet that is too long to be looked through")
    from artlives.images.xmp import rights_of

    rights = rights_of(packet.encode() if isinstance(packet, str) else packet)
    return rights and _limited(rights)


def _iptc_of(image: Image.Image) -> Iptc:
    from PIL import ImageFile, IptcImagePlugin

    if not isinstance(image, ImageFile.ImageFile):
        return {}
    if image.format == "TIFF" and len(image.getexif().get(IPTC_TAG, b"")) > MAX_BYTES:
        raise ValueError("longer than a JPEG segment")
    found = IptcImagePlugin.getiptcinfo(image) or {}
    return {data_set: found[data_set] for data_set in KEPT_IPTC if found.get(data_set)}


def _text_of(iptc: Iptc, data_set: tuple[int, int]) -> str:
    encoding = "utf-8" if iptc.get((1, 90)) == UTF8 else "latin-1"
    return "; ".join(value.decode(encoding, "replace") for value in _values(iptc.get(data_set, b"")))


def _packed(iptc: Iptc) -> bytes | None:
    packed = b"".join(
        struct.pack(">BBBH", 0x1C, *data_set, len(value)) + value
        for data_set, values in iptc.items()
        for value in _values(values)
    )
    return _limited(packed) if packed else None


def _values(values: bytes | list[bytes]) -> Iterable[bytes]:
    return values if isinstance(values, list) else [values]


def _texts_of(image: Image.Image) -> tuple[tuple[str, str], ...]:
    if image.format != "PNG":
        return ()
    texts = ((str(key), value) for key, value in image.info.items() if isinstance(value, str))
    return tuple((key, str(text)) for key, text in texts if key.lower() in KEPT_TEXTS)


def _resolution_of(image: Image.Image) -> tuple[float, float] | None:
    told: Any = image.info.get("dpi")
    if not told:
        return None
    least, most = RESOLUTIONS
    across, down = (float(value) for value in told)
    return (across, down) if least <= across <= most and least <= down <= most else None


def _limited(data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise ValueError("longer than a JPEG segment")
    return data


def _decoded(text: str) -> str:
    """A text of EXIF that Pillow read as Latin-1, read as UTF-8."""
    return text.encode("latin-1", "replace").decode("utf-8", "replace")
