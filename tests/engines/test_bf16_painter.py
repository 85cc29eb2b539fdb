"""The compiled engine's products in bf16 paint what those in fp32 do, within 3 of 255 and on average within 0.5."""

import numpy as np
import pytest
from PIL import Image

from artlives import Stylizer, core, plan, styles
from artlives.architecture import STYLE_NETWORK
from artlives.engines import strips
from artlives.engines.compiled import CompiledPainter
from artlives.engines.painter import Way
from artlives.files import sample_photos

SETS = core.bf16_instruction_sets()
pytestmark = pytest.mark.skipif(not SETS, reason="this processor has no instructions for bf16")

PHOTOS = sorted(sample_photos().glob("*.jpg"))


@pytest.fixture(scope="module", params=styles.available(), ids=lambda style: style.name)
def painters(request):
    """One for fp32, and those for bf16."""
    style = request.param
    weights = styles.load_weights(style)
    entries = [core.best_instructions(), *SETS.values()]
    return [CompiledPainter(style.steps, weights, entry) for entry in entries]


def photo(index, width, height):
    with Image.open(PHOTOS[index]) as picture:
        return np.asarray(picture.convert("RGB").resize((width, height)))


def assert_alike(painters, pixels, monkeypatch):
    exact, *others = painters
    (expected,) = exact.paint([pixels.copy()], threads=1)
    # Bands of the least height.
    monkeypatch.setattr(strips, "BAND_BYTES", 1)
    for painter in others:
        for way in painter.ways(*pixels.shape[:2]):
            (painting,) = painter.paint([pixels.copy()], threads=1, way=way)
            difference = np.abs(painting.astype(float) - expected)
            assert difference.max() <= 3
            assert difference.mean() <= 0.5


@pytest.mark.parametrize("index", range(len(PHOTOS)), ids=lambda index: PHOTOS[index].stem)
def test_photos(painters, index, monkeypatch):
    assert_alike(painters, photo(index, 201, 157), monkeypatch)


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (93, 67), (16, 203), (330, 18)])
def test_odd_and_small_sizes(painters, size, monkeypatch):
    assert_alike(painters, photo(0, *size), monkeypatch)


@pytest.mark.parametrize("contrast", [1, 2, 8])
def test_pictures_almost_without_contrast(painters, contrast, monkeypatch):
    noise = np.random.default_rng(0).integers(0, contrast + 1, (60, 75, 3))
    assert_alike(painters, np.add(noise, [90, 200, 30]).astype(np.uint8), monkeypatch)


@pytest.mark.parametrize("index", [0, 1])
def test_coarse_to_fine(index):
    """What differs in one pass differs in the next, too, and here and there it differs more."""
    pixels = photo(index, 1000, 750)
    stylizer = Stylizer("wave", device="cpu")
    expected = stylizer.variant(precision="fp32")(pixels).astype(int)
    difference = np.abs(stylizer(pixels) - expected)
    assert (difference > 3).mean() < 1e-4
    assert difference.max() <= 10
    assert difference.mean() <= 0.5


def test_it_takes_less_memory():
    style = styles.available()[0]
    weights = styles.load_weights(style)
    steps = plan.lower(STYLE_NETWORK)
    half, whole = (
        CompiledPainter(steps, weights, entry).ways(3000, 4000)
        for entry in (next(iter(SETS.values())), core.best_instructions())
    )
    assert list(half) == [Way.WHOLE, Way.HALF_STRIPS]
    assert half[Way.WHOLE] == whole[Way.WHOLE] / 2
