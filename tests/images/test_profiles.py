import io

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from artlives import images
from artlives.images import Photo, deep, profiles
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


# Adobe RGB that EXIF alone names


def exif_of_a_camera(index: str, space: int = 65535) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.ColorSpace: space, ExifTags.IFD.Interop: {1: index}}
    return exif


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_adobe_rgb_that_exif_alone_names_is_converted(format):
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(format, {})
    image = Image.new("RGB", (64, 64), (144, 190, 70))
    photo = images.load(written(image, format, exif=exif_of_a_camera("R03"), **options))
    # Adobe RGB (1998) (144, 190, 70) is (120, 191, 55) in sRGB, by Little CMS with Adobe's own profile.
    assert np.abs(photo.pixels[9, 9].astype(int) - (120, 191, 55)).max() <= 3
    assert photo.notes == ()


@pytest.mark.parametrize(("index", "space"), [("R98", 65535), ("R98", 1), ("R03", 1)])
def test_other_colours_of_exif_are_those_of_srgb(index, space):
    image = Image.new("RGB", (64, 64), (144, 190, 70))
    photo = images.load(written(image, "PNG", exif=exif_of_a_camera(index, space)))
    assert photo.pixels[9, 9].tolist() == [144, 190, 70]


def test_a_profile_is_more_than_exif(pixels):
    file = written(Image.fromarray(pixels), "PNG", exif=exif_of_a_camera("R03"), icc_profile=profiles.srgb())
    assert np.array_equal(images.load(file).pixels, pixels)


def test_grays_have_no_adobe_rgb():
    file = written(Image.new("L", (20, 20), 99), "PNG", exif=exif_of_a_camera("R03"))
    assert images.load(file).pixels[0, 0].tolist() == [99, 99, 99]


# What is written


def test_our_profiles_are_those_of_their_names(pixels):
    builtin = ImageCms.createProfile("sRGB")
    for profile in (profiles.srgb(), profiles.adobe_rgb()):
        found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        assert ImageCms.isIntentSupported(found, ImageCms.Intent.PERCEPTUAL, ImageCms.Direction.INPUT) == 1
        assert found.profile.is_matrix_shaper
        assert len(profile) < 600
    ours = ImageCms.ImageCmsProfile(io.BytesIO(profiles.srgb()))
    same = ImageCms.buildTransform(ours, builtin, "RGB", "RGB").apply(Image.fromarray(pixels))
    assert np.abs(np.asarray(same).astype(int) - pixels).max() <= 1


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif"])
def test_pictures_are_tagged_as_srgb_and_read_again_as_they_are(suffix, tmp_path, pixels):
    images.save(Photo(pixels), tmp_path / f"out{suffix}")
    with Image.open(tmp_path / f"out{suffix}") as image:
        assert image.info["icc_profile"] == profiles.srgb()
        untouched = np.asarray(image.convert("RGB"))
    assert np.array_equal(images.load(tmp_path / f"out{suffix}").pixels, untouched)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_profile_that_is_kept_is_that_of_what_is_written(suffix, alpha, depth, tmp_path, pixels):
    dtype, scale = (np.uint8, 1) if depth == 8 else (np.uint16, 257)
    # Colours that sRGB has, too.
    values = (pixels // 2 + 64).astype(dtype) * dtype(scale)
    opacity = values[..., 0] if alpha else None
    path = tmp_path / f"in{suffix}"
    images.save(Photo(values, opacity, profile=profiles.adobe_rgb()), path)
    photo = images.load(path, target="PNG", reading=images.Reading(keep_profile=True))
    assert photo.profile == profiles.adobe_rgb()
    assert np.abs(photo.pixels.astype(int) - values).max() <= 3
    with Image.open(path) as image:
        image.load()
        assert image.info["icc_profile"] == profiles.adobe_rgb()
        assert np.abs(np.asarray(image)[..., :3] - (values / scale)).max() > 8
    images.save(photo, tmp_path / f"out{suffix}")
    again = images.load(tmp_path / f"out{suffix}", target="PNG")
    assert np.abs(again.pixels.astype(int) - values).max() <= 4
    assert alpha is False or np.array_equal(again.alpha, opacity)
    assert again.profile is None


def test_exif_says_that_the_colours_are_not_those_of_srgb(tmp_path, pixels):
    file = written(
        Image.fromarray(pixels), "PNG", exif=exif_of_a_camera("R98", 1), icc_profile=profiles.adobe_rgb()
    )
    for keep, space in ((True, 65535), (False, 1)):
        file.seek(0)
        images.save(images.load(file, reading=images.Reading(keep_profile=keep)), tmp_path / "out.jpg")
        with Image.open(tmp_path / "out.jpg") as image:
            details = image.getexif().get_ifd(ExifTags.IFD.Exif)
            assert details[ExifTags.Base.ColorSpace] == space


def test_a_profile_for_other_colours_is_not_kept(pixels):
    file = written(Image.new("L", (20, 20), 99), "PNG", icc_profile=profile_for_gray())
    photo = images.load(file, "gray.png", reading=images.Reading(keep_profile=True))
    assert photo.profile is None
    assert photo.notes == (
        "gray.png: its colour profile is not one to write colours in: its painting is in sRGB",
    )


@pytest.mark.parametrize("profile", [b"rubbish", red_and_green_swapped()[:200]], ids=["rubbish", "cut"])
def test_a_broken_profile_is_not_kept(profile, pixels):
    file = written(Image.fromarray(pixels), "PNG", icc_profile=profile)
    photo = images.load(file, reading=images.Reading(keep_profile=True))
    assert (photo.profile, len(photo.notes)) == (None, 2)
    assert np.array_equal(photo.pixels, pixels)


@pytest.mark.parametrize("tag", [b"rTRC", b"rXYZ"])
def test_of_16_bits_a_broken_profile_is_passed_over(tag, pixels):
    broken = profiles.adobe_rgb().replace(tag, b"____")
    array = pixels.astype(np.uint16) * 257
    file = io.BytesIO()
    deep.write_tiff(file, array, {34675: broken})
    photo = images.load(io.BytesIO(file.getvalue()), target="TIFF")
    assert np.array_equal(photo.pixels, array)
    assert "profile was passed over" in photo.notes[0]
