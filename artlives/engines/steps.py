"""The plan's steps made ready for the compiled core, and one picture on its way through them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, prod
from typing import Any

import numpy as np

from artlives import core, openmp, plan
from artlives.architecture import GAIN, GREY, RANGE
from artlives.core import Array, Instructions, Kernel, Reading
from artlives.engines.buffers import Loan
from artlives.engines.painter import Report

# Where torch is loaded, its threads do the core's work.
core.set_team(openmp.team)


@dataclass(eq=False)
class Step:
    """One step of the plan, made ready for the core.

    Attributes:
        plan: what it does.
        kernel: its weights.
        before, after: rows (and columns) of padding at the beginning and at the end of its input.
        gamma, beta: of the normalization, (O,) in fp32; None without one.
        sums: of the kernel's taps, (C, O) in fp32; None of a transposed convolution, or without normalization.
        values: of its output for each pixel of the picture.
        work: multiply-adds for each pixel of the picture, roughly.
    """

    plan: plan.Step
    kernel: Kernel
    before: int
    after: int
    gamma: Array | None = None
    beta: Array | None = None
    sums: Array | None = None
    values: float = field(init=False)
    work: float = field(init=False)

    def __post_init__(self) -> None:
        # Once, since arithmetic of fractions would take as long as a small picture's convolutions. Not when they are
        # first asked for: until Python 3.12, `cached_property` has a lock, which a forked child would wait for.
        self.values = float(self.plan.outputs / self.plan.scale**2)
        taps = sum(phase.weight.size for phase in self.kernel.phases)
        self.work = float(taps / (self.plan.scale * self.kernel.up[0]) ** 2)
        self._ratio = self.plan.scale.as_integer_ratio()
        self._source_ratio = self.plan.source_scale.as_integer_ratio()

    def sides(self, height: int, width: int) -> tuple[int, int]:
        """(H', W') of its output, of a padded picture of that size."""
        down, up = self._ratio
        return height * up // down, width * up // down

    def source_side(self, side: int) -> int:
        """The side of its input, of a padded picture's side."""
        down, up = self._source_ratio
        return side * up // down

    def centred(self, mean: Array) -> Step:
        """The same step with a bias that takes `mean` (O,) from its output.

        The normalization takes it away anyway. Without it, fp16 would leave few digits to a picture of little contrast.
        """
        bias = np.zeros_like(self.kernel.bias)
        bias[: self.plan.outputs] = -mean
        return replace(self, kernel=replace(self.kernel, bias=bias))

    def normalization(self, totals: Array, pixels: int) -> tuple[Array, Array]:
        """Scale and shift, (O,) in fp32, that normalize an output of these totals over so many pixels.

        Ulyanov et al. 2016, "Instance normalization": (x - mean) / sqrt(var + eps) * gamma + beta.
        """
        mean, square = totals / pixels
        scale = self.gamma / np.sqrt(np.maximum(square - mean**2, 0) + plan.EPS)
        shift = self.beta - mean * scale
        return scale.astype(np.float32), shift.astype(np.float32)

    def reading(
        self, output: Array, normalization: tuple[Array, Array], residual: Array | None = None
    ) -> Reading:
        """How the next step reads `output` (rows, W', O): normalized, activated, plus `residual`, of its shape."""
        return Reading(output, *normalization, self.plan.activation == "relu", residual)


def prepared(step: plan.Step, weights: Mapping[str, Array], instructions: Instructions) -> Step:
    """`step` with its weights, packed for `instructions`: fp32 arrays by the names and shapes of `plan.shapes`."""

    def values(name: str) -> Array:
        return np.ascontiguousarray(weights[f"{step.name}.{name}"], np.float32)

    weight, stride = values("conv.weight"), (step.stride, step.stride)
    if instructions.dtype == core.BF16:
        weight = core.to_bf16(weight)
    if not step.normalized:
        kernel = core.output_convolution(weight, values("conv.bias"), instructions)
        return Step(step, kernel, step.reflected, step.reflected)
    gamma, beta = values("norm.weight"), values("norm.bias")
    if step.transposed:
        padding = step.cropped - step.stride * step.reflected
        kernel, (before, _) = core.transposed_convolution(
            weight, stride, (padding, padding), instructions=instructions
        )
        return Step(step, kernel, before, kernel.span[0], gamma, beta)
    kernel = core.convolution(weight, stride, instructions=instructions)
    sums = values("conv.weight").sum((2, 3)).T
    return Step(step, kernel, step.reflected, step.reflected, gamma, beta, sums)


