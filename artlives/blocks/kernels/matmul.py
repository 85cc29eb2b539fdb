"""Convolution as matrix products, on any device, without copying the input k·k times.

A convolution is a bilinear map. It and its two adjoints are computed here:

- `convolve(x, w)` -> y: the convolution itself (cross-correlation, as in torch);
- `convolve_transposed(y, w)` -> x: its adjoint in x, which is transposed convolution and the input's gradient;
- `correlate_weight(x, y)` -> w: its adjoint in w, which is the weight's gradient.

In channels-last memory the `kw * C` values under one kernel row are contiguous. Neighbouring output pixels start
`stride * C` values apart, closer than a matrix library allows for rows of that length; but every q-th pixel,
q = ceil(kw / stride), starts far enough from the last. So q matrices, each a plain view on the input, times one
kernel row's (kw * C, O) matrix give all pixels, and the kernel rows add up in fp32. Image rows follow each other
at a fixed pitch, so that one product spans many of them; the few results that wrap around an edge are dropped.
A kernel with a vertical stride meets rows `stride` apart: those are first gathered into planes.

Transposed convolution falls into stride² phases, each a convolution with a part of the kernel (Dumoulin & Visin
2016, "A guide to convolution arithmetic for deep learning", section 4): no zeros are inserted.

Tensors are NCHW in every signature and channels-last in memory on return. fp16 and bf16 are computed in fp32 and
rounded once.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import ceil, gcd
from typing import NamedTuple

import torch
from torch import Tensor

# Values of the output that are computed at a time: 1 MiB of fp32, which stays in the second-level cache.
BLOCK = 1 << 18


class Geometry(NamedTuple):
    """How a kernel walks over its input; pairs are (vertical, horizontal)."""

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
    """Convolution of `x` (N, C, H, W) with `weight` (O, C / groups, kh, kw); the padding is zeros.

    Returns (N, O, Ho, Wo) in x's dtype, Ho = (H + 2 * padding - dilation * (kh - 1) - 1) // stride + 1.
    """
    if geometry.groups > 1:
        return _by_group(convolve, (x, weight, bias), (1, 0, 0), 1, geometry)
    stride, (ph, pw), (dh, dw), _ = geometry
    n, _, h, w = x.shape
    o, _, kh, kw = weight.shape
    ho = (h + 2 * ph - dh * (kh - 1) - 1) // stride[0] + 1
    wo = (w + 2 * pw - dw * (kw - 1) - 1) // stride[1] + 1
    y = _channels_last(x, n, o, ho, wo)
    _products(_planes(x, (ph, ph, pw, pw), stride), weight, bias, y, (dh, dw), stride)
    return y


def convolve_transposed(
    y: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, size: tuple[int, int]
) -> Tensor:
    """Transposed convolution of `y` (N, O, Ho, Wo) with `weight` (O, C / groups, kh, kw).

    Returns (N, C, H, W) in y's dtype. `size` is (H, W), which a stride > 1 leaves open.
    """
    if geometry.groups > 1:
        return _by_group(convolve_transposed, (y, weight, bias), (1, 0, 0), 1, geometry, size)
    n, _, ho, wo = y.shape
    x = _channels_last(y, n, weight.shape[1], *size)
    rows, columns = (
        [*phases_along(*axis)]
        for axis in zip(
            size, weight.shape[2:], geometry.stride, geometry.padding, geometry.dilation, strict=True
        )
    )
    # One padded copy of y serves all phases; each reads it from an origin of its own.
    top, left = (max(0, *(p.before for p in axis)) for axis in (rows, columns))
    bottom = max(0, *(p.end - p.before - ho for p in rows))
    right = max(0, *(p.end - p.before - wo for p in columns))
    planes = _planes(y, (top, bottom, left, right), (1, 1))
    flipped = weight.transpose(0, 1).flip(2, 3)  # (C, O, kh, kw)
    for r, c in product(rows, columns):
        part = x[:, :, r.start :: geometry.stride[0], c.start :: geometry.stride[1]]
        if r.taps and c.taps:
            kernel = flipped[:, :, r.first :: r.step, c.first :: c.step]
            window = planes[:, :, top - r.before :, left - c.before :]
            _products(window, kernel, bias, part, (r.dilation, c.dilation), (1, 1))
        else:
            part.copy_(part.new_zeros(()) if bias is None else bias.view(-1, 1, 1))
    return x


def correlate_weight(x: Tensor, y: Tensor, geometry: Geometry, kernel_size: tuple[int, int]) -> Tensor:
    """Correlation of `x` (N, C, H, W) with `y` (N, O, Ho, Wo): (O, C / groups, kh, kw) in x's dtype."""
    if geometry.groups > 1:
        return _by_group(correlate_weight, (x, y), (1, 1), 0, geometry, kernel_size)
    (sh, sw), (ph, pw), dilation, _ = geometry
    c, (n, o, ho, wo) = x.shape[1], y.shape
    result = torch.zeros(kernel_size[0] * kernel_size[1] * c, o, dtype=_compute_dtype(x), device=x.device)
    if x.numel() and y.numel():
        planes = _planes(x, (ph, ph, pw, pw), (sh, sw))
        rows, pitch = planes.shape[2], planes.shape[3] // sw
        # y at the planes' pitch, so that its rows run in step with theirs; zeros where there is no output.
        stepped = result.new_zeros(n, rows, pitch, o)
        stepped[:, :ho, :wo] = y.permute(0, 2, 3, 1)
        count = ((n - 1) * rows + ho - 1) * pitch + wo
        for taps in _taps(kernel_size, dilation, c):
            for inputs, outputs in _pairs(planes, stepped, taps, count, sw):
                result[taps.first : taps.last].addmm_(inputs.t(), outputs)
    return result.view(*kernel_size, c, o).permute(3, 2, 0, 1).to(x.dtype)


