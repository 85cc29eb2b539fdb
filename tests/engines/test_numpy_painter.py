"""The NumPy engine paints what the network in torch paints, and what the compiled core does."""

import tracemalloc
import warnings

import numpy as np
import pytest
import torch

from artlives import styles
from artlives.architecture import ACTIVATIONS, STYLE_NETWORK, Layer, activated
from artlives.engines import compiled
from artlives.engines import numpy as engine
from artlives.engines.network import StyleNetwork
from artlives.engines.numpy import NumpyPainter
from artlives.engines.painter import Way

SMALL = (
    Layer("convolution", 3, 8, kernel=7, stride=2),
    Layer("residual", 8, 8, kernel=3),
    Layer("upsampling", 8, 6, kernel=4, stride=2),
    Layer("output", 6, 3, kernel=5),
)
OTHER = (
    Layer("convolution", 3, 10, kernel=5, stride=3),
    Layer("convolution", 10, 20, kernel=1, stride=1),
    Layer("residual", 20, 20, kernel=5),
    Layer("upsampling", 20, 6, kernel=5, stride=3),
    Layer("output", 6, 3, kernel=3),
)
ALONE = (Layer("output", 3, 3, kernel=5),)
# It adds the picture itself, which the compiled core cannot.
ADDED = (Layer("residual", 3, 3, kernel=3), Layer("output", 3, 3, kernel=3))
LAYERS = {"ours": STYLE_NETWORK, "other": OTHER, "alone": ALONE, "added": ADDED}


def pair(layers, **options):
    """A network that nobody trained, and its painter; all weights are drawn, slopes of PReLU and biases too."""
    torch.manual_seed(1)
    network = StyleNetwork(layers, **options)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    weights = {name: value.detach().numpy() for name, value in network.file_weights().items()}
    return network, NumpyPainter(network.steps, weights)


@pytest.fixture(scope="module")
def pairs():
    return {name: pair(layers) for name, layers in LAYERS.items()}


def picture(height, width, seed=0):
    coarse = np.random.default_rng(seed).uniform(0, 255, (height // 8 + 2, width // 8 + 2, 3))
    return np.ascontiguousarray(coarse.repeat(8, 0).repeat(8, 1)[:height, :width].astype(np.uint8))


def by_torch(network, pixels):
    with torch.inference_mode():
        return network(torch.from_numpy(pixels).permute(2, 0, 1)[None].float())[0].permute(1, 2, 0).numpy()


def painted(painter, pixels, **options):
    """The painting of a copy: a painter may overwrite what it is given."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (painting,) = painter.paint([pixels.copy()], **options)
    return painting


@pytest.mark.parametrize("size", [(16, 16), (64, 48), (37, 61), (16, 203), (130, 17)])
@pytest.mark.parametrize("name", LAYERS)
def test_the_same_pixels_as_torch(pairs, name, size):
    network, painter = pairs[name]
    pixels = picture(*size)
    expected = by_torch(network, pixels)
    painting = painted(painter, pixels.astype(np.float32))
    assert painting.dtype == np.float32
    np.testing.assert_allclose(painting, expected, atol=0.02)
    rounded = painted(painter, pixels)
    assert rounded.dtype == np.uint8
    assert np.abs(rounded.astype(int) - expected.clip(0, 255).round()).max() <= 1


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_all_activations(activation, even):
    network, painter = pair(activated(SMALL, activation), even=even)
    pixels = picture(45, 38)
    expected = by_torch(network, pixels)
    # Else all activations would pass that leave an even picture.
    assert expected.std() > 5
    np.testing.assert_allclose(painted(painter, pixels.astype(np.float32)), expected, atol=0.02)


def test_activations_overflow_nowhere():
    x = np.array([-1e4, -90, 0, 90, 1e4], np.float32)
    with np.errstate(all="raise"):
        np.testing.assert_allclose(engine.ACTIVATIONS["sigmoid"](x), [0, 0, 0.5, 1, 1], atol=1e-7)
        np.testing.assert_allclose(engine.ACTIVATIONS["swish"](x), [0, 0, 0, 90, 1e4], atol=1e-3)


@pytest.mark.parametrize("style", styles.available(), ids=lambda style: style.name)
def test_shipped_styles_paint_as_on_the_compiled_core(style):
    if compiled.reason_against(style.steps):
        pytest.skip("the compiled core was not built")
    pixels, weights = picture(72, 90), styles.load_weights(style)
    ours = painted(NumpyPainter(style.steps, weights), pixels).astype(int)
    assert np.abs(ours - painted(compiled.CompiledPainter(style.steps, weights), pixels)).max() <= 1


@pytest.mark.parametrize("size", [(48, 64), (37, 61)])
@pytest.mark.parametrize("name", ["ours", "other"])
def test_bands_leave_no_seam(pairs, name, size, monkeypatch):
    pixels, painter = picture(*size).astype(np.float32), pairs[name][1]
    whole = painted(painter, pixels)
    monkeypatch.setattr(engine, "BAND_BYTES", 1)  # a row each
    np.testing.assert_allclose(painted(painter, pixels), whole, atol=1e-3)


def test_pictures_are_painted_one_after_the_other(pairs):
    painter = pairs["other"][1]
    pictures = [picture(40, 40), picture(60, 30, seed=1)]
    told = []
    together = painter.paint([pixels.copy() for pixels in pictures], threads=3, report=told.append)
    for pixels, painting in zip(pictures, together, strict=True):
        assert np.array_equal(painted(painter, pixels), painting)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)


def test_progress_is_told_and_can_end_the_work(pairs):
    painter, told = pairs["ours"][1], []
    painted(painter, picture(64, 64), report=told.append)
    assert told == sorted(told)
    assert told[0] < 0.2
    assert told[-1] == pytest.approx(1)
    assert max(np.diff(told)) < 0.5

    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        painted(painter, picture(64, 64), report=stop)


@pytest.mark.parametrize("name", LAYERS)
def test_it_takes_what_it_says(pairs, name):
    pixels, painter = picture(500, 509), pairs[name][1]
    tracemalloc.start()
    painter.paint([pixels])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    needs = painter.ways(500, 509)[Way.WHOLE]
    assert 0.9 * needs < peak < 1.1 * needs + 2 * pixels.nbytes
