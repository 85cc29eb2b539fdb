"""Which device to compute on. torch is imported only where there may be another than the CPU."""

from __future__ import annotations

import ctypes
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from artlives.errors import ArtlivesError

if TYPE_CHECKING:
    import torch


def choose(name: str | torch.device = "auto") -> str:
    """The name of that device; "auto" is CUDA where there is one, else MPS, else the CPU.

    Raises:
        ArtlivesError: if this machine, or this build of torch, has no such device.
    """
    if str(name) == "cpu" or (name == "auto" and not _may_have_gpu()):
        return "cpu"
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # AssertionError: a torch that was built without it
        raise ArtlivesError(f"there is no device {str(name)!r} here: choose auto or cpu") from error
    return str(name)


def pick(name: str | torch.device = "auto") -> torch.device:
    """The same as torch's device."""
    import torch

    return torch.device(choose(name))


def _may_have_gpu() -> bool:
    """Whether the system knows of a GPU that torch could use: NVIDIA's driver, AMD's, or Apple's processors."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if Path("/dev/kfd").exists():
        return True
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return cuda.cuInit(0) == 0 and cuda.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
