"""Photos of phones: HEIC, which Pillow does not read by itself, and AVIF."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from artlives import images
from artlives.errors import ArtlivesError
from artlives.images import Photo

# The fixture `pixels`, to be turned to the right, with a place. pillow-heif wrote it: no dependency writes HEIC.
PHONE = Path(__file__).with_name("phone.heic")


def test_a_photo_of_a_phone_is_upright_and_tells_no_place(pixels, tmp_path):
    photo = images.load(PHONE)
    assert np.abs(photo.pixels.astype(int) - np.rot90(pixels, -1)).mean() < 2
    assert (photo.alpha, photo.format, photo.notes) == (None, "HEIF", ())
    images.save(photo, tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as image:
        exif = image.getexif()
        assert (exif[ExifTags.Base.Make], exif[ExifTags.Base.Copyright]) == ("Phone", "somebody")
        assert ExifTags.IFD.GPSInfo not in exif
        assert exif.get(ExifTags.Base.Orientation, 1) == 1


def test_it_is_known_by_its_content_alone(tmp_path, pixels):
    path = tmp_path / "photo.jpg"
    path.write_bytes(PHONE.read_bytes())
    assert images.load(path).format == "HEIF"
    assert not images.is_painting(path)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_file_that_is_cut_is_refused(part, tmp_path):
    path = tmp_path / "cut.heic"
    data = PHONE.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(ArtlivesError, match=r"cut\.heic is damaged or cut short"):
        images.load(path)


def test_a_stream_of_it_is_answered_by_jpeg():
    stream = io.BytesIO()
    images.save(images.load(PHONE), stream)
    assert Image.open(stream).format == "JPEG"


@pytest.mark.parametrize("alpha", [False, True])
def test_avif_is_written_and_read(alpha, tmp_path, pixels):
    opacity = pixels[..., 0].copy() if alpha else None
    images.save(Photo(pixels, opacity), tmp_path / "out.avif", quality=95)
    photo = images.load(tmp_path / "out.avif")
    assert photo.format == "AVIF"
    assert np.abs(photo.pixels.astype(int) - pixels)[:, 8:].mean() < 4
    assert (photo.alpha is not None) == alpha
    if alpha:
        assert np.abs(photo.alpha.astype(int) - opacity).mean() < 4
