"""What the engines that compute with torch have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from artlives.engines.painter import Array, Report, Way


def on_device(pixels: Array, device: torch.device | str) -> Tensor:
    """The values of an array on a device, in memory of their own.

    CUDA copies from pinned memory several times as fast as from other, and while the CPU goes on.
    """
    if torch.device(device).type != "cuda":
        return torch.tensor(pixels, device=device)
    pinned = torch.empty(pixels.shape, dtype=getattr(torch, pixels.dtype.name), pin_memory=True)
    np.copyto(pinned.numpy(), pixels)
    return pinned.to(device, non_blocking=True)


def in_memory(x: Tensor) -> Array:
    """A tensor's values as a dense array; of a tensor on CUDA in pinned memory, which torch gives out again later."""
    if not x.is_cuda:
        array: Array = x.contiguous().cpu().numpy()
        return array
    pinned = torch.empty(x.shape, dtype=x.dtype, pin_memory=True)
    return pinned.copy_(x).numpy()


class TensorPainter(ABC):
    """A `Painter` that also takes tensors, so that one that is on its device stays there.

    Attributes:
        device: where it computes.
    """

    together = 1
    spare = 0
    device: torch.device

    @abstractmethod
    def paint_tensor(self, x: Tensor) -> Tensor:
        """One pass of the network: (N, 3, H, W) of uint8 or floats in 0..255, H and W >= 16, to the same.

        Floats come between -22.5 and 277.5, uint8 rounded and limited to 0..255; on the painter's device.

        Raises:
            ValueError: a picture with a side below 16 pixels, or without three channels.
        """

    def ways(self, height: int, width: int) -> dict[Way, int]:
        """See `painter.Painter`: neither torch nor a GPU tells beforehand what memory a picture takes."""
        return {}

    def paint(
        self,
        pictures: Sequence[Array],
        *,
        threads: int | None = None,
        way: Way = Way.WHOLE,
        report: Report = lambda done: None,
    ) -> list[Array]:
        """See `painter.Painter`: by `paint_tensor`; torch's own number of threads is used.

        Pictures of one size that follow each other go together; `report` is called after each batch.
        """
        paintings: list[Array] = []
        for _, group in groupby(pictures, lambda picture: (picture.shape, picture.dtype)):
            same = list(group)
            for first in range(0, len(same), self.together):
                batch = on_device(np.stack(same[first : first + self.together]), self.device)
                painted = self.paint_tensor(batch.permute(0, 3, 1, 2))
                paintings.extend(in_memory(painted.permute(0, 2, 3, 1)))
                report(len(paintings) / len(pictures))
        return paintings


class TensorMixture(TensorPainter):
    """Several networks on one device as one painter, whose pictures are the weighted mean of theirs.

    Args:
        parts: painters and their shares, which add up to 1.
    """

    def __init__(self, parts: Sequence[tuple[TensorPainter, float]]) -> None:
        self.parts = tuple(parts)
        self.device = parts[0][0].device

    def paint_tensor(self, x: Tensor) -> Tensor:
        """See `TensorPainter`; the mean is taken in fp32."""
        values = x.to(self.device, torch.float32)
        paintings = [painter.paint_tensor(values).clamp(0, 255) * share for painter, share in self.parts]
        painting = torch.stack(paintings).sum(0)
        return painting.to(x.dtype) if x.is_floating_point() else painting.round_().to(x.dtype)
