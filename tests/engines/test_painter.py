"""How much memory a picture may take, and the pool that it comes from."""

import numpy as np
import psutil
import pytest

from artlives.engines.buffers import LARGEST, Buffers
from artlives.engines.painter import LARGE, SMALL, Way, choose_way

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
