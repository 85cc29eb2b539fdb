"""The network on CUDA, by the Triton kernels.

Before a convolution, one kernel writes what it reads: the normalization, ReLU, residual addition and reflection of what
came before, in one pass. The convolution leaves its output unnormalized, with its statistics. `Graphs` launches all
kernels together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import NamedTuple

import torch
from torch import Tensor

from artlives import plan
from artlives.architecture import GAIN, GREY, RANGE, SMALLEST
from artlives.blocks.kernels import triton_kernels, triton_rows
from artlives.blocks.kernels.matmul import Geometry
from artlives.blocks.kernels.triton_rows import ALIGNED, Affine, Padded, RowKernel, row_kernel
from artlives.blocks.padding import pad
from artlives.engines.graphs import Graphs
from artlives.engines.painter import Array, reason_against_activations
from artlives.engines.tensors import TensorPainter


def reason_against(steps: Sequence[plan.Step], device: torch.device) -> str | None:
    """Why the Triton kernels cannot paint with such a network on `device`; None if they can."""
    if steps[0].kept or steps[0].transposed or not steps[0].normalized:
        return "the Triton kernels need a convolution first"
    return reason_against_activations(steps, "the Triton kernels have") or triton_kernels.reason_against(
        device
    )


@dataclass(frozen=True, eq=False)
class Step:
    """One step of the plan, made ready for the kernels.

    Attributes:
        plan: what it does.
        kernel: its weights.
        gamma, beta: of the normalization, (O,); None without one.
    """

    plan: plan.Step
    kernel: RowKernel
    gamma: Tensor | None = None
    beta: Tensor | None = None


class Unread(NamedTuple):
    """An output that is not normalized yet: what is read of it is relu(source * scale + shift) + residual.

    Attributes:
        source: (N, H, W, C), dense.
        affine: scale and shift.
        relu: whether it is rectified.
        residual: what is added.
    """

    source: Tensor
    affine: Affine
    relu: bool = False
    residual: Padded | None = None


class TritonPainter(TensorPainter):
    """A painter by the Triton kernels, of a network that there is no `reason_against`.

    Args:
        steps: the network's plan.
        weights: its weights, by the names and of the shapes of `plan.shapes`.
        device: a CUDA device.
        dtype: of weights and activations: fp16, bf16 or fp32. Sums and statistics are fp32 in any case.
    """

    together = 8

    def __init__(
        self,
        steps: Sequence[plan.Step],
        weights: Mapping[str, Array | Tensor],
        device: torch.device | str = "cuda",
        dtype: torch.dtype = torch.float16,
    ) -> None:
        self.device, self.dtype = torch.device(device), dtype
        self.reduction = plan.reduction(steps)
        # Pixels side by side that the output layer gives at a time. Three colours alone would leave most of a matrix
        # instruction idle, and read each pixel once for every column of the kernel. With eight, sm_90 takes a quarter
        # fewer instructions than with four.
        self.side_by_side = gcd(self.reduction, 8)
        ours = {name: self._value(name, values) for name, values in weights.items()}
        centres = even_outputs(steps, ours)
        self.steps = [self._prepared(step, ours, centre) for step, centre in zip(steps, centres, strict=True)]
        # Of a picture, to -1..1.
        self.affine = [torch.full((1, 3), value, device=self.device) for value in (1 / RANGE, -GREY / RANGE)]
        self.graphs = Graphs(self._paint)

    @torch.inference_mode()
    def paint_tensor(self, x: Tensor) -> Tensor:
        """See `tensors.TensorPainter`. The result is channels-last."""
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < SMALLEST:
            raise ValueError(
                f"expected pictures (N, 3, H, W) of at least {SMALLEST} pixels a side, but got {list(x.shape)}"
            )
        x = x.to(self.device)
        return self.graphs(x) if x.is_cuda else self._paint(x)

    def _paint(self, x: Tensor) -> Tensor:
        n, _, h, w = x.shape
        whole = h + -h % self.reduction, w + -w % self.reduction
        picture = x.permute(0, 2, 3, 1).contiguous()
        if picture.data_ptr() % ALIGNED:
            # Part of a batch: a kernel would be compiled for such addresses.
            picture = picture.clone()
        value = Unread(picture, Affine(*(values.expand(n, -1) for values in self.affine)))
        kept: dict[int, Padded] = {}
        for i, step in enumerate(self.steps[:-1]):
            read = self._read(step, value, whole)
            if step.plan.kept:
                kept[i] = read
            residual = None if step.plan.adds is None else kept.pop(step.plan.adds)
            value = self._convolved(step, read, whole, residual)
        painting = torch.empty(n, *whole, 3, dtype=x.dtype, device=self.device)
        together = painting.view(n, whole[0], -1, 3 * self.side_by_side)
        triton_rows.convolve(self._read(self.steps[-1], value, whole), together, gain=(GAIN, GREY))
        return painting[:, :h, :w].permute(0, 3, 1, 2)

    def _read(self, step: Step, value: Unread, whole: tuple[int, int]) -> Padded:
        """`value` as the step reads it; `whole` is the size of the picture, (height, width)."""
        size = _scaled(whole, step.plan.source_scale)
        return triton_rows.padded(
            value.source,
            size,
            step.plan.reflected,
            step.kernel,
            value.affine,
            relu=value.relu,
            residual=value.residual,
        )

    def _convolved(self, step: Step, read: Padded, whole: tuple[int, int], residual: Padded | None) -> Unread:
        """What the step makes of what it has read."""
        shape = read.pictures, *_scaled(whole, step.plan.scale), step.plan.outputs
        output = torch.empty(shape, dtype=self.dtype, device=self.device)
        statistics = triton_rows.convolve(read, output, statistics=True)
        assert statistics is not None
        assert step.gamma is not None
        assert step.beta is not None
        affine = triton_rows.normalization(statistics, step.gamma, step.beta, plan.EPS)
        return Unread(output, affine, step.plan.activation == "relu", residual)

    def _value(self, name: str, values: Array | Tensor) -> Tensor:
        """A weight in fp32 on the device; a kernel's are rounded to those that the convolution multiplies with."""
        value = torch.as_tensor(values).detach().to(self.device)
        return (value.to(self.dtype) if name.endswith("conv.weight") else value).float()

    def _prepared(self, step: plan.Step, weights: Mapping[str, Tensor], centre: Tensor) -> Step:
        weight, *others = (weights[name] for name in plan.shapes(step))
        if not step.normalized:
            pixels = self.side_by_side
            geometry = Geometry((1, pixels), (step.reflected,) * 2)
            weight = side_by_side(weight, pixels).to(self.dtype)
            return Step(
                step, row_kernel(triton_kernels.convolution(weight, others[0].repeat(pixels), geometry))
            )
        padding = step.cropped - step.stride * step.reflected if step.transposed else step.reflected
        prepare = triton_kernels.transposed_convolution if step.transposed else triton_kernels.convolution
        kernel = prepare(weight.to(self.dtype), -centre, Geometry((step.stride,) * 2, (padding,) * 2))
        return Step(step, row_kernel(kernel), *others)


