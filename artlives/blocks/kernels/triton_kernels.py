"""Convolution on CUDA by Triton kernels: as one matrix product whose left side is never written down.

A convolution is the product of a matrix with a row for each output pixel, which holds all that the kernel covers there
(kernel rows * kernel columns * channels values), and the kernel's matrix (those values, output channels). A program
computes a tile of it, some pixels times some channels, and gathers the left side piece by piece from the picture
itself ("implicit GEMM": Chetlur et al. 2014, "cuDNN: efficient primitives for deep learning").

`convolve`, `convolve_transposed` and `correlate_weight` are those of `matmul.py`, of the same signatures. A network
that paints goes by `triton_rows`.

Products are summed in fp32. Those of fp32 are exact to fp32's rounding, or of TF32 where torch is told to multiply
matrices so (`torch.backends.cuda.matmul.fp32_precision`). Nothing is added atomically, and tiles depend on the weights
alone: results can be repeated bit by bit. No kernel is compiled anew for another size of pictures.
"""

from dataclasses import dataclass
from functools import cache
from math import gcd
from typing import NamedTuple

import torch
import triton
from torch import Tensor

from artlives.blocks.kernels import triton_programs as programs
from artlives.blocks.kernels.matmul import Geometry

# Of inputs and weights.
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
# Programs that a weight's gradient is divided among, about: a small weight alone has too few tiles to fill a GPU.
SPLITS = 256


def supports(x: Tensor, weight: Tensor, geometry: Geometry) -> bool:
    """Whether the three functions take these: half or single precision, one group, on a GPU that they run on."""
    fits = geometry.groups == 1 and x.dtype == weight.dtype and x.dtype in DTYPES
    return fits and reason_against(x.device) is None


@cache
def reason_against(device: torch.device) -> str | None:
    """Why the kernels do not run on a device; None if they do, which one of them is compiled and launched to find out.

    A GPU needs matrix instructions for fp16, bf16 and TF32, and Triton a C compiler and Python's header files.
    """
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < (8, 0):
        return "the Triton kernels need an NVIDIA GPU of compute capability 8.0 or more"
    try:
        try_kernel(device)
    # Triton raises what its compilers and the driver raise, of many kinds.
    except Exception as error:
        line = next(iter(str(error).splitlines()), type(error).__name__)
        return f"Triton cannot compile kernels here ({line})"
    return None


