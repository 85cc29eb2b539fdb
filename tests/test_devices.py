"""Which device is chosen, and what is said of one that cannot be."""

import pytest
import torch

from artlives import devices
from artlives.errors import ArtlivesError


@pytest.fixture
def without_torch(monkeypatch):
    monkeypatch.setattr(devices, "find_spec", lambda name: None)
    monkeypatch.setattr("artlives.errors.find_spec", lambda name: None)


@pytest.mark.parametrize("gpu", [True, False])
def test_without_torch_there_is_the_cpu_alone(without_torch, monkeypatch, gpu):
    monkeypatch.setattr(devices, "_has_nvidia_gpu", lambda: gpu)
    assert devices.choose() == devices.choose("cpu") == "cpu"
    reason = devices.reason_against_gpu("auto")
    assert (reason is not None) == gpu
    assert not gpu or "pip install 'artlives[gpu]'" in reason
    assert devices.reason_against_gpu("cpu") is None


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps"])
def test_without_torch_a_gpu_that_is_asked_for_is_one_line(without_torch, name):
    with pytest.raises(ArtlivesError, match=rf"'{name}' needs torch.*pip install 'artlives\[gpu\]'$"):
        devices.choose(name)


def test_with_torch_nothing_is_said_against_a_gpu(monkeypatch):
    monkeypatch.setattr(devices, "_has_nvidia_gpu", lambda: True)
    assert devices.reason_against_gpu("auto") is None
    assert devices.choose("auto") == ("cuda" if torch.cuda.is_available() else "cpu")


def test_a_machine_without_a_driver_has_no_gpu(monkeypatch):
    def fail(name):
        raise OSError(name)

    monkeypatch.setattr(devices.ctypes, "CDLL", fail)
    assert not devices._has_nvidia_gpu()
