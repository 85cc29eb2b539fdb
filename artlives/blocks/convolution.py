"""Convolution: a small kernel of weights slides over the picture, and each place is answered by one dot product.

Source: Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning"; the signatures are torch's.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from artlives.blocks.arguments import batched, check_convolution, check_groups, formatted, pair
from artlives.blocks.bilinear import Convolve
from artlives.blocks.initialization import kaiming_uniform_, uniform_
from artlives.blocks.kernels.matmul import Geometry
from artlives.blocks.padding import MODES, pad

Size = int | Sequence[int]


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Two-dimensional convolution (cross-correlation), padded with zeros.

    y[n, o, i, j] = bias[o] + sum over c, k, l of weight[o, c, k, l] * x[n, c, i * stride + k * dilation, ...]

    Args:
        input: (N, C, H, W) or (C, H, W); fp32, fp64, or fp16 and bf16, which are accumulated in fp32.
        weight: (O, C / groups, kh, kw), in input's dtype; fp32 for half precision is rounded to that.
        bias: (O,) or None, likewise.
        stride: >= 1, one number or (vertical, horizontal), as are padding and dilation.
        padding: zeros on each side, >= 0; "valid" is 0, "same" keeps the size (with stride 1).
        dilation: >= 1, pixels from one kernel value to the next.
        groups: input and output channels fall into this many groups, each convolved by itself.

    Returns:
        (N, O, Ho, Wo) or (O, Ho, Wo) with Ho = (H + 2 * padding - dilation * (kh - 1) - 1) // stride + 1, in
        input's dtype and memory format.

    Raises:
        RuntimeError: shapes, dtypes or numbers that do not fit together; the message names them.
        TypeError: a stride, padding or dilation that is not a whole number.

    Example:
        >>> conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2))
        tensor([[[[4., 4.],
                  [4., 4.]]]])
    """
    x = batched(input, "conv2d")
    check_groups(weight, groups)
    strides, dilations = pair(stride, "stride"), pair(dilation, "dilation")
    kernel = weight.shape[2], weight.shape[3]
    spans = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    margins = (0, 0)
    if not isinstance(padding, str):
        margins = pair(padding, "padding")
    elif padding == "same":
        if strides != (1, 1):
            raise RuntimeError(
                f"padding='same' is not supported for strided convolutions, but got stride={strides}"
            )
        margins = (spans[0] - 1) // 2, (spans[1] - 1) // 2
        x = pad(x, (0, (spans[1] - 1) % 2, 0, (spans[0] - 1) % 2))
    elif padding != "valid":
        raise RuntimeError(f"padding must be 'same', 'valid' or numbers, but got {padding!r}")
    channels = weight.shape[1] * groups, weight.shape[0]
    check_convolution(x, weight, bias, channels, stride=strides, padding=margins, dilation=dilations)
    padded = [size + 2 * margin for size, margin in zip(x.shape[2:], margins, strict=True)]
    if any(span > size for span, size in zip(spans, padded, strict=True)):
        raise RuntimeError(f"the kernel spans {spans} pixels, more than the padded input's {padded}")
    return formatted(Convolve.apply(x, weight, bias, Geometry(strides, margins, dilations, groups)), input)


class Conv2d(nn.Module):
    """`conv2d` with a weight and a bias of its own; can replace `torch.nn.Conv2d` and load its state dict.

    Weights start as in torch: uniform within 1 / sqrt(fan_in). `padding_mode` is "zeros", "reflect", "replicate" or
    "circular".

    Raises:
        ValueError: channels that groups do not divide, groups < 1, an unknown padding or padding mode, or "same"
            with a stride.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_channels(in_channels, out_channels, groups)
        if padding_mode not in MODES:
            raise ValueError(f"padding_mode must be one of {', '.join(MODES)}, but got {padding_mode!r}")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = pair(kernel_size, "kernel_size")
        self.stride, self.dilation = pair(stride, "stride"), pair(dilation, "dilation")
        self.padding: tuple[int, int] | str = (
            padding if isinstance(padding, str) else pair(padding, "padding")
        )
        self.padding_mode = padding_mode
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(f"padding must be 'same', 'valid' or numbers, but got {padding!r}")
        if padding == "same" and self.stride != (1, 1):
            raise ValueError(
                f"padding='same' is not supported for strided convolutions, but got stride={self.stride}"
            )
        self.weight = nn.Parameter(
            torch.empty(out_channels, in_channels // groups, *self.kernel_size, device=device, dtype=dtype)
        )
        self.bias = nn.Parameter(torch.empty(out_channels, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias anew."""
        start_parameters(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) or (C, H, W) -> (N, O, Ho, Wo) or (O, Ho, Wo)."""
        if self.padding_mode == "zeros":
            return conv2d(
                input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
            )
        padded = pad(batched(input, "Conv2d"), self._margins(), self.padding_mode)
        y = conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        return y if input.ndim == 4 else y.squeeze(0)

    def _margins(self) -> tuple[int, int, int, int]:
        if isinstance(self.padding, tuple):
            down, across = self.padding
            return across, across, down, down
        if self.padding == "valid":
            return 0, 0, 0, 0
        down, across = (d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True))
        return across // 2, across - across // 2, down // 2, down - down // 2

    def extra_repr(self) -> str:
        """The arguments, as torch prints them."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={self.padding}, dilation={self.dilation}, groups={self.groups}, "
            f"bias={self.bias is not None}, padding_mode={self.padding_mode}"
        )


def check_channels(in_channels: int, out_channels: int, groups: int) -> None:
    """Raises ValueError unless `groups` is at least 1 and divides both numbers of channels."""
    if groups < 1:
        raise ValueError(f"groups must be a positive integer, but got {groups}")
    if in_channels % groups or out_channels % groups:
        raise ValueError(
            f"groups={groups} must divide in_channels={in_channels} and out_channels={out_channels}"
        )


def start_parameters(weight: Tensor, bias: Tensor | None) -> None:
    """Draws weight (O, C, kh, kw) and bias as torch does: uniform within 1 / sqrt(fan_in), fan_in = C * kh * kw."""
    kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        bound = 1 / math.sqrt(weight[0].numel())
        uniform_(bias, -bound, bound)
