"""The style network: a photo goes in, a painting of the same size comes out.

In the order data flows: three convolutions bring the picture to 1/8 of its size and 96 channels, residual blocks
repaint it there, transposed convolutions bring it back, with two more residual blocks at 1/4.

After Johnson et al. 2016, "Perceptual losses for real-time style transfer and super-resolution", with the instance
normalization of Ulyanov et al. 2016. All of it is made of our own blocks.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from artlives.architecture import GAIN, GREY, RANGE, SMALLEST, STYLE_NETWORK, Layer, reduction
from artlives.blocks.activation import LeakyReLU, PReLU, ReLU, Sigmoid, Swish, Tanh, tanh
from artlives.blocks.convolution import Conv2d
from artlives.blocks.initialization import kaiming_normal_, normal_
from artlives.blocks.normalization import InstanceNorm2d, fused_instance_norm
from artlives.blocks.padding import pad
from artlives.blocks.transposed_convolution import ConvTranspose2d


def activation(layer: Layer) -> nn.Module:
    """The layer's activation; PReLU learns a slope for each channel."""
    if layer.activation == "prelu":
        return PReLU(layer.outputs)
    return {"tanh": Tanh, "sigmoid": Sigmoid, "relu": ReLU, "leaky-relu": LeakyReLU, "swish": Swish}[
        layer.activation
    ]()


class Convolution(nn.Module):
    """Convolution padded by reflection, instance normalization and, unless it is left out, the activation."""

    def __init__(self, layer: Layer, activated: bool = True) -> None:
        super().__init__()
        _, inputs, outputs, kernel, stride, _ = layer
        # No bias: the normalization would take it away.
        self.conv = Conv2d(
            inputs, outputs, kernel, stride, padding=kernel // 2, bias=False, padding_mode="reflect"
        )
        self.norm = InstanceNorm2d(outputs, affine=True)
        self.activation = activation(layer) if activated else None
        self.rectified = activated and layer.activation == "relu"
        kaiming_normal_(self.conv.weight)

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """`residual`, where there is no activation, is added to the result."""
        norm = self.norm
        # (N, outputs, H / stride, W / stride)
        y = fused_instance_norm(self.conv(x), norm.weight, norm.bias, self.rectified, residual, norm.eps)
        return y if self.rectified or self.activation is None else self.activation(y)


class Residual(nn.Module):
    """x plus what two convolutions make of it (He et al. 2016); no activation after the sum."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.first = Convolution(layer)
        self.second = Convolution(layer, activated=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x), residual=x)


class EvenKernel(nn.Module):
    """A transposed convolution's kernel that cannot print a grid, whatever is learned.

    What is learned, (I, O, k - stride + 1, k - stride + 1), is convolved with a box of the stride's size to the kernel
    (I, O, k, k). So each of the stride² phases of the output sums the same learned values, and an even area stays even
    (Odena et al. 2016, "Deconvolution and checkerboard artifacts": it equals repeating each pixel, then convolving).
    """

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, learned: Tensor) -> Tensor:
        """(I, O, n, n) -> (I, O, n + stride - 1, n + stride - 1), the kernel that files hold."""
        more = self.stride - 1
        shifts = range(self.stride)
        across = torch.stack([pad(learned, (i, more - i, 0, 0)) for i in shifts]).sum(0)
        return torch.stack([pad(across, (0, 0, i, more - i)) for i in shifts]).sum(0)

    def right_inverse(self, kernel: Tensor) -> Tensor:
        """What gives `kernel`; of a kernel with uneven phases, what comes nearest to it by least squares."""
        n = kernel.shape[-1] - self.stride + 1
        box = sum(
            torch.eye(n + self.stride - 1, n, dtype=torch.float64).roll(i, 0) for i in range(self.stride)
        )
        inverse = torch.linalg.pinv(box).to(kernel)  # (n, k)
        return inverse @ kernel @ inverse.T


class Upsampling(nn.Module):
    """Transposed convolution, instance normalization, activation.

    In training the kernel is an `EvenKernel`; a style's file holds the kernel that this makes.
    """

    def __init__(self, layer: Layer, even: bool = True) -> None:
        super().__init__()
        _, inputs, outputs, kernel, stride, _ = layer
        # One pixel of reflection around the input is `stride` pixels of the output, to be cropped.
        self.conv = ConvTranspose2d(
            inputs, outputs, kernel, stride, padding=(kernel - stride) // 2 + stride, bias=False
        )
        self.norm = InstanceNorm2d(outputs, affine=True)
        self.activation = activation(layer)
        self.rectified = layer.activation == "relu"
        if even:
            parametrize.register_parametrization(self.conv, "weight", EvenKernel(stride))
            self.register_load_state_dict_pre_hook(_unfold)
            self.start(normal_)

    def start(self, draw: Callable[[Tensor], Tensor]) -> None:
        """Draws what is learned: a smooth bump times one number for each pair of channels, and a little noise.

        `draw` fills a tensor (outputs, inputs, 1, 1) with numbers whose scale does not matter.
        """
        learned = self.learned()
        inputs, outputs, n, _ = learned.shape
        amplitude = draw(torch.empty(outputs, inputs, 1, 1)).transpose(0, 1)
        distance = (torch.arange(n) - (n - 1) / 2).abs()
        side = 1 - distance / ((n + 1) / 2)
        side = side / side.sum()  # 1/4, 1/2, 1/4 for three
        with torch.no_grad():
            bump = amplitude / amplitude.std().clamp(min=1e-12) * (side * side[:, None])
            noise = normal_(torch.empty_like(learned), std=0.5 / n)
            # Of variance 2 / inputs, as by He et al. 2015 for ReLU, which together they keep about: 0.7 and 0.5 are
            # the parts of either that trained well.
            learned.copy_((0.7 * 2**0.5 * bump + noise) / inputs**0.5)

    def learned(self) -> Tensor:
        """The parameter that is trained: (inputs, outputs, kernel - stride + 1, kernel - stride + 1)."""
        return self.conv.parametrizations.weight.original  # type: ignore[union-attr,return-value]

    def forward(self, x: Tensor) -> Tensor:
        norm = self.norm
        x = self.conv(pad(x, (1, 1, 1, 1), "reflect"))  # (N, outputs, H * stride, W * stride)
        x = fused_instance_norm(x, norm.weight, norm.bias, self.rectified, eps=norm.eps)
        return x if self.rectified else self.activation(x)


def _unfold(module: nn.Module, state_dict: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Lets an even `Upsampling` load a file's weights: what it learned takes the place of the kernel made of it."""
    assert isinstance(module, Upsampling)
    kernel = state_dict.pop(f"{prefix}conv.weight", None)
    if kernel is not None:
        even = EvenKernel(module.conv.stride[0])
        state_dict[f"{prefix}conv.parametrizations.weight.original"] = even.right_inverse(kernel)


