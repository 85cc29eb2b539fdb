"""The compiled engine paints what the network in torch paints, whole and in strips."""

import numpy as np
import pytest
import torch

from artlives import core, plan, styles
from artlives.architecture import STYLE_NETWORK, Layer, activated
from artlives.engines import compiled, strips
from artlives.engines.buffers import BUFFERS
from artlives.engines.compiled import CompiledPainter, reason_against
from artlives.engines.network import StyleNetwork
from artlives.engines.painter import Way
from artlives.engines.torch import load

if reason_against(plan.lower(STYLE_NETWORK)):
    pytest.skip("the compiled core was not built", allow_module_level=True)

OTHER = (
    Layer("convolution", 3, 10, kernel=5, stride=3),
    Layer("convolution", 10, 20, kernel=1, stride=1),
    Layer("residual", 20, 20, kernel=5),
    Layer("upsampling", 20, 6, kernel=5, stride=3),
    Layer("output", 6, 3, kernel=3),
)
# Nothing is kept in strips, and the painting may not take its picture's place.
FLAT = (Layer("convolution", 3, 5, kernel=3), Layer("output", 5, 3, kernel=3))
ALONE = (Layer("output", 3, 3, kernel=5),)
LAYERS = {"ours": STYLE_NETWORK, "other": OTHER, "flat": FLAT, "alone": ALONE}


def painter_of(network):
    weights = {name: value.numpy() for name, value in network.file_weights().items()}
    return CompiledPainter(network.steps, weights)


@pytest.fixture(scope="module")
def networks(network):
    torch.manual_seed(1)
    return {"ours": network} | {name: StyleNetwork(LAYERS[name]) for name in ("other", "flat", "alone")}


@pytest.fixture(scope="module")
def painters(networks):
    return {name: painter_of(network) for name, network in networks.items()}


@pytest.fixture(scope="module")
def style_painters():
    read = [styles.find(name) for name in styles.shipped()]
    return [CompiledPainter(style.steps, styles.load_weights(style)) for style in read]