class _Taps(NamedTuple):
    """Kernel values that meet contiguous input values.

    Attributes:
        row, column: of the first of these input values, below and right of the window's first pixel.
        first, last: the range of the values in the kernel laid out as (kh * kw * C).
    """

    row: int
    column: int
    first: int
    last: int


def _taps(kernel_size: Sequence[int], dilation: tuple[int, int], channels: int) -> list[_Taps]:
    kh, kw = kernel_size
    # The input values under a row of a horizontally dilated kernel are not contiguous: each tap stands alone.
    run = kw if dilation[1] == 1 else 1
    return [
        _Taps(row * dilation[0], column * dilation[1], i * channels, (i + run) * channels)
        for row, column in product(range(kh), range(0, kw, run))
        for i in [row * kw + column]
    ]


class _Phase(NamedTuple):
    """Every stride-th output of a transposed convolution along one axis, from `start` on.

    It is a convolution of y, padded by `before` in front and read up to `end`, with every `step`-th tap of the
    flipped kernel from `first` on.
    """

    start: int
    taps: int
    first: int = 0
    step: int = 1
    dilation: int = 1
    before: int = 0
    end: int = 0


def phases_along(size: int, kernel: int, stride: int, padding: int, dilation: int) -> Iterator[_Phase]:
    """The phases along one axis of a transposed convolution whose output has `size` pixels there."""
    divisor = gcd(stride, dilation)
    for start in range(min(stride, size)):
        # Output h meets input (h + padding - k * dilation) / stride through tap k, where that is whole.
        taps = [k for k in range(kernel) if (start + padding - k * dilation) % stride == 0]
        if not taps:
            yield _Phase(start, 0)
            continue
        length = ceil((size - start) / stride)
        yield _Phase(
            start,
            len(taps),
            first=kernel - 1 - taps[-1],
            step=stride // divisor,
            dilation=dilation // divisor,
            before=-((start + padding - taps[-1] * dilation) // stride),
            end=length + (len(taps) - 1) * (dilation // divisor),
        )


def _products(
    planes: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    out: Tensor,
    dilation: tuple[int, int],
    stride: tuple[int, int],
) -> None:
    """Fills `out` (N, O, Ho, Wo; any strides) with the convolution of `planes` and `weight` (O, C, kh, kw)."""
    if not out.numel():
        return
    c, (n, o, ho, wo) = planes.shape[-1], out.shape
    # Pitches in output pixels; planes may be a window into a wider buffer, whose pitches it keeps.
    image, row = (planes.stride(axis) // (c * stride[1]) for axis in (1, 2))
    images = min(n, max(1, BLOCK // (image * o)))
    height = ho if images > 1 else min(ho, max(1, BLOCK // (row * o)))
    scratch = planes.new_empty(((images - 1) * image + height * row, o))
    matrix = weight.permute(2, 3, 1, 0).reshape(-1, o).to(planes.dtype)  # (kh * kw * C, O)
    for first, top in product(range(0, n, images), range(0, ho, height)):
        batch, lines = min(images, n - first), min(height, ho - top)
        count = (batch - 1) * image + (lines - 1) * row + wo
        window = planes[:, first:, top:]
        for i, taps in enumerate(_taps(weight.shape[2:], dilation, c)):
            kernel = matrix[taps.first : taps.last]
            for inputs, outputs in _pairs(window, scratch, taps, count, stride[1]):
                if i == 0:
                    torch.mm(inputs, kernel, out=outputs)
                else:
                    outputs.addmm_(inputs, kernel)
        done = scratch.as_strided((batch, o, lines, wo), (image * o, 1, row * o, o))
        part = out[first : first + batch, :, top : top + lines]
        if bias is None:
            part.copy_(done)
        else:
            torch.add(done, bias.view(-1, 1, 1), out=part)


def _pairs(
    planes: Tensor, outputs: Tensor, taps: _Taps, count: int, stride: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """The input under `taps` as matrices (m, K), each with the (m, O) rows of `outputs` it belongs to.

    `outputs` is dense, its last axis the channels; its first `count` pixels are meant.
    """
    c, o = planes.shape[-1], outputs.shape[-1]
    length = taps.last - taps.first
    q = ceil(length / (stride * c))
    plane = planes[taps.row % len(planes), :, taps.row // len(planes) :, taps.column :]
    for j in range(min(q, count)):
        m = ceil((count - j) / q)
        yield (
            plane.as_strided((m, length), (q * stride * c, 1), plane.storage_offset() + j * stride * c),
            outputs.as_strided((m, o), (q * o, 1), outputs.storage_offset() + j * o),
        )


def _planes(x: Tensor, padding: tuple[int, int, int, int], stride: tuple[int, int]) -> Tensor:
    """`x` (N, C, H, W) as (sh, N, rows, W', C), dense, padded with zeros by (top, bottom, left, right).

    Plane p holds the rows p, p + sh, p + 2 * sh, ... of the padded picture; W' is a multiple of sw.
    """
    top, bottom, left, right = padding
    sh, sw = stride
    dtype = _compute_dtype(x)
    x = x.permute(0, 2, 3, 1)
    n, h, w, c = x.shape
    rows, width = ceil((top + h + bottom) / sh), ceil((left + w + right) / sw) * sw
    if not any(padding) and sh == 1 and width == w:
        # Axes of size 1 may have any stride, also in a contiguous tensor; the pitches must be these.
        return x.to(dtype).contiguous().as_strided((1, n, h, w, c), (n * h * w * c, h * w * c, w * c, c, 1))
    covered = not any(padding) and h == rows * sh and width == w
    planes = (torch.empty if covered else torch.zeros)((sh, n, rows, width, c), dtype=dtype, device=x.device)
    for p in range(sh):
        first = (p - top) % sh
        lines = x[:, first::sh]
        begin = (first + top) // sh
        planes[p, :, begin : begin + lines.shape[1], left : left + w] = lines
    return planes


def _by_group(
    function: Callable[..., Tensor],
    tensors: Sequence[Tensor | None],
    axes: Sequence[int],
    join: int,
    geometry: Geometry,
    *arguments: tuple[int, int],
) -> Tensor:
    """`function` on each group of channels: `tensors` split along `axes`, the results joined along `join`."""
    groups = geometry.groups
    parts = [
        [None] * groups if tensor is None else tensor.chunk(groups, axis)
        for tensor, axis in zip(tensors, axes, strict=True)
    ]
    alone = geometry._replace(groups=1)
    return torch.cat([function(*part, alone, *arguments) for part in zip(*parts, strict=True)], join)


def _channels_last(like: Tensor, *shape: int) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)


def _compute_dtype(x: Tensor) -> torch.dtype:
    return torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype
