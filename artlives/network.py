"""The style network: a photo goes in, a painting of the same size comes out.

In the order data flows: three convolutions bring the picture to 1/8 of its size and 96 channels, residual blocks
repaint it there, transposed convolutions bring it back, with two more residual blocks at 1/4.

After Johnson et al. 2016, "Perceptual losses for real-time style transfer and super-resolution", with the instance
normalization of Ulyanov et al. 2016. All of it is made of our own blocks.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from artlives.architecture import GAIN, GREY, RANGE, SMALLEST, STYLE_NETWORK, Layer, reduction
from artlives.blocks.activation import LeakyReLU, PReLU, ReLU, Sigmoid, Swish, Tanh, tanh
from artlives.blocks.convolution import Conv2d
from artlives.blocks.initialization import kaiming_normal_, normal_
from artlives.blocks.normalization import InstanceNorm2d
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
        kaiming_normal_(self.conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))  # (N, outputs, H / stride, W / stride)
        return self.activation(x) if self.activation else x


class Residual(nn.Module):
    """x plus what two convolutions make of it (He et al. 2016); no activation after the sum."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.first = Convolution(layer)
        self.second = Convolution(layer, activated=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


class Upsampling(nn.Module):
    """Transposed convolution, instance normalization, activation.

    The kernel is a multiple of the stride, and starts as the profile of linear interpolation times a random number
    for each pair of channels, so that there is no checkerboard to begin with.
    """

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        _, inputs, outputs, kernel, stride, _ = layer
        # One pixel of reflection around the input is `stride` pixels of the output, to be cropped.
        self.conv = ConvTranspose2d(
            inputs, outputs, kernel, stride, padding=(kernel - stride) // 2 + stride, bias=False
        )
        self.norm = InstanceNorm2d(outputs, affine=True)
        self.activation = activation(layer)
        with torch.no_grad():
            amplitude = normal_(torch.empty(inputs, outputs, 1, 1), std=(2 / inputs) ** 0.5)
            self.conv.weight.copy_(amplitude * self.profile(kernel, stride))

    @staticmethod
    def profile(kernel: int, stride: int) -> Tensor:
        """Linear interpolation as a kernel (kernel, kernel): the products of (1/4, 3/4, 3/4, 1/4) for 4 and 2."""
        distance = (torch.arange(kernel) - (kernel - 1) / 2).abs()
        side = (1 - distance / stride).clamp(min=0)
        return side * side[:, None]

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(pad(x, (1, 1, 1, 1), "reflect"))  # (N, outputs, H * stride, W * stride)
        return self.activation(self.norm(x))


class Output(nn.Module):
    """Convolution to three colours, GAIN * tanh + GREY; see `architecture`."""

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
        return (tanh(wide) * GAIN + GREY).to(x.dtype)


MODULES = {"convolution": Convolution, "residual": Residual, "upsampling": Upsampling, "output": Output}


class StyleNetwork(nn.Module):
    """The network that `layers` describe.

    Shapes: (N, 3, H, W) in 0..255, H and W >= 16, to (N, 3, H, W), between -22.5 and 277.5: clamp it to 0..255.

    Raises:
        ValueError: a picture with a side below 16 pixels, or without three channels.
    """

    def __init__(self, layers: tuple[Layer, ...] = STYLE_NETWORK) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            OrderedDict((f"{i}_{layer.kind}", MODULES[layer.kind](layer)) for i, layer in enumerate(layers))
        )
        self.reduction = reduction(layers)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < SMALLEST:
            raise ValueError(
                f"expected pictures (N, 3, H, W) of at least {SMALLEST} pixels a side, but got {list(x.shape)}"
            )
        h, w = x.shape[2:]
        x = (x.contiguous(memory_format=torch.channels_last) - GREY) / RANGE
        x = pad(x, (0, -w % self.reduction, 0, -h % self.reduction), "reflect")
        return self.layers(x)[:, :, :h, :w]
