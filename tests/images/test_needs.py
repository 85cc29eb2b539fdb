"""What a picture takes in memory, told by its header."""

import numpy as np
import pytest
from PIL import Image

from artlives import images
from artlives.errors import ArtlivesError
from artlives.images import needs

PIXELS = 40 * 56


def test_more_for_what_takes_more(tmp_path, pixels):
    photo = Image.fromarray(pixels)
    clear = photo.convert("RGBA")
    clear.putalpha(9)
    deep = images.Photo(pixels.astype(np.uint16) * 257)
    photo.save(tmp_path / "plain.jpg")
    photo.save(tmp_path / "profile.jpg", icc_profile=b"profile")
    clear.save(tmp_path / "clear.png")
    clear.save(tmp_path / "clear.webp")
    images.save(deep, tmp_path / "deep.png")
    names = ("plain.jpg", "profile.jpg", "clear.png", "clear.webp", "deep.png")
    found = {name: needs.bytes_to_paint(tmp_path / name, "out.png", None) for name in names}
    assert {name: size // PIXELS for name, size in found.items()} == {
        "plain.jpg": 17,
        "profile.jpg": 22,
        "clear.png": 23,
        "clear.webp": 34,
        "deep.png": 31,
    }
    assert needs.bytes_to_paint(tmp_path / "plain.jpg", "out.avif", None) == 54 * PIXELS
    assert needs.bytes_to_paint(tmp_path / "plain.jpg", "out.avif", 28) == 15 * PIXELS


@pytest.mark.parametrize("content", [None, b"", b"words"])
def test_a_file_that_cannot_be_read_takes_nothing(tmp_path, content):
    if content is not None:
        (tmp_path / "a.jpg").write_bytes(content)
    assert needs.bytes_to_paint(tmp_path / "a.jpg", "out.png", None) == 0


def test_what_cannot_be_written_for_lack_of_memory_is_refused_before_it_is_painted(pixels, monkeypatch):
    monkeypatch.setattr("artlives.memory.free", lambda: 40 * PIXELS)
    images.check(images.Photo(pixels), "a.webp")
    with pytest.raises(ArtlivesError, match=r"a\.avif cannot be written: as AVIF it takes 0\.0 GB of memory"):
        images.check(images.Photo(pixels), "a.avif")
