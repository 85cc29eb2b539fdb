"""The convolutions of a network that paints on CUDA, each of an activation that was padded in memory before.

`padded` writes what a convolution reads: normalized, rectified, with a residual, and its border. There, the values that
a row of the kernel covers lie side by side, so that a convolution is a sum of plain matrix products, one for each row
of the kernel: no value is masked, reflected or normalized again for each tap, and Hopper's copy engine loads the tiles
("implicit GEMM": Chetlur et al. 2014, "cuDNN: efficient primitives for deep learning"). `convolve` leaves its output
unnormalized, with the mean and the squared deviations of its tiles, which `normalization` combines into what `padded`
needs.

Products are summed in fp32. Nothing is added atomically, and tiles depend on the weights alone: results can be repeated
bit by bit. No kernel is compiled anew for another size of pictures.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import triton
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from artlives.blocks.kernels import triton_row_programs as programs
from artlives.blocks.kernels.triton_kernels import Kernel, Tile, power_of_two, precision_of

# Bytes that the copy engine's rows begin at multiples of.
ALIGNED = 16
# Tiles' statistics that are combined at a time: of 4K, a channel has some ten thousand, all of which one program reads.
TILES = 2048
# Values that a program of `padded` writes, about.
WRITTEN = 4096


@dataclass(frozen=True, eq=False)
class RowKernel:
    """A convolution's weights as matrices, one for each row of the kernel.

    Output pixel (row, column) is computed at step (row // up, column // up), together with the others of that step.

    Attributes:
        weight: (rows * depth, outputs), rounded up with zeros: `depth` values of a row, from `window` on.
        bias: (O,) or None.
        rows: of the kernel.
        window: values that a row of the kernel covers.
        channels, pitch: of the activation, and values from a pixel to the next: channels, and zeros.
        outputs: of a step, up * up * O.
        first: (y, x) that the first step sees first.
        stride: (y, x) from a step to the next.
        tile: what a program computes.
    """

    weight: Tensor
    bias: Tensor | None
    rows: int
    window: int
    channels: int
    pitch: int
    outputs: int
    first: tuple[int, int]
    stride: tuple[int, int]
    up: tuple[int, int]
    tile: Tile


def row_kernel(kernel: Kernel) -> RowKernel:
    """The same kernel, of an `input_step` of 1, as matrices."""
    outputs, rows, columns, channels = kernel.weight.shape
    # So that steps in a row are apart by what the copy engine can step.
    together = ALIGNED // kernel.weight.element_size()
    pitch = next(
        size for size in range(channels, channels + together) if size * kernel.stride[1] % together == 0
    )
    window = columns * pitch
    tile = tile_of(outputs, window, kernel.weight.dtype)
    depth = triton.cdiv(window, tile.values) * tile.values
    width = triton.cdiv(outputs, tile.outputs) * tile.outputs
    wide = kernel.weight.new_zeros(width, rows, columns, pitch)
    wide[:outputs, ..., :channels] = kernel.weight
    matrices = kernel.weight.new_zeros(rows, depth, width)
    matrices[:, :window] = wide.flatten(2).permute(1, 2, 0)
    weight = matrices.flatten(0, 1)
    shape = rows, window, channels, pitch, outputs
    return RowKernel(weight, kernel.bias, *shape, kernel.first, kernel.stride, kernel.up, tile)


def tile_of(outputs: int, window: int, dtype: torch.dtype) -> Tile:
    """The tile for a convolution of so many outputs a step, by the values that a row of its kernel covers.

    In half precision by what was measured on an H200, layer by layer at 3840 x 2160: within 5 % of the best of some 30
    tiles each.
    """
    values, wide = 32 if window > 16 else 16, power_of_two(outputs)
    if dtype == torch.float32:
        return Tile(64, min(64, wide), values, 4, 2)
    # More accumulators than 128 a pixel do not fit in the registers.
    wide = wide if wide <= 128 else 64
    return Tile(256 if wide <= 32 else 128, wide, values, 4, 5)


class Padded(NamedTuple):
    """What a convolution reads: pixels from `first` on, `size` of them, rows first those of step 0, 1, ... of a stride.

    Attributes:
        values: of N pictures' rows * columns pixels, `pitch` values each.
        pictures: N.
        rows, columns: of pixels, whole strides.
        kernel: that reads it.
    """

    values: Tensor
    pictures: int
    rows: int
    columns: int
    kernel: RowKernel


class Affine(NamedTuple):
    """`scale` and `shift`, fp32 (N, C), by which an activation is read: x * scale + shift."""

    scale: Tensor
    shift: Tensor


def padded(
    source: Tensor,
    size: tuple[int, int],
    reflected: int,
    kernel: RowKernel,
    affine: Affine,
    *,
    relu: bool = False,
    residual: Padded | None = None,
) -> Padded:
    """relu(source * scale + shift) + residual as `kernel` reads it.

    Args:
        source: (N, H, W, C), dense, of any dtype.
        size: (height, width) that it is enlarged to by its reflection at the bottom and on the right.
        reflected: pixels of reflection around that (the edge is not repeated); beyond are zeros.
        residual: of a kernel of the same channels and of stride 1.
    """
    n, height, width, channels = source.shape
    steps = [side // stride for side, stride in zip(size, kernel.stride, strict=True)]
    columns_seen = kernel.window // kernel.pitch
    rows, columns = (
        ((count - 1) * stride + seen + stride - 1) // stride * stride
        for count, stride, seen in zip(steps, kernel.stride, (kernel.rows, columns_seen), strict=True)
    )
    values = torch.empty(n * rows * columns * kernel.pitch, dtype=kernel.weight.dtype, device=source.device)
    lanes = triton.next_power_of_2(kernel.pitch)
    block = max(16, WRITTEN // lanes)
    other = residual or Padded(values, 0, 0, 0, kernel)
    with torch.cuda.device_of(source):
        programs.pad[rows, triton.cdiv(columns, block), n](
            source,
            residual and residual.values,
            affine.scale,
            affine.shift,
            values,
            height,
            width,
            *size,
            rows,
            columns,
            other.rows,
            other.columns,
            affine.scale.stride(0),
            *kernel.first,
            *other.kernel.first,
            REFLECTED=reflected,
            STRIDE=kernel.stride[0],
            CHANNELS=channels,
            PITCH=kernel.pitch,
            OTHER_PITCH=other.kernel.pitch,
            RELU=relu,
            BLOCK=block,
            LANES=lanes,
        )
    return Padded(values, n, rows, columns, kernel)


class Statistics(NamedTuple):
    """Of each tile of an output: `mean` and sum of squared deviations from it, both fp32 (N, O, tiles).

    Tile t holds the (t % phases)-th output pixel of `pixels` steps, some of which lie beyond the right border:
    of `columns` steps in a row, `width` are there.
    """

    mean: Tensor
    deviation: Tensor
    phases: int
    pixels: int
    height: int
    width: int
    columns: int


def convolve(
    x: Padded, target: Tensor, *, statistics: bool = False, gain: tuple[float, float] | None = None
) -> Statistics | None:
    """Convolve `x`, and write the result to `target`.

    Args:
        target: (N, H', W', O), dense, of any float dtype, or of uint8, which is rounded and limited to 0..255. H' and
            W' are multiples of the kernel's `up`.
        statistics: whether to take the output's statistics.
        gain: (factor, offset) to write factor * tanh(x) + offset instead of x.
    """
    kernel, tile = x.kernel, x.kernel.tile
    n, target_height, target_width, o = target.shape
    height, width = target_height // kernel.up[0], target_width // kernel.up[1]
    # Steps in a row; between those of two strides' rows.
    columns, apart = x.columns // kernel.stride[1], x.rows // kernel.stride[0]
    tiles = triton.cdiv((height - 1) * columns + width, tile.pixels)
    phases = kernel.up[0] * kernel.up[1]
    parts = None
    if statistics:
        mean, deviation = torch.empty(2, n, o, tiles * phases, dtype=torch.float32, device=target.device)
        parts = Statistics(mean, deviation, phases, tile.pixels, height, width, columns)
    step = kernel.stride[1] * kernel.pitch
    # All windows that lie in memory.
    shape = [(x.values.numel() - kernel.window) // step + 1, kernel.window]
    steps = TensorDescriptor(x.values, shape, [step, 1], [tile.pixels, tile.values])
    weight = TensorDescriptor.from_tensor(kernel.weight, [tile.values, tile.outputs])
    with torch.cuda.device_of(target):
        programs.convolve[tiles, kernel.weight.shape[1] // tile.outputs, n](
            steps,
            weight,
            kernel.bias,
            target,
            parts and parts.mean,
            parts and parts.deviation,
            height,
            width,
            columns,
            apart,
            *(gain or (1.0, 0.0)),
            ROWS=kernel.rows,
            WINDOW=kernel.window,
            STRIDE=kernel.stride[0],
            OUTPUTS=o,
            UP_Y=kernel.up[0],
            UP_X=kernel.up[1],
            TANH=gain is not None,
            PRECISION=precision_of(kernel.weight.dtype),
            **tile.options,
        )
    return parts


def normalization(parts: Statistics, gamma: Tensor, beta: Tensor, eps: float = 1e-5) -> Affine:
    """The scale and shift that normalize an output of these statistics by instance.

    Ulyanov et al. 2016, "Instance normalization": (x - mean) / sqrt(var + eps) * gamma + beta. The tiles' means and
    squared deviations are combined as in Chan et al. 1979, "Updating formulae and a pairwise algorithm for computing
    sample variances", which loses no digits where the mean is large.
    """
    n, o, tiles = parts.mean.shape
    scale, shift = torch.empty(2, n, o, dtype=torch.float32, device=parts.mean.device)
    with torch.cuda.device_of(parts.mean):
        programs.normalize[n * o,](
            parts.mean,
            parts.deviation,
            gamma,
            beta,
            scale,
            shift,
            tiles,
            *parts[2:],
            o,
            eps,
            BLOCK=TILES,
            num_warps=8,
        )
    return Affine(scale, shift)
