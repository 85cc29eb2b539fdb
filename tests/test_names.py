import os
from pathlib import PurePosixPath

import pytest

from artlives.names import LONGEST, name_beside, painting_name, paths_of_paintings, photos_among


def test_photos_are_pictures_that_were_not_painted():
    paths = [
        "b.jpg", "a.PNG", "a-dots.png", "a-stripes.webp", "a-other.png", "c-dots.jpg", "notes.txt", ".hidden.jpg",
        "x/a-dots.png", "x/.tmp/a.jpg", "phone.heic", "a-dots-dots.png", "x/a-dots.bmp", "x/d-dots.BMP",
    ]  # fmt: skip
    expected = ["a-other.png", "a.PNG", "b.jpg", "c-dots.jpg", "phone.heic", "x/a-dots.png", "x/d-dots.BMP"]
    assert photos_among(paths, {"dots", "stripes"}) == expected


@pytest.mark.parametrize(
    ("photo", "painting"),
    [
        ("a.jpg", "a-dots.jpg"),
        ("x/A.JPEG", "A-dots.JPEG"),
        ("a.gif", "a-dots.png"),
        ("a", "a-dots.png"),
        ("IMG_1.HEIC", "IMG_1-dots.jpg"),
        ("a.avif", "a-dots.avif"),
    ],
)
def test_painting_name(photo, painting):
    assert painting_name(photo, "dots") == painting


@pytest.mark.parametrize(
    "name", ["x" * 251 + ".jpg", "日" * 83 + ".png", "é" * 125 + "x.gif", "a\udcff" * 120 + ".tif"]
)
def test_a_name_that_would_be_too_long_is_cut_short(name):
    painting = painting_name(name, "rain-princess")
    start, _, end = painting.partition("-rain-princess.")
    assert name.startswith(start)
    assert LONGEST - 3 <= len(os.fsencode(painting)) <= LONGEST
    assert end in ("jpg", "png", "tif")
    assert len(os.fsencode(name_beside(name, "-sheet.jpg"))) <= LONGEST


def test_photos_that_differ_in_their_format_alone_have_paintings_of_their_own():
    photos = ["a.gif", "a.png", "a.jpg", "b.gif", "x/a.png", "c", "c.png", "d.heic", "d.gif"]
    paths = [PurePosixPath(photo) for photo in [*photos, "b.gif"]]
    assert [str(path) for path in paths_of_paintings(paths, "dots")] == [
        "a-gif-dots.png", "a-png-dots.png", "a-dots.jpg", "b-dots.png", "x/a-dots.png", "c-dots.png",
        "c-png-dots.png", "d-dots.jpg", "d-dots.png", "b-dots.png",
    ]  # fmt: skip


def test_paintings_with_such_names_are_known_too():
    photos = ["a.gif", "a.png", "x" * 251 + ".jpg", "日" * 83 + ".png"]
    paintings = [str(path) for path in paths_of_paintings([PurePosixPath(path) for path in photos], "dots")]
    # That of one which was there alone once.
    paths = [*photos, *paintings, "a-dots.png"]
    assert photos_among(paths, {"dots"}) == sorted(photos)


def test_the_painting_of_an_animation_is_one():
    assert painting_name("x/cat.GIF", "dots", animated=True) == "cat-dots.GIF"
    assert painting_name("cat.webp", "dots", animated=True) == "cat-dots.webp"
