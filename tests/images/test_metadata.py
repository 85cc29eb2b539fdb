import struct
from dataclasses import replace

import pytest
from PIL import ExifTags, Image

from artlives import images
from artlives.images import Photo
from tests.images.files import written


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
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
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
