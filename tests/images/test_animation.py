"""Several pictures in a file: animations, and the pages of documents."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw, TiffImagePlugin

from artlives import images
from artlives.errors import ArtlivesError
from artlives.images import Animation, Photo
from artlives.stylizer import Stylizer
from tests.images.files import written

# Milliseconds.
DURATIONS = (100, 200, 300)


def frames(transparent=False) -> list[Image.Image]:
    """Three pictures of a ball on its way, in colours that a palette holds."""
    found = []
    for i in range(3):
        image = Image.new("RGBA", (40, 30), (0, 0, 0, 0) if transparent else "navy")
        ImageDraw.Draw(image).ellipse((i * 12, 8, i * 12 + 10, 20), ("red", "lime", "yellow")[i])
        found.append(image if transparent else image.convert("RGB"))
    return found


def animation(format, pictures, **options):
    first, *others = pictures
    if format == "WEBP":
        options["lossless"] = True
    return written(first, format, save_all=True, append_images=others, duration=list(DURATIONS), **options)


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP"])
def test_an_animation_is_read_whole_for_a_format_that_holds_one(format, transparent):
    pictures = frames(transparent)
    options = {"disposal": 2} if format == "GIF" else {}
    photo = images.load(animation(format, pictures, **options), target="PNG")
    assert photo.animation.durations == DURATIONS
    assert len(photo.more) == 2
    for found, picture in zip((photo, *photo.more), pictures, strict=True):
        opacity = np.asarray(picture.convert("RGBA"))[..., 3]
        assert np.array_equal(found.pixels[opacity > 0], np.asarray(picture.convert("RGB"))[opacity > 0])
        assert found.alpha is None or np.array_equal(found.alpha, opacity)
        assert (found.alpha is not None) or not transparent
    assert photo.notes == ()


@pytest.mark.parametrize(
    ("format", "options", "loops"),
    [
        ("GIF", {}, 1),
        ("GIF", {"loop": 0}, 0),
        ("GIF", {"loop": 2}, 3),
        ("PNG", {"loop": 0}, 0),
        ("PNG", {"loop": 3}, 3),
        ("WEBP", {"loop": 3}, 3),
    ],
)
def test_how_often_it_is_shown(format, options, loops, tmp_path):
    photo = images.load(animation(format, frames(), **options), target="PNG")
    assert photo.animation.loops == loops
    for suffix in (".gif", ".png", ".webp"):
        images.save(photo, tmp_path / f"out{suffix}")
        again = images.load(tmp_path / f"out{suffix}", target="PNG")
        assert again.animation == photo.animation


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".avif"])
def test_an_animation_is_written(suffix, transparent, tmp_path):
    photos = [images.from_pil(picture) for picture in frames(transparent)]
    first = Photo(
        photos[0].pixels, photos[0].alpha, more=tuple(photos[1:]), animation=Animation(DURATIONS, 0)
    )
    images.save(first, tmp_path / f"out{suffix}", quality=95)
    again = images.load(tmp_path / f"out{suffix}", target="PNG")
    assert again.animation == Animation(DURATIONS, 0)
    for found, photo in zip((again, *again.more), photos, strict=True):
        visible = np.full((30, 40), True) if photo.alpha is None else photo.alpha > 0
        if transparent:
            assert (np.abs(found.alpha.astype(int) - photo.alpha) > 40).mean() < 0.05
        difference = np.abs(found.pixels.astype(int) - photo.pixels)[visible]
        assert difference.mean() < (1 if suffix in (".gif", ".png") else 12)


def test_half_transparent_parts_are_one_or_the_other_in_gif(tmp_path, pixels):
    alpha = np.repeat(np.uint8([0, 100, 150, 255]), 14)[None].repeat(40, 0)
    images.save(Photo(pixels, alpha), tmp_path / "out.gif")
    photo = images.load(tmp_path / "out.gif")
    assert np.array_equal(photo.alpha, np.where(alpha >= 128, 255, 0))
    assert np.abs(photo.pixels.astype(int) - pixels)[alpha >= 128].mean() < 8


@pytest.mark.parametrize("target", ["JPEG", "BMP", "TIFF"])
def test_of_an_animation_the_first_is_read_with_a_note_where_no_more_fit(target):
    photo = images.load(animation("GIF", frames()), "cat.gif", target=target)
    assert (photo.more, photo.animation) == ((), None)
    assert photo.notes == (
        "cat.gif holds 3 pictures; only the first was painted: write a GIF, PNG or WebP file for all",
    )
    assert images.load(animation("GIF", frames())).notes == ()


def test_the_picture_that_stands_for_an_animation_is_no_part_of_it():
    file = written(
        Image.new("RGB", (40, 30)),
        "PNG",
        save_all=True,
        append_images=frames(),
        default_image=True,
        duration=list(DURATIONS),
    )
    photo = images.load(file, target="PNG")
    assert (len(photo.more), photo.animation.durations) == (2, DURATIONS)
    assert np.array_equal(photo.pixels, np.asarray(frames()[0]))


def test_a_stream_gets_an_animation_back():
    photo = images.load(animation("GIF", frames()), target=images.OWN)
    stream = io.BytesIO()
    images.save(photo, stream)
    assert (Image.open(stream).format, Image.open(stream).n_frames) == ("GIF", 3)


def test_more_pictures_than_fit_in_memory(monkeypatch):
    monkeypatch.setattr("artlives.memory.free", lambda: 20 * 40 * 30)
    with pytest.raises(ArtlivesError, match="3 pictures of 40x30 pixels"):
        images.load(animation("GIF", frames()), target="GIF")
    assert images.load(animation("GIF", frames()), target="JPEG").pixels.shape == (30, 40, 3)


def test_files_that_are_animated(tmp_path, pixels):
    (tmp_path / "a.gif").write_bytes(animation("GIF", frames()).getvalue())
    Image.fromarray(pixels).save(tmp_path / "b.gif")
    (tmp_path / "c.gif").write_bytes(b"GIF89a")
    found = {path: images.is_animated(tmp_path / path) for path in ("a.gif", "b.gif", "c.gif", "d.gif")}
    assert [path for path, animated in found.items() if animated] == ["a.gif"]


# Pages


def test_pages_are_read_and_written_each_with_its_size_and_bits(tmp_path, pixels):
    deep = Photo(pixels.astype(np.uint16) * 257 + 1, painted_by="dots")
    photo = Photo(pixels, more=(Photo(pixels[:20], pixels[:20, :, 0].copy()), deep), painted_by="dots")
    images.save(photo, tmp_path / "out.tif")
    again = images.load(tmp_path / "out.tif", target="TIFF")
    assert again.animation is None
    for found, expected in zip((again, *again.more), (photo, *photo.more), strict=True):
        assert found.pixels.dtype == expected.pixels.dtype
        assert np.array_equal(found.pixels, expected.pixels)
        assert found.painted_by == "dots"
    assert np.array_equal(again.more[0].alpha, pixels[:20, :, 0])
    first = images.load(tmp_path / "out.tif", target="PNG")
    assert first.more == ()
    assert [
        note.endswith("out.tif holds 3 pictures; only the first was painted: write a TIFF file for all")
        for note in first.notes
    ] == [True]


def test_a_page_that_does_not_fit_in_memory_whichever_it_is(tmp_path, pixels, monkeypatch):
    images.save(Photo(pixels[:16, :16], more=(Photo(pixels),)), tmp_path / "out.tif")
    monkeypatch.setattr("artlives.memory.free", lambda: 40 * 56 * 8 - 1)
    with pytest.raises(ArtlivesError, match="56x40 pixels"):
        images.load(tmp_path / "out.tif", target="TIFF")
    assert images.load(tmp_path / "out.tif", target="PNG").pixels.shape == (16, 16, 3)


def test_a_preview_is_no_page(pixels):
    image = Image.fromarray(pixels)
    small = image.resize((14, 10))
    small.encoderinfo = {"tiffinfo": TiffImagePlugin.ImageFileDirectory_v2()}
    small.encoderinfo["tiffinfo"][254] = 1
    file = written(image, "TIFF", save_all=True, append_images=[small])
    with Image.open(file) as found:
        assert found.n_frames == 2
    file.seek(0)
    photo = images.load(file, target="TIFF")
    assert (photo.more, photo.notes) == ((), ())


# Painting


def test_every_picture_is_painted(style_file, pixels):
    stylizer = Stylizer(style_file, device="cpu")
    others = (Photo(255 - pixels), Photo(pixels[::-1].copy()))
    done = []
    painting = stylizer(Photo(pixels, more=others, animation=Animation(DURATIONS, 0)), done.append)
    for found, photo in zip((painting, *painting.more), (Photo(pixels), *others), strict=True):
        assert np.array_equal(found.pixels, stylizer(photo.pixels))
    assert painting.animation == Animation(DURATIONS, 0)
    assert done == sorted(done)
    assert done[-1] == pytest.approx(1)


def test_every_picture_is_reduced(style_file, pixels):
    stylizer = Stylizer(style_file, device="cpu", size=28)
    painting = stylizer(Photo(pixels, more=(Photo(pixels),)))
    assert [photo.pixels.shape for photo in (painting, *painting.more)] == [(20, 28, 3)] * 2


def test_transparent_borders_of_webp_stay_transparent(tmp_path):
    alpha = np.zeros((48, 64), np.uint8)
    alpha[:, :44] = 255
    photos = [Photo(np.full((48, 64, 3), 40 + 3 * i, np.uint8), alpha) for i in range(3)]
    path = tmp_path / "border.webp"
    images.save(replace(photos[0], more=tuple(photos[1:]), animation=Animation((100.0,) * 3, 0)), path)
    with Image.open(path) as image:
        for i in range(3):
            image.seek(i)
            assert np.array_equal(np.array(image.convert("RGBA"))[..., 3], alpha)
