"""How much memory a picture may take, the pool that it comes from, and painters of several."""

import numpy as np
import psutil
import pytest
import torch

from artlives.engines.buffers import LARGEST, Buffers
from artlives.engines.painter import LARGE, SMALL, Way, choose_way
from artlives.engines.tensors import TensorMixture, TensorPainter

WAYS = {Way.WHOLE: 1000 << 20, Way.STRIPS: 300 << 20, Way.HALF_STRIPS: 200 << 20}


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        (1000 << 20, Way.WHOLE),
        ((1000 << 20) - 1, Way.STRIPS),
        (300 << 20, Way.STRIPS),
        (200 << 20, Way.HALF_STRIPS),
        # However much is free, what is larger than LARGE goes in strips, unless it is told to.
        (None, Way.STRIPS),
    ],
)
def test_the_quickest_way_that_the_memory_allows(memory, expected):
    assert choose_way(WAYS, memory) is expected


def test_too_little_memory_is_said():
    with pytest.raises(MemoryError, match=f"{200 << 20} bytes are needed"):
        choose_way(WAYS, (200 << 20) - 1)


@pytest.mark.parametrize(
    ("free", "expected"), [(450 << 20, Way.STRIPS), (449 << 20, Way.HALF_STRIPS), (1 << 40, Way.STRIPS)]
)
def test_by_default_two_thirds_of_what_is_free(monkeypatch, free, expected):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": free}))
    assert choose_way(WAYS, None) is expected
    assert choose_way({Way.WHOLE: LARGE}, 1 << 40) is Way.WHOLE


def test_an_engine_without_strips_paints_whole_what_fits(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 3 * LARGE}))
    assert choose_way({Way.WHOLE: 2 * LARGE}, None) is Way.WHOLE
    with pytest.raises(MemoryError):
        choose_way({Way.WHOLE: 2 * LARGE + 1}, None)


def test_small_pictures_ask_nobody(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", None)
    assert choose_way({**WAYS, Way.WHOLE: SMALL}, None) is Way.WHOLE
    assert choose_way({}, 1) is Way.WHOLE


def test_a_buffer_is_used_again_for_what_is_not_much_smaller():
    buffers = Buffers()
    first = buffers.take((100, 10))
    address = first.ctypes.data
    buffers.give(first)
    assert buffers.take((1000 // LARGEST,)).ctypes.data == address
    assert buffers.held == 4000
    buffers = Buffers()
    buffers.give(buffers.take((1000,)))
    buffers.take((1000 // LARGEST - 1,))
    assert buffers.held == 4 * (1000 + 1000 // LARGEST - 1)


def test_a_larger_one_takes_the_place_of_the_next_smaller():
    buffers = Buffers()
    for size in (10, 20, 40):
        buffers.give(buffers.take((size,)))
    assert [array.size for array in buffers.free] == [40]
    assert buffers.held == 160
    buffers.drop()
    assert (buffers.held, buffers.free) == (0, [])


def test_what_is_given_back_is_kept_up_to_a_limit(monkeypatch):
    monkeypatch.setattr("artlives.engines.buffers.SPARE", 4 * 30)
    buffers = Buffers()
    taken = [buffers.take((size,)) for size in (10, 20, 40)]
    assert all(array.dtype == np.float32 for array in taken)
    buffers.give(*taken, None)
    buffers.trim()
    assert sorted(array.size for array in buffers.free) == [10, 20]
    assert buffers.held == 120


class Even(TensorPainter):
    """Paints everything in one value, beyond 0..255 perhaps."""

    device = torch.device("cpu")

    def __init__(self, value):
        self.value = value

    def paint_tensor(self, x):
        return torch.full_like(x, self.value)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float16])
def test_a_mixture_on_a_device_is_the_mean_of_what_can_be_shown(dtype):
    mixture = TensorMixture([(Even(270.0), 0.7), (Even(-20.0), 0.2), (Even(101.0), 0.1)])
    painting = mixture.paint_tensor(torch.zeros(2, 3, 16, 17, dtype=dtype))
    assert (painting.dtype, painting.shape) == (dtype, (2, 3, 16, 17))
    assert (painting.float() - 188.6).abs().max() < 0.5