class Painting:
    """One picture on its way through the network.

    Args:
        steps: of the network.
        reduction: what the picture is padded to a multiple of, in pixels.
        picture: (H, W, 3) of uint8 or fp32.
        target: the same, or another of its shape and dtype; where it is painted.
        threads: how many to use.
        report: called with the part that is done of `work`.
        dtype: that outputs are written as, fp32 or fp16, and that residuals are kept as.
        loan: what its buffers are taken from.

    Attributes:
        work: multiply-adds for each pixel of the picture, all steps together, as `paint` takes them.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        reduction: int,
        picture: Array,
        target: Array,
        threads: int,
        report: Report,
        dtype: type[np.floating[Any]],
        loan: Loan,
    ) -> None:
        self.steps, self.picture, self.target = steps, picture, target
        self.dtype, self.loan = dtype, loan
        self.threads, self.report, self.work, self.done = threads, report, 1.0, 0.0
        self.height, self.width = (ceil(side / reduction) * reduction for side in picture.shape[:2])
        ones = np.ones(3, np.float32)
        # In -1..1.
        self.first = Reading(picture, ones / RANGE, -GREY / RANGE * ones)
        if dtype is np.float16 and steps[0].sums is not None:
            # Of every eighth pixel a side: the mean need not be exact.
            mean = (picture[::8, ::8].mean((0, 1), np.float32) - GREY) / RANGE
            self.steps = (steps[0].centred(mean @ steps[0].sums), *steps[1:])

    def shape(self, step: Step) -> tuple[int, int, int]:
        """(H', W', O) of the step's output, of the padded picture."""
        return *step.sides(self.height, self.width), step.plan.outputs

    def normalization(self, step: Step, totals: Array) -> tuple[Array, Array]:
        """Scale and shift, (O,) in fp32, that normalize the step's output, of its totals (2, O) over the picture."""
        return step.normalization(totals, prod(self.shape(step)[:2]))

    def table(self, step: Step, axis: int, of_picture: bool = False) -> Array:
        """For each row (axis 0) or column (1) of the step's padded input, the one that it is read from, in int64.

        `of_picture` says that the input is the picture itself. See `core.padding_table`.
        """
        size = step.source_side((self.height, self.width)[axis])
        table: Array = core.padding_table(size, step.before, step.after, step.plan.reflected)
        if of_picture:
            # It is itself padded, to a multiple of what the network reduces it by.
            side = self.picture.shape[axis]
            table = core.padding_table(side, 0, size - side, size)[table]
        return table

    def convolve(
        self,
        step: Step,
        reading: Reading,
        target: Array | type[np.floating[Any]],
        top: int = 0,
        sites: tuple[int, int] | None = None,
        source_top: int = 0,
        kept: Array | None = None,
    ) -> Array:
        """Fill `target`, unless it is a type, with the step's output, from row `top` on, and return its totals.

        See `core.run`.

        `sites` are the first row of sites to take and the one after the last, by default all. The source begins at
        row `source_top` of the step's input.
        """
        normalized = step.plan.normalized
        size = self.shape(step)[:2] if normalized else self.picture.shape[:2]
        down, across = (self.table(step, axis, reading.source is self.picture) for axis in (0, 1))
        totals = core.run(
            step.kernel,
            reading,
            np.where(down < 0, -1, down - source_top) if source_top else down,
            across,
            target,
            size,
            sites=sites,
            top=top,
            kept=kept,
            totals=normalized,
            gain=(1, 0) if normalized else (GAIN, GREY),
            threads=self.threads,
        )
        part = 1.0 if sites is None else (sites[1] - sites[0]) * step.kernel.up[0] / size[0]
        self.done += part * step.work
        self.report(min(1.0, self.done / self.work))
        return totals
