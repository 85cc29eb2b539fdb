"""Every block measured against torch's operator of the same name, and the grid of cases it is measured on.

The tests and `artlives check` run this one grid. Besides the perceptual network, this file alone in the package
names torch's operators: they are the reference. They compute in float64 on the CPU, from the very values that the
block is given, so that an error found is the block's own, whatever its dtype and device.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, product
from math import inf
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call
from torch.nn import functional

from artlives.blocks import activation
from artlives.blocks.convolution import Conv2d, conv2d
from artlives.blocks.normalization import batch_norm, instance_norm
from artlives.blocks.padding import pad
from artlives.blocks.pooling import max_pool2d
from artlives.blocks.transposed_convolution import conv_transpose2d

Shape = tuple[int, ...]
Size = int | tuple[int, int]


class Errors(NamedTuple):
    """Largest differences from the reference, relative to the reference's largest absolute value."""

    forward: float
    gradient: float


# Half precision may be off by two roundings, of which one is half of eps.
TOLERANCES = {
    torch.float32: Errors(1e-5, 1e-4),
    torch.float64: Errors(1e-13, 1e-12),
    torch.bfloat16: Errors(torch.finfo(torch.bfloat16).eps, torch.finfo(torch.bfloat16).eps),
    torch.float16: Errors(torch.finfo(torch.float16).eps, torch.finfo(torch.float16).eps),
}

# How an input lies in memory; see `arrange`.
LAYOUTS = ("contiguous", "channels-last", "every-second-column", "cut-out")


@dataclass(frozen=True)
class Case:
    """One call of a block: the shape of each tensor, the other arguments, and how the input lies in memory."""

    tensors: Mapping[str, Shape]
    options: Mapping[str, Any] = field(default_factory=dict)
    layout: str = "contiguous"

    def __str__(self) -> str:
        tensors = (f"{name}={'x'.join(map(str, shape))}" for name, shape in self.tensors.items())
        options = (f"{name}={value}".replace(" ", "") for name, value in self.options.items())
        return " ".join([*tensors, *options, self.layout])


@dataclass(frozen=True)
class Block:
    """A block, its reference of the same signature, and their cases.

    `small` are those to check by finite differences, which cost as many calls as there are values.
    """

    name: str
    ours: Callable[..., Tensor]
    reference: Callable[..., Tensor]
    cases: Sequence[Case]
    small: Sequence[Case]


def measure(block: Block, case: Case, dtype: torch.dtype, device: str = "cpu") -> Errors:
    """How far `block` is from its reference: in its output and running statistics, and in all gradients.

    A result of another shape or dtype, or NaN, counts as infinitely far.
    """
    values = {name: value.to(dtype) for name, value in draw(case).items()}
    ours = {name: value.to(device, copy=True) for name, value in values.items()}
    ours["input"] = arrange(ours["input"], case.layout)
    exact = {name: value.to(torch.float64, copy=True) for name, value in values.items()}
    truths, true_gradients = _run(block.reference, case, exact)
    results, gradients = _run(block.ours, case, ours)
    return Errors(_largest_error(results, truths, dtype), _largest_error(gradients, true_gradients, dtype))


def differentiates(block: Block, case: Case, device: str = "cpu") -> bool:
    """Whether first and second derivatives agree with finite differences, in float64."""
    tensors = {name: value.to(device) for name, value in draw(case).items()}
    variables = tuple(value.requires_grad_() for name, value in tensors.items() if not _is_statistic(name))

    def call(*variables: Tensor) -> Tensor:
        values = iter(variables)
        return block.ours(
            **{n: v if _is_statistic(n) else next(values) for n, v in tensors.items()}, **case.options
        )

    return all(check(call, variables, raise_exception=False) for check in (gradcheck, gradgradcheck))


def draw(case: Case) -> dict[str, Tensor]:
    """Normally distributed values for the case's tensors, in float64 and the same at each call."""
    generator = torch.Generator().manual_seed(0)
    values = {
        name: torch.randn(shape, dtype=torch.float64, generator=generator)
        for name, shape in case.tensors.items()
    }
    if "running_var" in values:
        values["running_var"] = values["running_var"].abs() + 0.5
    return values


