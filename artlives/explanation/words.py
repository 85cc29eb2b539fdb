"""What the page says of each block: how it is built, and what is measured of the picture that is shown."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import NamedTuple

import torch
from torch import Tensor

from artlives.architecture import GAIN, GREY, Layer
from artlives.explanation.filmstrip import Frame
from artlives.explanation.likeness import Likeness, reduced
from artlives.plan import Step

# Pixels a side: what is larger is a shape, what is smaller a stroke.
STROKE = 8
# Of a transposed convolution's kernel: what rounding to half precision leaves of weights that are equal.
ROUNDING = 2e-3
ACTIVATIONS = {
    "relu": "ReLU",
    "leaky-relu": "leaky ReLU",
    "prelu": "PReLU",
    "swish": "Swish",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
}


class Loss(NamedTuple):
    """What a painting loses without a block.

    Attributes:
        levels: the mean difference to the whole painting, in grey levels.
        fine: how much of its square is finer than `STROKE` pixels, 0..1.
    """

    levels: float
    fine: float


def loss(painting: Tensor, other: Tensor) -> Loss:
    """The loss from one painting to another, both (3, H, W)."""
    difference = (painting.clamp(0, 255) - other.clamp(0, 255))[None]
    whole = difference.square().mean().item()
    share = reduced(difference, STROKE).square().mean().item() / whole if whole > 0 else 1.0
    return Loss(difference.abs().mean().item(), max(0.0, 1 - share))


def receptive_fields(steps: tuple[Step, ...]) -> list[int]:
    """For each layer, the sides in pixels of the piece of the photo that one of its values depends on.

    That is by the convolutions; normalization lets every value depend on the whole picture a little.
    """
    fields: dict[int, int] = {}
    field = Fraction(1)
    for step in steps:
        # A pixel of a transposed convolution's output is reached by every `stride`th weight.
        taps = ceil(step.kernel / step.stride) if step.transposed else step.kernel
        field += (taps - 1) * step.source_scale
        fields[step.layer] = ceil(field)
    return [fields[layer] for layer in sorted(fields)]


def unevenness(weight: Tensor, stride: int) -> float:
    """How unevenly a transposed convolution covers its output, 0 for not at all: what it lays over an even area.

    Its weight is (C, O, k, k).
    The output's pixels fall into stride x stride phases, each of which meets weights of its own. It is the standard
    deviation of the phases' sums of weights over these sums, in the root mean square of all pairs of channels.
    """
    sums = torch.stack(
        [weight[:, :, i::stride, j::stride].sum((2, 3)) for i in range(stride) for j in range(stride)]
    )
    return float(sums.std(0, correction=0).norm() / sums.mean(0).norm().clamp(min=1e-12))


def built(layer: Layer, frame: Frame) -> list[str]:
    """How a block is built, in the words of its box in the diagram."""
    sides = f"{layer.kernel} x {layer.kernel}"
    activation = ACTIVATIONS[layer.activation]
    size = f"{layer.outputs} x {frame.width} x {frame.height}"
    if layer.kind == "output":
        return ["output", f"{sides}, bias", "no normalization", "tanh", size]
    kind = {"upsampling": "transposed conv.", "residual": "residual: 2 conv."}.get(layer.kind, "convolution")
    return [kind, f"{sides}, stride {layer.stride}", "instance norm.", activation, size]


def of_convolution(field: int, followed: Likeness | None) -> str:
    """A sentence on a convolution of that receptive field, whose strongest channel follows something or nothing."""
    return f"One of its values depends on {field} x {field} pixels of the photo, and {_strongest(followed)}."


def of_residual(change: float, lost: Loss) -> str:
    """A sentence on a residual block that changes its input so much, and without which the painting loses so much."""
    kind = "strokes finer" if lost.fine >= 0.5 else "shapes larger"
    part = max(lost.fine, 1 - lost.fine)
    return (
        f"It adds to its input what two convolutions make of it, {change:.0%} as large as that: without the block, the "
        f"painting would differ by {lost.levels:.0f} grey levels on average, {part:.0%} of it in {kind} than {STROKE} "
        "pixels."
    )


def of_upsampling(frame: Frame, weight: Tensor, followed: Likeness | None) -> str:
    """A sentence on a transposed convolution of that weight; the rest is as for `of_convolution`."""
    uneven = unevenness(weight, frame.layer.stride)
    grid = (
        "with weights that cover all of them alike, which lays no grid over an even area"
        if uneven < ROUNDING
        else f"with weights that cover them unevenly, by {uneven:.0%}, which lays a grid over an even area"
    )
    pixels = (
        f"{frame.layer.stride} x {frame.layer.stride} pixels of one, {frame.width} x {frame.height} in all"
    )
    return f"It makes {pixels}, {grid}, and {_strongest(followed)}."


def of_output(layer: Layer, painting: Tensor) -> str:
    """A sentence on the output layer and what it made, (3, H, W)."""
    beyond = ((painting < 0) | (painting > 255)).float().mean().item()
    return (
        f"It mixes its {layer.inputs} channels to red, green and blue; tanh bounds them to {GREY - GAIN:.0f} to "
        f"{GREY + GAIN:.0f}, and the {beyond:.1%} that lie beyond 0 to 255 here are cut off."
    )


def _strongest(followed: Likeness | None) -> str:
    if followed is None:
        return "its strongest channel follows nothing as simple as light, colour or edges"
    return f"its strongest channel is strong {followed.name} (correlation {followed.correlation:.2f})"
