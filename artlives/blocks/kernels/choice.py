"""Which kernels compute a convolution: the compiled core on the CPU, Triton's on a GPU, matrix products otherwise.

The three maps are those of `matmul`, in signature and in result.
"""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from artlives.blocks.kernels import compiled, matmul
from artlives.blocks.kernels.compiled import Kernel, Reading
from artlives.blocks.kernels.matmul import Geometry

PLAIN = (Tensor, torch.nn.Parameter)  # and no subclass, which may stand for something else


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
    """See `matmul.convolve`."""
    if triton := _triton_for(x, weight, geometry):
        return triton.convolve(x, weight, bias, geometry)
    if not _is_for_core(x, geometry):
        return matmul.convolve(x, weight, bias, geometry)
    stride, (ph, pw), _, _ = geometry
    kernel = compiled.convolution(_array(weight), stride, None if bias is None else _array(bias))
    (h, w), (kh, kw) = x.shape[2:], weight.shape[2:]
    size = (h + 2 * ph - kh) // stride[0] + 1, (w + 2 * pw - kw) // stride[1] + 1
    return _run(kernel, x, compiled.padded(h, ph, ph, 0), compiled.padded(w, pw, pw, 0), size)


def convolve_transposed(
    y: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, size: tuple[int, int]
) -> Tensor:
    """See `matmul.convolve_transposed`."""
    if triton := _triton_for(y, weight, geometry):
        return triton.convolve_transposed(y, weight, bias, geometry, size)
    large_enough = all(k >= s for k, s in zip(weight.shape[2:], geometry.stride, strict=True))
    if not large_enough or not _is_for_core(y, geometry):
        return matmul.convolve_transposed(y, weight, bias, geometry, size)
    kernel, margins = compiled.transposed_convolution(
        _array(weight), geometry.stride, geometry.padding, None if bias is None else _array(bias)
    )
    rows, columns = (
        # Zeros on both sides, as far as any output of that size can reach; a negative margin leaves out the first.
        compiled.padded(side, max(margin, 0), -(-outputs // s) + k, 0)[max(-margin, 0) :]
        for side, margin, outputs, s, k in zip(
            y.shape[2:], margins, size, geometry.stride, weight.shape[2:], strict=True
        )
    )
    return _run(kernel, y, rows, columns, (size[0], size[1]))


def correlate_weight(x: Tensor, y: Tensor, geometry: Geometry, kernel_size: tuple[int, int]) -> Tensor:
    """See `matmul.correlate_weight`."""
    if triton := _triton_for(x, y, geometry):
        return triton.correlate_weight(x, y, geometry, kernel_size)
    if not y.numel() or not _is_for_core(x, geometry):
        return matmul.correlate_weight(x, y, geometry, kernel_size)
    rows, columns = (
        compiled.padded(side, p, p + k, 0)
        for side, p, k in zip(x.shape[2:], geometry.padding, kernel_size, strict=True)
    )
    gradient = compiled.weight_gradient(
        _array(x.permute(0, 2, 3, 1)),
        _array(y.permute(0, 2, 3, 1)),
        rows,
        columns,
        kernel_size,
        geometry.stride,
        torch.get_num_threads(),
    )
    return torch.from_numpy(gradient).permute(3, 2, 0, 1).to(x.dtype)


@cache
def _triton() -> Any:
    """The Triton kernels, where Triton is installed."""
    return import_module("artlives.blocks.kernels.triton_kernels") if find_spec("triton") else None


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
        and bool(compiled.instruction_sets())
    )


def _run(kernel: Kernel, x: Tensor, rows: np.ndarray, columns: np.ndarray, size: tuple[int, int]) -> Tensor:
    """The kernel's output (N, O, *size) for x (N, C, H, W), in x's dtype, channels-last in memory."""
    source = _array(x.permute(0, 2, 3, 1))
    channels = source.shape[3]
    target = np.empty((len(source), *size, kernel.outputs), np.float32)
    plain = Reading(source, np.ones(channels, np.float32), np.zeros(channels, np.float32))
    compiled.run(kernel, plain, rows, columns, target, size, threads=torch.get_num_threads())
    return torch.from_numpy(target).permute(0, 3, 1, 2).to(x.dtype)


def _array(x: Tensor) -> np.ndarray:
    """A dense fp32 array of its values, sharing memory where it can."""
    return x.detach().float().contiguous().numpy()
