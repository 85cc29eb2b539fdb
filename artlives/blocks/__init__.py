"""The building blocks: each a function and a module with the signature of torch's of the same name."""

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
