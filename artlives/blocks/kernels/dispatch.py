"""Which kernels compute a convolution: the compiled core on the CPU, Triton's on a GPU, matrix products otherwise.

The three maps are those of `matmul`. Where `core_normalizes`, instance normalization is the
core's, too.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor

from artlives import core, openmp
from artlives.blocks.kernels import matmul
from artlives.blocks.kernels.matmul import Geometry
from artlives.core import Kernel, Normalization, Reading

# The classes whose memory the kernels read. A subclass may stand for something else.
PLAIN = (Tensor, torch.nn.Parameter)

# torch's threads do the core's work.
core.set_team(openmp.team)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
    """See `matmul.convolve`."""
    if triton := _triton_for(x, weight, geometry):
        convolved: Tensor = triton.convolve(x, weight, bias, geometry)
        return convolved
    if not _is_for_core(x, geometry):
        return matmul.convolve(x, weight, bias, geometry)
    stride, (ph, pw), _, _ = geometry
    tiles = _tiles(x)
    kernel = core.convolution(_weight(weight, tiles), stride, _bias(bias), tiles)
    (h, w), (kh, kw) = x.shape[2:], weight.shape[2:]
    size = (h + 2 * ph - kh) // stride[0] + 1, (w + 2 * pw - kw) // stride[1] + 1
    return _run(kernel, x, core.padding_table(h, ph, ph, 0), core.padding_table(w, pw, pw, 0), size)


def convolve_transposed(
    y: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, size: tuple[int, int]
) -> Tensor:
    """See `matmul.convolve_transposed`."""
    if triton := _triton_for(y, weight, geometry):
        convolved: Tensor = triton.convolve_transposed(y, weight, bias, geometry, size)
        return convolved
    large_enough = all(k >= s for k, s in zip(weight.shape[2:], geometry.stride, strict=True))
    if not large_enough or not _is_for_core(y, geometry):
        return matmul.convolve_transposed(y, weight, bias, geometry, size)
    tiles = _tiles(y)
    kernel, margins = core.transposed_convolution(
        _weight(weight, tiles), geometry.stride, geometry.padding, _bias(bias), tiles
    )
    rows, columns = (
        # Zeros on both sides, as far as any output of that size can reach; a negative margin leaves out the first.
        core.padding_table(side, max(margin, 0), -(-outputs // s) + k, 0)[max(-margin, 0) :]
        for side, margin, outputs, s, k in zip(
            y.shape[2:], margins, size, geometry.stride, weight.shape[2:], strict=True
        )
    )
    return _run(kernel, y, rows, columns, (size[0], size[1]))


def correlate_weight(
    x: Tensor, y: Tensor, geometry: Geometry, kernel_size: tuple[int, int], dtype: torch.dtype
) -> Tensor:
    """See `matmul.correlate_weight`; in `dtype`."""
    if triton := _triton_for(x, y, geometry):
        correlated: Tensor = triton.correlate_weight(x, y, geometry, kernel_size)
        return correlated.to(dtype)
    if not y.numel() or not _is_for_core(x, geometry):
        return matmul.correlate_weight(x, y, geometry, kernel_size).to(dtype)
    tiles = _tiles(x)
    rows, columns = (
        core.padding_table(side, p, p + k, 0)
        for side, p, k in zip(x.shape[2:], geometry.padding, kernel_size, strict=True)
    )
    gradient = core.weight_gradient(
        _array((x if tiles else x.float()).permute(0, 2, 3, 1)),
        _array((y if tiles else y.float()).permute(0, 2, 3, 1)),
        rows,
        columns,
        kernel_size,
        geometry.stride,
        torch.get_num_threads(),
    )
    return torch.from_numpy(gradient).permute(3, 2, 0, 1).to(dtype)


def packed(weight: Tensor, bias: Tensor | None, rectified: bool = False) -> Callable[..., Tensor] | None:
    """A convolution by weights that never change, which the core packs once; None where the core does not compute it.

    Args:
        weight: (O, C, k, k) of fp32 or bf16 on the CPU, k odd.
        bias: (O,).
        rectified: whether ReLU follows.

    Returns:
        what takes x (N, C, H, W) of the weight's dtype to (N, O, H, W), channels-last in memory; x is padded by
        k // 2 zeros. Where a second tensor like x, the gate, is <= 0, x is taken for 0.
    """
    geometry = Geometry(padding=(weight.shape[2] // 2, weight.shape[3] // 2))
    if not _is_for_core(weight, geometry):
        return None
    tiles = _tiles(weight)
    kernel = core.convolution(_weight(weight, tiles), (1, 1), _bias(bias), tiles)

    def convolve(x: Tensor, gate: Tensor | None = None) -> Tensor:
        rows, columns = (
            core.padding_table(n, p, p, 0) for n, p in zip(x.shape[2:], geometry.padding, strict=True)
        )
        return _run(kernel, x, rows, columns, (x.shape[2], x.shape[3]), gate, rectified)

    return convolve


def quick_in_bf16(device: torch.device) -> bool:
    """Whether the core convolves bf16, much quicker than fp32, by instructions of the device for that."""
    return device.type == "cpu" and core.tiles() is not None


def core_normalizes(x: Tensor) -> bool:
    """Whether `normalize` and `normalize_backward` take x: (N, C, H, W) of fp32 or bf16 on the CPU, not empty."""
    types = torch.float32, torch.bfloat16
    plain = x.device.type == "cpu" and x.dtype in types and type(x) in PLAIN
    return plain and x.ndim == 4 and x.numel() > 0 and bool(core.instruction_sets())


def normalize(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    rectified: bool,
    residual: Tensor | None,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Instance normalization of x (N, C, H, W), then ReLU or the residual's addition.

    Returns the result, like x but channels-last in memory, and mean and 1 / sqrt(var + eps) as (N, C) in fp32.
    """
    source, threads = _array(x.permute(0, 2, 3, 1)), torch.get_num_threads()
    # The values of one pixel, (N, C), are subtracted first: else, where the mean is large, the digits of the variance
    # would cancel in the difference of mean square and squared mean.
    centre = _array(x[:, :, 0, 0].float())
    sums = core.moments(Normalization(centre), source, threads=threads) / source[0, :, :, 0].size
    mean = (centre + sums[:, 0]).astype(np.float32)
    # Rounding must not make it negative.
    variance = np.maximum(sums[:, 1] - sums[:, 0] ** 2, 0)
    factor = (1 / np.sqrt(variance + eps)).astype(np.float32)
    scale, shift = _scale_and_shift(weight, bias, factor)
    other = None if residual is None else _array(residual.permute(0, 2, 3, 1))
    ones = None if residual is None else np.ones_like(mean)
    target = torch.empty_like(x.permute(0, 2, 3, 1), memory_format=torch.contiguous_format)
    core.normalize(
        Normalization(mean, scale, shift, ones, relu=rectified), source, other, _array(target), threads
    )
    return target.permute(0, 3, 1, 2), torch.from_numpy(mean), torch.from_numpy(factor)


