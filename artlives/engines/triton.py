"""The network on CUDA, by the Triton kernels.

Every convolution reads what came before it through the normalization, ReLU, residual addition and reflection that lie
between, and leaves its output unnormalized, with its statistics. Pictures of a size that comes again are painted by a
CUDA graph: all kernels in one launch.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from artlives import plan
from artlives.architecture import GAIN, GREY, RANGE, SMALLEST
from artlives.blocks.kernels import triton_kernels
from artlives.blocks.kernels.matmul import Geometry
from artlives.blocks.kernels.triton_kernels import Kernel, Reading
from artlives.blocks.padding import pad
from artlives.engines.painter import Array, reason_against_activations
from artlives.engines.tensors import TensorPainter

# Shapes of pictures whose graphs are kept, the latest ones. A graph holds the memory of its pictures' activations.
GRAPHS = 4
# Pixels of a batch, all pictures together, up to which a graph is recorded: beyond, the time of launching kernels is
# small beside theirs.
LARGEST_GRAPH = 1 << 23


def reason_against(steps: Sequence[plan.Step], device: torch.device) -> str | None:
    """Why the Triton kernels cannot paint with such a network on `device`; None if they can."""
    if not triton_kernels.runs_on(device):
        return "the Triton kernels need an NVIDIA GPU of compute capability 8.0 or more"
    return reason_against_activations(steps, "the Triton kernels have")


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
        # instruction idle, and read each pixel once for every column of the kernel.
        self.side_by_side = gcd(self.reduction, 4)
        self.steps = [self._prepared(step, weights) for step in steps]
        self.graphs: OrderedDict[Any, _Graph | None] = OrderedDict()
        self.lock = Lock()

    @torch.inference_mode()
    def paint_tensor(self, x: Tensor) -> Tensor:
        """See `tensors.TensorPainter`. The result is channels-last.

        Pictures of a size that comes again are painted by a CUDA graph.
        """
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < SMALLEST:
            raise ValueError(
                f"expected pictures (N, 3, H, W) of at least {SMALLEST} pixels a side, but got {list(x.shape)}"
            )
        x = x.to(self.device)
        if self.device.type != "cuda" or x.numel() > 3 * LARGEST_GRAPH:
            return self._paint(x)
        key = x.shape, x.dtype
        with self.lock:
            if key not in self.graphs:
                self.graphs[key] = None
                painting = self._paint(x)
            else:
                graph = self.graphs[key] = self.graphs[key] or _Graph(self._paint, x)
                painting = graph(x)
            self.graphs.move_to_end(key)
            while len(self.graphs) > GRAPHS:
                self.graphs.popitem(last=False)
        return painting

    def _paint(self, x: Tensor) -> Tensor:
        n, _, h, w = x.shape
        x = pad(x, (0, -w % self.reduction, 0, -h % self.reduction), "reflect")
        picture = x.permute(0, 2, 3, 1).contiguous()
        ones = torch.ones(n, 3, device=x.device)
        # In -1..1.
        value = Reading(picture, ones / RANGE, -GREY / RANGE * ones)
        painting = torch.empty_like(picture)
        kept: dict[int, Tensor] = {}
        for i, step in enumerate(self.steps):
            value = value._replace(reflected=step.plan.reflected)
            if not step.plan.normalized:
                together = painting.view(n, picture.shape[1], -1, 3 * self.side_by_side)
                triton_kernels.run(step.kernel, value, together, gain=(GAIN, GREY))
                continue
            if step.plan.kept:
                kept[i] = torch.empty_like(value.source, dtype=self.dtype)
            value = self._normalized(step, value, kept.get(i))
            if step.plan.adds is not None:
                value = value._replace(residual=kept.pop(step.plan.adds))
        return painting[:, :h, :w].permute(0, 3, 1, 2)

    def _normalized(self, step: Step, value: Reading, kept: Tensor | None) -> Reading:
        """What the step makes of `value`, to be read with its normalization; `value` itself goes to `kept`."""
        n, height, width, _ = value.source.shape
        (sy, sx), (uy, ux) = step.kernel.stride, step.kernel.up
        shape = n, height // sy * uy, width // sx * ux, step.plan.outputs
        output = torch.empty(shape, dtype=self.dtype, device=self.device)
        statistics = triton_kernels.run(step.kernel, value, output, kept=kept, statistics=True)
        assert statistics is not None
        assert step.gamma is not None
        assert step.beta is not None
        scale, shift = triton_kernels.normalization(statistics, step.gamma, step.beta, plan.EPS)
        return Reading(output, scale, shift, step.plan.activation == "relu")

    def _prepared(self, step: plan.Step, weights: Mapping[str, Array | Tensor]) -> Step:
        def values(name: str) -> Tensor:
            return torch.as_tensor(weights[f"{step.name}.{name}"]).detach().to(self.device, torch.float32)

        weight = values("conv.weight")
        if not step.normalized:
            pixels = self.side_by_side
            bias = values("conv.bias").repeat(pixels)
            geometry = Geometry((1, pixels), (step.reflected,) * 2)
            weight = side_by_side(weight, pixels).to(self.dtype)
            return Step(step, triton_kernels.convolution(weight, bias, geometry))
        padding = step.cropped - step.stride * step.reflected if step.transposed else step.reflected
        prepare = triton_kernels.transposed_convolution if step.transposed else triton_kernels.convolution
        kernel = prepare(weight.to(self.dtype), None, Geometry((step.stride,) * 2, (padding,) * 2))
        return Step(step, kernel, values("norm.weight"), values("norm.bias"))


def side_by_side(weight: Tensor, pixels: int) -> Tensor:
    """`weight` (O, C, kh, kw) as (pixels * O, C, kh, kw + pixels - 1).

    Each position of that kernel gives the outputs of as many pixels in a row, if it walks in steps of `pixels`.
    """
    return torch.cat([pad(weight, (i, pixels - 1 - i, 0, 0)) for i in range(pixels)])


class _Graph:
    """A CUDA graph: the kernels of one shape of pictures, recorded once and launched together.

    Args:
        paint: (N, 3, H, W) to the same; what is recorded.
        x: pictures of that shape and dtype.
    """

    def __init__(self, paint: Callable[[Tensor], Tensor], x: Tensor) -> None:
        self.x = x.clone()
        # Tiles cannot be measured while a graph is recorded: the calls that this takes come first, on another stream.
        stream = torch.cuda.Stream(x.device)
        stream.wait_stream(torch.cuda.current_stream(x.device))
        with torch.cuda.stream(stream):
            for _ in range(triton_kernels.REPAYS):
                paint(self.x)
        torch.cuda.current_stream(x.device).wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(x.device), torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
            self.painting = paint(self.x)

    def __call__(self, x: Tensor) -> Tensor:
        self.x.copy_(x)
        self.graph.replay()
        return self.painting.clone()
