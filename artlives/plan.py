"""What a network does, convolution by convolution: the one reading of the kinds of layers, without torch or NumPy.

`lower` turns a description (`architecture.Layer`) into steps; all engines, the training's modules and the ONNX graph
are made from these. A new kind of layer is a new entry in `KINDS`, and a kernel only where it does what no step does.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import NamedTuple, Protocol

from artlives.architecture import Layer

# Added to the variance before its root is taken (Ulyanov et al. 2016, "Instance normalization"); torch's default.
EPS = 1e-5
# The activation of the output: GAIN * tanh(x) + GREY; see `architecture`.
SCALED_TANH = "scaled-tanh"


class Step(NamedTuple):
    """One convolution with what surrounds it.

    Its input is padded by reflection and convolved; the result is cropped, normalized over each channel of the picture,
    activated, and what an earlier step read is added.

    Attributes:
        name: its weights' names begin with it and a dot; see `shapes`.
        layer: the index of the layer that it belongs to.
        inputs, outputs: channels.
        kernel: its sides in pixels.
        stride: input pixels a side per output pixel; of a transposed convolution, output pixels per input pixel.
        reflected: pixels of reflection around the input.
        transposed: whether the convolution is a transposed one.
        cropped: pixels that are cut from each side of a transposed convolution's result, reflection included.
        normalized: whether instance normalization with a scale and a shift follows; else the convolution has a bias.
        activation: one of `architecture.ACTIVATIONS`, `SCALED_TANH`, or None.
        adds: the index of the step whose input is added to this one's output; None if nothing is.
        kept: whether a later step adds this one's input.
        source_scale, scale: picture pixels a side that one pixel of its input and of its output stands for.
    """

    name: str
    layer: int
    inputs: int
    outputs: int
    kernel: int
    stride: int
    reflected: int
    transposed: bool = False
    cropped: int = 0
    normalized: bool = True
    activation: str | None = None
    adds: int | None = None
    kept: bool = False
    source_scale: Fraction = Fraction(1)
    scale: Fraction = Fraction(1)


class _Shaped(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...


def _convolution(layer: Layer, name: str, first: int) -> tuple[Step, ...]:
    return (_plain(layer, name, layer.activation),)


def _residual(layer: Layer, name: str, first: int) -> tuple[Step, ...]:
    return (
        _plain(layer, f"{name}.first", layer.activation)._replace(kept=True),
        _plain(layer, f"{name}.second", None)._replace(adds=first),
    )


def _upsampling(layer: Layer, name: str, first: int) -> tuple[Step, ...]:
    # One pixel of reflection is `stride` pixels of the result, which are cropped again. Beyond, a kernel of more than
    # three strides meets zeros.
    cropped = (layer.kernel - layer.stride) // 2 + layer.stride
    step = _plain(layer, name, layer.activation)
    return (step._replace(reflected=1, transposed=True, cropped=cropped),)


def _output(layer: Layer, name: str, first: int) -> tuple[Step, ...]:
    return (_plain(layer, name, SCALED_TANH)._replace(normalized=False),)


def _plain(layer: Layer, name: str, activation: str | None) -> Step:
    _, inputs, outputs, kernel, stride, _ = layer
    return Step(name, 0, inputs, outputs, kernel, stride, kernel // 2, activation=activation)


# What each kind of layer is made of: (layer, its name, index of its first step) -> its steps.
KINDS: Mapping[str, Callable[[Layer, str, int], tuple[Step, ...]]] = {
    "convolution": _convolution,
    "residual": _residual,
    "upsampling": _upsampling,
    "output": _output,
}


def lower(layers: tuple[Layer, ...]) -> tuple[Step, ...]:
    """The steps of a network, in the order in which they are taken.

    Raises:
        ValueError: a kind is unknown, or the layers do not lead from a picture (H, W, 3) to one of the same size.
    """
    steps: list[Step] = []
    channels, scale = 3, Fraction(1)
    for i, layer in enumerate(layers):
        if layer.kind not in KINDS:
            raise ValueError(f"unknown kind of layer {layer.kind!r}")
        for step in KINDS[layer.kind](layer, f"layers.{i}_{layer.kind}", len(steps)):
            after = scale / step.stride if step.transposed else scale * step.stride
            step = step._replace(layer=i, source_scale=scale, scale=after)
            _check(step, steps, channels)
            steps.append(step)
            channels, scale = step.outputs, after
    if not steps or steps[-1].activation != SCALED_TANH or channels != 3 or scale != 1:
        raise ValueError("the layers do not lead from a picture to a picture of the same size")
    return tuple(steps)


def _check(step: Step, before: list[Step], channels: int) -> None:
    if step.inputs != channels:
        raise ValueError(f"{step.name} does not fit the {channels} channels before it")
    added = None if step.adds is None else (before[step.adds].inputs, before[step.adds].source_scale)
    if added and added != (step.outputs, step.scale):
        raise ValueError(f"{step.name} does not keep the channels and the size of what is added to it")
    over = step.kernel - step.stride if step.transposed else step.kernel - 1
    if over < 0 or over % 2:
        raise ValueError(f"{step.name} does not keep the picture's sides whole")
    if not step.normalized and step.stride != 1:
        raise ValueError(f"{step.name} is an output of another size than the picture")


def shapes(step: Step) -> dict[str, tuple[int, ...]]:
    """The weights of a step: names and shapes, kernels (O, I, k, k), those of transposed convolutions (I, O, k, k)."""
    channels = (step.inputs, step.outputs) if step.transposed else (step.outputs, step.inputs)
    vectors = ["norm.weight", "norm.bias"] if step.normalized else ["conv.bias"]
    if step.activation == "prelu":
        vectors.append("activation.weight")
    found: dict[str, tuple[int, ...]] = {f"{step.name}.conv.weight": (*channels, step.kernel, step.kernel)}
    return found | {f"{step.name}.{name}": (step.outputs,) for name in vectors}


def check_weights(steps: Sequence[Step], weights: Mapping[str, _Shaped]) -> None:
    """Raise ValueError unless `weights` are exactly those of `steps`, by name and shape."""
    wanted = {name: shape for step in steps for name, shape in shapes(step).items()}
    for name, shape in wanted.items():
        if name not in weights:
            raise ValueError(f"{name} is missing")
        if tuple(weights[name].shape) != shape:
            raise ValueError(f"{name} is {list(weights[name].shape)}, not {list(shape)}")
    if further := sorted(weights.keys() - wanted.keys()):
        raise ValueError(f"{further[0]} is not part of the network")


def reduction(steps: Sequence[Step]) -> int:
    """What a picture's sides must be multiples of, in pixels, so that every step's output has whole sides."""
    return lcm(*(step.scale.numerator for step in steps))
