"""What a style network makes of a photo on its way: its values after every block as pictures, and the first filters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from artlives.architecture import Layer
from artlives.engines.network import StyleNetwork
from artlives.training.tensors import to_pixels

# Channels that are shown of each block: those side by side are still large enough to look at.
CHANNELS = 8


class Channel(NamedTuple):
    """One of a block's channels.

    Attributes:
        number: counted from 0.
        values: (H, W) in fp32.
        picture: black where it is weakest, white where it is strongest.
    """

    number: int
    values: Tensor
    picture: Image.Image


class Frame(NamedTuple):
    """A block's piece of the filmstrip.

    Attributes:
        layer: the block's description.
        height, width: of each of its channels, in pixels.
        channels: those that are shown, the strongest first; none of the output, which is in colour.
        picture: all channels at once: the output itself, of the others the principal components in false colours.
        share: of all channels' variance, how much these components hold, 0..1; 1 of the output.
        change: of a residual block, the size of what it adds over the size of what it was given; else None.
    """

    layer: Layer
    height: int
    width: int
    channels: tuple[Channel, ...]
    picture: Image.Image
    share: float
    change: float | None


def filmstrip(network: StyleNetwork, layers: tuple[Layer, ...], photo: Tensor) -> list[Frame]:
    """A frame for each of the blocks `layers` that `photo`, (1, 3, H, W) in 0..255, passes, at its resolution.

    The strongest channels are those that vary most over the picture.
    """
    frames = []
    before = photo[0]
    for layer, values in zip(layers, outputs(network, photo), strict=True):
        _, height, width = values.shape
        channels: tuple[Channel, ...] = ()
        if layer.kind == "output":
            picture, share = colours(values), 1.0
        else:
            strongest = values.std((1, 2)).argsort(descending=True)[:CHANNELS].tolist()
            channels = tuple(Channel(c, values[c], gray(values[c])) for c in strongest)
            picture, share = false_colours(values)
        change = ((values - before).norm() / before.norm()).item() if layer.kind == "residual" else None
        frames.append(Frame(layer, height, width, channels, picture, share, change))
        before = values
    return frames


@torch.no_grad()
def outputs(network: StyleNetwork, photo: Tensor) -> list[Tensor]:
    """What each layer makes of `photo`, (1, 3, H, W) in 0..255: (C, H, W)."""
    found: list[Tensor] = []
    hooks = [
        end.register_forward_hook(lambda _, __, y: found.append(y[0])) for end in _ends(network).values()
    ]
    try:
        network(photo)
    finally:
        for hook in hooks:
            hook.remove()
    return found


@torch.no_grad()
def without(network: StyleNetwork, layer: int, photo: Tensor) -> Tensor:
    """The output (3, H, W) for `photo`, (1, 3, H, W) in 0..255, if a residual block adds nothing to its input."""
    last = _ends(network)[layer]
    # The arguments of the last step's module are its input and what it is added to.
    hook = last.register_forward_hook(lambda _, arguments, __: arguments[1])
    try:
        painted: Tensor = network(photo)[0]
    finally:
        hook.remove()
    return painted


def first_filters(network: StyleNetwork) -> list[Image.Image]:
    """The first convolution's filters in colour; gray is a weight of zero."""
    # (outputs, 3, k, k)
    weights = next(network.parameters()).detach().float().cpu()
    # A filter, and below a channel, that is the same throughout must not be divided by 0.
    strongest = weights.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-6)
    return [colours(weight) for weight in 127.5 + 127.5 * weights / strongest]


def colours(values: Tensor) -> Image.Image:
    """(3, H, W) in 0..255 as an RGB picture."""
    return Image.fromarray(to_pixels(values))


def gray(values: Tensor) -> Image.Image:
    """(H, W) in its own range as a picture; the lowest and the highest hundredth are cut off."""
    return Image.fromarray(_full_range(values).numpy())


def false_colours(values: Tensor) -> tuple[Image.Image, float]:
    """The three principal components of channels (C, H, W) as red, green and blue, and their share of the variance.

    The sign of a component, which is arbitrary, is the one that makes its distribution skewed to the right.
    """
    channels, height, width = values.shape
    flat = values.float().cpu().reshape(channels, -1)
    centered = flat - flat.mean(1, keepdim=True)
    variances, axes = torch.linalg.eigh(centered @ centered.T)
    # Ascending.
    components = axes[:, -3:].flip(1).T @ centered
    skewness = components.pow(3).sum(1, keepdim=True)
    components = components * torch.where(skewness < 0, -1.0, 1.0)
    bands = [_full_range(component.reshape(height, width)) for component in components]
    total = variances.sum().item()
    share = variances[-3:].sum().item() / total if total > 0 else 1.0
    return Image.fromarray(np.ascontiguousarray(torch.stack(bands, -1).numpy())), share


def _ends(network: StyleNetwork) -> dict[int, torch.nn.Module]:
    """The module of each layer's last step, by the layer's index."""
    return {
        step.layer: module for step, module in zip(network.steps, network.modules_of_steps(), strict=True)
    }


def _full_range(values: Tensor) -> Tensor:
    """(H, W) stretched to 0..255 in uint8; the lowest and the highest hundredth are cut off."""
    values = values.float().cpu()
    low, high = values.quantile(0.01), values.quantile(0.99)
    return ((values - low) / (high - low).clamp(min=1e-6) * 255).clamp(0, 255).byte()
