"""Coarse to fine: the sizes, the mixture, and what a Stylizer makes of them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artlives import core, grain, passes
from artlives.architecture import BRUSHES, SMALLEST
from artlives.engines import strips
from artlives.engines.painter import Way
from artlives.passes import COARSEST, FINEST, mixed, resized, sizes
from artlives.stylizer import Stylizer

sides = st.integers(SMALLEST, 20_000)


@given(sides, sides, st.sampled_from(list(BRUSHES)))
def test_sizes_grow_to_the_pictures_own_or_beyond(height, width, brush):
    found, scale, long = sizes(height, width, brush), BRUSHES[brush], max(height, width)
    longs = [max(size) for size in found]
    assert all(min(size) >= SMALLEST for size in found)
    assert all(b >= 1.98 * a for a, b in pairwise(longs))
    assert longs[-1] >= FINEST * scale
    if long >= FINEST * scale:
        assert found[-1] == (height, width)
    # Narrow strips are painted once or twice.
    if min(height, width) * COARSEST[0] * scale > SMALLEST * long:
        assert COARSEST[0] * scale - 1 <= longs[0] <= COARSEST[1] * scale
    assert sum(h * w for h, w in found) <= 1.35 * found[-1][0] * found[-1][1] + 64 * sum(longs)


def test_a_large_photo_has_its_thumbnails_composition():
    assert sizes(3000, 4000) == [(375, 500), (750, 1000), (1500, 2000), (3000, 4000)]
    assert sizes(480, 360) == [(480, 360), (960, 720)]
    assert sizes(3000, 4000, "finer")[0] == (750, 1000)
    assert sizes(3000, 4000, "broader")[0] == (188, 250)


def mixture(photo, painting, share, threads=2):
    target = np.empty_like(photo)
    mixed(photo, painting, share, 5.0, target, threads)
    return target


@pytest.mark.parametrize(("height", "width"), [(720, 1280), (2160, 3840), (360, 480)])
def test_a_frames_passes_before_the_last_one_take_less_than_half_the_time(height, width):
    alone = sizes(height, width)
    carried = passes.carried(alone)
    assert carried[-1] == alone[-1]
    before, less = (sum(high * wide for high, wide in found[:-1]) for found in (alone, carried))
    # 25/64, with rounded sides.
    assert less < 0.42 * before


def test_a_frame_has_no_pass_that_is_too_small_to_be_painted():
    assert sizes(36, 900)[0][0] >= SMALLEST
    assert passes.carried(sizes(36, 900)) == [(36, 900)]


@pytest.fixture(params=[(16, 16, 32, 32), (17, 40, 33, 81), (30, 20, 61, 50), (16, 16, 640, 17)], ids=str)
def pair(request):
    h, w, height, width = request.param
    draw = np.random.default_rng(0).integers
    return draw(0, 256, (height, width, 3), np.uint8), draw(0, 256, (h, w, 3), np.uint8)


def test_the_mixture_is_the_enlarged_painting_over_the_photo(pair):
    photo, painting = pair
    found = mixture(photo, painting, 38).astype(float)
    position = [
        ((np.arange(n) + 0.5) * m / n - 0.5).clip(0, m - 1)
        for n, m in zip(photo.shape[:2], painting.shape[:2], strict=True)
    ]
    first = [np.floor(p).astype(int) for p in position]
    second = [np.minimum(f + 1, m - 1) for f, m in zip(first, painting.shape[:2], strict=True)]
    dy, dx = (position[0] - first[0])[:, None, None], (position[1] - first[1])[None, :, None]
    p = painting.astype(float)
    (a, b), (c, d) = first, second
    above = p[a][:, b] * (1 - dx) + p[a][:, d] * dx
    below = p[c][:, b] * (1 - dx) + p[c][:, d] * dx
    enlarged = above * (1 - dy) + below * dy
    rows, columns = (np.arange(n) % grain.PERIOD for n in photo.shape[:2])
    expected = (
        photo.astype(float) * 26 / 64 + enlarged * 38 / 64 + grain.tile(5.0)[rows[:, None], columns, None]
    )
    # Positions are rounded to 1/64 of a pixel.
    assert np.abs(found - expected.clip(0, 255)).max() < 4


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_same_bits_with_and_without_the_core(pair, threads, monkeypatch):
    photo, painting = pair
    by_core = mixture(photo, painting, 38, threads)
    wide = mixture(photo.astype(np.float32), painting.astype(np.float32), 38)
    monkeypatch.setattr(core, "instruction_sets", dict)
    assert np.array_equal(mixture(photo, painting, 38), by_core)
    assert np.abs(wide - by_core).max() <= 0.51


def test_a_share_of_nothing_and_of_everything(pair):
    photo, painting = pair
    assert np.array_equal(mixture(photo, painting, 0), grain.added(photo, 5.0))
    once = mixture(painting, painting, 64)
    assert np.array_equal(once, grain.added(painting, 5.0))


def test_the_mixture_may_take_the_photos_place(pair):
    photo, painting = pair
    expected = mixture(photo, painting, 38)
    mixed(photo, painting, 38, 5.0, photo, 2)
    assert np.array_equal(photo, expected)


def test_resizing_keeps_dtype_and_range():
    photo = np.random.default_rng(0).integers(0, 2, (60, 90, 3)).astype(np.uint8) * 255
    for picture in (photo, photo.astype(np.float32)):
        for quick in (False, True):
            found = resized(picture, (20, 31), quick)
            assert (found.shape, found.dtype) == ((20, 31, 3), picture.dtype)
            assert 0 <= found.min() <= found.max() <= 255
        assert resized(picture, (60, 90)) is picture


def photo_of(height, width):
    coarse = np.random.default_rng(5).integers(0, 256, (height // 40 + 2, width // 40 + 2, 3), np.uint8)
    return coarse.repeat(40, 0).repeat(40, 1)[:height, :width]


def test_the_painting_has_the_photos_size_whatever_the_brush(style_file):
    photo = photo_of(90, 130)
    paintings = {
        brush: Stylizer(style_file, device="cpu", brush=brush)(photo) for brush in ("default", "broader")
    }
    assert {painting.shape for painting in paintings.values()} == {photo.shape}
    assert not np.array_equal(*paintings.values())
    with pytest.raises(ValueError, match="brush must be one of finer, default, broader, not 'fine'"):
        Stylizer(style_file, device="cpu", brush="fine")


def test_progress_counts_all_passes(style_file):
    done = []
    Stylizer(style_file, device="cpu")(photo_of(700, 1000), done.append)
    assert done == sorted(done)
    assert done[-1] == pytest.approx(1)
    # The coarse pass has a fifth of the pixels.
    assert any(0 < part < 0.2 for part in done)


@pytest.mark.skipif(not core.instruction_sets(), reason="the compiled core was not built")
def test_strips_paint_as_the_whole(monkeypatch):
    photo = photo_of(700, 1000)
    stylizer = Stylizer("wave", device="cpu", precision="fp32")
    whole = stylizer(photo).astype(int)
    monkeypatch.setattr(strips, "BAND_BYTES", 1 << 20)
    memory = stylizer.painter.ways(700, 1000)[Way.STRIPS]
    # So that both passes are painted in strips.
    assert memory < stylizer.painter.ways(350, 500)[Way.WHOLE]
    assert np.abs(stylizer.variant(memory=memory)(photo) - whole).max() <= 2


def test_the_service_knows_the_same_brushes():
    from artlives.web.requests import StylizeSettings

    assert StylizeSettings.model_json_schema()["properties"]["brush"]["enum"] == list(BRUSHES)
