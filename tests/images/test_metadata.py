import io
import struct
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from PIL import ExifTags, Image, IptcImagePlugin, TiffImagePlugin
from PIL.PngImagePlugin import PngInfo

from artlives import images
from artlives.images import Photo
from tests.images.files import written

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def exif_of_a_phone() -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Camera & Co"
    exif[ExifTags.Base.Copyright] = "somebody"
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.IFD.Exif] = {
        ExifTags.Base.DateTimeOriginal: "2020:01:02 03:04:05",
        ExifTags.Base.ExposureTime: 0.02,
        ExifTags.Base.ColorSpace: 65535,
        ExifTags.Base.ExifImageWidth: 56,
        ExifTags.Base.ExifImageHeight: 40,
        ExifTags.Base.MakerNote: b"SECRET preview",
    }
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (48.0, 51.0, 24.0), 29: "2020:01:02"}
    return exif.tobytes()


@pytest.mark.parametrize("source", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_metadata_is_carried_over_without_the_place(source, suffix, tmp_path, pixels):
    photo = images.load(written(Image.fromarray(pixels), source, exif=exif_of_a_phone()))
    path = tmp_path / f"out{suffix}"
    images.save(photo, path)
    assert b"SECRET" not in path.read_bytes()
    with Image.open(path) as image:
        exif = image.getexif()
        assert exif[ExifTags.Base.Make] == "Camera & Co"
        assert exif[ExifTags.Base.Copyright] == "somebody"
        assert exif.get(ExifTags.Base.Orientation, 1) == 1
        assert ExifTags.IFD.GPSInfo not in exif
        details = exif.get_ifd(ExifTags.IFD.Exif)
        assert details[ExifTags.Base.DateTimeOriginal] == "2020:01:02 03:04:05"
        assert float(details[ExifTags.Base.ExposureTime]) == pytest.approx(0.02)
        assert details[ExifTags.Base.ColorSpace] == 1
        assert image.size == (40, 56)
        assert (details[ExifTags.Base.ExifImageWidth], details[ExifTags.Base.ExifImageHeight]) == image.size


def test_thumbnail_of_the_unpainted_photo_is_dropped(tmp_path, pixels):
    make = struct.pack("<HHII", 0x010F, 2, 3, int.from_bytes(b"Me\0\0", "little"))
    start, length = struct.pack("<HHII", 0x0201, 4, 1, 56), struct.pack("<HHII", 0x0202, 4, 1, 9)
    tiff = b"II*\0\x08\0\0\0" + b"\1\0" + make + struct.pack("<I", 26)
    tiff += b"\2\0" + start + length + bytes(4) + b"THUMBNAIL"
    file = written(Image.fromarray(pixels), "JPEG", exif=b"Exif\0\0" + tiff)
    assert Image.open(file).getexif().get_ifd(ExifTags.IFD.IFD1)[0x0202] == 9
    file.seek(0)
    images.save(images.load(file), tmp_path / "out.jpg")
    assert b"THUMBNAIL" not in (tmp_path / "out.jpg").read_bytes()
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.getexif()[ExifTags.Base.Make] == "Me"


@pytest.mark.parametrize("exif", [b"Exif\0\0rubbish", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0"])
def test_broken_metadata_does_not_hinder(exif, pixels):
    photo = images.load(written(Image.fromarray(pixels), "JPEG", exif=exif))
    assert photo.pixels.shape == pixels.shape
    assert photo.metadata.exif is None


def test_metadata_too_long_for_a_jpeg_is_left_out_with_a_note(pixels):
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "me" * 40_000
    photo = images.load(written(Image.fromarray(pixels), "PNG", exif=exif.tobytes()), "long.png")
    assert photo.metadata.exif is None
    assert "long.png" in photo.notes[0]


@pytest.mark.parametrize("exif", [None, exif_of_a_phone()], ids=["plain", "of a phone"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_a_painting_is_known_whatever_it_is_called(suffix, exif, tmp_path, pixels):
    path = tmp_path / f"photo{suffix}"
    options = {"exif": exif} if exif else {}
    Image.fromarray(pixels).save(path, **options)
    assert not images.is_painting(path)
    photo = images.load(path)
    assert photo.painted_by is None
    images.save(photo, path)
    assert not images.is_painting(path)
    images.save(replace(photo, painted_by="rain-princess"), path)
    assert images.is_painting(path)
    assert images.is_painting(io.BytesIO(path.read_bytes()))
    assert images.load(path).painted_by == "rain-princess"
    with Image.open(path) as image:
        assert image.getexif().get(ExifTags.Base.Make) == (exif and "Camera & Co")


def test_a_painting_is_known_without_decoding(tmp_path, pixels):
    path = tmp_path / "photo.jpg"
    images.save(Photo(pixels, painted_by="wave"), path)
    path.write_bytes(path.read_bytes()[:-9])
    assert images.is_painting(path)


@pytest.mark.parametrize("content", [None, b"", b"artlives wave", b"\xff\xd8\xff" + b"rubbish" * 100])
def test_what_cannot_be_read_is_no_painting(content, tmp_path):
    path = tmp_path / "photo.jpg"
    if content is not None:
        path.write_bytes(content)
    assert not images.is_painting(path)


# Rights, texts and resolution

XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
  xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
  exif:GPSLatitude="48,51.4N" photoshop:City="Paris" photoshop:Credit="An agency" xmpRights:Marked="True"
  tiff:Orientation="1">
 <dc:rights><rdf:Alt><rdf:li xml:lang="x-default">© Zoë</rdf:li></rdf:Alt></dc:rights>
 <exif:GPSLongitude>2,21.1E</exif:GPSLongitude>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()
PLACES = (b"GPS", b"48,51", b"2,21.1E", b"Paris")


def iptc_of(*data_sets) -> bytes:
    return b"".join(
        b"\x1c" + bytes(number) + struct.pack(">H", len(value)) + value for number, value in data_sets
    )


def with_xmp(format, pixels):
    image = Image.fromarray(pixels)
    if format == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        return written(image, "PNG", pnginfo=info)
    if format == "TIFF":
        return written(image, "TIFF", tiffinfo={700: XMP})
    return written(image, format, xmp=XMP)


@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_rights_in_xmp_are_kept_and_places_are_not(source, tmp_path, pixels):
    photo = images.load(with_xmp(source, pixels))
    assert photo.notes == ()
    for suffix in (".jpg", ".png", ".webp", ".tif", ".avif"):
        path = tmp_path / f"out{suffix}"
        images.save(photo, path)
        with Image.open(path) as image:
            image.load()
            packet = image.info["xmp"]
        description = ElementTree.fromstring(packet).find(f".//{{{RDF}}}Description")
        assert description.attrib == {
            f"{{{RDF}}}about": "",
            "{http://ns.adobe.com/photoshop/1.0/}Credit": "An agency",
            "{http://ns.adobe.com/xap/1.0/rights/}Marked": "True",
        }
        assert ["".join(child.itertext()) for child in description] == ["© Zoë"]
        assert not any(place in path.read_bytes() for place in PLACES)


@pytest.mark.parametrize(
    "packet",
    [
        b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><x>&a;</x>",
        b"<x:xmpmeta",
        XMP.decode().encode("utf-16"),
        b"<x/>" + bytes(9) + b"<y/>",
    ],
    ids=["entities", "cut", "UTF-16", "zeros"],
)
def test_xmp_that_is_not_sound_is_left_out_with_a_note(packet, pixels):
    photo = images.load(written(Image.fromarray(pixels), "JPEG", xmp=packet), "photo.jpg")
    assert photo.metadata.xmp is None
    assert photo.notes == ("photo.jpg: its metadata is damaged and was left out",)


def test_metadata_that_would_take_long_to_read_is_left_out_with_a_note(pixels):
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode() + " " * (4 << 20))
    image = Image.fromarray(pixels)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[33723] = iptc_of(*[((2, 116), b"")] * 20_000)
    for file in (written(image, "PNG", pnginfo=info), written(image, "TIFF", tiffinfo=tags)):
        photo = images.load(file, "photo")
        assert photo.notes == ("photo: its metadata is damaged and was left out",)
        assert (photo.metadata.xmp, photo.metadata.iptc) == (None, None)


def test_xmp_without_rights_is_left_out(pixels):
    packet = XMP
    for name in (b"xmpRights:Marked", b"dc:rights", b"photoshop:Credit"):
        packet = packet.replace(name, b"tiff:" + name[-5:])
    photo = images.load(written(Image.fromarray(pixels), "JPEG", xmp=packet))
    assert (photo.metadata.xmp, photo.notes) == (None, ())


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".png"])
def test_iptc_keeps_whose_it_is_and_not_where_it_was_taken(suffix, tmp_path, pixels):
    record = iptc_of(
        ((1, 90), b"\x1b%G"),
        ((2, 116), "© Zoë".encode()),
        ((2, 80), b"Zoe"),
        ((2, 80), b"Max"),
        ((2, 90), b"Paris"),
    )
    resource = b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(record)) + record + bytes(len(record) % 2)
    content = b"Photoshop 3.0\0" + resource
    segment = b"\xff\xed" + struct.pack(">H", len(content) + 2) + content
    photo = images.load(written(Image.fromarray(pixels), "JPEG", extra=segment))
    path = tmp_path / f"out{suffix}"
    images.save(photo, path)
    assert b"Paris" not in path.read_bytes()
    with Image.open(path) as image:
        exif = image.getexif()
        # Pillow reads texts of EXIF as Latin-1.
        assert exif[ExifTags.Base.Copyright].encode("latin-1").decode() == "© Zoë"
        assert exif[ExifTags.Base.Artist] == "Zoe; Max"
        if suffix != ".png":
            assert IptcImagePlugin.getiptcinfo(image) == {
                (1, 90): b"\x1b%G",
                (2, 80): [b"Zoe", b"Max"],
                (2, 116): "© Zoë".encode(),
            }


def test_texts_of_png_are_kept_but_for_those_that_may_tell_the_place(tmp_path, pixels):
    info = PngInfo()
    kept = {"Copyright": "© Zoë", "Author": "Zoë", "Title": "Катя", "Comment": "none"}
    for keyword, text in (
        *kept.items(),
        ("exif:GPSLatitude", "48/1, 51/1, 24/1"),
        ("Raw profile type exif", "\nexif\n  4\n47505300\n"),
        ("Location", "Paris"),
        ("Software", "GIMP"),
    ):
        info.add_text(keyword, text)
    photo = images.load(written(Image.fromarray(pixels), "PNG", pnginfo=info))
    images.save(replace(photo, painted_by="dots"), tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        image.load()
        assert image.text == {**kept, "Software": "artlives dots"}
    images.save(photo, tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.getexif()[ExifTags.Base.Copyright].encode("latin-1").decode() == "© Zoë"
        assert image.getexif()[ExifTags.Base.Artist].encode("latin-1").decode() == "Zoë"


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_texts_of_exif_keep_their_letters(suffix, tmp_path, pixels):
    exif = Image.Exif()
    exif[ExifTags.Base.Copyright] = "© Zoë".encode()
    photo = images.load(written(Image.fromarray(pixels), "JPEG", exif=exif))
    images.save(replace(photo, painted_by="été"), tmp_path / f"out{suffix}")
    with Image.open(tmp_path / f"out{suffix}") as image:
        assert image.getexif()[ExifTags.Base.Copyright].encode("latin-1").decode() == "© Zoë"
    assert images.load(tmp_path / f"out{suffix}").painted_by == "été"
    assert images.is_painting(tmp_path / f"out{suffix}")


@pytest.mark.parametrize("source", ["JPEG", "PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".bmp", ".webp", ".avif"])
def test_resolution_is_kept(source, suffix, tmp_path, pixels):
    photo = images.load(written(Image.fromarray(pixels), source, dpi=(300, 150)))
    path = tmp_path / f"out{suffix}"
    images.save(photo, path)
    with Image.open(path) as image:
        exif = image.getexif()
        found = image.info.get("dpi") or (exif[ExifTags.Base.XResolution], exif[ExifTags.Base.YResolution])
    assert [float(each) for each in found] == pytest.approx([300, 150], abs=0.1)


@pytest.mark.parametrize("dpi", [(0, 0), (1, 1)])
def test_a_resolution_that_is_none_is_left_out(dpi, pixels):
    assert images.load(written(Image.fromarray(pixels), "TIFF", dpi=dpi)).metadata.resolution is None
