"""Several networks as one painter, whose pictures are the weighted mean of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from artlives.engines.painter import Array, Painter, Report, Way, part_of


class Mixture:
    """A `painter.Painter` of painters on one device.

    Args:
        parts: painters and their shares, which add up to 1.
    """

    together = 1

    def __init__(self, parts: Sequence[tuple[Painter, float]]) -> None:
        self.parts = tuple(parts)

    @property
    def spare(self) -> int:
        """See `painter.Painter`: the parts take their memory from one pool."""
        return max(painter.spare for painter, _ in self.parts)

    def ways(self, height: int, width: int) -> Mapping[Way, int]:
        """See `painter.Painter`: those that all parts have, each with the sum in fp32 and a copy of the picture."""
        every = [painter.ways(height, width) for painter, _ in self.parts]
        both = height * width * 3 * 2 * np.dtype(np.float32).itemsize
        return {
            way: max(ways[way] for ways in every) + both
            for way in every[0]
            if all(way in ways for ways in every)
        }

    def paint(
        self,
        pictures: Sequence[Array],
        *,
        threads: int | None = None,
        way: Way = Way.WHOLE,
        report: Report = lambda done: None,
    ) -> list[Array]:
        """See `painter.Painter`; the mean is taken in fp32, and rounded where pictures are of uint8."""
        count = len(self.parts)
        sums = [np.zeros(picture.shape, np.float32) for picture in pictures]
        for i, (painter, share) in enumerate(self.parts):
            told = part_of(report, i / count, 1 / count)
            # A painter may write over what it is given.
            copies = [picture.astype(np.float32) for picture in pictures]
            for total, painting in zip(
                sums, painter.paint(copies, threads=threads, way=way, report=told), strict=True
            ):
                painting = painting.clip(0, 255, out=painting)
                painting *= share
                total += painting
        return [
            total.round().astype(np.uint8) if picture.dtype == np.uint8 else total
            for picture, total in zip(pictures, sums, strict=True)
        ]