def normalize_backward(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    rectified: bool,
    mean: Tensor,
    factor: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of `normalize`'s x (N, C, H, W), weight and bias (C,), each in its dtype.

    `gradient` is that of the result, (N, C, H, W); `mean` and `factor` are those that `normalize` returned.
    """
    source, slope = (_array(t.permute(0, 2, 3, 1)) for t in (x, gradient))
    threads, count = torch.get_num_threads(), x.shape[2:].numel()
    centre, factors = mean.numpy(), factor.numpy()
    scale, shift = _scale_and_shift(weight, bias, factors)
    mask = (scale, shift) if rectified else None
    sums = core.moments(Normalization(centre, mask=mask), source, slope, threads)
    of_normal = factors * sums[:, 1]
    by_x = (-scale * factors * of_normal / count).astype(np.float32)
    constant = (-scale * sums[:, 0] / count).astype(np.float32)
    target = torch.empty_like(x.permute(0, 2, 3, 1), memory_format=torch.contiguous_format)
    core.normalize(Normalization(centre, by_x, constant, scale, mask), source, slope, _array(target), threads)
    of_weight, of_bias = (
        torch.from_numpy(total.sum(0)).to(x.dtype if like is None else like.dtype)
        for total, like in ((of_normal, weight), (sums[:, 0], bias))
    )
    return target.permute(0, 3, 1, 2), of_weight, of_bias


def _scale_and_shift(
    weight: Tensor | None, bias: Tensor | None, factor: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What a centred value is multiplied with and what is added, (N, C) in fp32."""
    scale = factor if weight is None else factor * _array(weight.float())
    shift = np.zeros_like(factor) if bias is None else np.tile(_array(bias.float()), (len(factor), 1))
    return scale, shift


@cache
def _triton() -> Any:
    """The Triton kernels, where Triton is installed and can be loaded."""
    with suppress(ImportError, OSError):
        return import_module("artlives.blocks.kernels.triton_kernels")
    return None


def _triton_for(x: Tensor, other: Tensor, geometry: Geometry) -> Any:
    """The Triton kernels, if they can compute this."""
    fits = x.is_cuda and type(x) in PLAIN and _triton() and _triton().supports(x, other, geometry)
    return _triton() if fits else None


def _is_for_core(x: Tensor, geometry: Geometry) -> bool:
    return (
        x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.bfloat16, torch.float16)
        and type(x) in PLAIN
        and geometry.dilation == (1, 1)
        and geometry.groups == 1
        and x.numel() > 0
        and bool(core.instruction_sets())
    )


def _tiles(x: Tensor) -> Any:
    """What convolves x by tiles, if it can be."""
    return core.tiles() if x.dtype == torch.bfloat16 else None


def _weight(weight: Tensor, tiles: Any) -> np.ndarray:
    return _array(weight if tiles else weight.float())


def _bias(bias: Tensor | None) -> np.ndarray | None:
    return None if bias is None else _array(bias.float())


def _run(
    kernel: Kernel,
    x: Tensor,
    rows: np.ndarray,
    columns: np.ndarray,
    size: tuple[int, int],
    gate: Tensor | None = None,
    rectified: bool = False,
) -> Tensor:
    """The kernel's output (N, O, *size) for x (N, C, H, W), in x's dtype, channels-last in memory."""
    # Halves beyond fp16's range would be written as its largest number.
    read = x.float() if x.dtype == torch.float16 else x
    target = torch.empty((len(x), *size, kernel.outputs), dtype=read.dtype)
    reading = Reading(
        _array(read.permute(0, 2, 3, 1)),
        gate=None if gate is None else _array(gate.permute(0, 2, 3, 1)),
    )
    threads = torch.get_num_threads()
    core.run(kernel, reading, rows, columns, _array(target), size, rectified=rectified, threads=threads)
    return target.permute(0, 3, 1, 2).to(x.dtype)


def _array(x: Tensor) -> np.ndarray:
    """A dense array of its values, the bits of bf16, sharing memory where it can."""
    x = x.detach().contiguous()
    return (x.view(torch.uint16) if x.dtype == torch.bfloat16 else x).numpy()
