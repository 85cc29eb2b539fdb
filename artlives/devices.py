"""Which device to compute on. torch is imported only where it is installed and there may be another than the CPU."""

from __future__ import annotations

import ctypes
import platform
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from artlives.errors import ArtlivesError, needs

if TYPE_CHECKING:
    import torch


def choose(name: str | torch.device = "auto") -> str:
    """The name of that device; "auto" is CUDA where there is one, else MPS, else the CPU, as without torch.

    Raises:
        ArtlivesError: if this machine, or this build of torch, has no such device, or it needs torch, which is not
            installed.
    """
    if str(name) == "cpu" or (name == "auto" and not (find_spec("torch") and _may_have_gpu())):
        return "cpu"
    needs(f"the device {str(name)!r}", "gpu", "torch")
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # AssertionError: a torch that was built without it
        raise ArtlivesError(f"there is no device {str(name)!r} here: choose auto or cpu") from error
    return str(name)


def reason_against_gpu(name: str | torch.device) -> str | None:
    """Why `choose(name)` does not take an NVIDIA GPU that is here; None where it does, or there is none."""
    if name == "auto" and not find_spec("torch") and _has_nvidia_gpu():
        return "an NVIDIA GPU is not used without torch: pip install 'artlives[gpu]'"
    return None


def pick(name: str | torch.device = "auto") -> torch.device:
    """The same as torch's device."""
    import torch

    return torch.device(choose(name))


def _may_have_gpu() -> bool:
    """Whether the system knows of a GPU that torch could use: NVIDIA's driver, AMD's, or Apple's processors."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    return Path("/dev/kfd").exists() or _has_nvidia_gpu()


def _has_nvidia_gpu() -> bool:
    """Whether NVIDIA's driver finds one."""
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return cuda.cuInit(0) == 0 and cuda.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