class Output(nn.Module):
    """Convolution to three colours, GAIN * tanh + GREY, in fp32 at least; see `architecture`."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        _, inputs, outputs, kernel, _, _ = layer
        self.conv = Conv2d(inputs, outputs, kernel, padding=kernel // 2, padding_mode="reflect")
        normal_(self.conv.weight, std=0.01)
        with torch.no_grad():
            self.conv.bias.zero_()  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        # In half precision each of these steps would round to whole grey levels.
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        return tanh(wide) * GAIN + GREY


MODULES = {"convolution": Convolution, "residual": Residual, "upsampling": Upsampling, "output": Output}


class StyleNetwork(nn.Module):
    """The network that `layers` describe.

    Shapes: (N, 3, H, W) in 0..255, H and W >= 16, to (N, 3, H, W), between -22.5 and 277.5: clamp it to 0..255.

    Args:
        layers: the description.
        even: learn kernels of transposed convolutions that leave even areas even, see `EvenKernel`. Otherwise these
            are as free as an older style's file may hold them. Either kind loads the other's `file_weights`.

    Attributes:
        compute_dtype: in which dtype it computes; None: in that of its pictures. The result has the pictures' dtype.

    Raises:
        ValueError: a picture with a side below 16 pixels, or without three channels.
    """

    def __init__(self, layers: tuple[Layer, ...] = STYLE_NETWORK, even: bool = True) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        for i, layer in enumerate(layers):
            options = {"even": even} if layer.kind == "upsampling" else {}
            self.layers.add_module(f"{i}_{layer.kind}", MODULES[layer.kind](layer, **options))
        self.reduction = reduction(layers)
        self.compute_dtype: torch.dtype | None = None

    def file_weights(self) -> dict[str, Tensor]:
        """The weights by the names, and in the shapes, that a style's file and all executors have."""
        weights = self.state_dict()
        for name, layer in self.layers.named_children():
            if isinstance(layer, Upsampling) and parametrize.is_parametrized(layer.conv):
                del weights[f"layers.{name}.conv.parametrizations.weight.original"]
                weights[f"layers.{name}.conv.weight"] = layer.conv.weight.detach()
        return weights

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < SMALLEST:
            raise ValueError(
                f"expected pictures (N, 3, H, W) of at least {SMALLEST} pixels a side, but got {list(x.shape)}"
            )
        h, w = x.shape[2:]
        x = (x.contiguous(memory_format=torch.channels_last) - GREY) / RANGE
        dtype = x.dtype
        x = x.to(self.compute_dtype or dtype)
        x = pad(x, (0, -w % self.reduction, 0, -h % self.reduction), "reflect")
        return self.layers(x)[:, :, :h, :w].to(dtype)
