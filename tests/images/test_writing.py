import errno
import io
import os
import stat

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from artlives import images
from artlives.errors import ArtlivesError
from artlives.images import Photo, writing


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF", ".bmp"])
def test_lossless_formats_return_what_was_written(suffix, tmp_path, pixels):
    images.save(Photo(pixels), tmp_path / f"out{suffix}")
    assert np.array_equal(images.load(tmp_path / f"out{suffix}").pixels, pixels)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_alpha_is_written(suffix, tmp_path, pixels):
    images.save(Photo(pixels, pixels[..., 0].copy()), tmp_path / f"out{suffix}")
    assert np.array_equal(images.load(tmp_path / f"out{suffix}").alpha, pixels[..., 0])


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_alpha_is_laid_on_white_where_a_format_has_none(suffix, tmp_path):
    alpha = np.repeat(np.uint8([0, 255]), 16)[None].repeat(32, 0)
    images.save(Photo(np.zeros((32, 32, 3), np.uint8), alpha), tmp_path / f"out{suffix}")
    photo = images.load(tmp_path / f"out{suffix}")
    assert photo.alpha is None
    assert photo.pixels[:, :8].min() > 250
    assert photo.pixels[:, 24:].max() < 5


def test_quality(tmp_path, pixels):
    for quality, sampling in ((92, 0), (50, 2)):
        images.save(Photo(pixels), tmp_path / f"{quality}.jpg", quality=quality)
        with Image.open(tmp_path / f"{quality}.jpg") as image:
            assert JpegImagePlugin.get_sampling(image) == sampling
        images.save(Photo(pixels), tmp_path / f"{quality}.webp", quality=quality)
    for suffix in (".jpg", ".webp"):
        assert (tmp_path / f"50{suffix}").stat().st_size < (tmp_path / f"92{suffix}").stat().st_size


@pytest.mark.parametrize(
    ("format", "written"),
    [("WEBP", "WEBP"), ("AVIF", "AVIF"), ("GIF", "PNG"), ("HEIF", "JPEG"), (None, "PNG")],
)
def test_a_stream_gets_the_photos_own_format(format, written, pixels):
    stream = io.BytesIO()
    images.save(Photo(pixels, format=format), stream)
    assert Image.open(stream).format == written


def test_a_stream_gets_the_format_that_is_asked_for(pixels):
    for format in ("GIF", "TIFF"):
        stream = io.BytesIO()
        images.save(Photo(pixels, format="WEBP"), stream, format=format)
        assert Image.open(stream).format == format


@pytest.mark.parametrize("name", ["out.svg", "out", "out.heic", ".jpg"])
def test_endings_that_are_not_written(name, tmp_path, pixels):
    with pytest.raises(ArtlivesError, match=r"\.jpg \.jpeg"):
        images.save(Photo(pixels), tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "width", "height", "limit"),
    [
        ("out.webp", 16_384, 1, "16383 pixels a side"),
        ("out.jpg", 65_501, 1, "65500 pixels a side"),
        ("out.JPG", 1, 66_000, "65500 pixels a side"),
        ("out.gif", 65_536, 1, "65535 pixels a side"),
        ("out.avif", 32_769, 1, "32768 pixels a side"),
        ("out.avif", 16_385, 16_384, "268435456 pixels"),
        ("out.tif", 40_000, 40_000, "4 GB"),
        ("out.bmp", 40_000, 40_000, "4 GB"),
    ],
)
def test_pictures_that_a_format_cannot_hold(name, width, height, limit, tmp_path):
    # Of one pixel that is repeated: it takes no memory.
    photo = Photo(np.broadcast_to(np.uint8(0), (height, width, 3)))
    for write in (images.check, images.save):
        with pytest.raises(ArtlivesError) as info:
            write(photo, tmp_path / name)
        assert str(info.value) == (
            f"{tmp_path / name} cannot hold {width}x{height} pixels, {images.format_of(name)} ends at {limit}: "
            "write a PNG, or make it smaller"
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "width", "height"),
    [
        ("out.webp", 16_383, 1),
        ("out.jpg", 65_500, 1),
        ("out.gif", 65_535, 1),
        ("out.avif", 32_768, 16),
        ("out.png", 70_000, 1),
        ("out.tif", 70_000, 1),
        ("out.bmp", 70_000, 1),
    ],
)
def test_the_largest_that_it_holds_is_written_and_read(name, width, height, tmp_path):
    images.save(Photo(np.zeros((height, width, 3), np.uint8)), tmp_path / name)
    assert images.load(tmp_path / name).pixels.shape == (height, width, 3)


def test_four_gigabytes_are_counted_with_the_bytes_of_a_pixel(tmp_path):
    side = 30_000
    opaque = Photo(np.broadcast_to(np.uint8(0), (side, side, 3)))
    deep = Photo(np.broadcast_to(np.uint16(0), (side, side, 3)))
    images.check(opaque, "out.tif")
    images.check(deep, "out.bmp")
    with pytest.raises(ArtlivesError, match="4 GB"):
        images.check(deep, "out.tif")


def test_full_disk_leaves_the_old_file_and_no_other(tmp_path, pixels, monkeypatch):
    path = tmp_path / "out.png"
    path.write_bytes(b"old")

    def half(photo, file, *_):
        file.write(b"half a picture")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writing, "_encode", half)
    with pytest.raises(ArtlivesError, match=r"out\.png cannot be written: No space left"):
        images.save(Photo(pixels), path)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("out.png", b"old")]


def test_folders_that_cannot_be_written(photo_file, pixels):
    for folder in ("none", photo_file.name):
        with pytest.raises(ArtlivesError, match="cannot be written"):
            images.save(Photo(pixels), photo_file.parent / folder / "out.jpg")


@pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
def test_mode_links_and_what_is_no_file(tmp_path, pixels):
    before = os.umask(0o027)
    try:
        images.save(Photo(pixels), tmp_path / "out.png")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.png").stat().st_mode) == 0o640

    (tmp_path / "link.png").symlink_to("out.png")
    images.save(Photo(255 - pixels), tmp_path / "link.png")
    assert (tmp_path / "link.png").is_symlink()
    assert np.array_equal(images.load(tmp_path / "out.png").pixels, 255 - pixels)

    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ArtlivesError, match="not a regular file"):
        images.save(Photo(pixels), tmp_path / "pipe.png")
    assert (tmp_path / "pipe.png").is_fifo()
