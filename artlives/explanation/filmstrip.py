"""What a style network makes of a photo on its way, as pictures: channels after every block, and the first filters."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from artlives.architecture import Layer
from artlives.engines.network import StyleNetwork
from artlives.training.tensors import to_pixels

# Channels that are shown of each block: those side by side are still large enough to look at.
CHANNELS = 6
# In the picture of the first filters, of which there are 24.
FILTERS_A_ROW = 8


class Frame(NamedTuple):
    """A block's piece of the filmstrip.

    Attributes:
        layer: the block's description.
        height, width: of each of its channels, in pixels.
        channels: the numbers of those that are shown, the strongest first; none of the output, which is in colour.
        picture: they side by side.
    """

    layer: Layer
    height: int
    width: int
    channels: tuple[int, ...]
    picture: Image.Image


def filmstrip(network: StyleNetwork, layers: tuple[Layer, ...], photo: Tensor) -> list[Frame]:
    """A frame for each of the blocks `layers` that `photo`, (1, 3, H, W) in 0..255, passes, at its resolution.

    The strongest channels are those that vary most over the picture. Each is shown in its own range, black where it
    is weakest and white where it is strongest.
    """
    outputs: list[Tensor] = []
    # Of each layer, the module of its last step.
    ends = {
        step.layer: module for step, module in zip(network.steps, network.modules_of_steps(), strict=True)
    }
    hooks = [end.register_forward_hook(lambda _, __, y: outputs.append(y[0])) for end in ends.values()]
    try:
        with torch.no_grad():
            network(photo)
    finally:
        for hook in hooks:
            hook.remove()
    frames = []
    for layer, values in zip(layers, outputs, strict=True):
        _, height, width = values.shape
        if layer.kind == "output":
            channels: tuple[int, ...] = ()
            picture = colours(values)
        else:
            channels = tuple(values.std((1, 2)).argsort(descending=True)[:CHANNELS].tolist())
            tiles = [Image.fromarray(_full_range(values[c]).numpy()).convert("LA") for c in channels]
            picture = _grid(tiles, len(tiles), gap=max(1, width // 24))
        frames.append(Frame(layer, height, width, channels, picture))
    return frames


def first_filters(network: StyleNetwork) -> Image.Image:
    """The first convolution's filters in colour, an input of its own for each; gray is a weight of zero."""
    # (outputs, 3, k, k)
    weights = next(network.parameters()).detach().float().cpu()
    # A filter, and below a channel, that is the same throughout must not be divided by 0.
    strongest = weights.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-6)
    tiles = [colours(weight).convert("RGBA") for weight in 127.5 + 127.5 * weights / strongest]
    return _grid(tiles, FILTERS_A_ROW, gap=1)


def colours(values: Tensor) -> Image.Image:
    """(3, H, W) in 0..255 as an RGB picture."""
    return Image.fromarray(to_pixels(values))


def _full_range(values: Tensor) -> Tensor:
    """(H, W) stretched to 0..255 in uint8; the lowest and the highest hundredth are cut off."""
    values = values.float().cpu()
    low, high = values.quantile(0.01), values.quantile(0.99)
    return ((values - low) / (high - low).clamp(min=1e-6) * 255).clamp(0, 255).byte()


def _grid(tiles: list[Image.Image], columns: int, gap: int) -> Image.Image:
    """Pictures of one size and mode in rows of `columns`, the gaps between them transparent."""
    width, height = tiles[0].size
    rows = ceil(len(tiles) / columns)
    size = (columns * (width + gap) - gap, rows * (height + gap) - gap)
    picture = Image.new(tiles[0].mode, size)
    for i, tile in enumerate(tiles):
        picture.paste(tile, (i % columns * (width + gap), i // columns * (height + gap)))
    return picture
