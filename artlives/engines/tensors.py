"""What the engines that compute with torch have in common."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Protocol

import torch
from torch import Tensor

from artlives.engines.painter import Array, Painter, Report


class TensorPainter(Painter, Protocol):
    """A `Painter` that also takes tensors, so that one that is on its device stays there."""

    device: torch.device

    def paint_tensor(self, x: Tensor) -> Tensor:
        """One pass of the network: (N, 3, H, W) of uint8 or floats in 0..255, H and W >= 16, to the same.

        Floats come between -22.5 and 277.5, uint8 rounded and limited to 0..255; on the painter's device.

        Raises:
            ValueError: a picture with a side below 16 pixels, or without three channels.
        """
        ...


def paint_arrays(painter: TensorPainter, pictures: Sequence[Array], report: Report) -> list[Array]:
    """`Painter.paint` by `paint_tensor`: pictures of one size that follow each other go together."""
    paintings: list[Array] = []
    for _, group in groupby(pictures, lambda picture: (picture.shape, picture.dtype)):
        same = list(group)
        for first in range(0, len(same), painter.together):
            batch = torch.stack([torch.from_numpy(p) for p in same[first : first + painter.together]])
            painted = painter.paint_tensor(batch.to(painter.device).permute(0, 3, 1, 2))
            paintings.extend(painted.permute(0, 2, 3, 1).contiguous().cpu().numpy())
            report(len(paintings) / len(pictures))
    return paintings