def picture(height, width, seed=0):
    coarse = np.random.default_rng(seed).uniform(0, 255, (height // 8 + 2, width // 8 + 2, 3))
    return coarse.repeat(8, 0).repeat(8, 1)[:height, :width].astype(np.uint8)


def by_torch(network, pixels):
    with torch.inference_mode():
        return network(torch.from_numpy(pixels).permute(2, 0, 1)[None].float())[0].permute(1, 2, 0).numpy()


PICTURES = {
    "coarse": picture(67, 93),
    "one pixel": np.where(np.arange(64 * 64).reshape(64, 64, 1) == 2000, 129, np.full((64, 64, 3), 128)),
    "grey": np.full((67, 93, 3), 130),
    "white": np.full((64, 64, 3), 255),
    "black": np.full((72, 64, 3), 0),
}


@pytest.mark.parametrize("style", styles.shipped())
@pytest.mark.parametrize("name", PICTURES)
def test_winograds_algorithm_paints_what_plain_products_paint(style, name):
    """Within 1 of 255; even pictures, of which normalization enlarges what is rounded, by 4."""
    instructions = core.Instructions.from_buffer_copy(core.best_instructions())
    instructions.winograd = 0
    read = styles.find(style)
    weights, pixels = styles.load_weights(read), PICTURES[name].astype(np.uint8)
    ours, expected = (
        painted(CompiledPainter(read.steps, weights, by), pixels).astype(int) for by in (None, instructions)
    )
    assert np.abs(ours - expected).max() <= (4 if np.ptp(pixels) == 0 else 1)


def painted(painter, pixels, **options):
    """The painting of a copy: a painter may overwrite what it is given."""
    (painting,) = painter.paint([pixels.copy()], threads=2, **options)
    return painting


@pytest.mark.parametrize("size", [(16, 16), (64, 48), (37, 61), (16, 203), (130, 17)])
@pytest.mark.parametrize("name", LAYERS)
def test_the_same_pixels_as_torch(networks, painters, name, size):
    pixels = picture(*size)
    expected = by_torch(networks[name], pixels)
    np.testing.assert_allclose(painted(painters[name], pixels.astype(np.float32)), expected, atol=0.02)
    assert np.abs(painted(painters[name], pixels).astype(int) - expected.clip(0, 255).round()).max() <= 1


@pytest.mark.parametrize("style", styles.available(), ids=lambda style: style.name)
def test_shipped_styles_paint_as_in_torch(style):
    pixels = picture(72, 88)
    expected = by_torch(load(style), pixels).clip(0, 255).round()
    painter = CompiledPainter(style.steps, styles.load_weights(style))
    assert np.abs(painted(painter, pixels).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("size", [pytest.param((64, 48), marks=pytest.mark.smoke), (37, 61), (520, 64)])
@pytest.mark.parametrize("name", LAYERS)
def test_strips_leave_no_seam(painters, name, size, monkeypatch):
    # Bands of the least height.
    monkeypatch.setattr(strips, "BAND_BYTES", 1)
    pixels, painter = picture(*size), painters[name]
    whole = painted(painter, pixels).astype(int)
    assert np.abs(painted(painter, pixels, way=Way.HALF_STRIPS) - whole).max() <= 2
    assert np.abs(painted(painter, pixels, way=Way.STRIPS) - whole).max() <= (1 if name == "ours" else 2)


@pytest.mark.parametrize("name", ["grey", "white", "black"])
def test_even_pictures_are_painted_alike_in_strips(style_painters, name, monkeypatch):
    """Normalization would enlarge what fp16 rounds."""
    monkeypatch.setattr(strips, "BAND_BYTES", 1)
    pixels = PICTURES[name].astype(np.uint8)
    for painter in style_painters:
        whole = painted(painter, pixels).astype(int)
        assert np.abs(painted(painter, pixels, way=Way.HALF_STRIPS) - whole).max() <= 2


@pytest.mark.smoke
def test_pictures_are_painted_one_after_the_other(painters):
    pictures = [picture(40, 40), picture(120, 90, seed=1), picture(40, 40, seed=2)]
    alone = [painted(painters["ours"], pixels) for pixels in pictures]
    told = []
    together = painters["ours"].paint([pixels.copy() for pixels in pictures], report=told.append)
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)


@pytest.mark.parametrize("way", Way)
def test_progress_is_told_and_can_end_the_work(painters, way):
    pixels, told = picture(64, 64), []
    painted(painters["ours"], pixels, way=way, report=told.append)
    assert told == sorted(told)
    assert told[0] < 0.2
    assert told[-1] == pytest.approx(1)
    assert max(np.diff(told)) < 0.5

    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        painted(painters["ours"], pixels, way=way, report=stop)


def test_the_next_picture_takes_the_same_memory(painters):
    def free():
        return sorted((array.ctypes.data, array.size) for array in BUFFERS.free)

    BUFFERS.drop()
    # After the third one, the pool holds what a picture of this size takes.
    for _ in range(3):
        painted(painters["ours"], picture(64, 64))
    before = free()
    painted(painters["ours"], picture(64, 64))
    assert free() == before


@pytest.mark.parametrize("name", LAYERS)
def test_it_takes_what_it_says(painters, name):
    import tracemalloc

    pixels, painter = picture(256, 256), painters[name]
    BUFFERS.drop()
    tracemalloc.start()
    painter.paint([pixels])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    needs = painter.ways(256, 256)[Way.WHOLE]
    assert 0.9 * needs < peak < 1.1 * needs + 2 * pixels.nbytes


def test_ways_take_less_and_less(painters, monkeypatch):
    ways = painters["ours"].ways(3000, 4000)
    assert list(ways) == list(Way)
    assert sorted(ways.values(), reverse=True) == list(ways.values())
    monkeypatch.setattr(compiled, "EXACT", 1)
    assert list(painters["ours"].ways(3000, 4000)) == [Way.WHOLE, Way.HALF_STRIPS]


def test_what_is_left_to_other_engines(monkeypatch):
    assert reason_against(plan.lower(STYLE_NETWORK)) is None
    assert "no activation swish" in reason_against(plan.lower(activated(STYLE_NETWORK, "swish")))
    residual = (Layer("residual", 3, 3, kernel=3), Layer("output", 3, 3, kernel=3))
    assert "the picture itself" in reason_against(plan.lower(residual))
    monkeypatch.setattr(core, "instruction_sets", dict)
    assert "core is missing" in reason_against(plan.lower(STYLE_NETWORK))
