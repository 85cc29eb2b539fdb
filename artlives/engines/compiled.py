"""The network on the CPU, by the compiled core.

A picture that fits is painted whole: every step's output is kept until it has been read for the last time. A larger one
is painted in strips; see `strips`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from artlives import core, plan
from artlives.core import Array
from artlives.engines import strips
from artlives.engines.buffers import BUFFERS, Buffers, Loan
from artlives.engines.painter import Report, Way, part_of, reason_against_activations
from artlives.engines.steps import Painting, Step, prepared

# Bytes that strips keep outputs in fp32 for, at most; where these take more, in fp16.
EXACT = 640 << 20
# A picture of so many times the network's reduction a side is enough to tell how many bytes each pixel takes.
SAMPLE = 8


def reason_against(steps: Sequence[plan.Step]) -> str | None:
    """Why the compiled core cannot paint with such a network; None if it can."""
    if not core.instruction_sets():
        return "the compiled core is missing: install artlives again where there is a C compiler"
    if reason := reason_against_activations(steps, "the compiled core has"):
        return reason
    if steps[0].kept:
        return "the compiled core cannot add the picture itself"
    return None


def instructions_for(precision: str) -> core.Instructions:
    """The quickest instructions for a precision of `settings.PRECISIONS`, which the core must have been built with.

    AVX512-BF16 multiplies no quicker than AVX-512 does on Intel's processors: AMX alone is taken by itself.
    """
    return (core.tiles() if precision == "auto" else None) or core.best_instructions()


class CompiledPainter:
    """A `painter.Painter` by the compiled core, of a network that there is no `reason_against`.

    Args:
        steps: the network's plan.
        weights: its weights, fp32 arrays by the names and of the shapes of `plan.shapes`.
        instructions: see `instructions_for`; those for fp32 by default.

    Attributes:
        instructions: as they were given.
        dtype: of outputs in memory: fp16 where products are in bf16, which has fewer digits, else fp32.
    """

    together = 1

    def __init__(
        self,
        steps: Sequence[plan.Step],
        weights: Mapping[str, Array],
        instructions: core.Instructions | None = None,
    ) -> None:
        self.instructions = instructions or core.best_instructions()
        self.dtype = np.float16 if self.instructions.dtype == core.BF16 else np.float32
        self.steps = tuple(prepared(step, weights, self.instructions) for step in steps)
        self.reduction = plan.reduction(steps)
        self.bytes_each = _bytes_each(self.steps, self.reduction, self.dtype)
        self.kept_values = strips.kept_values(self.steps)
        # A picture is read until the first step whose output strips keep; without one, to the end.
        self.paints_in_place = strips.keep_any(self.steps)

    @property
    def spare(self) -> int:
        """See `painter.Painter`."""
        return BUFFERS.spare

    def ways(self, height: int, width: int) -> dict[Way, int]:
        """See `painter.Painter`."""
        found = {Way.WHOLE: int(self.bytes_each * height * width)}
        exact = strips.needs(self.kept_values, height, width, np.dtype(np.float32))
        if self.dtype is np.float32 and exact <= EXACT:
            found[Way.STRIPS] = exact
        found[Way.HALF_STRIPS] = strips.needs(self.kept_values, height, width, np.dtype(np.float16))
        return found

    def paint(
        self,
        pictures: Sequence[Array],
        *,
        threads: int | None = None,
        way: Way = Way.WHOLE,
        report: Report = lambda done: None,
    ) -> list[Array]:
        """See `painter.Painter`; a painting is written over its picture."""
        threads = threads or core.default_threads()
        try:
            for i, picture in enumerate(pictures):
                source = picture if self.paints_in_place else picture.copy()
                told = part_of(report, i / len(pictures), 1 / len(pictures))
                with Loan(BUFFERS) as loan:
                    arguments = self.steps, self.reduction, source, picture, threads, told, self.dtype, loan
                    if way is Way.WHOLE:
                        Whole(*arguments).paint()
                    else:
                        dtype = np.float32 if way is Way.STRIPS else np.float16
                        strips.Strips(*arguments).paint(dtype)
        finally:
            BUFFERS.trim()
        return list(pictures)


class Whole(Painting):
    """Every step's output in memory, as long as it is needed."""

    def paint(self) -> None:
        """Fill the target."""
        self.work = sum(step.work for step in self.steps)
        value = self.first
        kept: dict[int, Array] = {}
        for i, step in enumerate(self.steps):
            copy = self.loan.take(value.source.shape, self.dtype) if step.plan.kept else None
            output = self.loan.take(self.shape(step), self.dtype) if step.plan.normalized else self.target
            totals = self.convolve(step, value, output, kept=copy)
            if value is not self.first:
                self.loan.give(value.source, value.residual)
            if copy is not None:
                kept[i] = copy
            if step.plan.normalized:
                residual = None if step.plan.adds is None else kept.pop(step.plan.adds)
                value = step.reading(output, self.normalization(step, totals), residual)


class _WithoutComputing(Whole):
    def convolve(self, step: Step, *_: object, **__: object) -> Array:
        return np.zeros((2, step.plan.outputs))


def _bytes_each(steps: Sequence[Step], reduction: int, dtype: type[np.floating[Any]]) -> float:
    """Bytes for each pixel of a picture that its buffers take when it is painted whole.

    They are counted on the way of a small picture, on which nothing is computed.
    """
    picture, buffers = np.empty((SAMPLE * reduction, SAMPLE * reduction, 3), np.uint8), Buffers()
    with Loan(buffers) as loan:
        _WithoutComputing(steps, reduction, picture, picture, 1, lambda done: None, dtype, loan).paint()
    return buffers.spare / (SAMPLE * reduction) ** 2
