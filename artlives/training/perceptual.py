"""The perceptual network: how alike two pictures are is judged by VGG-19's features, not by their pixels.

Source: Simonyan & Zisserman 2014, "Very deep convolutional networks for large-scale image recognition"; used as a
loss by Gatys et al. 2016 and Johnson et al. 2016. Its first eight convolutions, to conv3_4, ship with artlives; a
recipe may ask for deeper ones of torchvision's. This is the one network here that is made of torch's own layers.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function

from artlives.blocks.kernels import dispatch
from artlives.errors import ArtlivesError, needs
from artlives.files import shipped_folder
from artlives.training.recipe import PERCEPTUAL_LAYERS

# Before these, the picture is halved by max pooling.
_POOLED = ("conv2_1", "conv3_1", "conv4_1", "conv5_1")
# Of the picture and of every layer's features.
_CHANNELS = (3, 64, 64, 128, 128, *[256] * 4, *[512] * 8)
# The convolutions' indices in torchvision's `vgg19().features`.
_INDICES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
# How many there must be: training and all figures of quality compare by them.
_LEAST = 8

# Among the models: half precision, 4.7 MB.
SHIPPED = Path("perceptual", "vgg19-conv1_1-conv3_4.safetensors")
# In place of a file: the weights that torchvision downloads.
TORCHVISION = "torchvision"
# How each kind of weights expects its pictures, in RGB: (x - mean) / deviation.
_TORCHVISION = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
_CAFFE = ((123.68, 116.779, 103.939), (1.0, 1.0, 1.0))


# Takes x, padded by a pixel of zeros, to the convolution's output.
_Convolve = Callable[..., Tensor]


class _ConvolutionReLU(Function):
    """Convolution by fixed weights, padded by a pixel of zeros, then ReLU.

    The gradient is a convolution, too, by the kernel turned round, of the gradient where the ReLU let pass.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, convolve: _Convolve, turned: _Convolve) -> Tensor:
        y = convolve(x)
        ctx.save_for_backward(y)
        ctx.turned = turned
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (y,) = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        return ctx.turned(gradient, y), None, None


