"""The perceptual network: how alike two pictures are is judged by VGG-19's features, not by their pixels.

Source: Simonyan & Zisserman 2014, "Very deep convolutional networks for large-scale image recognition"; used as a
loss by Gatys et al. 2016 and Johnson et al. 2016. Only its first eight convolutions, to conv3_4, are used. This is
the one network here that is made of torch's own layers.
"""

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import VGG19_Weights
from torchvision.models.vgg import make_layers

from artlives.errors import ArtlivesError

LAYERS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv3_4")
_CONFIGURATION: list[str | int] = [64, 64, "M", 128, 128, "M", 256, 256, 256, 256]

# How each kind of weights expects its pictures, in RGB: (x - mean) / deviation.
_TORCHVISION = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
_CAFFE = ((123.68, 116.779, 103.939), (1.0, 1.0, 1.0))


class Perceptual(nn.Module):
    """Features of pictures: (N, 3, H, W) RGB in 0..255 to {layer: (N, C, H', W')}, after each layer's ReLU.

    Its weights are fixed. It computes in bf16 where the device is quick at that, else in fp32.

    Args:
        weights: None for torchvision's ImageNet weights, which are downloaded once and cached; or a file: torchvision's
            own checkpoint (.pth), or safetensors with `conv{block}_{n}.weight` and `.bias` of the original Caffe
            training.
        device: where it computes.

    Raises:
        ArtlivesError: the weights cannot be downloaded or read.
    """

    def __init__(self, weights: Path | None = None, device: torch.device | str = "cpu") -> None:
        super().__init__()
        self.features = make_layers(_CONFIGURATION)  # type: ignore[arg-type]
        convolutions = [layer for layer in self.features if isinstance(layer, nn.Conv2d)]
        state, (mean, deviation) = _read(weights)
        try:
            for name, convolution in zip(LAYERS, convolutions, strict=True):
                convolution.load_state_dict({kind: state[f"{name}.{kind}"] for kind in ("weight", "bias")})
        except (KeyError, RuntimeError) as error:
            raise ArtlivesError(f"{weights} does not hold VGG-19's convolutions: {error}") from error
        for parameter in self.parameters():
            parameter.requires_grad_(False)
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).view(3, 1, 1))
        self.to(device)
        self.dtype = torch.bfloat16 if _has_bf16(torch.device(device)) else torch.float32
        self.features.to(dtype=self.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        wanted = set(layers)
        x = ((x - self.mean) / self.deviation).to(self.dtype).contiguous(memory_format=torch.channels_last)
        found: dict[str, Tensor] = {}
        names = iter(LAYERS)
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.ReLU) and (name := next(names)) in wanted:
                found[name] = x
                if len(found) == len(wanted):
                    break
        return found


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and supported is not None and supported()


def _read(path: Path | None) -> tuple[dict[str, Tensor], tuple[tuple[float, ...], tuple[float, ...]]]:
    """The convolutions' weights by name, for RGB input, and the input's mean and deviation."""
    if path is not None and path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            state = load_file(path)
            state["conv1_1.weight"] = state["conv1_1.weight"].flip(1)  # BGR to RGB
        except (OSError, SafetensorError, KeyError) as error:
            raise ArtlivesError(
                f"cannot read the perceptual network's weights from {path}: {error}"
            ) from error
        return state, _CAFFE
    if path is None:
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
        except Exception as error:  # a damaged file makes torch.load raise anything
            reason = str(error).partition("\n")[0]
            raise ArtlivesError(
                f"cannot read the perceptual network's weights from {path}: {reason}"
            ) from error
    indices = [i for i, layer in enumerate(make_layers(_CONFIGURATION)) if isinstance(layer, nn.Conv2d)]  # type: ignore
    try:
        state = {
            f"{name}.{kind}": checkpoint[f"features.{i}.{kind}"]
            for name, i in zip(LAYERS, indices, strict=True)
            for kind in ("weight", "bias")
        }
    except (KeyError, TypeError) as error:
        raise ArtlivesError(f"{path} is not torchvision's VGG-19 checkpoint: it lacks {error}") from error
    return state, _TORCHVISION