def arrange(x: Tensor, layout: str) -> Tensor:
    """A copy of `x` that lies in memory as `layout` says."""
    if layout == "every-second-column":
        return x.repeat_interleave(2, -1)[..., ::2]
    if layout == "cut-out":
        # From the middle of a channels-last picture.
        x = functional.pad(x, (2, 1, 1, 2))
        return arrange(x, "channels-last")[..., 1:-2, 2:-1]
    channels_last = layout == "channels-last" and x.ndim == 4
    return x.clone(memory_format=torch.channels_last if channels_last else torch.contiguous_format)


def _run(
    function: Callable[..., Tensor], case: Case, tensors: Mapping[str, Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    statistics = [value for name, value in tensors.items() if _is_statistic(name)]
    variables = [value.requires_grad_() for name, value in tensors.items() if not _is_statistic(name)]
    output = function(**tensors, **case.options)
    # Rounded to bf16, the output's gradient is the same number in every dtype.
    gradient = torch.randn(output.shape, generator=torch.Generator().manual_seed(1)).bfloat16()
    gradients = torch.autograd.grad(output, variables, gradient.to(output))
    return [output.detach(), *statistics], list(gradients)


def _is_statistic(name: str) -> bool:
    return name.startswith("running")


def _largest_error(ours: Sequence[Tensor], truths: Sequence[Tensor], dtype: torch.dtype) -> float:
    return max(_error(result, truth, dtype) for result, truth in zip(ours, truths, strict=True))


def _error(result: Tensor, truth: Tensor, dtype: torch.dtype) -> float:
    if result.shape != truth.shape or result.dtype != dtype:
        return inf
    difference = (result.cpu().double() - truth).abs()
    # Also where there are no values, and no largest one.
    if not difference.any():
        return 0.0
    error = float(difference.max() / truth.abs().max())
    # NaN is not below inf.
    return error if error < inf else inf


def _convolution(
    input: Shape,
    outputs: int,
    kernel: Size = 3,
    bias: bool = True,
    layout: str = "contiguous",
    transposed: bool = False,
    **options: Any,
) -> Case:
    """`outputs` is the number of the output's channels."""
    inputs, groups = input[-3], options.get("groups", 1)
    channels = (inputs, outputs // groups) if transposed else (outputs, inputs // groups)
    size = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    tensors = {"input": input, "weight": (*channels, *size)}
    return Case(tensors | ({"bias": (outputs,)} if bias else {}), options, layout)


# Odd and even sizes, one pixel, one row, one column, no picture at all, no batch axis.
ODD = (2, 4, 13, 17)
SHAPES = (ODD, (3, 4, 8, 5), (1, 4, 1, 1), (2, 4, 1, 9), (2, 4, 9, 1), (0, 4, 13, 17), (4, 13, 17))
KERNELS: tuple[Size, ...] = (1, 2, 3, 4, 7, (1, 5), (3, 2))
STRIDES = (1, 2, 3, (2, 1), (1, 3))
# As in the style network.
LAYERS = (((1, 3, 32, 32), 24, 7), ((1, 96, 8, 8), 96, 3), ((2, 48, 16, 16), 24, 4))


def _convolutions() -> Iterator[Case]:
    layout, bias = cycle(LAYOUTS), cycle((True, True, False))
    for s, p, d, g in product(STRIDES, (0, 1, 2, (0, 2)), (1, 2, (2, 1)), (1, 2, 4)):
        yield _convolution(
            ODD, 8, bias=next(bias), layout=next(layout), stride=s, padding=p, dilation=d, groups=g
        )
    for shape, kernel, s in product(SHAPES, KERNELS, (1, 2)):
        yield _convolution(shape, 6, kernel, next(bias), next(layout), stride=s, padding=3)
    for kernel, d, padding in product(KERNELS, (1, 2), ("same", "valid")):
        yield _convolution((2, 4, 14, 17), 3, kernel, next(bias), next(layout), padding=padding, dilation=d)
    for layer in LAYERS:
        yield _convolution(*layer, layout="channels-last", stride=2, padding=1)


def _padded_convolutions() -> Iterator[Case]:
    layout, bias = cycle(LAYOUTS), cycle((True, False))
    modes, margins = ("zeros", "reflect", "replicate", "circular"), (0, 1, (2, 1))
    for mode, padding, s, shape in product(modes, margins, (1, 2), (ODD, (0, 4, 5, 7), (4, 5, 7))):
        options: dict[str, Any] = {"stride": s, "padding": padding, "padding_mode": mode, "groups": 2}
        yield _convolution(shape, 4, 3, next(bias), next(layout), **options)
    kernels: tuple[Size, ...] = (2, (3, 4))
    for kernel, mode, padding in product(kernels, modes, ("same", "valid")):
        options = {"padding": padding, "padding_mode": mode, "dilation": 2}
        yield _convolution(ODD, 3, kernel, next(bias), next(layout), **options)


def _transposed_convolutions() -> Iterator[Case]:
    layout, bias = cycle(LAYOUTS), cycle((True, True, False))

    def case(shape: Shape, outputs: int, kernel: Size, **options: Any) -> Case:
        return _convolution(shape, outputs, kernel, next(bias), next(layout), transposed=True, **options)

    for s, p, d, g in product(STRIDES, (0, 1, 2, (0, 2)), (1, 2, (2, 1)), (1, 2, 4)):
        yield case((2, 4, 5, 7), 8, 3, stride=s, padding=p, dilation=d, groups=g)
    for shape, kernel, s in product(SHAPES, KERNELS, (1, 2, 3)):
        yield case(shape, 6, kernel, stride=s)
    for s, extra, kernel in product((2, 3, (3, 2)), (1, (0, 1), (1, 0)), (3, 4)):
        yield case((2, 4, 5, 7), 6, kernel, stride=s, padding=1, output_padding=extra)
    yield case((2, 4, 5, 7), 6, 3, dilation=3, output_padding=2)
    for layer in LAYERS:
        yield case(*layer, stride=2, padding=1)


def _normalization(
    input: Shape, layout: str, affine: bool = True, statistics: bool = False, **options: Any
) -> Case:
    channels = input[1:2]
    names = ("running_mean", "running_var") * statistics + ("weight", "bias") * affine
    missing = {} if statistics else {"running_mean": None, "running_var": None}
    return Case({"input": input} | dict.fromkeys(names, channels), missing | options, layout)


def _normalizations(flag: str) -> Iterator[Case]:
    """`flag` is the argument that says whether the input's own statistics are taken."""
    layout = cycle(LAYOUTS)
    shapes = ((3, 4, 13, 17), (1, 4, 8, 8), (2, 1, 5, 3), (2, 3, 1, 9), (2, 3, 9, 1), (2, 48, 16, 16))
    for shape, affine in product(shapes, (True, False)):
        for statistics, own in ((False, True), (True, True), (True, False)):
            yield _normalization(shape, next(layout), affine, statistics, **{flag: own})
    yield _normalization((0, 3, 5, 4), next(layout), affine=False, **{flag: True})
    for numbers in ({"eps": 0.1}, {"eps": 1e-3, "momentum": 0.5}, {"momentum": 1.0}):
        options: dict[str, Any] = {flag: True, **numbers}
        yield _normalization((3, 4, 6, 5), next(layout), statistics=True, **options)


def _poolings() -> Iterator[Case]:
    layout = cycle(LAYOUTS)
    kernels, strides = (2, 3, (3, 2)), (None, 1, 2, 3, (2, 1))
    for kernel, s, p, d, up in product(kernels, strides, (0, 1, (0, 1)), (1, 2), (False, True)):
        options = {"kernel_size": kernel, "stride": s, "padding": p, "dilation": d, "ceil_mode": up}
        yield Case({"input": ODD}, options, next(layout))
    for shape, k in product(SHAPES, (1, 3)):
        yield Case({"input": shape}, {"kernel_size": k, "stride": 2, "padding": k // 2}, next(layout))


def _activations(**options: Any) -> list[Case]:
    return [Case({"input": shape}, options, layout) for shape, layout in product(SHAPES, LAYOUTS)]


def _paddings() -> Iterator[Case]:
    layout = cycle(LAYOUTS)
    margins = ((1, 1, 1, 1), (2, 2, 2, 2), (0, 3, 2, 1), (4, 0, 0, 0), (0, 0, 3, 4), (0, 0, 0, 0))
    for mode, shape, padding in product(
        ("zeros", "reflect", "replicate", "circular"), ((3, 4, 13, 17), (0, 2, 5, 6), (1, 1, 5, 5)), margins
    ):
        yield Case({"input": shape}, {"padding": padding, "mode": mode}, next(layout))


def _reference_pad(input: Tensor, padding: tuple[int, ...], mode: str) -> Tensor:
    return functional.pad(input, padding, "constant" if mode == "zeros" else mode)


def _layer(module: type[nn.Module]) -> Callable[..., Tensor]:
    """A convolution's module as a function of its parameters."""

    def call(
        input: Tensor, weight: Tensor, bias: Tensor | None = None, groups: int = 1, **options: Any
    ) -> Tensor:
        outputs, inputs, *kernel = weight.shape
        layer = module(inputs * groups, outputs, kernel, bias=bias is not None, groups=groups, **options)
        parameters = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
        output: Tensor = functional_call(layer, parameters, (input,))
        return output

    return call


# For finite differences.
TINY = (2, 2, 4, 3)

# All blocks by name.
BLOCKS = {
    block.name: block
    for block in (
        Block(
            "conv2d",
            conv2d,
            functional.conv2d,
            [*_convolutions()],
            [
                _convolution(TINY, 2, (3, 2), padding=1, stride=s, dilation=d, groups=g)
                for s, d, g in ((1, 1, 1), (2, 1, 2), ((1, 3), (1, 2), 1))
            ],
        ),
        Block(
            "Conv2d",
            _layer(Conv2d),
            _layer(nn.Conv2d),
            [*_padded_convolutions()],
            [
                _convolution(TINY, 2, (3, 2), padding=1, stride=2, padding_mode=mode)
                for mode in ("reflect", "replicate", "circular")
            ],
        ),
        Block(
            "conv_transpose2d",
            conv_transpose2d,
            functional.conv_transpose2d,
            [*_transposed_convolutions()],
            [
                _convolution(TINY, 2, (3, 2), padding=1, stride=s, dilation=d, groups=g, transposed=True)
                for s, d, g in ((1, 1, 1), (2, 1, 2), ((2, 3), (1, 2), 1))
            ],
        ),
        Block(
            "instance_norm",
            instance_norm,
            functional.instance_norm,
            [*_normalizations("use_input_stats")],
            [
                _normalization(TINY, "contiguous", affine, statistics=not own, use_input_stats=own)
                for affine, own in product((True, False), (True, False))
            ],
        ),
        Block(
            "batch_norm",
            batch_norm,
            functional.batch_norm,
            [*_normalizations("training")],
            [
                _normalization(TINY, "contiguous", affine, statistics=not own, training=own)
                for affine, own in product((True, False), (True, False))
            ],
        ),
        Block(
            "max_pool2d",
            max_pool2d,
            functional.max_pool2d,
            [*_poolings()],
            [
                Case({"input": TINY}, {"kernel_size": 3, "stride": s, "padding": 1, "ceil_mode": True})
                for s in (1, 2)
            ],
        ),
        Block(
            "pad",
            pad,
            _reference_pad,
            [*_paddings()],
            [
                Case({"input": TINY}, {"padding": (1, 2, 0, 1), "mode": mode})
                for mode in ("zeros", "reflect", "replicate", "circular")
            ],
        ),
        *(
            Block(
                name,
                getattr(activation, name),
                reference,
                _activations(**options),
                [Case({"input": TINY}, options)],
            )
            for name, reference, options in (
                ("tanh", torch.tanh, {}),
                ("sigmoid", torch.sigmoid, {}),
                ("relu", functional.relu, {}),
                ("leaky_relu", functional.leaky_relu, {"negative_slope": 0.2}),
                ("swish", functional.silu, {}),
            )
        ),
        Block(
            "prelu",
            activation.prelu,
            functional.prelu,
            [
                Case({"input": shape, "weight": (slopes,)}, {}, layout)
                for shape, slopes, layout in product(SHAPES[:-1], (1, 4), LAYOUTS)
            ],
            [Case({"input": TINY, "weight": (slopes,)}) for slopes in (1, 2)],
        ),
    )
}
