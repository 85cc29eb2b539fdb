"""A picture that is too large to be painted whole.

Outputs at low resolution are kept, in fp32 or, of a huge picture, in fp16; those at high resolution are computed anew
in bands of rows, each with the rows around it that it needs: once for the sums over the whole picture that the
normalization needs, and once to be read by the next step. So there is no seam between bands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, prod
from typing import Any, NamedTuple

import numpy as np

from artlives import core
from artlives.core import Array, Reading
from artlives.engines.buffers import BUFFERS
from artlives.engines.steps import Painting, Step

# Bytes of fp32 that a band's outputs may take, all steps together.
BAND_BYTES = 48 << 20
# A band's rows are a multiple of this, and no fewer: the rows around a band are computed twice.
BAND_ROWS = 32
# Outputs at 1/4 of the picture's sides or less are kept: they take a sixteenth of the memory per channel.
KEPT_AT = 4


def kept_at(steps: Sequence[Step]) -> int:
    """Picture pixels a side per pixel, from which on outputs are kept.

    Those that residuals read are kept in any case: they are read twice.
    """
    return min([KEPT_AT, *(int(step.plan.source_scale) for step in steps if step.plan.kept)])


def keep_any(steps: Sequence[Step]) -> bool:
    """Whether any output is kept, so that the picture need not be read to the end."""
    return any(step.plan.scale >= kept_at(steps) for step in steps if step.plan.normalized)


def kept_values(steps: Sequence[Step]) -> float:
    """Values for each pixel of a picture that strips keep at most."""
    least = kept_at(steps)
    # Of a residual layer, its input and its output.
    kept = [
        step.values * (2 if step.plan.kept or step.plan.adds is not None else 1)
        for step in steps
        if step.plan.normalized and step.plan.scale >= least
    ]
    return max(kept, default=0)


def needs(values: float, height: int, width: int, dtype: np.dtype[Any]) -> int:
    """Bytes that a picture takes in strips that keep so many `values` for each pixel as `dtype`, besides itself and
    the painting."""
    return int(dtype.itemsize * height * width * values) + 2 * BAND_BYTES


class Strips(Painting):
    """Outputs at low resolution in memory; the others in bands of rows, computed whenever needed."""

    def paint(self, kept_dtype: type[np.floating[Any]]) -> None:
        """Fill the target; outputs at low resolution are kept as `kept_dtype`."""
        least = kept_at(self.steps)
        self.work = above = 0.0
        for step in self.steps:
            self.work += step.work + above
            above = 0.0 if step.plan.scale >= least else above + step.work
        # Free buffers of smaller pictures, painted whole, would only take memory beside this picture's.
        BUFFERS.drop()
        value = self.first
        kept: dict[int, Array] = {}
        # The steps from `value` on whose outputs are not kept.
        chain: list[_Link] = []
        for i, step in enumerate(self.steps):
            if step.plan.kept or (step.plan.normalized and value.residual is not None):
                # Releases what it was made of.
                value = self._materialized(value)
            if step.plan.kept:
                kept[i] = value.source
            if not step.plan.normalized:
                self._in_bands(step, chain, value, self.target)
            elif step.plan.adds is not None:
                value = self._in_place(step, value, kept.pop(step.plan.adds))
            elif step.plan.scale < least:
                totals = self._in_bands(step, chain, value, self.dtype)
                chain.append(_Link(step, self.normalization(step, totals)))
            else:
                output = np.empty(self.shape(step), kept_dtype)
                totals = self._in_bands(step, chain, value, output)
                value, chain = step.reading(output, self.normalization(step, totals)), []

    def _materialized(self, value: Reading) -> Reading:
        """The same values, computed, in place of the residual or else of the source."""
        target = value.source if value.residual is None else value.residual
        core.materialize(value, target, self.threads)
        return Reading(target)

    def _in_place(self, step: Step, value: Reading, residual: Array) -> Reading:
        """How the step's output with `residual` is read; it is written over the step's input, band by band."""
        inner = value.source
        totals = np.zeros((2, step.plan.outputs))
        before: tuple[slice, Array] | None = None
        up = step.kernel.up[0]
        for top, bottom in self._bands(step, []):
            band = np.empty((bottom - top, *inner.shape[1:]), inner.dtype)
            totals += self.convolve(step, value, band, top, (top // up, ceil(bottom / up)))
            # The next band reads the last rows of this one's input: they are replaced after that.
            if before:
                inner[before[0]] = before[1]
            before = slice(top, bottom), band
        if before:
            inner[before[0]] = before[1]
        return step.reading(inner, self.normalization(step, totals), residual)

    def _bands(self, step: Step, chain: Sequence[_Link]) -> Iterator[tuple[int, int]]:
        """(top, bottom) of bands of the step's output, so low that all of `chain` and it fit into `BAND_BYTES`."""
        row = sum(
            4 * prod(self.shape(s)[1:]) * float(step.plan.scale / s.plan.scale)
            for s in (*(link.step for link in chain), step)
        )
        height = max(BAND_ROWS, int(BAND_BYTES / row) // BAND_ROWS * BAND_ROWS)
        rows = self.shape(step)[0] if step.plan.normalized else self.picture.shape[0]
        for top in range(0, rows, height):
            yield top, min(top + height, rows)

    def _in_bands(
        self, step: Step, chain: list[_Link], value: Reading, target: Array | type[np.floating[Any]]
    ) -> Array:
        """Fill `target`, unless it is a type, with the output of `step` after `chain` after `value`.

        Returns its totals.
        """
        if not chain:
            return self.convolve(step, value, target)
        totals = np.zeros((2, step.kernel.outputs))
        up = step.kernel.up[0]
        for top, bottom in self._bands(step, chain):
            sites = top // up, ceil(bottom / up)
            source, source_top = self._band(chain, value, *self._sources(step, sites))
            part = target[top:bottom] if isinstance(target, np.ndarray) else target
            totals += self.convolve(step, source, part, top, sites, source_top)
            self.loan.give(source.source)
        return totals

    def _band(self, chain: list[_Link], value: Reading, first: int, last: int) -> tuple[Reading, int]:
        """Rows `first` to `last`, or a few more, of the chain's output, and the row that they begin with."""
        *above, (step, normalization) = chain
        up = step.kernel.up[0]
        sites = first // up, ceil(last / up)
        source, source_top = value, 0
        if above:
            source, source_top = self._band(above, value, *self._sources(step, sites))
        height, width, channels = self.shape(step)
        top, bottom = sites[0] * up, min(sites[1] * up, height)
        output = self.loan.take((bottom - top, width, channels), self.dtype)
        self.convolve(step, source, output, top, sites, source_top)
        if above:
            self.loan.give(source.source)
        return step.reading(output, normalization), top

    def _sources(self, step: Step, sites: tuple[int, int]) -> tuple[int, int]:
        """The first row of the step's input that a range of rows of sites needs, and the one after the last."""
        stride = step.kernel.stride[0]
        table = self.table(step, 0)[sites[0] * stride : (sites[1] - 1) * stride + step.kernel.span[0]]
        table = table[table >= 0]
        return int(table.min()), int(table.max()) + 1


class _Link(NamedTuple):
    """A step that is computed band by band, with the scale and shift that normalize its output."""

    step: Step
    normalization: tuple[Array, Array]
