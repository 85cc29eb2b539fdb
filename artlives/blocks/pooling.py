"""Max pooling: of all values under a window that walks over the picture, the largest stays."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import Function

from artlives.blocks.arguments import batched, formatted, pair
from artlives.blocks.convolution import Size


def max_pool2d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value under each window.

    Args:
        input: (N, C, H, W) or (C, H, W), none of the sizes 0 but N; real numbers. NaN counts as the largest.
        kernel_size: the window's size, one number or (vertical, horizontal), as are the next ones.
        stride: >= 1, from one window to the next; None for kernel_size.
        padding: on each side, from 0 to half the kernel; the padding is never the largest.
        dilation: >= 1, pixels from one value under the window to the next.
        ceil_mode: whether to take a last window that reaches over the end, if it starts before it.
        return_indices: whether to return where the largest values are, too.

    Returns:
        (N, C, Ho, Wo) or (C, Ho, Wo), in input's dtype and memory format, with
        Ho = (H + 2 * padding - dilation * (kh - 1) - 1) / stride + 1, rounded down, or up by `ceil_mode`.
        With `return_indices` also the positions h * W + w, int64; of equal values the first counts.

    Raises:
        RuntimeError: shapes or numbers that do not fit together; the message names them.
        TypeError: `input` is no tensor, or a number is not a whole one.
        NotImplementedError: `input` is boolean or complex.

    Example:
        >>> max_pool2d(torch.arange(16.0).view(1, 4, 4), 2)
        tensor([[[ 5.,  7.],
                 [13., 15.]]])
    """
    x = batched(input, "max_pool2d")
    if 0 in x.shape[1:]:
        raise RuntimeError(f"max_pool2d needs channels, rows and columns, but got size {list(input.shape)}")
    kernel = pair(kernel_size, "kernel_size")
    windows = _windows(
        (x.shape[2], x.shape[3]),
        kernel,
        kernel if stride is None or stride == () else pair(stride, "stride"),
        pair(padding, "padding"),
        pair(dilation, "dilation"),
        ceil_mode,
    )
    if x.dtype == torch.bool or x.is_complex():
        raise NotImplementedError(f"max_pool2d is not implemented for {x.dtype}")
    track = return_indices or (x.requires_grad and torch.is_grad_enabled())
    output, taps = _MaxPool.apply(x, windows, track)
    output = formatted(output, input)
    return (output, formatted(windows.positions(taps), input)) if return_indices else output