def _scaled(size: tuple[int, int], scale: Fraction) -> tuple[int, int]:
    """A picture's size (height, width) where one pixel stands for `scale` of its own."""
    return int(size[0] / scale), int(size[1] / scale)


def even_outputs(steps: Sequence[plan.Step], weights: Mapping[str, Tensor]) -> list[Tensor]:
    """What each convolution makes of an even picture, (O,) in fp32: the mean of its output, without a bias.

    It does not depend on the picture's colour, since normalization leaves its shift alone of the first output, which
    is taken to be 0 here. In half precision, an output is stored without it: else a deviation that is small beside it,
    as that of a transposed convolution's phases, would be rounded away, and what is left magnified by 1 / sqrt(eps).
    """
    value = torch.zeros_like(next(iter(weights.values())).flatten()[:3])
    inputs, found = [], []
    for step in steps:
        inputs.append(value)
        weight, *others = (weights[name] for name in plan.shapes(step))
        if step.transposed:
            # Each output pixel sees one of stride * stride parts of the kernel.
            weight = weight.transpose(0, 1) / step.stride**2
        found.append(weight.sum((2, 3)) @ value)
        value = others[-1].clamp(min=0) if step.activation == "relu" else others[-1]
        value = value if step.adds is None else value + inputs[step.adds]
    return found


def side_by_side(weight: Tensor, pixels: int) -> Tensor:
    """`weight` (O, C, kh, kw) as (pixels * O, C, kh, kw + pixels - 1).

    Each position of that kernel gives the outputs of as many pixels in a row, if it walks in steps of `pixels`.
    """
    return torch.cat([pad(weight, (i, pixels - 1 - i, 0, 0)) for i in range(pixels)])
