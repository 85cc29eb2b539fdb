"""Which device to compute on."""

import torch

from artlives.errors import ArtlivesError


def pick(name: str | torch.device = "auto") -> torch.device:
    """The device of that name; "auto" is CUDA where there is one, else MPS, else the CPU.

    Raises:
        ArtlivesError: if this machine, or this build of torch, has no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # AssertionError: a torch that was built without it
        raise ArtlivesError(f"there is no device {str(name)!r} here: choose auto or cpu") from error
    return device
