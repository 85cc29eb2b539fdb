"""How much memory a picture may take, the pool that it comes from, and painters of several."""

from contextlib import suppress

import numpy as np
import pytest
import torch

from artlives.engines.buffers import LARGEST, Buffers, Loan
from artlives.engines.painter import LARGE, Way, choose_way
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


def test_too_little_memory_is_said(monkeypatch):
    with pytest.raises(MemoryError, match="210 MB are needed, 209 MB are allowed"):
        choose_way(WAYS, (200 << 20) - 1)
    monkeypatch.setattr("artlives.memory.free", lambda: (200 << 20) - 1)
    with pytest.raises(MemoryError, match="210 MB are needed, 209 MB are free"):
        choose_way(WAYS, None)


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (450 << 20, Way.STRIPS),
        (449 << 20, Way.HALF_STRIPS),
        # All that is free is taken where two thirds are enough for no way.
        (200 << 20, Way.HALF_STRIPS),
        (1 << 40, Way.STRIPS),
    ],
)
def test_by_default_two_thirds_of_what_is_free(monkeypatch, free, expected):
    monkeypatch.setattr("artlives.memory.free", lambda: free)
    assert choose_way(WAYS, None) is expected
    assert choose_way({Way.WHOLE: LARGE}, 1 << 40) is Way.WHOLE


def test_what_is_kept_for_later_is_released_before_a_picture_is_refused(monkeypatch):
    there = 100 << 20

    def trim():
        nonlocal there
        there = 200 << 20

    monkeypatch.setattr("artlives.memory.free", lambda: there)
    monkeypatch.setattr("artlives.memory.trim", trim)
    assert choose_way(WAYS, None) is Way.HALF_STRIPS


def test_what_the_engine_has_is_free(monkeypatch):
    monkeypatch.setattr("artlives.memory.free", lambda: 250 << 20)
    assert choose_way(WAYS, None, 200 << 20) is Way.STRIPS


def test_an_engine_without_strips_paints_whole_what_fits(monkeypatch):
    monkeypatch.setattr("artlives.memory.free", lambda: 2 * LARGE)
    assert choose_way({Way.WHOLE: 2 * LARGE}, None) is Way.WHOLE
    with pytest.raises(MemoryError):
        choose_way({Way.WHOLE: 2 * LARGE + 1}, None)


def test_an_engine_that_cannot_tell_paints_whole():
    assert choose_way({}, 1) is Way.WHOLE


def test_a_buffer_is_used_again_for_what_is_not_much_smaller():
    buffers = Buffers()
    first = buffers.take((100, 10))
    address = first.ctypes.data
    buffers.give(first)
    again = buffers.take((1000 // LARGEST,))
    assert again.ctypes.data == address
    buffers.give(again)
    assert buffers.spare == 4000
    buffers.take((1000 // LARGEST - 1,))
    assert buffers.spare == 4000


def test_a_larger_one_takes_the_place_of_the_next_smaller():
    buffers = Buffers()
    for size in (10, 20, 40):
        buffers.give(buffers.take((size,)))
    assert [array.size for array in buffers.free] == [40]
    assert buffers.spare == 160
    buffers.drop()
    assert (buffers.spare, buffers.free) == (0, [])


def test_what_is_given_back_is_kept_up_to_a_limit(monkeypatch):
    monkeypatch.setattr("artlives.engines.buffers.SPARE", 4 * 30)
    buffers = Buffers()
    taken = [buffers.take((size,)) for size in (10, 20, 40)]
    assert all(array.dtype == np.float32 for array in taken)
    for array in taken:
        buffers.give(array)
    buffers.trim()
    assert sorted(array.size for array in buffers.free) == [10, 20]
    assert buffers.spare == 120


def test_what_a_painting_took_goes_back_once():
    buffers = Buffers()
    with suppress(KeyboardInterrupt), Loan(buffers) as loan:
        first, second = loan.take((4, 10)), loan.take((20,))
        loan.give(first, None, np.empty(3))
        # In another view, and again.
        loan.give(second[5:], first)
        loan.take((30,))
        raise KeyboardInterrupt
    assert sorted(array.size for array in buffers.free) == [20, 40]


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
