"""The style network on the CPU without torch: the same description as in `network.py`, run by the compiled core.

A picture that fits is painted whole: every layer's output is kept in fp32 until the next has read it. A larger one is
painted in strips: layers at low resolution are kept, in fp32 or, of a huge picture, in fp16; those at high resolution
are computed anew in bands of rows, each with the rows around it that it needs, once to add up what the normalization
needs to know of the whole picture and once to be used. So strips leave no seam.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, prod
from threading import Lock

import numpy as np

from artlives import core, openmp
from artlives.architecture import GAIN, GREY, RANGE, Layer, reduction
from artlives.core import Array, Kernel, Reading

EPS = 1e-5  # of the instance normalization
BAND_BYTES = 48 << 20  # what a band of rows may take, all layers together
EXACT = 640 << 20  # bytes that strips may take with what they keep in fp32; else it is kept in fp16
KEPT_AT = 4  # in strips, layers at 1/4 of the picture's sides or less are kept
SPARE = 768 << 20  # bytes of buffers that are kept for the next picture, at most
LARGEST = 4  # times what is asked for: a small picture leaves a large one's buffers to the next large one


# Where torch is loaded, its threads do the core's work.
core.set_team(openmp.team)


@dataclass(frozen=True, eq=False)
class Step:
    """One convolution of the network with the normalization after it.

    Attributes:
        kernel: its weights.
        before, after, reach: padding of its input; see `core.padding_table`.
        gamma, beta: of the normalization, (O,) in fp32; None in the output layer.
        relu: whether ReLU follows the normalization.
        source_scale, scale: picture pixels a side that one pixel of its input and of its output stands for.
        affine: the normalization's scale and shift for the picture at hand.
    """

    kernel: Kernel
    before: int
    after: int
    reach: int
    gamma: Array | None
    beta: Array | None
    relu: bool
    source_scale: int
    scale: int
    affine: tuple[Array, Array] | None = None

    def reading(self, output: Array, residual: Array | None = None) -> Reading:
        """How the next convolution reads this one's output."""
        assert self.affine is not None
        return Reading(output, *self.affine, self.relu, residual)


def can_run(layers: tuple[Layer, ...]) -> bool:
    """Whether the compiled core was built and has all that `layers` ask for."""
    return bool(core.instruction_sets()) and all(layer.activation == "relu" for layer in layers)


class Executor:
    """Paints pictures with the network that `layers` describe.

    Args:
        layers: the description.
        weights: its state dict, fp32 arrays by name, as `network.StyleNetwork` names them.
        threads: how many to use; all processors by default.

    Raises:
        KeyError: a weight is missing.
        ValueError: a weight has another shape than the description asks for.
    """

    def __init__(
        self, layers: tuple[Layer, ...], weights: Mapping[str, Array], threads: int | None = None
    ) -> None:
        self.threads = threads or core.default_threads()
        self.reduction = reduction(layers)
        self.layers: list[tuple[str, tuple[Step, ...]]] = []
        scale = 1
        for i, layer in enumerate(layers):
            steps = _steps(layer, _Weights(weights, f"layers.{i}_{layer.kind}"), scale)
            self.layers.append((layer.kind, steps))
            scale = steps[-1].scale
        # Residual layers are kept whatever their resolution: they are read twice.
        self.kept_at = min([KEPT_AT, *(steps[0].scale for kind, steps in self.layers if kind == "residual")])

    def __call__(
        self,
        picture: Array,
        target: Array | None = None,
        memory: int | None = None,
        report: Callable[[float], None] = lambda done: None,
    ) -> Array:
        """The painting of `picture` (H, W, 3), 0..255, dense, in uint8 or fp32; H and W >= 16.

        Args:
            target: where to paint, (H, W, 3) of uint8 or of fp32, which goes from -22.5 to 277.5; it may be the
                picture itself. By default a new array of uint8.
            memory: bytes that may be used besides the picture and the painting; what does not fit whole is painted
                in strips.
            report: is called with the part that is done, in 0..1. What it raises ends the painting.

        Raises:
            MemoryError: `memory` is not enough for strips either.
        """
        height, width = picture.shape[:2]
        if target is None:
            target = np.empty(picture.shape, np.uint8)
        # The picture is read until the first layer that is kept is done; without one, until the painting is.
        elif target is picture and not any(steps[0].scale >= self.kept_at for _, steps in self.layers[:-1]):
            picture = picture.copy()
        painting = _Painting(self, picture, target, report)
        try:
            if memory is None or self.needs(height, width) <= memory:
                return painting.whole()
            if (needs := self.needs_in_strips(height, width, 4)) <= memory and needs <= EXACT:
                return painting.in_strips(np.float32)
            if self.needs_in_strips(height, width) <= memory:
                return painting.in_strips(np.float16)
        finally:
            BUFFERS.trim()
        raise MemoryError(f"{self.needs_in_strips(height, width)} bytes are needed")

    def needs(self, height: int, width: int) -> int:
        """Bytes that a picture painted whole takes, besides itself and the painting."""
        values = [_values(steps[0]) for kind, steps in self.layers if kind != "output"]
        residual = {_values(steps[0]) for kind, steps in self.layers if kind == "residual"}
        return int(4 * height * width * (sum(sorted(values)[-2:]) + 3 * sum(residual)))

    def needs_in_strips(self, height: int, width: int, itemsize: int = 2) -> int:
        """Bytes that a picture painted in strips takes, besides itself and the painting, with values of `itemsize`."""
        kept = [
            _values(steps[0]) * (2 if kind == "residual" else 1)
            for kind, steps in self.layers
            if kind != "output" and steps[0].scale >= self.kept_at
        ]
        return int(itemsize * height * width * max(kept, default=0)) + 2 * BAND_BYTES


