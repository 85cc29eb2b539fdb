"""What the page shows and says of each block of a style's network."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from artlives.architecture import Layer
from artlives.engines.network import StyleNetwork
from artlives.explanation import words
from artlives.explanation.filmstrip import Frame, colours, filmstrip, first_filters, outputs, without
from artlives.explanation.likeness import Likeness, likeness, properties
from artlives.explanation.words import Loss


class Block(NamedTuple):
    """A block.

    Attributes:
        frame: its piece of the filmstrip.
        built: how it is built, word by word; see `words.built`.
        sentence: what it does to this photo.
        likenesses: what each of the frame's channels follows.
        without: the painting without it, of a residual block.
        loss: how that differs from the painting.
    """

    frame: Frame
    built: list[str]
    sentence: str
    likenesses: list[Likeness | None]
    without: Image.Image | None = None
    loss: Loss | None = None


class Filter(NamedTuple):
    """A filter of the first convolution, and the piece of the photo that it answers to most, of the same sides."""

    picture: Image.Image
    piece: Image.Image


def blocks(network: StyleNetwork, layers: tuple[Layer, ...], clean: Tensor, grained: Tensor) -> list[Block]:
    """The blocks that a photo passes.

    Args:
        clean, grained: the photo as it is and as the network is given it, both (1, 3, H, W) in 0..255.
    """
    fields = words.receptive_fields(network.steps)
    weights = network.file_weights()
    names = {step.layer: step.name for step in network.steps}
    painting = outputs(network, grained)[-1]
    found = []
    for i, frame in enumerate(filmstrip(network, layers, grained)):
        layer = frame.layer
        known = properties(clean, frame.height, frame.width)
        likenesses = [likeness(channel.values, known) for channel in frame.channels]
        picture = lost = None
        if layer.kind == "residual":
            less = without(network, i, grained)
            picture, lost = colours(less), words.loss(painting, less)
            sentence = words.of_residual(frame.change or 0.0, lost)
        elif layer.kind == "upsampling":
            sentence = words.of_upsampling(frame, weights[f"{names[i]}.conv.weight"], likenesses[0])
        elif layer.kind == "output":
            sentence = words.of_output(layer, painting)
        else:
            sentence = words.of_convolution(fields[i], likenesses[0])
        found.append(Block(frame, words.built(layer, frame), sentence, likenesses, picture, lost))
    return found


def filters(network: StyleNetwork, clean: Tensor, grained: Tensor) -> list[Filter]:
    """The first convolution's filters, in their order; the photo is as for `blocks`."""
    step, values = network.steps[0], outputs(network, grained)[0]
    around = F.pad(clean, (step.reflected,) * 4, "reflect")[0]
    found = []
    for picture, channel in zip(first_filters(network), values, strict=True):
        y, x = divmod(int(channel.argmax()), channel.shape[1])
        top, left = y * step.stride, x * step.stride
        found.append(Filter(picture, colours(around[:, top : top + step.kernel, left : left + step.kernel])))
    return found
