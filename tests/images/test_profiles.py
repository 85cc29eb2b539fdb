import numpy as np
import pytest
from PIL import Image, ImageCms

from artlives import images
from tests.images.files import written


def red_and_green_swapped() -> bytes:
    """The sRGB profile with the primaries of red and green exchanged."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert b"rXYZ" in profile
    return profile.replace(b"rXYZ", b"____").replace(b"gXYZ", b"rXYZ").replace(b"____", b"gXYZ")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_colour_profile_is_applied(format):
    photo = images.load(
        written(Image.new("RGB", (20, 20), (200, 40, 40)), format, icc_profile=red_and_green_swapped())
    )
    red, green, blue = photo.pixels[10, 10].astype(int)
    assert (abs(red - 40) < 12, abs(green - 200) < 12, abs(blue - 40) < 12) == (True, True, True)
    assert photo.notes == ()


def test_colour_profile_keeps_alpha():
    image = Image.new("RGBA", (20, 20), (200, 40, 40, 77))
    photo = images.load(written(image, "PNG", icc_profile=red_and_green_swapped()))
    assert photo.pixels[0, 0, 1] > 190
    assert set(photo.alpha.flat) == {77}


def test_profile_of_srgb_changes_nothing(pixels):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = images.load(written(Image.fromarray(pixels), "PNG", icc_profile=profile))
    assert np.abs(photo.pixels.astype(int) - pixels).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_profile_for_colours_on_any_picture_of_them(mode):
    photo = images.load(
        written(Image.new("RGB", (20, 20)).convert(mode), "PNG", icc_profile=red_and_green_swapped())
    )
    assert (photo.pixels.max(), photo.notes) == (0, ())


def profile_for_gray() -> bytes:
    """The sRGB profile's curve alone."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"RGB XYZ ", b"GRAYXYZ ").replace(b"rTRC", b"kTRC")


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_profile_for_gray(mode):
    photo = images.load(
        written(Image.new("L", (20, 20), 99).convert(mode), "PNG", icc_profile=profile_for_gray())
    )
    assert photo.notes == ()
    assert np.ptp(photo.pixels, axis=2).max() == 0


def test_profile_for_gray_takes_no_colours_away(pixels):
    photo = images.load(written(Image.fromarray(pixels), "PNG", icc_profile=profile_for_gray()))
    assert np.array_equal(photo.pixels, pixels)
    assert len(photo.notes) == 1


@pytest.mark.parametrize("profile", [b"rubbish", red_and_green_swapped()[:200]], ids=["rubbish", "cut"])
def test_broken_profile_is_passed_over_with_a_note(profile, tmp_path, pixels):
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path, icc_profile=profile)
    photo = images.load(path)
    assert np.array_equal(photo.pixels, pixels)
    assert [str(path) in note and "profile" in note for note in photo.notes] == [True]


def test_profile_for_another_kind_of_picture_is_passed_over():
    photo = images.load(written(Image.new("CMYK", (20, 20)), "TIFF", icc_profile=red_and_green_swapped()))
    assert photo.pixels.min() == 255
    assert len(photo.notes) == 1
