"""What a channel looks like: the simple property of the photo that it follows most closely, by their correlation."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from artlives.images import LUMA

# Of a correlation: a channel that follows nothing so closely has no name. A third of its variance is explained then.
CLOSE = 0.6
# The sides of what is light, by the directions (right, down) in which it gets lighter there.
SIDES = {
    "left": (1, 0),
    "right": (-1, 0),
    "upper": (0, 1),
    "lower": (0, -1),
    "upper left": (1, 1),
    "upper right": (-1, 1),
    "lower left": (1, -1),
    "lower right": (-1, -1),
}


class Likeness(NamedTuple):
    """What a channel follows.

    Attributes:
        name: where in the photo it is strong, such as "where it is light".
        correlation: with that property, 0..1.
    """

    name: str
    correlation: float


class Property(NamedTuple):
    """A simple property of a photo: the words for where it is large, and its map (H, W)."""

    name: str
    values: Tensor


def properties(photo: Tensor, height: int, width: int) -> list[Property]:
    """The properties of a photo (1, 3, H, W) in 0..255, their maps brought to (height, width).

    Edges have two maps each, one of which is 0 where there is the opposite edge: ReLU leaves channels like that.
    """
    light = luminance(photo)
    red, green, blue = photo.split(1, 1)
    # Half the differences of neighbours, of the same size as the picture.
    across = F.pad(light, (1, 1, 0, 0), "replicate")
    down = F.pad(light, (0, 0, 1, 1), "replicate")
    right, below = (across[..., 2:] - across[..., :-2]) / 2, (down[..., 2:, :] - down[..., :-2, :]) / 2
    steepness = (right.square() + below.square()).sqrt()
    maps = [
        ("where it is light", light),
        ("where it is dark", -light),
        ("where it is red or orange", red - blue),
        ("where it is blue", blue - red),
        ("where it is green", green - (red + blue) / 2),
        ("where it is purple", (red + blue) / 2 - green),
        ("along lines and edges", steepness),
        ("where it is even", -steepness),
    ]
    for side, (x, y) in SIDES.items():
        name, slope = f"at {side} edges of what is light", x * right + y * below
        maps += [(name, slope), (name, slope.clamp(min=0))]
    return [
        Property(name, F.interpolate(values, (height, width), mode="area")[0, 0]) for name, values in maps
    ]


def reduced(picture: Tensor, side: int) -> Tensor:
    """(N, C, H, W) by `side` in both directions: the means of squares of about so many pixels a side."""
    size = [ceil(length / side) for length in picture.shape[2:]]
    return F.interpolate(picture, size, mode="area")


def likeness(values: Tensor, known: list[Property]) -> Likeness | None:
    """What a channel (H, W) follows of these `properties`; None if it is `CLOSE` to nothing."""
    found = [Likeness(one.name, correlation(values, one.values)) for one in known]
    best = max(found, key=lambda one: one.correlation)
    return best if best.correlation >= CLOSE else None


def correlation(a: Tensor, b: Tensor) -> float:
    """The correlation of two tensors of one shape, -1..1; 0 if one is the same everywhere."""
    a, b = a.float() - a.float().mean(), b.float() - b.float().mean()
    sizes = (a.norm() * b.norm()).item()
    return (a * b).sum().item() / sizes if sizes > 0 else 0.0


def luminance(pictures: Tensor) -> Tensor:
    """(N, 1, H, W) of (N, 3, H, W) in 0..255."""
    return (pictures * torch.tensor(LUMA, device=pictures.device).view(3, 1, 1)).sum(1, keepdim=True)