class Perceptual(nn.Module):
    """Features of pictures: (N, 3, H, W) RGB in 0..255 to {layer: (N, C, H', W')}, after each layer's ReLU.

    Its weights are fixed.

    Args:
        weights: None for those that come with artlives; `TORCHVISION` for torchvision's, which are downloaded once and
            cached; or a file: torchvision's checkpoint (.pth), or safetensors with `conv{block}_{n}.weight` and `.bias`
            of the original Caffe training.
        device: where it computes.
        dtype: in which dtype; by default in bf16 where the device is quick at that, else in fp32.

    Attributes:
        layers: the convolutions that it has, from the first on, eight or more of `PERCEPTUAL_LAYERS`.

    Raises:
        ArtlivesError: the weights cannot be downloaded or read; later, it does not have a layer that is asked for.
    """

    def __init__(
        self,
        weights: Path | str | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        weights = weights or shipped_folder("models", "models") / SHIPPED
        state, (mean, deviation) = _read(weights)
        self.dtype = dtype or (torch.bfloat16 if has_bf16(torch.device(device)) else torch.float32)
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor(mean, device=device).view(3, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation, device=device).view(3, 1, 1))
        self.layers: list[str] = []
        self._convolutions: dict[str, tuple[_Convolve, _Convolve]] = {}
        for name, inputs, outputs in zip(PERCEPTUAL_LAYERS, _CHANNELS[:-1], _CHANNELS[1:], strict=True):
            try:
                weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
            except KeyError as error:
                if len(self.layers) >= _LEAST:
                    break
                raise ArtlivesError(
                    f"{weights} does not hold VGG-19's convolutions: it lacks {error}"
                ) from error
            self.layers.append(name)
            if weight.shape != (outputs, inputs, 3, 3) or bias.shape != (outputs,):
                raise ArtlivesError(
                    f"{weights} does not hold VGG-19's convolutions: {name} has another shape"
                )
            weight, bias = weight.to(device, self.dtype), bias.to(device, self.dtype)
            self._convolutions[name] = _convolutions(weight, bias)

    def forward(self, x: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Features (N, C, H / s, W / s) of pictures (N, 3, H, W) in 0..255, by layer; s is 2^(block - 1)."""
        wanted = set(layers)
        if missing := wanted - set(self.layers):
            raise ArtlivesError(
                f"the perceptual network ends at {self.layers[-1]}, before {min(missing)}: give --perceptual "
                "torchvision, or a file of the whole VGG-19"
            )
        x = ((x - self.mean) / self.deviation).to(self.dtype).contiguous(memory_format=torch.channels_last)
        found: dict[str, Tensor] = {}
        for name in self.layers:
            if name in _POOLED:
                x = F.max_pool2d(x, 2)
            x = _ConvolutionReLU.apply(x, *self._convolutions[name])
            if name in wanted:
                found[name] = x
                if len(found) == len(wanted):
                    break
        return found


def _convolutions(weight: Tensor, bias: Tensor) -> tuple[_Convolve, _Convolve]:
    """What `_ConvolutionReLU` is made of: the compiled core's, which are quicker on the CPU, or torch's.

    The first takes x to the ReLU's output y, the second the gradient of y, and y, to that of x.
    """
    turned = weight.transpose(0, 1).flip(2, 3)
    first, second = dispatch.packed(weight, bias, rectified=True), dispatch.packed(turned, None)
    if first and second:
        return first, second
    dense, turned = (kernel.contiguous(memory_format=torch.channels_last) for kernel in (weight, turned))

    def forward(x: Tensor) -> Tensor:
        return F.conv2d(x, dense, bias, padding=1).relu_()

    def backward(gradient: Tensor, y: Tensor) -> Tensor:
        return F.conv2d(torch.ops.aten.threshold_backward(gradient, y, 0), turned, padding=1)

    return forward, backward


def has_bf16(device: torch.device) -> bool:
    """Whether torch's convolutions have instructions of the device for products of bf16."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and supported is not None and bool(supported())


def _read(path: Path | str) -> tuple[dict[str, Tensor], tuple[tuple[float, ...], tuple[float, ...]]]:
    """The convolutions' weights by name, for RGB input, and the input's mean and deviation."""
    if path != TORCHVISION and Path(path).suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            state = {name: value.float() for name, value in load_file(path).items()}
            # BGR to RGB.
            state["conv1_1.weight"] = state["conv1_1.weight"].flip(1)
        except (OSError, SafetensorError, KeyError) as error:
            raise ArtlivesError(
                f"cannot read the perceptual network's weights from {path}: {error}"
            ) from error
        return state, _CAFFE
    if path == TORCHVISION:
        needs("--perceptual torchvision", "train", "torchvision")
        # Imported here, since it takes seconds.
        from torchvision.models import VGG19_Weights

        try:
            checkpoint = VGG19_Weights.IMAGENET1K_V1.get_state_dict(progress=True, check_hash=True)
        except (OSError, RuntimeError) as error:
            raise ArtlivesError(
                f"cannot download VGG-19's weights ({error}); connect to the internet once, or fetch "
                f"{VGG19_Weights.IMAGENET1K_V1.url} elsewhere and give it with --perceptual FILE"
            ) from error
    else:
        try:
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            # For a damaged file, torch.load raises many kinds of exceptions.
            reason = str(error).partition("\n")[0]
            raise ArtlivesError(
                f"cannot read the perceptual network's weights from {path}: {reason}"
            ) from error
    try:
        state = {
            f"{name}.{kind}": checkpoint[f"features.{i}.{kind}"]
            for name, i in zip(PERCEPTUAL_LAYERS, _INDICES, strict=True)
            for kind in ("weight", "bias")
            if i <= _INDICES[_LEAST - 1] or f"features.{i}.{kind}" in checkpoint
        }
    except (KeyError, TypeError) as error:
        raise ArtlivesError(f"{path} is not torchvision's VGG-19 checkpoint: it lacks {error}") from error
    return state, _TORCHVISION
