"""In what a GPU multiplies while a style is trained."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def quick_products(device: torch.device) -> Iterator[None]:
    """On CUDA, fp32 is multiplied as TF32, of 11 digits instead of 24, and sums of bf16's products stay in fp32.

    The network learns as well with TF32, which is several times as quick; the Gram matrices that style is compared by
    sum up a hundred thousand products. Other devices, and what was set before, are left as they are.
    """
    if device.type != "cuda":
        yield
        return
    switch = torch.backends.cuda.matmul
    # torch 2.9 brought the new name, and does not allow both to be used.
    name, quick = ("fp32_precision", "tf32") if hasattr(switch, "fp32_precision") else ("allow_tf32", True)
    wanted = {name: quick, "allow_bf16_reduced_precision_reduction": False}
    before = {name: getattr(switch, name) for name in wanted}
    try:
        for name, value in wanted.items():
            setattr(switch, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(switch, name, value)