class MaxPool2d(nn.Module):
    """`max_pool2d` with its arguments kept; can replace `torch.nn.MaxPool2d`."""

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        """(N, C, H, W) or (C, H, W) -> (N, C, Ho, Wo) or (C, Ho, Wo), with `return_indices` two of them."""
        return max_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )

    def extra_repr(self) -> str:
        """The arguments, as torch prints them."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class _Windows(NamedTuple):
    """Where the windows lie; `size` is the input's. A tap is a position in the window, 0 to kh * kw - 1 row by row."""

    size: tuple[int, int]
    output: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]

    def padded(self, x: Tensor, value: float) -> Tensor:
        """`x` (N, C, H, W) padded with `value` as far as windows reach."""
        height, width = (
            max(p + size, (o - 1) * s + d * (k - 1) + 1) for size, o, k, s, p, d in zip(*self, strict=True)
        )
        if (height, width) == self.size:
            return x
        padded = x.new_full((*x.shape[:2], height, width), value)
        self.inside(padded).copy_(x)
        return padded

    def inside(self, padded: Tensor) -> Tensor:
        """The input's part of what `padded` returned, a view."""
        (h, w), (ph, pw) = self.size, self.padding
        return padded[:, :, ph : ph + h, pw : pw + w]

    def taps(self, padded: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Each tap with its value under every window, (N, C, Ho, Wo), a view."""
        _, (ho, wo), (kh, kw), (sh, sw), _, (dh, dw) = self
        for tap in range(kh * kw):
            row, column = tap // kw * dh, tap % kw * dw
            yield (
                tap,
                padded[:, :, row : row + (ho - 1) * sh + 1 : sh, column : column + (wo - 1) * sw + 1 : sw],
            )

    def first_taps(self, device: torch.device) -> Tensor:
        """(Ho, Wo): each window's first tap that lies inside the input."""
        rows, columns = (
            (p - s * torch.arange(o, device=device) + d - 1).clamp(min=0).div(d, rounding_mode="floor")
            for o, s, p, d in zip(self.output, self.stride, self.padding, self.dilation, strict=True)
        )
        return rows[:, None] * self.kernel[1] + columns

    def positions(self, taps: Tensor) -> Tensor:
        """The position h * W + w of each window's tap in the input."""
        (ho, wo), (sh, sw), (ph, pw), (dh, dw) = self.output, self.stride, self.padding, self.dilation
        taps = taps.long()
        rows = torch.arange(ho, device=taps.device)[:, None] * sh - ph + taps // self.kernel[1] * dh
        columns = torch.arange(wo, device=taps.device) * sw - pw + taps % self.kernel[1] * dw
        return rows * self.size[1] + columns


def _windows(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    ceil_mode: bool,
) -> _Windows:
    for name, values in (("kernel_size", kernel), ("stride", stride), ("dilation", dilation)):
        if min(values) < 1:
            raise RuntimeError(f"{name} must be at least 1, but got {name}={values}")
    if any(not 0 <= p <= k // 2 for p, k in zip(padding, kernel, strict=True)):
        raise RuntimeError(
            f"padding must be from 0 to half of the kernel, but got padding={padding}, kernel_size={kernel}"
        )
    output = []
    for length, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        room = length + 2 * p - d * (k - 1) - 1
        count = (room + s - 1 if ceil_mode else room) // s + 1
        if ceil_mode and (count - 1) * s >= length + p:
            # The last window would start in the padding behind the input.
            count -= 1
        output.append(count)
    if min(output) < 1:
        raise RuntimeError(
            f"input of {size[0]} x {size[1]} pixels would give an output of {output[0]} x {output[1]}: "
            f"kernel_size={kernel}, stride={stride}, padding={padding}, dilation={dilation}"
        )
    return _Windows(size, (output[0], output[1]), kernel, stride, padding, dilation)


class _MaxPool(Function):
    """x -> (largest values, their taps); without `track` no taps, which makes it quicker."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, windows: _Windows, track: bool) -> tuple[Tensor, Tensor | None]:
        lowest = -torch.inf if x.is_floating_point() else torch.iinfo(x.dtype).min
        padded = windows.padded(x, lowest)
        largest = x.new_full((*x.shape[:2], *windows.output), lowest)
        taps = None
        if track:
            # Where no value is above the lowest, the first counts. A byte each does for all but huge kernels.
            number = torch.uint8 if windows.kernel[0] * windows.kernel[1] <= 256 else torch.int32
            taps = windows.first_taps(x.device).to(number).expand(largest.shape).clone()
        for tap, values in windows.taps(padded):
            if taps is not None:
                taps.masked_fill_((values > largest) | values.isnan(), tap)
            largest = torch.maximum(largest, values)
        ctx.windows, ctx.taps = windows, taps
        return largest, taps

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _Scatter.apply(gradients[0], ctx.taps, ctx.windows), None, None


class _Scatter(Function):
    """Each window's gradient goes to its largest value; what a value gets from several windows adds up."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, taps: Tensor, windows: _Windows) -> Tensor:
        ctx.windows, ctx.taps = windows, taps
        n, c = gradient.shape[:2]
        half = gradient.dtype in (torch.float16, torch.bfloat16)
        zeros = gradient.new_zeros((n, c, *windows.size), dtype=torch.float32 if half else gradient.dtype)
        padded = windows.padded(zeros, 0)
        for tap, values in windows.taps(padded):
            values += torch.where(taps == tap, gradient, 0)
        return windows.inside(padded).to(gradient.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _Gather.apply(gradients[0], ctx.taps, ctx.windows), None, None


class _Gather(Function):
    """The adjoint of `_Scatter`: what lies at each window's tap. So derivatives of any order are exact."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor, windows: _Windows) -> Tensor:
        ctx.windows, ctx.taps = windows, taps
        picked = x.new_zeros(taps.shape)
        for tap, values in windows.taps(windows.padded(x, 0)):
            picked = torch.where(taps == tap, values, picked)
        return picked

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _Scatter.apply(gradients[0], ctx.taps, ctx.windows), None, None
