"""A picture that is too large to be painted whole.

Outputs at low resolution are kept, in fp32 or, of a huge picture, in fp16, each written over the one that it is made
of; those at high resolution are computed anew in bands of rows, each with the rows around it that it needs: once for
the sums over the whole picture that the normalization needs, and once to be read by the next step. So there is no seam
between bands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import ceil, prod
from typing import Any, NamedTuple

import numpy as np

from artlives import core
from artlives.core import Array, Reading
from artlives.engines.buffers import BUFFERS
from artlives.engines.steps import Painting, Step

# Bytes that a band's outputs may take, all steps together.
BAND_BYTES = 48 << 20
# A band's rows are a multiple of this, and no fewer: the rows around a band are computed twice.
BAND_ROWS = 32
# Outputs at 1/2 of the picture's sides or less are kept. They take half the memory of those at 1/1, which have half the
# channels: no more than a residual layer at 1/4, which needs its input and its output.
KEPT_AT = 2


def kept_at(steps: Sequence[Step]) -> int:
    """Picture pixels a side per pixel, from which on outputs are kept.

    Those that residuals read are kept in any case: they are read twice.
    """
    return min([KEPT_AT, *(int(step.plan.source_scale) for step in steps if step.plan.kept)])


def keep_any(steps: Sequence[Step]) -> bool:
    """Whether any output is kept, so that the picture need not be read to the end."""
    return any(step.plan.scale >= kept_at(steps) for step in steps if step.plan.normalized)


def places(steps: Sequence[Step], size: Callable[[Step], float]) -> tuple[dict[int, float], float]:
    """Where the outputs that are kept lie in one piece of memory: each over what its step reads, unless that is kept.

    Args:
        size: of a step's output.

    Returns:
        where each step's output begins, by the step's index, and the size of all.
    """
    least = kept_at(steps)
    begins: dict[int, float] = {}
    residuals: dict[int, tuple[float, float]] = {}
    # Of what the next step reads, or the chain of steps that it comes after.
    begin = end = most = 0.0
    chain = False
    for i, step in enumerate(steps):
        if step.plan.kept:
            residuals[i] = begin, end
        if not step.plan.normalized:
            continue
        if step.plan.adds is not None:
            begins[i] = begin
            # The sum is written over the residual.
            begin, end = residuals[step.plan.adds]
        elif step.plan.scale < least:
            chain = True
        else:
            begin = begins[i] = end if step.plan.kept or chain else begin
            end, chain = begin + size(step), False
            most = max(most, end)
    return begins, most


def kept_values(steps: Sequence[Step]) -> float:
    """Values for each pixel of a picture that strips keep at most."""
    return places(steps, lambda step: step.values)[1]


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
        begins, size = places(self.steps, lambda step: prod(self.shape(step)))
        memory = self.loan.take((int(size),), kept_dtype)
        kept: dict[int, Array] = {}
        # The steps from `value` on whose outputs are not kept.
        chain: list[_Link] = []
        for i, step in enumerate(self.steps):
            if step.plan.kept or (step.plan.normalized and value.residual is not None):
                value = self._materialized(value)
            if step.plan.kept:
                kept[i] = value.source
            if not step.plan.normalized:
                self._in_bands(step, chain, value, self.target)
            elif i not in begins:
                totals = self._in_bands(step, chain, value, self.dtype)
                chain.append(_Link(step, self.normalization(step, totals)))
            else:
                if self.dtype is not kept_dtype:
                    step = self._centred(step, chain, value)
                shape = self.shape(step)
                output = memory[int(begins[i]) :][: prod(shape)].reshape(shape)
                if np.may_share_memory(output, value.source):
                    totals = self._over(step, value, output)
                else:
                    totals = self._in_bands(step, chain, value, output)
                residual = None if step.plan.adds is None else kept.pop(step.plan.adds)
                value, chain = step.reading(output, self.normalization(step, totals), residual), []

    def _materialized(self, value: Reading) -> Reading:
        """The same values, computed, in place of the residual or else of the source."""
        target = value.source if value.residual is None else value.residual
        core.materialize(value, target, self.threads)
        return Reading(target)

    def _over(self, step: Step, value: Reading, output: Array) -> Array:
        """Fill `output`, which lies over what the step reads, and return its totals."""
        totals = np.zeros((2, step.plan.outputs))
        before: tuple[slice, Array] | None = None
        bands = list(self._bands(step, []))
        if output.size > value.source.size:
            # What a band reads lies before its output: the bands above are read later.
            bands.reverse()
        for top, bottom in bands:
            band = self.loan.take((bottom - top, *output.shape[1:]), output.dtype.type)
            totals += self._rows(step, [], value, band, top, bottom)
            # The next band reads a few rows that lie under this one: they are replaced after that.
            if before:
                self._write(output, *before)
            before = slice(top, bottom), band
        if before:
            self._write(output, *before)
        return totals

    def _write(self, output: Array, rows: slice, band: Array) -> None:
        output[rows] = band
        self.loan.give(band)

    def _bands(self, step: Step, chain: Sequence[_Link]) -> Iterator[tuple[int, int]]:
        """(top, bottom) of bands of the step's output, so low that all of `chain` and it fit into `BAND_BYTES`."""
        row = sum(
            prod(self.shape(s)[1:]) * float(step.plan.scale / s.plan.scale)
            for s in (*(link.step for link in chain), step)
        )
        height = int(BAND_BYTES / (row * np.dtype(self.dtype).itemsize))
        height = max(BAND_ROWS, height // BAND_ROWS * BAND_ROWS)
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
        for top, bottom in self._bands(step, chain):
            part = target[top:bottom] if isinstance(target, np.ndarray) else target
            totals += self._rows(step, chain, value, part, top, bottom)
        return totals

    def _rows(
        self,
        step: Step,
        chain: list[_Link],
        value: Reading,
        target: Array | type[np.floating[Any]],
        top: int,
        bottom: int,
    ) -> Array:
        """Fill `target`, unless it is a type, with rows of the output of `step` after `chain` after `value`.

        Returns their totals.
        """
        up = step.kernel.up[0]
        sites = top // up, ceil(bottom / up)
        if not chain:
            return self.convolve(step, value, target, top, sites)
        source, source_top = self._band(chain, value, *self._sources(step, sites))
        totals = self.convolve(step, source, target, top, sites, source_top)
        self.loan.give(source.source)
        return totals

    def _centred(self, step: Step, chain: list[_Link], value: Reading) -> Step:
        """The step with an output around 0, where fp16 has the most digits: its mean is about that of a few rows."""
        up, (height, width, _) = step.kernel.up[0], self.shape(step)
        top = height // 2 // up * up
        bottom = min(top + up, height)
        totals = self._rows(step, chain, value, np.float32, top, bottom)
        return step.centred(totals[0] / ((bottom - top) * width))

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
