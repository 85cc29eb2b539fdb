"""Batches come in their order, whoever loads them, and no more of them than were asked for."""

from contextlib import closing
from threading import Barrier, Lock

import pytest
import torch

from artlives.training.loading import LOADERS, ahead, loaders_for


def test_in_their_order_and_not_too_far_ahead():
    begun, lock = [], Lock()

    def load(step):
        with lock:
            begun.append(step)
        return step * 10

    for i, item in enumerate(ahead(load, range(3, 20), 4), 3):
        assert item == i * 10
        assert max(begun) <= i + 4
    assert sorted(begun) == list(range(3, 20))


def test_several_are_loaded_at_once():
    barrier = Barrier(3)

    def load(step):
        barrier.wait(60)
        return step

    assert list(ahead(load, range(6), 3)) == list(range(6))


def test_a_failure_comes_at_its_step():
    def load(step):
        if step == 2:
            raise ValueError("it cannot be read")
        return step

    loaded = ahead(load, range(5), 2)
    assert [next(loaded), next(loaded)] == [0, 1]
    with pytest.raises(ValueError, match="cannot be read"):
        next(loaded)


def test_what_is_left_is_not_loaded():
    begun = []
    with closing(ahead(begun.append, range(100), 2)) as loaded:
        next(loaded)
    assert len(begun) <= 3


def test_one_thread_for_the_cpu_and_several_for_a_gpu(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    assert loaders_for(torch.device("cpu")) == 1
    assert loaders_for(torch.device("cuda")) == LOADERS > 1
