"""What the engines that compute with torch have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor

from artlives.engines.painter import Array, Report, Way


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
                batch = torch.stack([torch.from_numpy(p) for p in same[first : first + self.together]])
                painted = self.paint_tensor(batch.to(self.device).permute(0, 3, 1, 2))
                paintings.extend(painted.permute(0, 2, 3, 1).contiguous().cpu().numpy())
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
