"""The style network made of torch's own modules: what ours is measured against and compared with."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from unittest.mock import patch

from torch import nn
from torch.nn import functional


@contextmanager
def torch_blocks() -> Iterator[None]:
    """While it lasts, `artlives.network` builds and runs networks of torch's blocks in place of ours."""
    with patch.multiple(
        "artlives.network",
        Conv2d=nn.Conv2d,
        ConvTranspose2d=nn.ConvTranspose2d,
        InstanceNorm2d=nn.InstanceNorm2d,
        pad=functional.pad,
        LeakyReLU=nn.LeakyReLU,
        PReLU=nn.PReLU,
        ReLU=partial(nn.ReLU, inplace=True),
        Sigmoid=nn.Sigmoid,
        Swish=nn.SiLU,
        Tanh=nn.Tanh,
        tanh=functional.tanh,
    ):
        yield
