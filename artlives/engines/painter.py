"""The contract of all engines, and how much memory a picture may take."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Protocol

import numpy as np

from artlives import plan

Array = np.ndarray
# Called with the part of a call's work that is done, in 0..1. What it raises ends the work.
Report = Callable[[float], None]

# Bytes. A picture that takes less than the first is painted whole without a look at the memory that is free. One that
# takes more than the second, 4.7 megapixels, is painted in strips however much there is: there, the system takes longer
# to hand out fresh memory than strips take to compute rows anew (measured on a Xeon with 24 GB).
SMALL, LARGE = 202 << 20, 505 << 20
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


def choose_way(ways: Mapping[Way, int], memory: int | None) -> Way:
    """The quickest of an engine's `ways` for a picture that `memory` bytes allow.

    By default, two thirds of the memory that is free are allowed, and strips are taken for what needs over `LARGE`.

    Raises:
        MemoryError: none does.
    """
    whole = ways.get(Way.WHOLE, 0)
    if not ways or (memory is None and whole <= SMALL):
        return Way.WHOLE
    if memory is None:
        import psutil

        memory = int(psutil.virtual_memory().available * SHARE_OF_FREE)
        if whole > LARGE and len(ways) > 1:
            memory = min(memory, whole - 1)
    for way, needs in ways.items():
        if needs <= memory:
            return way
    raise MemoryError(f"{min(ways.values())} bytes are needed")
