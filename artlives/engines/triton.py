"""The network on CUDA, by the Triton kernels.

Before a convolution, one kernel writes what it reads: the normalization, ReLU, residual addition and reflection of what
came before, in one pass. The convolution leaves its output unnormalized, with its statistics. `Graphs` launches all
kernels together.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
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
from artlives.plan import EPS

# A picture is divided by this power of two in place of `RANGE`, so that whole grey levels are exact in half precision.
EXACT = 128
# Rows and columns of a picture of which one is looked at for its mean, which need not be exact.
SAMPLED = 8


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
        eps: what is added to the variance of its output.
    """

    plan: plan.Step
    kernel: RowKernel
    gamma: Tensor | None = None
    beta: Tensor | None = None
    eps: float = EPS


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
        # What it reads is smaller by that factor, and so is its output.
        self.steps[0] = replace(self.steps[0], eps=EPS * (RANGE / EXACT) ** 2)
        self.graphs = Graphs(self._paint)
        if self.device.type == "cuda":
            # Side by side: one after the other, a first picture would wait for them for ten seconds.
            with torch.inference_mode(), ThreadPoolExecutor() as threads:
                list(threads.map(self._compile, range(len(self.steps))))

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
        h, w = x.shape[2:]
        whole = self._whole(h), self._whole(w)
        picture = x.permute(0, 2, 3, 1).contiguous()
        if picture.data_ptr() % ALIGNED:
            # Part of a batch: a kernel would be compiled for such addresses.
            picture = picture.clone()
        value = centred(picture)
        kept: dict[int, Padded] = {}
        for i, step in enumerate(self.steps[:-1]):
            read = self._read(step, value, whole)
            if step.plan.kept:
                kept[i] = read
            residual = None if step.plan.adds is None else kept.pop(step.plan.adds)
            value = self._convolved(step, read, whole, residual)
            # Its memory is for what comes next.
            del read
        painting = self._painting(self._read(self.steps[-1], value, whole), whole, x.dtype)
        return painting[:, :h, :w].permute(0, 3, 1, 2)

    def _painting(self, read: Padded, whole: tuple[int, int], dtype: torch.dtype) -> Tensor:
        """What the last step makes of what it has read: (N, H, W, 3)."""
        painting = torch.empty(read.pictures, *whole, 3, dtype=dtype, device=self.device)
        together = painting.view(read.pictures, whole[0], -1, 3 * self.side_by_side)
        triton_rows.convolve(read, together, gain=(GAIN, GREY))
        return painting

    def _compile(self, i: int) -> None:
        """Paint zeros with step `i` alone, for bytes, so that its kernels are compiled."""
        step, whole = self.steps[i], (self._whole(SMALLEST),) * 2

        def zeros(of: Step) -> Unread:
            shape = 1, *_scaled(whole, of.plan.source_scale), of.plan.inputs
            values = torch.zeros(2, 1, of.plan.inputs, device=self.device)
            return Unread(torch.zeros(shape, dtype=self.dtype, device=self.device), Affine(*values))

        value = zeros(step) if i else centred(zeros(step).source.byte())
        if i:
            before = self.steps[i - 1].plan
            value = value._replace(relu=before.activation == "relu")
            if before.adds is not None:
                added = self.steps[before.adds]
                value = value._replace(residual=self._read(added, zeros(added), whole))
        read = self._read(step, value, whole)
        if step.plan.normalized:
            self._convolved(step, read, whole, None)
        else:
            self._painting(read, whole, torch.uint8)

    def _whole(self, side: int) -> int:
        """A side of a picture in pixels, enlarged to what the network reduces to whole pixels."""
        return side + -side % self.reduction

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
        affine = triton_rows.normalization(statistics, step.gamma, step.beta, step.eps)
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
            kernel = triton_kernels.convolution(weight, others[0].repeat(pixels), geometry)
            return Step(step, row_kernel(kernel))
        padding = step.cropped - step.stride * step.reflected if step.transposed else step.reflected
        prepare = triton_kernels.transposed_convolution if step.transposed else triton_kernels.convolution
        kernel = prepare(weight.to(self.dtype), -centre, Geometry((step.stride,) * 2, (padding,) * 2))
        gamma, beta = others
        return Step(step, row_kernel(kernel), gamma, beta)


def centred(pictures: Tensor) -> Unread:
    """Pictures (N, H, W, 3) in 0..255, about 0 and in about -1..1, as the first step reads them.

    Normalization leaves nothing of what is taken from all pixels alike. In fp16, what is left is exact, and the first
    convolution's output is about 0, too: beside a large mean, faint contrasts would be rounded away.
    """
    mean = pictures[:, ::SAMPLED, ::SAMPLED].float().mean((1, 2)).round()
    return Unread(pictures, Affine(torch.full_like(mean, 1 / EXACT), mean / -EXACT))


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
