"""The building blocks: each a function and a module with the signature of torch's of the same name.

A block's file, and torch with it, is imported when the block is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from artlives.blocks.activation import (
        LeakyReLU,
        PReLU,
        ReLU,
        Sigmoid,
        Swish,
        Tanh,
        leaky_relu,
        prelu,
        relu,
        sigmoid,
        swish,
        tanh,
    )
    from artlives.blocks.convolution import Conv2d, conv2d
    from artlives.blocks.normalization import BatchNorm2d, InstanceNorm2d, batch_norm, instance_norm
    from artlives.blocks.padding import pad
    from artlives.blocks.pooling import MaxPool2d, max_pool2d
    from artlives.blocks.transposed_convolution import ConvTranspose2d, conv_transpose2d

_FILES = {
    "activation": "LeakyReLU PReLU ReLU Sigmoid Swish Tanh leaky_relu prelu relu sigmoid swish tanh",
    "convolution": "Conv2d conv2d",
    "normalization": "BatchNorm2d InstanceNorm2d batch_norm instance_norm",
    "padding": "pad",
    "pooling": "MaxPool2d max_pool2d",
    "transposed_convolution": "ConvTranspose2d conv_transpose2d",
}
_FILE_OF = {name: file for file, names in _FILES.items() for name in names.split()}

__all__ = [
    "BatchNorm2d",
    "Conv2d",
    "ConvTranspose2d",
    "InstanceNorm2d",
    "LeakyReLU",
    "MaxPool2d",
    "PReLU",
    "ReLU",
    "Sigmoid",
    "Swish",
    "Tanh",
    "batch_norm",
    "conv2d",
    "conv_transpose2d",
    "instance_norm",
    "leaky_relu",
    "max_pool2d",
    "pad",
    "prelu",
    "relu",
    "sigmoid",
    "swish",
    "tanh",
]


def __getattr__(name: str) -> Any:
    if name not in _FILE_OF:
        raise AttributeError(f"module 'artlives.blocks' has no attribute {name!r}")
    return getattr(import_module(f"artlives.blocks.{_FILE_OF[name]}"), name)
