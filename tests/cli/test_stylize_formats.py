"""`artlives stylize` on files as cameras, scanners and phones write them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artlives import images
from artlives.images import Photo, profiles
from artlives.stylizer import Stylizer

PHONE = Path(__file__).parents[1] / "images" / "phone.heic"


@pytest.fixture
def stylize(run, style_file):
    def invoke(*arguments, **options):
        return run("stylize", *arguments, "--style", style_file, "--device", "cpu", **options)

    return invoke


@pytest.fixture
def animated(tmp_path, pixels):
    """An animated GIF file."""
    path = tmp_path / "cat.gif"
    first, *others = (Image.fromarray(picture) for picture in (pixels, 255 - pixels, pixels[::-1]))
    first.save(path, save_all=True, append_images=others, duration=[100, 200, 300], loop=0)
    return path


def test_an_animation_is_painted_whole(stylize, animated):
    result = stylize(animated)
    assert (result.exit_code, result.stdout, result.stderr) == (
        0,
        f"{animated.with_name('cat-dots.gif')}\n",
        "",
    )
    with Image.open(animated.with_name("cat-dots.gif")) as image:
        assert (image.n_frames, image.info["loop"]) == (3, 0)


def test_in_a_folder_too_beside_a_still_one(stylize, animated, pixels, tmp_path):
    Image.fromarray(pixels).save(tmp_path / "still.gif")
    assert stylize(tmp_path, "-o", tmp_path / "out").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cat-dots.gif", "still-dots.png"]
    with Image.open(tmp_path / "out" / "cat-dots.gif") as image:
        assert image.n_frames == 3


def test_in_a_pipe_too(stylize, animated):
    result = stylize("-", input=animated.read_bytes())
    animated.write_bytes(result.stdout_bytes)
    assert len(images.load(animated, target="GIF").more) == 2


def test_where_the_output_holds_one_picture_a_line_says_so(stylize, animated, tmp_path):
    result = stylize(animated, "-o", tmp_path / "out.jpg")
    assert result.exit_code == 0
    assert result.stderr == (
        f"artlives: {animated} holds 3 pictures; only the first was painted: write a GIF, PNG or WebP file for all\n"
    )


def test_a_sheet_says_so_too(run, shipped, animated, tmp_path):
    result = run("sheet", animated, "--size", "64", "--device", "cpu")
    assert result.exit_code == 0
    assert "cat.gif holds 3 pictures" in result.stderr
    assert images.is_painting(tmp_path / "cat-sheet.jpg")


def test_a_photo_of_a_phone_becomes_a_jpeg(stylize, tmp_path):
    shutil.copy(PHONE, tmp_path / "IMG_1.HEIC")
    result = stylize(tmp_path / "IMG_1.HEIC")
    assert result.stdout == f"{tmp_path / 'IMG_1-dots.jpg'}\n"
    assert images.load(tmp_path / "IMG_1-dots.jpg").pixels.shape == (56, 40, 3)


def test_a_jpeg_that_lacks_its_last_bytes_is_painted_unless_strict(stylize, photo_file):
    photo_file.write_bytes(photo_file.read_bytes()[:-2])
    result = stylize(photo_file, "--strict")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert f"{photo_file} is damaged or cut short" in result.stderr
    result = stylize(photo_file)
    assert result.exit_code == 0
    assert result.stderr == f"artlives: {photo_file} is cut short: it is painted as far as it goes\n"


@pytest.mark.parametrize("several", [False, True])
def test_what_a_format_cannot_hold_is_refused_before_it_is_painted(stylize, tmp_path, several, monkeypatch):
    def paint(*_, **__):
        raise AssertionError("it was painted")

    monkeypatch.setattr(Stylizer, "__call__", paint)
    monkeypatch.setattr("artlives.images.formats.MOST_SIDE", {"PNG": 100})
    for name in ("a.png", "b.png")[: several + 1]:
        Image.new("RGB", (101, 16)).save(tmp_path / name)
    result = stylize(
        tmp_path if several else tmp_path / "a.png", *(["-o", f"{tmp_path}/out/"] if several else [])
    )
    assert result.exit_code == 1
    lines = [line for line in result.stderr.splitlines() if "cannot hold 101x16 pixels" in line]
    assert len(lines) == 1 + several


def test_a_smaller_painting_may_fit(stylize, tmp_path, monkeypatch):
    monkeypatch.setattr("artlives.images.formats.MOST_SIDE", {"PNG": 100})
    Image.new("RGB", (120, 40)).save(tmp_path / "a.png")
    assert stylize(tmp_path / "a.png", "--size", "100").exit_code == 0


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_come_out_as_16_bits(stylize, suffix, tmp_path, pixels):
    # Between the levels of 8 bits.
    deep = pixels.astype(np.uint16) * 256 + 77
    images.save(Photo(deep), tmp_path / f"a{suffix}")
    assert stylize(tmp_path / f"a{suffix}", "--strength", "0").exit_code == 0
    assert np.array_equal(images.load(tmp_path / f"a-dots{suffix}", target="PNG").pixels, deep)
    assert stylize(tmp_path / f"a{suffix}", "-o", tmp_path / "out.jpg").exit_code == 0
    assert images.load(tmp_path / "out.jpg", target="PNG").pixels.dtype == np.uint8


def test_the_photos_profile_is_kept_on_request(stylize, tmp_path, pixels):
    images.save(Photo(pixels, profile=profiles.adobe_rgb()), tmp_path / "a.png")
    for option, profile in ((["--keep-profile"], profiles.adobe_rgb()), ([], profiles.srgb())):
        assert stylize(tmp_path / "a.png", "-o", tmp_path / "out.png", "--overwrite", *option).exit_code == 0
        with Image.open(tmp_path / "out.png") as image:
            assert image.info["icc_profile"] == profile
