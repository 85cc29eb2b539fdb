"""The contract of all engines, and how much memory a picture may take."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from math import ceil
from typing import Protocol

import numpy as np

from artlives import memory, plan
from artlives.memory import MB

Array = np.ndarray
# Called with the part of a call's work that is done, in 0..1. What it raises ends the work.
Report = Callable[[float], None]

# Bytes. A picture that takes more is painted in strips however much memory there is (4.7 megapixels): there, the system
# takes longer to hand out fresh memory than strips take to compute rows anew (measured on a Xeon with 24 GB).
LARGE = 505 << 20
# Of the memory that is free, as much may be used; the rest is for photos that are read and written meanwhile.
SHARE_OF_FREE = 2 / 3


def part_of(report: Report, before: float, part: float) -> Report:
    """What reports a piece of the work: the `part` of it that comes after the part `before`, both in 0..1."""
    return lambda done: report(min(1.0, before + part * done))


def reason_against_activations(steps: Sequence[plan.Step], engine: str) -> str | None:
    """Why an engine that has ReLU alone cannot paint with such a network; None if it can."""
    others = {step.activation for step in steps} - {"relu", plan.SCALED_TANH, None}
    return f"{engine} no activation {others.pop()}" if others else None


class Way(Enum):
    """How a picture goes through the network: the quickest first, the one that takes the least memory last."""

    WHOLE = "whole"
    STRIPS = "in strips, with what they keep in fp32"
    HALF_STRIPS = "in strips, with what they keep in fp16"


class Painter(Protocol):
    """A network that was prepared for one device.

    It does not change after it is made: any number of threads may call it.

    Attributes:
        together: how many pictures of one size it paints at once with a gain; 1 on the CPU.
    """

    together: int

    @property
    def spare(self) -> int:
        """Bytes that it keeps for the next picture, or gives back where that is painted in another way."""
        ...

    def ways(self, height: int, width: int) -> Mapping[Way, int]:
        """Bytes that a picture of that size takes, besides itself and its painting, in each way there is.

        Empty where the engine cannot tell, and paints whole.
        """
        ...

    def paint(
        self,
        pictures: Sequence[Array],
        *,
        threads: int | None = None,
        way: Way = Way.WHOLE,
        report: Report = ...,
    ) -> list[Array]:
        """One pass of the network.

        Args:
            pictures: each (H, W, 3) of uint8 or fp32 in 0..255, dense, H and W >= 16. They may be overwritten.
            threads: of the CPU; by default as many as it has processors.
            way: one of `ways`.
            report: is called with the part that is done.

        Returns:
            paintings of their shapes and dtypes. Those of fp32 are not rounded, and go from -22.5 to 277.5.
        """
        ...


def choose_way(ways: Mapping[Way, int], limit: int | None, spare: int = 0) -> Way:
    """The quickest of an engine's `ways` for a picture that `limit` bytes allow.

    By default, two thirds of the memory that is free are allowed, and strips are taken for what needs over `LARGE`.
    Where that is too little for any way, the one that needs the least may take all that is free, after what is kept for
    later was released.

    Args:
        spare: bytes that the engine has already.

    Raises:
        MemoryError: no way needs so little.
    """
    if not ways:
        return Way.WHOLE
    allowed = limit
    if allowed is None:
        allowed, whole = int((memory.free() + spare) * SHARE_OF_FREE), ways.get(Way.WHOLE, 0)
        if whole > LARGE and len(ways) > 1:
            allowed = min(allowed, whole - 1)
    for way, needs in ways.items():
        if needs <= allowed:
            return way
    least = min(ways, key=ways.__getitem__)
    if limit is None and (ways[least] <= memory.free() + spare or memory.is_there(ways[least])):
        return least
    there = f"{memory.free() // MB} MB are free" if limit is None else f"{limit // MB} MB are allowed"
    raise MemoryError(f"{ceil(ways[least] / MB)} MB are needed, {there}")
