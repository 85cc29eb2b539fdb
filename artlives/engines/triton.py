"""The network on CUDA, by the Triton kernels.

Every convolution reads what came before it through the normalization, ReLU, residual addition and reflection that lie
between, and leaves its output unnormalized, with its statistics. `Graphs` launches all kernels together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd

import torch
from torch import Tensor

from artlives import plan
from artlives.architecture import GAIN, GREY, RANGE, SMALLEST
from artlives.blocks.kernels import triton_kernels
from artlives.blocks.kernels.matmul import Geometry
from artlives.blocks.kernels.triton_kernels import Kernel, Reading, packed
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
    kernel: Kernel
    gamma: Tensor | None = None
    beta: Tensor | None = None


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
        self.steps = [
            self._prepared(step, ours, centre, first=i == 0)
            for i, (step, centre) in enumerate(zip(steps, centres, strict=True))
        ]
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
        height, width = (side + -side % self.reduction for side in (h, w))
        first = self.steps[0]
        # In -1..1.
        affine = 1 / RANGE, -GREY / RANGE
        picture = x.permute(0, 2, 3, 1).contiguous()
        value = Reading(
            packed(picture, (height, width), first.plan.reflected, first.kernel, affine, self.dtype)
        )
        kept: dict[int, Tensor] = {}
        for i, step in enumerate(self.steps[:-1]):
            if step.plan.kept:
                kept[i] = torch.empty_like(value.source)
            value = self._normalized(step, value, (height, width), kept.get(i))
            if step.plan.adds is not None:
                value = value._replace(residual=kept.pop(step.plan.adds))
            value = value._replace(reflected=self.steps[i + 1].plan.reflected)
        painting = torch.empty(n, height, width, 3, dtype=x.dtype, device=self.device)
        together = painting.view(n, height, -1, 3 * self.side_by_side)
        triton_kernels.run(self.steps[-1].kernel, value, together, gain=(GAIN, GREY))
        return painting[:, :h, :w].permute(0, 3, 1, 2)

    def _normalized(self, step: Step, value: Reading, size: tuple[int, int], kept: Tensor | None) -> Reading:
        """What the step makes of `value`, to be read with its normalization; `value` itself goes to `kept`.

        `size` is the picture's, (height, width).
        """
        height, width = (int(side / step.plan.scale) for side in size)
        shape = len(value.source), height, width, step.plan.outputs
        output = torch.empty(shape, dtype=self.dtype, device=self.device)
        statistics = triton_kernels.run(step.kernel, value, output, kept=kept, statistics=True)
        assert statistics is not None
        assert step.gamma is not None
        assert step.beta is not None
        scale, shift = triton_kernels.normalization(statistics, step.gamma, step.beta, plan.EPS)
        return Reading(output, scale, shift, step.plan.activation == "relu")

    def _value(self, name: str, values: Array | Tensor) -> Tensor:
        """A weight in fp32 on the device; a kernel's are rounded to those that the convolution multiplies with."""
        value = torch.as_tensor(values).detach().to(self.device)
        return (value.to(self.dtype) if name.endswith("conv.weight") else value).float()

    def _prepared(self, step: plan.Step, weights: Mapping[str, Tensor], centre: Tensor, first: bool) -> Step:
        weight, *others = (weights[name] for name in plan.shapes(step))
        if not step.normalized:
            pixels = self.side_by_side
            geometry = Geometry((1, pixels), (step.reflected,) * 2)
            weight = side_by_side(weight, pixels).to(self.dtype)
            return Step(step, triton_kernels.convolution(weight, others[0].repeat(pixels), geometry))
        if first:
            kernel = triton_kernels.packed_convolution(weight.to(self.dtype), -centre, step.stride)
            return Step(step, kernel, *others)
        padding = step.cropped - step.stride * step.reflected if step.transposed else step.reflected
        prepare = triton_kernels.transposed_convolution if step.transposed else triton_kernels.convolution
        kernel = prepare(weight.to(self.dtype), -centre, Geometry((step.stride,) * 2, (padding,) * 2))
        return Step(step, kernel, *others)


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
