"""The style network as plain data: what its layers are, without torch.

`artlives.plan` reads it for all engines, and every style file carries it as JSON, so that a file says by itself what
its weights belong to.
"""

import json
from typing import NamedTuple

# An output layer's result is GAIN * tanh(x) + GREY: past 0 and 255, so that black and white are in easy reach. The
# network's input is (x - GREY) / RANGE; the range is a power of two, so that every grey level is exact in bf16, too.
GAIN, GREY, RANGE = 150.0, 127.5, 128.0
# Grey levels of grain a style may ask for; more would drown the photo, and not fit the 8 bits of `grain.tile`.
MOST_GRAIN = 20.0
# How many times larger than by default the sizes are that a photo is painted at: larger makes finer strokes.
BRUSHES = {"finer": 2.0, "default": 1.0, "broader": 0.5}
# By the names that recipes and styles' files have for them.
ACTIVATIONS = ("tanh", "sigmoid", "relu", "leaky-relu", "prelu", "swish")


class Layer(NamedTuple):
    """One layer.

    Kinds, each of which pads by reflection:
    - "convolution": convolution, instance normalization, activation;
    - "residual": x + (convolution, normalization, activation, convolution, normalization), channels and size unchanged;
    - "upsampling": transposed convolution by `stride`, instance normalization, activation;
    - "output": convolution with bias, then GAIN * tanh + GREY, whatever `activation` is.
    """

    kind: str
    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    activation: str = "relu"


# About 0.8 million weights and 20,000 multiply-adds a pixel. Nothing leads around the bottleneck: additive skips at
# high resolution let a network copy the photo, and the style stays a tint.
STYLE_NETWORK = (
    Layer("convolution", 3, 24, kernel=7, stride=2),
    Layer("convolution", 24, 48, kernel=3, stride=2),
    Layer("convolution", 48, 96, kernel=3, stride=2),
    Layer("residual", 96, 96, kernel=3),
    Layer("residual", 96, 96, kernel=3),
    Layer("residual", 96, 96, kernel=3),
    Layer("upsampling", 96, 48, kernel=4, stride=2),
    Layer("residual", 48, 48, kernel=3),
    Layer("residual", 48, 48, kernel=3),
    Layer("upsampling", 48, 24, kernel=4, stride=2),
    Layer("upsampling", 24, 16, kernel=4, stride=2),
    Layer("output", 16, 3, kernel=5),
)


# Pixels a side of a picture; below, reflection at 1/8 has nothing to reflect.
SMALLEST = 16
# Channels, or pixels of a kernel or a stride, that a layer may have: a foreign file cannot ask for all memory.
LARGEST = 4096


def activated(layers: tuple[Layer, ...], activation: str) -> tuple[Layer, ...]:
    """`layers` with another activation, one of `ACTIVATIONS`."""
    return tuple(layer._replace(activation=activation) for layer in layers)


def to_json(layers: tuple[Layer, ...]) -> str:
    """`layers` as a JSON array of objects."""
    return json.dumps([layer._asdict() for layer in layers])


def from_json(text: str) -> tuple[Layer, ...]:
    """The inverse of `to_json`. Whether the layers make a network, `plan.lower` tells.

    Raises:
        ValueError: the text is not a list of layers.
    """
    try:
        layers = tuple(Layer(**entry) for entry in json.loads(text))
    except TypeError as error:
        raise ValueError(f"not a list of layers: {error}") from None
    for layer in layers:
        numbers = layer.inputs, layer.outputs, layer.kernel, layer.stride
        if not all(type(n) is int and 0 < n <= LARGEST for n in numbers):
            raise ValueError(
                f"a layer's channels and sizes are whole numbers of 1 to {LARGEST}, unlike {numbers}"
            )
        if type(layer.kind) is not str or layer.activation not in ACTIVATIONS:
            raise ValueError(f"unknown kind or activation {layer.kind!r}, {layer.activation!r}")
    return layers
