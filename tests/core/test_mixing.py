"""Mixing a photo with a painting and grain; `tests/test_passes.py` holds it against NumPy."""

import numpy as np
import pytest

from artlives.core import instruction_sets, mix

pytestmark = pytest.mark.skipif(not instruction_sets(), reason="the compiled core was not built")


@pytest.mark.parametrize("threads", [1, 3])
def test_a_photo_meets_a_painting_of_a_quarter_of_its_pixels(threads):
    generator = np.random.default_rng(0)
    photo, painting = (generator.integers(0, 256, (side, side, 3), np.uint8) for side in (40, 20))
    grain = generator.integers(-9, 10, (7, 7)).astype(np.int8)
    first, part = np.arange(40) // 2, np.zeros(40, np.int64)
    target = np.zeros_like(photo)
    mix(photo, painting, (first, part), (first, part), 32, grain, target, threads)
    enlarged = painting.repeat(2, 0).repeat(2, 1).astype(int)
    field = np.tile(grain, (6, 6))[:40, :40, None]
    assert np.array_equal(target, ((photo + enlarged + 1) // 2 + field).clip(0, 255))