class _Painting:
    """One picture on its way through the network."""

    def __init__(
        self, network: Executor, picture: Array, target: Array, report: Callable[[float], None]
    ) -> None:
        self.network, self.picture, self.target = network, picture, target
        self.report, self.done, self.all = report, 0.0, 0.0
        factor = network.reduction
        self.height, self.width = (ceil(side / factor) * factor for side in picture.shape[:2])
        ones = np.ones(3, np.float32)
        self.first = Reading(picture, ones / RANGE, -GREY / RANGE * ones)  # in -1..1

    def whole(self) -> Array:
        """Every layer's output in memory, as long as it is needed."""
        self.all = sum(_work(step) for _, steps in self.network.layers for step in steps)
        take, give = BUFFERS.take, BUFFERS.give
        value = self.first
        for kind, steps in self.network.layers:
            if kind == "residual":
                keep = take(value.source.shape)
                inner = take(self._shape(steps[0]))
                first = self._normalized(steps[0], self._convolve(steps[0], value, inner, keep=keep))
                give(value.source, value.residual)
                outer = take(self._shape(steps[1]))
                second = self._normalized(steps[1], self._convolve(steps[1], first.reading(inner), outer))
                give(inner)
                value = second.reading(outer, keep)
            elif kind == "output":
                self._convolve(steps[0], value, self.target)
                give(value.source, value.residual)
            else:
                output = take(self._shape(steps[0]))
                step = self._normalized(steps[0], self._convolve(steps[0], value, output))
                if value is not self.first:
                    give(value.source, value.residual)
                value = step.reading(output)
        return self.target

    def in_strips(self, dtype: type[np.floating]) -> Array:
        """Outputs at low resolution in memory, as `dtype`; the others in bands of rows, computed whenever needed."""
        BUFFERS.drop()  # those of a smaller picture painted whole would lie idle beside a large one's
        value = self.first
        chain: list[Step] = []  # from `value` on, what is not kept
        self.all = self._work_in_strips()
        for kind, steps in self.network.layers:
            if kind == "residual":
                value = self._settled(value)  # lets go of what it was made of
                value = self._residual(value, *steps)
            elif kind == "output":
                self._in_bands(steps[0], chain, value, self.target)
            else:
                value = value if value.residual is None else self._settled(value)
                kept = steps[0].scale >= self.network.kept_at
                output = np.empty(self._shape(steps[0]), dtype) if kept else None
                step = self._normalized(steps[0], self._in_bands(steps[0], chain, value, output))
                value, chain = (value, [*chain, step]) if output is None else (step.reading(output), [])
        return self.target

    def _work_in_strips(self) -> float:
        work = above = 0.0
        for _, steps in self.network.layers:
            own = sum(map(_work, steps))
            work += own + above
            above = 0 if steps[0].scale >= self.network.kept_at else above + own
        return work

    def _shape(self, step: Step) -> tuple[int, int, int]:
        return self.height // step.scale, self.width // step.scale, step.kernel.outputs

    def _normalized(self, step: Step, totals: Array) -> Step:
        """`step` with the affine map that normalizes an output of these totals.

        Ulyanov et al. 2016, "Instance normalization": (x - mean) / sqrt(var + eps) * gamma + beta.
        """
        assert step.gamma is not None
        assert step.beta is not None
        mean, square = totals / prod(self._shape(step)[:2])
        scale = step.gamma / np.sqrt(np.maximum(square - mean**2, 0) + EPS)
        shift = step.beta - mean * scale
        return replace(step, affine=(scale.astype(np.float32), shift.astype(np.float32)))

    def _table(self, step: Step, axis: int, of_picture: bool) -> Array:
        """For each row or column of the step's padded input, the one that it is read from."""
        size = (self.height, self.width)[axis] // step.source_scale
        table = core.padding_table(size, step.before, step.after, step.reach)
        if of_picture:  # it is itself padded, to a multiple of what the network reduces it by
            side = self.picture.shape[axis]
            return core.padding_table(side, 0, size - side, size)[table]
        return table

    def _convolve(
        self,
        step: Step,
        reading: Reading,
        target: Array | None,
        top: int = 0,
        rows: tuple[int, int] | None = None,
        source_top: int = 0,
        keep: Array | None = None,
    ) -> Array:
        """Fill `target` with the step's output, from row `top` on, and return its totals; see `core.run`.

        `rows` are the rows of sites to take, by default all. The source begins at row `source_top` of the step's input.
        """
        output = step.gamma is None
        size = self.picture.shape[:2] if output else self._shape(step)[:2]
        down, across = (self._table(step, axis, reading.source is self.picture) for axis in (0, 1))
        totals = core.run(
            step.kernel,
            reading,
            np.where(down < 0, -1, down - source_top),
            across,
            target,
            size,
            sites=rows,
            top=top,
            kept=keep,
            totals=not output,
            gain=(GAIN, GREY) if output else (1, 0),
            threads=self.network.threads,
        )
        part = 1.0 if rows is None else (rows[1] - rows[0]) * step.kernel.up[0] / size[0]
        self.done += part * _work(step)
        self.report(min(1.0, self.done / self.all))
        return totals

    def _settled(self, value: Reading) -> Reading:
        """The same values, computed, in place of the residual or else of the source."""
        target = value.source if value.residual is None else value.residual
        core.materialize(value, target, self.network.threads)
        channels = target.shape[2]
        return Reading(target, np.ones(channels, np.float32), np.zeros(channels, np.float32))

    def _residual(self, value: Reading, first: Step, second: Step) -> Reading:
        """x plus what two convolutions make of it; the second one's output takes the place of the first one's."""
        x = value.source
        inner = np.empty(x.shape, x.dtype)
        first = self._normalized(first, self._convolve(first, value, inner))
        reading = first.reading(inner)
        totals = np.zeros((2, x.shape[2]))
        before: tuple[slice, Array] | None = None
        up = second.kernel.up[0]
        for top, bottom in self._bands(second, []):
            band = np.empty((bottom - top, *x.shape[1:]), x.dtype)
            totals += self._convolve(second, reading, band, top, (top // up, ceil(bottom / up)))
            # The next band reads the last rows of this one's input: they are replaced after that.
            if before:
                inner[before[0]] = before[1]
            before = slice(top, bottom), band
        if before:
            inner[before[0]] = before[1]
        return self._normalized(second, totals).reading(inner, x)

    def _bands(self, step: Step, chain: Sequence[Step]) -> Iterator[tuple[int, int]]:
        """(top, bottom) of bands of the step's output, so low that all of `chain` and it fit into `BAND_BYTES`."""
        row = sum(4 * prod(self._shape(s)[1:]) * step.scale / s.scale for s in (*chain, step))
        height = max(32, int(BAND_BYTES / row) // 32 * 32)
        rows = self.picture.shape[0] if step.gamma is None else self._shape(step)[0]
        for top in range(0, rows, height):
            yield top, min(top + height, rows)

    def _in_bands(self, step: Step, chain: list[Step], value: Reading, target: Array | None) -> Array:
        """Fill `target` with the output of `step` after `chain` after `value`; returns its totals."""
        if not chain:
            return self._convolve(step, value, target)
        totals = np.zeros((2, step.kernel.outputs))
        up = step.kernel.up[0]
        for top, bottom in self._bands(step, chain):
            rows = top // up, ceil(bottom / up)
            source, source_top = self._band(chain, value, *self._sources(step, rows))
            part = None if target is None else target[top:bottom]
            totals += self._convolve(step, source, part, top, rows, source_top)
            BUFFERS.give(source.source)
        return totals

    def _band(self, chain: list[Step], value: Reading, first: int, last: int) -> tuple[Reading, int]:
        """Rows `first` to `last`, or a few more, of the chain's output, and the row that they begin with."""
        *above, step = chain
        up = step.kernel.up[0]
        rows = first // up, ceil(last / up)
        source, source_top = value, 0
        if above:
            source, source_top = self._band(above, value, *self._sources(step, rows))
        height, width, channels = self._shape(step)
        top, bottom = rows[0] * up, min(rows[1] * up, height)
        output = BUFFERS.take((bottom - top, width, channels))
        self._convolve(step, source, output, top, rows, source_top)
        if above:
            BUFFERS.give(source.source)
        return step.reading(output), top

    def _sources(self, step: Step, rows: tuple[int, int]) -> tuple[int, int]:
        """The first row of the step's input that the steps `rows` need, and the one after the last."""
        stride = step.kernel.stride[0]
        table = self._table(step, 0, False)[rows[0] * stride : (rows[1] - 1) * stride + step.kernel.span[0]]
        table = table[table >= 0]
        return int(table.min()), int(table.max()) + 1


class _Buffers:
    """Memory that has been used and can be used again: fresh memory costs the system's time for every page.

    All networks share it, in all threads.
    """

    def __init__(self) -> None:
        self.free: list[Array] = []
        self.lock = Lock()

    def take(self, shape: tuple[int, ...]) -> Array:
        """An fp32 array of that shape, of any content."""
        size = prod(shape)
        with self.lock:
            self.free.sort(key=len)
            best = bisect_left(self.free, size, key=len)
            if best == len(self.free) or self.free[best].size > LARGEST * size:
                best -= 1  # a new one takes the next smaller one's place, or smaller ones would pile up
            array = self.free.pop(best) if best >= 0 else None
        if array is None or array.size < size:
            array = core.aligned(size)
        return array[:size].reshape(shape)

    def give(self, *arrays: Array | None) -> None:
        """Arrays that were taken."""
        for array in arrays:
            if array is not None and array.base is not None:
                with self.lock:
                    self.free.append(core.aligned_part(array.base))

    def drop(self) -> None:
        """Let go of all."""
        with self.lock:
            self.free.clear()

    def trim(self) -> None:
        """Let go of the largest, until the others are no more than `SPARE`."""
        with self.lock:
            self.free.sort(key=len)
            while sum(array.nbytes for array in self.free) > SPARE:
                self.free.pop()


BUFFERS = _Buffers()


class _Weights:
    """Those of one layer, by what follows its name, checked against the shape that they must have."""

    def __init__(self, weights: Mapping[str, Array], layer: str) -> None:
        self.weights, self.layer = weights, layer

    def __call__(self, name: str, *shape: int) -> Array:
        array = self.weights[f"{self.layer}.{name}"]
        if array.shape != shape:
            raise ValueError(f"{self.layer}.{name} is {list(array.shape)}, not {list(shape)}")
        return np.ascontiguousarray(array, np.float32)


def _steps(layer: Layer, weights: _Weights, scale: int) -> tuple[Step, ...]:
    """The convolutions of a layer whose input's pixels are `scale` of the picture's a side."""
    inputs, outputs, k, stride = layer.inputs, layer.outputs, layer.kernel, layer.stride
    if layer.kind == "output":
        kernel = core.output_convolution(
            weights("conv.weight", outputs, inputs, k, k), weights("conv.bias", outputs)
        )
        return (Step(kernel, k // 2, k // 2, k // 2, None, None, False, scale, scale),)
    if layer.kind == "upsampling":
        kernel, (margin, _) = core.transposed_convolution(
            weights("conv.weight", inputs, outputs, k, k), (stride, stride), ((k - stride) // 2,) * 2
        )
        gamma, beta = weights("norm.weight", outputs), weights("norm.bias", outputs)
        # One pixel is reflected, as in `network.Upsampling`; a larger kernel meets zeros beyond.
        return (Step(kernel, margin, kernel.span[0], 1, gamma, beta, True, scale, scale // stride),)
    names = ("first.", "second.") if layer.kind == "residual" else ("",)
    return tuple(
        Step(
            core.convolution(weights(f"{name}conv.weight", outputs, inputs, k, k), (stride, stride)),
            k // 2,
            k // 2,
            k // 2,
            weights(f"{name}norm.weight", outputs),
            weights(f"{name}norm.bias", outputs),
            name != "second.",
            scale,
            scale * stride,
        )
        for name in names
    )


def _values(step: Step) -> float:
    """Values of the step's output for each pixel of the picture."""
    return step.kernel.outputs / step.scale**2


def _work(step: Step) -> float:
    """Multiply-adds of the step for each pixel of the picture, roughly."""
    taps = sum(phase.weight.size for phase in step.kernel.phases)
    return taps / (step.scale * step.kernel.up[0]) ** 2
