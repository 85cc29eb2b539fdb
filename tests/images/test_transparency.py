from dataclasses import replace

import numpy as np
import pytest

from artlives import images
from artlives.images import transparency


def cut_out(height, width, seed=0):
    rng = np.random.default_rng(seed)
    alpha = (rng.random((height, width)) < 0.3).astype(np.uint8) * 255
    return images.Photo(rng.integers(0, 256, (height, width, 3), np.uint8), alpha)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (31, 2), (64, 64), (53, 99)])
def test_transparent_parts_are_filled_from_what_is_visible(size):
    photo = cut_out(*size)
    found = images.filled(photo)
    visible = photo.alpha > 0
    assert np.array_equal(found.pixels[visible], photo.pixels[visible])
    other = photo.pixels.copy()
    other[~visible] = 77
    assert np.array_equal(images.filled(replace(photo, pixels=other)).pixels, found.pixels)
    if visible.any():
        low, high = photo.pixels[visible].min(0), photo.pixels[visible].max(0)
        assert (found.pixels >= low.astype(int) - 1).all()
        assert (found.pixels <= high.astype(int) + 1).all()


def test_they_are_filled_from_nearby():
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, :8], pixels[:, -8:] = (200, 0, 0), (0, 0, 200)
    alpha = np.zeros((64, 64), np.uint8)
    alpha[:, :8] = alpha[:, -8:] = 255
    found = images.filled(images.Photo(pixels, alpha)).pixels
    assert (found[:, 8:16] == (200, 0, 0)).all()
    assert (found[:, -16:-8] == (0, 0, 200)).all()


def test_in_bands_they_are_filled_as_at_once(monkeypatch):
    photo = cut_out(75, 40)
    expected = images.filled(photo).pixels
    monkeypatch.setattr(transparency, "FILLED_ROWS", 6)
    assert np.array_equal(images.filled(photo).pixels, expected)


def test_what_is_opaque_stays_and_what_is_nowhere_visible_is_grey():
    opaque = images.Photo(cut_out(8, 9).pixels)
    assert images.filled(opaque) is opaque
    nothing = images.filled(images.Photo(opaque.pixels, np.zeros((8, 9), np.uint8)))
    assert (nothing.pixels == 128).all()
