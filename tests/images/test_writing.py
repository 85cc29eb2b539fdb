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


@pytest.mark.parametrize(("format", "written"), [("WEBP", "WEBP"), ("GIF", "PNG"), (None, "PNG")])
def test_a_stream_gets_the_photos_own_format(format, written, pixels):
    stream = io.BytesIO()
    images.save(Photo(pixels, format=format), stream)
    assert Image.open(stream).format == written


@pytest.mark.parametrize("name", ["out.svg", "out", "out.heic", ".jpg"])
def test_endings_that_are_not_written(name, tmp_path, pixels):
    with pytest.raises(ArtlivesError, match=r"\.jpg \.jpeg"):
        images.save(Photo(pixels), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_picture_that_a_format_cannot_hold(tmp_path):
    with pytest.raises(ArtlivesError, match="WEBP"):
        images.save(Photo(np.zeros((1, 17_000, 3), np.uint8)), tmp_path / "out.webp")
    assert not list(tmp_path.iterdir())


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
