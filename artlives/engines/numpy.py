"""The network in NumPy alone: it paints where there is neither the compiled core nor torch.

It is also the core's readable twin: the same blocks in the same order, on arrays (H, W, C) of fp32, without its speed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil, prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from artlives import plan
from artlives.architecture import GAIN, GREY, RANGE
from artlives.engines.painter import Array, Report, Way, part_of

# Bytes that a convolution takes at a time besides its input and its output: enough for quick products of matrices.
BAND_BYTES = 8 << 20


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), which this equals, without exp's overflow."""
    return (1 + np.tanh(x / 2)) / 2


def leaky_relu(x: Array, slope: Array | float = 0.01) -> Array:
    """x where it is positive, else `slope` x. PReLU is the same with a learned slope for each channel."""
    return np.where(x > 0, x, slope * x)


ACTIVATIONS: Mapping[str, Callable[..., Array]] = {
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "relu": lambda x: np.maximum(x, 0),
    "leaky-relu": leaky_relu,
    "prelu": leaky_relu,
    "swish": lambda x: x * sigmoid(x),
    plan.SCALED_TANH: lambda x: GAIN * np.tanh(x) + GREY,
}


def convolution(
    x: Array, weight: Array, stride: int, margin: int, report: Report = lambda done: None
) -> Array:
    """(H, W, I), padded by `margin` pixels of reflection, convolved with `weight` (O, I, k, k) to (H', W', O).

    Each pixel of the output is the inner product of a window of the input with the kernels. The windows of a band of
    rows are written out as a matrix (im2col), so that they are all computed by one product of matrices.
    """
    outputs, inputs, k, _ = weight.shape
    rows, columns = (reflected(side, margin) for side in x.shape[:2])
    height, width = ((len(table) - k) // stride + 1 for table in (rows, columns))
    y = np.empty((height, width, outputs), np.float32)
    for top, bottom in _bands(height, width, inputs * (k**2 + stride**2) + outputs):
        band = x[rows[top * stride : (bottom - 1) * stride + k, None], columns]
        # (rows, columns, I, k, k)
        windows = sliding_window_view(band, (k, k), (0, 1))[::stride, ::stride]
        y[top:bottom] = np.tensordot(windows, weight, ((3, 4, 2), (2, 3, 1)))
        report(bottom / height)
    return y


def transposed_convolution(
    x: Array, weight: Array, stride: int, margin: int, cropped: int, report: Report = lambda done: None
) -> Array:
    """(H, W, I), padded by `margin` pixels of reflection, to (H', W', O) by `weight` (I, O, k, k).

    Each pixel of the input adds the kernels, times its values, to the output, `stride` pixels beside its neighbour's.
    `cropped` pixels of each side are cut off.
    """
    inputs, outputs, k, _ = weight.shape
    rows, columns = (reflected(side, margin) for side in x.shape[:2])
    height, width = (stride * (len(table) - 1) + k for table in (rows, columns))
    y = np.zeros((height, width, outputs), np.float32)
    taps = np.ascontiguousarray(weight.transpose(2, 3, 0, 1))
    for top, bottom in _bands(len(rows), len(columns), inputs + outputs):
        band = x[rows[top:bottom, None], columns]
        for i, j in np.ndindex(k, k):
            met = y[top * stride + i : (bottom - 1) * stride + i + 1 : stride, j : width - k + j + 1 : stride]
            met += band @ taps[i, j]
        report(bottom / len(rows))
    return y[cropped : height - cropped, cropped : width - cropped]


def reflected(side: int, margin: int) -> Array:
    """For each row (or column) of a padded picture, the one that it repeats: 2 1 0 1 2 ... for a margin of 2."""
    return np.pad(np.arange(side), margin, "reflect")


def instance_norm(x: Array, gamma: Array, beta: Array) -> None:
    """Give each channel of x (H, W, C), in place, a standard deviation of `gamma` and a mean of `beta`, both (C,).

    Ulyanov et al. 2016, "Instance normalization": (x - mean) / sqrt(var + eps) * gamma + beta.
    """
    mean = x.mean((0, 1), dtype=np.float64)
    variance = np.mean([np.square(row - mean).mean(0) for row in x], 0)
    factor = gamma / np.sqrt(variance + plan.EPS)
    scale, shift = factor.astype(np.float32), (beta - mean * factor).astype(np.float32)
    for row in x:
        row *= scale
        row += shift


class NumpyPainter:
    """A `painter.Painter` by NumPy, of any network, whole.

    Args:
        steps: the network's plan.
        weights: its weights, fp32 arrays by the names and of the shapes of `plan.shapes`.
    """

    together = 1
    spare = 0

    def __init__(self, steps: Sequence[plan.Step], weights: Mapping[str, Array]) -> None:
        self.steps, self.weights = tuple(steps), dict(weights)
        self.reduction = plan.reduction(steps)
        work = [_work(step) for step in steps]
        self.parts = [some / sum(work) for some in work]

    def ways(self, height: int, width: int) -> dict[Way, int]:
        """See `painter.Painter`."""
        pixels = prod(ceil(side / self.reduction) * self.reduction for side in (height, width))
        return {Way.WHOLE: int(4 * _values_each(self.steps) * pixels) + BAND_BYTES}

    def paint(
        self,
        pictures: Sequence[Array],
        *,
        threads: int | None = None,
        way: Way = Way.WHOLE,
        report: Report = lambda done: None,
    ) -> list[Array]:
        """See `painter.Painter`; a painting takes its picture's place. NumPy's own number of threads is used."""
        for i, picture in enumerate(pictures):
            self._paint(picture, part_of(report, i / len(pictures), 1 / len(pictures)))
        return list(pictures)

    def _paint(self, picture: Array, report: Report) -> None:
        height, width = picture.shape[:2]
        missing = (0, -height % self.reduction), (0, -width % self.reduction), (0, 0)
        x = np.subtract(np.pad(picture, missing, "reflect"), GREY, dtype=np.float32)
        x /= RANGE
        kept: dict[int, Array] = {}
        for i, step in enumerate(self.steps):
            if step.kept:
                kept[i] = x
            x = self._output(step, x, part_of(report, sum(self.parts[:i]), self.parts[i]))
            if step.adds is not None:
                x += kept.pop(step.adds)
        x = x[:height, :width]
        if picture.dtype == np.uint8:
            np.rint(x.clip(0, 255, out=x), out=x)
        picture[...] = x

    def _output(self, step: plan.Step, x: Array, report: Report) -> Array:
        """What the step makes of its input (H, W, I), without what is added."""

        def weight(name: str) -> Array:
            return self.weights[f"{step.name}.{name}"]

        kernel = weight("conv.weight")
        if step.transposed:
            y = transposed_convolution(x, kernel, step.stride, step.reflected, step.cropped, report)
        else:
            y = convolution(x, kernel, step.stride, step.reflected, report)
        if step.normalized:
            instance_norm(y, weight("norm.weight"), weight("norm.bias"))
        else:
            y += weight("conv.bias")
        if step.activation is not None:
            slopes = [weight("activation.weight")] if step.activation == "prelu" else []
            for row in y:
                row[...] = ACTIVATIONS[step.activation](row, *slopes)
        return y


def _work(step: plan.Step) -> float:
    """Multiply-adds for each pixel of the picture."""
    scale = step.source_scale if step.transposed else step.scale
    return float(step.inputs * step.outputs * step.kernel**2 / scale**2)


def _bands(height: int, width: int, values: int) -> Iterator[tuple[int, int]]:
    """(top, bottom) of bands of rows, each of at most `BAND_BYTES` where a pixel takes `values` values of fp32."""
    rows = max(1, BAND_BYTES // (4 * width * values))
    for top in range(0, height, rows):
        yield top, min(top + rows, height)


def _values_each(steps: Sequence[plan.Step]) -> float:
    """Values for each pixel of the picture held at most: a step's input, its output, and what is added later."""
    kept: dict[int, float] = {}
    most = 0.0
    for i, step in enumerate(steps):
        read, written = step.inputs / step.source_scale**2, step.outputs / step.scale**2
        most = max(most, float(read + written) + sum(kept.values()))
        if step.kept:
            kept[i] = float(read)
        if step.adds is not None:
            del kept[step.adds]
    return most