def try_kernel(device: torch.device) -> None:
    """Compile and launch the smallest kernel."""
    one = torch.ones(1, 1, 1, 1, device=device)
    convolve(one, one, None, Geometry())


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
    """Convolution of `x` (N, C, H, W) with `weight` (O, C, kh, kw), as `matmul.convolve`; `geometry.groups` is 1."""
    _, (ph, pw), (dh, dw), _ = geometry
    (sh, sw), (kh, kw) = geometry.stride, weight.shape[2:]
    ho = (x.shape[2] + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    wo = (x.shape[3] + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    y = x.new_empty(len(x), ho, wo, len(weight))
    run(convolution(weight, bias, geometry), _pixels(x), y)
    return y.permute(0, 3, 1, 2)


def convolve_transposed(
    y: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, size: tuple[int, int]
) -> Tensor:
    """Transposed convolution of `y` (N, O, Ho, Wo) with `weight` (O, C, kh, kw), as `matmul.convolve_transposed`."""
    x = y.new_empty(len(y), *size, weight.shape[1])
    run(transposed_convolution(weight, bias, geometry), _pixels(y), x)
    return x.permute(0, 3, 1, 2)


def correlate_weight(x: Tensor, y: Tensor, geometry: Geometry, kernel_size: tuple[int, int]) -> Tensor:
    """Correlation of `x` (N, C, H, W) with `y` (N, O, Ho, Wo), as `matmul.correlate_weight`: (O, C, kh, kw)."""
    stride, padding, dilation, _ = geometry
    c, (n, o, ho, wo) = x.shape[1], y.shape
    values, pixels = kernel_size[0] * kernel_size[1] * c, n * ho * wo
    if not pixels:
        return x.new_zeros(o, c, *kernel_size)
    inputs, outputs = _pixels(x), _pixels(y)
    block_o, block_k, block_p = min(64, power_of_two(o)), min(64, power_of_two(values)), 32
    tiles = triton.cdiv(o, block_o), triton.cdiv(values, block_k)
    steps = triton.cdiv(pixels, block_p)
    steps_each = triton.cdiv(steps, max(1, SPLITS // (tiles[0] * tiles[1])))
    grid = (*tiles, triton.cdiv(steps, steps_each))
    parts = x.new_empty(grid[2], o, *kernel_size, c, dtype=torch.float32)
    with torch.cuda.device_of(x):
        programs.correlate[grid](
            inputs,
            outputs,
            parts,
            *x.shape[2:],
            ho,
            wo,
            pixels,
            steps_each,
            *kernel_size,
            *stride,
            *padding,
            *dilation,
            CHANNELS=c,
            OUTPUTS=o,
            PRECISION=precision_of(x.dtype),
            BLOCK_O=block_o,
            BLOCK_K=block_k,
            BLOCK_P=block_p,
        )
    # Dense like the weight: optimizers move weights together whose gradients lie in memory as they do.
    return parts.sum(0).permute(0, 3, 1, 2).to(x.dtype, memory_format=torch.contiguous_format)


@dataclass(frozen=True, eq=False)
class Kernel:
    """A convolution's weights and how they walk over the picture.

    Output pixel (row, column) is computed at step (row // up, column // up), together with the others of that step.
    Along each axis tap i meets input step * stride + first + i * input_step.

    Attributes:
        weight: (up * up * O, kh, kw, C), dense: the outputs of the pixels of a step, row by row.
        bias: (O,) or None.
    """

    weight: Tensor
    bias: Tensor | None
    first: tuple[int, int] = (0, 0)
    stride: tuple[int, int] = (1, 1)
    up: tuple[int, int] = (1, 1)
    input_step: tuple[int, int] = (1, 1)


def convolution(weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Kernel:
    """The kernel of a convolution by `weight` (O, C, kh, kw)."""
    ph, pw = geometry.padding
    weight = weight.permute(0, 2, 3, 1).contiguous()
    return Kernel(weight, bias, (-ph, -pw), geometry.stride, input_step=geometry.dilation)


def transposed_convolution(weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Kernel:
    """The kernel of a transposed convolution by `weight` (C, O, kh, kw).

    The stride * stride output pixels of a step see the same inputs, each through taps of its own: one convolution gives
    them all, with zeros where an input has no tap. So the kernel of 4 x 4 and stride 2 becomes one of 3 x 3 with four
    times the outputs.
    """
    c, o, kh, kw = weight.shape
    (first_y, step_y, rows), (first_x, step_x, columns) = (
        _taps(k, s, p, d)
        for k, s, p, d in zip((kh, kw), geometry.stride, geometry.padding, geometry.dilation, strict=True)
    )
    # Taps beyond the last one are the zeros.
    wide = weight.new_zeros(c, o, kh + 1, kw + 1)
    wide[:, :, :kh, :kw] = weight
    y, x = _table(rows, weight.device).long(), _table(columns, weight.device).long()
    # (C, O, up, taps, up, taps)
    parts = wide[:, :, y[:, :, None, None], x]
    together = parts.permute(2, 4, 1, 3, 5, 0).reshape(-1, y.shape[1], x.shape[1], c).contiguous()
    return Kernel(together, bias, (first_y, first_x), up=geometry.stride, input_step=(step_y, step_x))


def _taps(
    kernel: int, stride: int, padding: int, dilation: int
) -> tuple[int, int, tuple[tuple[int, ...], ...]]:
    """Which inputs the outputs of a step see along an axis of a transposed convolution.

    Returns the first input, relative to the step, the distance to the next one, and (stride, inputs) the tap through
    which each output sees each of them; `kernel` for none.
    """
    seen = [
        {at // stride: tap for tap in range(kernel) if (at := start + padding - tap * dilation) % stride == 0}
        for start in range(stride)
    ]
    inputs = sorted(set().union(*seen))
    step = gcd(*(i - inputs[0] for i in inputs)) or 1
    return (
        inputs[0],
        step,
        tuple(tuple(taps.get(i, kernel) for i in range(inputs[0], inputs[-1] + 1, step)) for taps in seen),
    )


def run(kernel: Kernel, source: Tensor, target: Tensor) -> None:
    """Convolve `source` (N, H, W, C), and write the result to `target` (N, H', W', O), both dense, of one dtype."""
    n, height, width, o = target.shape
    outputs, *taps, channels = kernel.weight.shape
    steps = triton.cdiv(height, kernel.up[0]) * triton.cdiv(width, kernel.up[1])
    if not target.numel():
        return
    tile = tile_of(kernel.weight)
    with torch.cuda.device_of(target):
        programs.convolve[triton.cdiv(steps, tile.pixels), triton.cdiv(outputs, tile.outputs), n](
            source,
            kernel.weight,
            kernel.bias,
            target,
            *source.shape[1:3],
            height,
            width,
            *taps,
            *kernel.first,
            *kernel.stride,
            *kernel.input_step,
            CHANNELS=channels,
            OUTPUTS=o,
            UP_Y=kernel.up[0],
            UP_X=kernel.up[1],
            PRECISION=precision_of(kernel.weight.dtype),
            **tile.options,
        )


class Tile(NamedTuple):
    """What one program computes, `pixels` times `outputs`, in steps of `values`; and by how many warps and stages."""

    pixels: int
    outputs: int
    values: int
    warps: int
    stages: int

    @property
    def options(self) -> dict[str, int]:
        """A program's sizes, warps and stages, as its launch takes them."""
        return {
            "BLOCK_M": self.pixels,
            "BLOCK_N": self.outputs,
            "BLOCK_K": self.values,
            "num_warps": self.warps,
            "num_stages": self.stages,
        }


def tile_of(weight: Tensor) -> Tile:
    """The tile for a convolution by `weight` (O, kh, kw, C), by its shape and dtype alone.

    In half precision all outputs lie in one tile, up to 256: else the picture would be gathered again for the others.
    Chosen by the instructions that sm_90 takes, unmeasured on a GPU.
    """
    o, _, _, c = weight.shape
    values = next((size for size in (32, 16) if c % size == 0), 32)
    if weight.dtype == torch.float32:
        return Tile(64, min(64, power_of_two(o)), values, 4, 2)
    outputs = min(256, power_of_two(o))
    return Tile(128, outputs, values, 4 if outputs < 128 else 8, 3)


def power_of_two(size: int) -> int:
    """The power of two from `size` on, and 16 at least, below which there are no matrix instructions."""
    return max(16, 1 << (size - 1).bit_length())


def precision_of(dtype: torch.dtype) -> str:
    """In what products of that dtype are computed; torch's switch is about those of fp32 alone."""
    if dtype != torch.float32:
        return "ieee"
    switch = torch.backends.cuda.matmul
    # torch 2.9 brought it. Where it was used, reading the old one raises an error.
    if hasattr(switch, "fp32_precision"):
        return "tf32" if switch.fp32_precision == "tf32" else "ieee"
    return "tf32" if switch.allow_tf32 else "ieee"


def _pixels(x: Tensor) -> Tensor:
    """`x` (N, C, H, W) as (N, H, W, C), dense: the same memory where it is channels-last."""
    return x.permute(0, 2, 3, 1).contiguous()


@cache
def _table(rows: tuple[tuple[int, ...], ...], device: torch.device) -> Tensor:
    return torch.tensor(rows, dtype=torch.int32, device=device)
