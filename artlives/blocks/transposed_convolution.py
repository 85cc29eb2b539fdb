"""Transposed convolution: each input pixel paints a weighted kernel into a larger picture.

It is the adjoint of convolution: the map that takes a convolution's output gradient to its input gradient. Where the
kernel is no multiple of the stride, neighbouring pixels receive unequally many contributions, and a checkerboard
shows (Odena et al. 2016, "Deconvolution and checkerboard artifacts").

Source: Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning"; the signatures are torch's.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from artlives.blocks.arguments import batched, check_convolution, check_groups, formatted, pair
from artlives.blocks.bilinear import ConvolveTransposed
from artlives.blocks.convolution import Size, check_channels, start_parameters
from artlives.blocks.kernels.matmul import Geometry


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """Two-dimensional transposed convolution.

    Args:
        input: (N, C, H, W) or (C, H, W); fp32, fp64, or fp16 and bf16, which are accumulated in fp32.
        weight: (C, O / groups, kh, kw), in input's dtype; fp32 for half precision is rounded to that.
        bias: (O,) or None, likewise.
        stride: >= 1, one number or (vertical, horizontal), as are the next ones.
        padding: >= 0; the result loses this many pixels on each side.
        output_padding: >= 0, less than stride or dilation; the result gains this many at the bottom and right.
        groups: input and output channels fall into this many groups, each convolved by itself.
        dilation: >= 1, pixels from one kernel value to the next.

    Returns:
        (N, O, Ho, Wo) or (O, Ho, Wo) with Ho = (H - 1) * stride - 2 * padding + dilation * (kh - 1) +
        output_padding + 1, in input's dtype and memory format.

    Raises:
        RuntimeError: shapes, dtypes or numbers that do not fit together; the message names them.
        TypeError: a stride, padding or dilation that is not a whole number.

    Example:
        >>> conv_transpose2d(torch.ones(1, 1, 1, 2), torch.ones(1, 1, 2, 2), stride=2)
        tensor([[[[1., 1., 1., 1.],
                  [1., 1., 1., 1.]]]])
    """
    x = batched(input, "conv_transpose2d")
    check_groups(weight, groups)
    strides, dilations = pair(stride, "stride"), pair(dilation, "dilation")
    margins, extra = pair(padding, "padding"), pair(output_padding, "output_padding")
    channels = weight.shape[0], weight.shape[1] * groups
    check_convolution(
        x, weight, bias, channels, stride=strides, padding=margins, dilation=dilations, output_padding=extra
    )
    if any(e >= s and e >= d for e, s, d in zip(extra, strides, dilations, strict=True)):
        raise RuntimeError(
            f"output padding must be smaller than either stride or dilation, but got output_padding={extra}, "
            f"stride={strides}, dilation={dilations}"
        )
    height, width = (
        (size - 1) * s - 2 * p + d * (k - 1) + e + 1
        for size, s, p, d, k, e in zip(
            x.shape[2:], strides, margins, dilations, weight.shape[2:], extra, strict=True
        )
    )
    if height < 1 or width < 1:
        raise RuntimeError(f"input of size {list(x.shape)} would give an output of {height} x {width} pixels")
    geometry = Geometry(strides, margins, dilations, groups)
    return formatted(ConvolveTransposed.apply(x, weight, bias, geometry, (height, width)), input)


class ConvTranspose2d(nn.Module):
    """`conv_transpose2d` with a weight and a bias of its own; can replace `torch.nn.ConvTranspose2d`.

    It loads torch's state dict. Weights start as in torch: uniform within 1 / sqrt(fan_in).

    Raises:
        ValueError: channels that groups do not divide, groups < 1, or a padding mode other than "zeros".
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_channels(in_channels, out_channels, groups)
        if padding_mode != "zeros":
            raise ValueError(
                f"only padding_mode='zeros' is supported for ConvTranspose2d, but got {padding_mode!r}"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = pair(kernel_size, "kernel_size")
        self.stride, self.dilation = pair(stride, "stride"), pair(dilation, "dilation")
        self.padding, self.output_padding = pair(padding, "padding"), pair(output_padding, "output_padding")
        self.padding_mode = padding_mode
        self.weight = nn.Parameter(
            torch.empty(in_channels, out_channels // groups, *self.kernel_size, device=device, dtype=dtype)
        )
        self.bias = nn.Parameter(torch.empty(out_channels, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias anew."""
        start_parameters(self.weight, self.bias)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """(N, C, H, W) or (C, H, W) -> (N, O, Ho, Wo) or (O, Ho, Wo).

        `output_size`, (Ho, Wo) with or without the leading axes, replaces the module's output_padding.

        Raises:
            ValueError: an output size that no output padding from 0 to stride - 1 gives.
        """
        extra = self.output_padding
        if output_size is not None:
            extra = self._output_padding(batched(input, "ConvTranspose2d"), list(output_size), input.ndim)
        return conv_transpose2d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )

    def _output_padding(self, x: Tensor, output_size: list[int], ndim: int) -> tuple[int, int]:
        if len(output_size) not in (2, ndim):
            raise ValueError(f"output_size must have 2 or {ndim} values, but got {output_size}")
        least = [
            (size - 1) * s - 2 * p + d * (k - 1) + 1
            for size, s, p, d, k in zip(
                x.shape[2:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True
            )
        ]
        most = [size + s - 1 for size, s in zip(least, self.stride, strict=True)]
        wanted = output_size[-2:]
        if any(not low <= size <= high for low, size, high in zip(least, wanted, most, strict=True)):
            raise ValueError(f"requested an output size of {wanted}, but it must be from {least} to {most}")
        return wanted[0] - least[0], wanted[1] - least[1]

    def extra_repr(self) -> str:
        """The arguments, as torch prints them."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={self.padding}, output_padding={self.output_padding}, dilation={self.dilation}, "
            f"groups={self.groups}, bias={self.bias is not None}"
        )
