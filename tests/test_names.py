import pytest

from artlives.names import painting_name, photos_among


def test_photos_are_pictures_that_were_not_painted():
    paths = [
        "b.jpg", "a.PNG", "a-dots.png", "a-stripes.webp", "a-other.png", "c-dots.jpg", "notes.txt", ".hidden.jpg",
        "x/a-dots.png", "x/.tmp/a.jpg", "phone.heic", "a-dots-dots.png",
    ]  # fmt: skip
    expected = ["a-other.png", "a.PNG", "b.jpg", "c-dots.jpg", "phone.heic", "x/a-dots.png"]
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


def test_the_painting_of_an_animation_is_one():
    assert painting_name("x/cat.GIF", "dots", animated=True) == "cat-dots.GIF"
    assert painting_name("cat.webp", "dots", animated=True) == "cat-dots.webp"
