"""The compiled executor paints what the network in torch paints, whole and in strips."""

import numpy as np
import pytest
import torch

from artlives import executor, styles
from artlives.architecture import STYLE_NETWORK, Layer, activated
from artlives.executor import Executor, can_run
from artlives.network import StyleNetwork

if not can_run(STYLE_NETWORK):
    pytest.skip("the compiled core was not built", allow_module_level=True)

OTHER = (
    Layer("convolution", 3, 10, kernel=5, stride=3),
    Layer("convolution", 10, 20, kernel=1, stride=1),
    Layer("residual", 20, 20, kernel=5),
    Layer("upsampling", 20, 6, kernel=5, stride=3),
    Layer("output", 6, 3, kernel=3),
)


def weights_of(network):
    return {name: value.numpy() for name, value in network.file_weights().items()}


@pytest.fixture(scope="module")
def networks(network):
    torch.manual_seed(1)
    return {"ours": network, "other": StyleNetwork(OTHER)}


@pytest.fixture(scope="module")
def executors(networks):
    return {
        "ours": Executor(STYLE_NETWORK, weights_of(networks["ours"]), threads=2),
        "other": Executor(OTHER, weights_of(networks["other"]), threads=2),
    }


def picture(height, width, seed=0):
    coarse = np.random.default_rng(seed).uniform(0, 255, (height // 8 + 2, width // 8 + 2, 3))
    return coarse.repeat(8, 0).repeat(8, 1)[:height, :width].astype(np.uint8)


def by_torch(network, pixels):
    with torch.inference_mode():
        return network(torch.from_numpy(pixels).permute(2, 0, 1)[None].float())[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("size", [(16, 16), (64, 48), (37, 61), (16, 203), (130, 17)])
@pytest.mark.parametrize("name", ["ours", "other"])
def test_the_same_pixels_as_torch(networks, executors, name, size):
    pixels = picture(*size)
    expected = by_torch(networks[name], pixels)
    np.testing.assert_allclose(
        executors[name](pixels, np.empty(pixels.shape, np.float32)), expected, atol=0.02
    )
    assert np.abs(executors[name](pixels).astype(int) - expected.clip(0, 255).round()).max() <= 1
    assert np.array_equal(executors[name](pixels.astype(np.float32)), executors[name](pixels))


@pytest.mark.parametrize("style", styles.available(), ids=lambda style: style.name)
def test_shipped_styles_paint_as_in_torch(style):
    pixels = picture(72, 88)
    expected = by_torch(styles.load_network(style), pixels).clip(0, 255).round()
    assert np.abs(styles.load_executor(style)(pixels).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("size", [(64, 48), (37, 61), (200, 64)])
@pytest.mark.parametrize("name", ["ours", "other"])
def test_strips_leave_no_seam(executors, name, size, monkeypatch):
    monkeypatch.setattr(executor, "BAND_BYTES", 1)  # the lowest bands there are
    pixels = picture(*size)
    paint = executors[name]
    least = paint.needs_in_strips(*size)
    monkeypatch.setattr(paint, "needs", lambda *size: least + 1)
    strips = paint(pixels, memory=least).astype(int)
    assert np.abs(strips - paint(pixels)).max() <= 2
    exact = paint(pixels, memory=paint.needs_in_strips(*size, 4)) if name == "ours" else strips
    assert np.abs(exact.astype(int) - paint(pixels)).max() <= (1 if name == "ours" else 2)
    with pytest.raises(MemoryError, match="bytes are needed"):
        paint(pixels, memory=least - 1)


@pytest.mark.parametrize("whole", [True, False])
def test_progress_is_told_and_can_end_the_work(executors, whole, monkeypatch):
    pixels, paint, told = picture(64, 64), executors["ours"], []
    monkeypatch.setattr(paint, "needs", lambda *size: 0 if whole else 1 << 60)
    paint(pixels, memory=1 << 40, report=told.append)
    assert told == sorted(told)
    assert told[0] < 0.2
    assert told[-1] == pytest.approx(1)
    assert max(np.diff(told)) < 0.5

    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        paint(pixels, memory=1 << 40, report=stop)


def test_pictures_after_one_another_do_not_meet(executors):
    small, large = picture(40, 40), picture(120, 90)
    first = executors["ours"](small)
    executors["ours"](large)
    assert np.array_equal(executors["ours"](small), first)


def test_the_next_picture_takes_the_same_memory(executors):
    paint = executors["ours"]
    paint(picture(64, 64))
    before = sorted((array.ctypes.data, array.size) for array in executor.BUFFERS.free)
    paint(picture(64, 64))
    assert sorted((array.ctypes.data, array.size) for array in executor.BUFFERS.free) == before


def test_it_needs_no_more_than_it_says(executors):
    import tracemalloc

    pixels, paint = picture(256, 256), executors["ours"]
    executor.BUFFERS.free.clear()
    tracemalloc.start()
    paint(pixels)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.1 * paint.needs(256, 256) + pixels.nbytes


def test_weights_that_do_not_fit(network):
    weights = weights_of(network)
    with pytest.raises(ValueError, match=r"conv\.weight is \[24, 3, 7, 7\], not"):
        Executor((STYLE_NETWORK[0]._replace(kernel=5), *STYLE_NETWORK[1:]), weights)
    with pytest.raises(KeyError):
        Executor((*STYLE_NETWORK[:3], *STYLE_NETWORK[2:]), weights)


def test_other_activations_are_left_to_torch():
    assert not can_run(activated(STYLE_NETWORK, "swish"))
