"""The style network on CUDA: the same description as in `network.py`, run by the Triton kernels.

Every convolution reads what came before it through the normalization, ReLU, residual addition and reflection that lie
between, and leaves its output unnormalized, with its statistics. Pictures of a size that comes again are painted by a
CUDA graph: all kernels in one launch.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from artlives.architecture import GAIN, GREY, RANGE, SMALLEST, Layer, reduction
from artlives.blocks.kernels import triton_kernels
from artlives.blocks.kernels.matmul import Geometry
from artlives.blocks.kernels.triton_kernels import Kernel, Reading
from artlives.blocks.padding import pad

GRAPHS = 4  # sizes whose graphs are kept, each with the memory of one picture
LARGEST_GRAPH = 1 << 23  # pixels; a larger picture takes so long that launching its kernels is nothing


def can_run(layers: tuple[Layer, ...], device: torch.device | str) -> bool:
    """Whether the kernels have all that `layers` ask for, and `device` is a GPU that they run on."""
    return triton_kernels.runs_on(torch.device(device)) and all(
        layer.activation == "relu" for layer in layers
    )


@dataclass(frozen=True, eq=False)
class Step:
    """One convolution of the network with the normalization after it.

    Attributes:
        kernel: its weights.
        reach: pixels of reflection around its input.
        gamma, beta: of the normalization, (O,); None in the output layer.
        relu: whether ReLU follows the normalization.
    """

    kernel: Kernel
    reach: int
    gamma: Tensor | None = None
    beta: Tensor | None = None
    relu: bool = False


class CudaExecutor:
    """Paints pictures with the network that `layers` describe.

    Args:
        layers: the description.
        state_dict: its weights, as `network.StyleNetwork` names them.
        device: a CUDA device.
        dtype: of weights and activations: fp16, bf16 or fp32. Sums and statistics are fp32 in any case.

    Raises:
        KeyError: a weight is missing.
        ValueError: a weight has another shape than the description asks for.
    """

    def __init__(
        self,
        layers: tuple[Layer, ...],
        state_dict: Mapping[str, Tensor],
        device: torch.device | str = "cuda",
        dtype: torch.dtype = torch.float16,
    ) -> None:
        self.device, self.dtype = torch.device(device), dtype
        self.reduction = reduction(layers)
        # Pixels side by side that the output layer gives at a time. Three colours alone would leave most of a matrix
        # instruction idle, and read each pixel once for every column of the kernel.
        self.together = gcd(self.reduction, 4)
        self.layers = [
            (layer.kind, self._steps(layer, f"layers.{i}_{layer.kind}", state_dict))
            for i, layer in enumerate(layers)
        ]
        self.graphs: OrderedDict[Any, _Graph | None] = OrderedDict()
        self.lock = Lock()

    @torch.inference_mode()
    def __call__(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) in 0..255, of uint8 or floats, H and W >= 16, to the same shape, device and dtype.

        Floats come between -22.5 and 277.5, uint8 rounded and limited to 0..255. The result is channels-last.

        Raises:
            ValueError: a picture with a side below 16 pixels, or without three channels.
        """
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < SMALLEST:
            raise ValueError(
                f"expected pictures (N, 3, H, W) of at least {SMALLEST} pixels a side, but got {list(x.shape)}"
            )
        source = x.to(self.device)
        if self.device.type != "cuda" or x.numel() > 3 * LARGEST_GRAPH:
            return self._paint(source).to(x.device)
        key = x.shape, x.dtype
        with self.lock:
            if key not in self.graphs:
                self.graphs[key] = None
                painting = self._paint(source)
            else:
                graph = self.graphs[key] = self.graphs[key] or _Graph(self._paint, source)
                painting = graph(source)
            self.graphs.move_to_end(key)
            while len(self.graphs) > GRAPHS:
                self.graphs.popitem(last=False)
        return painting.to(x.device)

    def _paint(self, x: Tensor) -> Tensor:
        n, _, h, w = x.shape
        x = pad(x, (0, -w % self.reduction, 0, -h % self.reduction), "reflect")
        picture = x.permute(0, 2, 3, 1).contiguous()
        ones = torch.ones(n, 3, device=x.device)
        value = Reading(picture, ones / RANGE, -GREY / RANGE * ones)  # in -1..1
        for kind, steps in self.layers:
            if kind == "residual":
                keep = torch.empty_like(value.source, dtype=self.dtype)
                inner = self._normalized(steps[0], value, keep)
                value = self._normalized(steps[1], inner)._replace(residual=keep)
            elif kind == "output":
                painting = torch.empty_like(picture)
                together = painting.view(n, picture.shape[1], -1, 3 * self.together)
                triton_kernels.run(
                    steps[0].kernel, value._replace(reach=steps[0].reach), together, gain=(GAIN, GREY)
                )
            else:
                value = self._normalized(steps[0], value)
        return painting[:, :h, :w].permute(0, 3, 1, 2)

    def _normalized(self, step: Step, value: Reading, keep: Tensor | None = None) -> Reading:
        """What the step makes of `value`, to be read with its normalization; `value` itself goes to `keep`."""
        n, height, width, _ = value.source.shape
        (sy, sx), (uy, ux) = step.kernel.stride, step.kernel.up
        shape = n, height // sy * uy, width // sx * ux, len(step.kernel.weight)
        output = torch.empty(shape, dtype=self.dtype, device=self.device)
        reading = value._replace(reach=step.reach)
        statistics = triton_kernels.run(step.kernel, reading, output, keep=keep, statistics=True)
        assert statistics is not None
        assert step.gamma is not None
        assert step.beta is not None
        return Reading(output, *triton_kernels.normalization(statistics, step.gamma, step.beta), step.relu)

    def _steps(self, layer: Layer, name: str, state_dict: Mapping[str, Tensor]) -> tuple[Step, ...]:
        _, inputs, outputs, k, stride, _ = layer

        def values(part: str, *shape: int) -> Tensor:
            value = state_dict[f"{name}.{part}"]
            if value.shape != shape:
                raise ValueError(f"{name}.{part} is {list(value.shape)}, not {list(shape)}")
            return value.detach().to(self.device, torch.float32)

        def norm(part: str) -> tuple[Tensor, Tensor]:
            return values(f"{part}norm.weight", outputs), values(f"{part}norm.bias", outputs)

        if layer.kind == "output":
            weight = side_by_side(values("conv.weight", outputs, inputs, k, k), self.together)
            bias = values("conv.bias", outputs).repeat(self.together)
            geometry = Geometry((1, self.together), (k // 2, k // 2))
            return (Step(triton_kernels.convolution(weight.to(self.dtype), bias, geometry), k // 2),)
        if layer.kind == "upsampling":
            # One pixel is reflected, as in `network.Upsampling`; a larger kernel meets zeros beyond.
            geometry = Geometry((stride, stride), ((k - stride) // 2,) * 2)
            weight = values("conv.weight", inputs, outputs, k, k).to(self.dtype)
            kernel = triton_kernels.transposed_convolution(weight, None, geometry)
            return (Step(kernel, 1, *norm(""), relu=True),)
        geometry = Geometry((stride, stride), (k // 2, k // 2))
        steps = []
        for part in ("first.", "second.") if layer.kind == "residual" else ("",):
            weight = values(f"{part}conv.weight", outputs, inputs, k, k).to(self.dtype)
            kernel = triton_kernels.convolution(weight, None, geometry)
            steps.append(Step(kernel, k // 2, *norm(part), relu=part != "second."))
        return tuple(steps)


def side_by_side(weight: Tensor, pixels: int) -> Tensor:
    """`weight` (O, C, kh, kw) as (pixels * O, C, kh, kw + pixels - 1).

    Each position of that kernel gives the outputs of as many pixels in a row, if it walks in steps of `pixels`.
    """
    return torch.cat([pad(weight, (i, pixels - 1 - i, 0, 0)) for i in range(pixels)])


class _Graph:
    """The kernels of one size of picture, recorded once and launched together; input and output have their places."""

    def __init__(self, paint: Any, x: Tensor) -> None:
        self.x = x.clone()
        # Recording allows no trial of configurations: so these have to be over before, on a stream beside.
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
