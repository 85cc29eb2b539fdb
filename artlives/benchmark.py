"""How fast pictures are painted on this machine, beside the same network of torch's own operations.

Machines drift, so what is compared takes turns, and each round gives one ratio.
"""

from __future__ import annotations

import multiprocessing
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from artlives import core
from artlives.engines.compiled import CompiledPainter
from artlives.engines.painter import Way
from artlives.errors import needs
from artlives.files import replacing
from artlives.styles import Style
from artlives.stylizer import Stylizer

if TYPE_CHECKING:
    from torch import Tensor

    from artlives.engines.network import Blocks

Job = Callable[[], object]

# (width, height) in pixels: from a thumbnail to a photo of 12 megapixels.
SIZES = ((256, 256), (512, 512), (1024, 1024), (2048, 2048), (4000, 3000))
# (width, height) in pixels of a picture that is painted in strips. It is painted once, and not by torch's operations.
LARGEST = (10_000, 10_000)
# Pixels a side of the picture whose layers are timed one by one.
LAYERS_SIDE = 1024
# About how many seconds one size is measured for, and the least and the most rounds.
SECONDS, ROUNDS = 6.0, (3, 15)


@dataclass(frozen=True)
class Row:
    """What was measured of pictures of one size.

    Attributes:
        width, height: pixels.
        precision: what products are computed in.
        seconds: the median time of the network alone, one pass without grain, array in and array out.
        torch_precision, torch_seconds: torch's alike.
        ratio: the median of the rounds' ratios, ours to torch's; None, as torch's time, where that was not compared.
        painting: the median time of a painting, coarse to fine and with grain, as `Stylizer` paints by default.
        passes: the median of the rounds' ratios, a painting to one pass; None where that was not compared.
        peak: bytes of memory that a process took at most which painted one such picture, all in all.
    """

    width: int
    height: int
    precision: str
    seconds: float | None
    torch_precision: str | None
    torch_seconds: float | None
    ratio: float | None
    painting: float
    passes: float | None
    peak: int | None

    @property
    def megapixels(self) -> float:
        """Of paintings, a second."""
        return self.width * self.height / self.painting / 1e6


@dataclass(frozen=True)
class Layer:
    """What was measured of one convolution, with what surrounds it, in one pass over `LAYERS_SIDE` pixels a side.

    Attributes:
        name, inputs, outputs, kernel, stride: as in `plan.Step`.
        transposed: whether the stride is that of a transposed convolution.
        instructions, precision: what it was computed by and in, as in `engines.choose.Engine`.
        seconds: the median time.
        share: of the multiply-adds a second that the machine does at most with the same instructions. Winograd's
            algorithm saves some of a convolution's multiply-adds, all of which are counted here.
    """

    name: str
    inputs: int
    outputs: int
    kernel: int
    stride: int
    transposed: bool
    instructions: str
    precision: str
    seconds: float
    share: float


def alternating(jobs: Mapping[str, Job], rounds: int, warmup: int = 2) -> dict[str, list[float]]:
    """Seconds of each job in each round; the jobs take turns within a round. The first `warmup` rounds are not kept."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for i in range(warmup + rounds):
        for name, job in jobs.items():
            started = time.perf_counter()
            job()
            if i >= warmup:
                times[name].append(time.perf_counter() - started)
    return times


def ratio(times: list[float], others: list[float]) -> float:
    """The median of the rounds' ratios; below 1 the first is faster."""
    return statistics.median(a / b for a, b in zip(times, others, strict=True))


def torch_blocks() -> Blocks:
    """torch's blocks in place of ours, to compare with."""
    from torch import nn
    from torch.nn import functional

    from artlives.engines.network import Blocks

    def instance_norm(
        x: Tensor, weight: Tensor, bias: Tensor, rectified: bool, residual: Tensor | None, eps: float
    ) -> Tensor:
        y = functional.instance_norm(x, weight=weight, bias=bias, eps=eps)
        y = functional.relu_(y) if rectified else y
        return y if residual is None else y + residual

    activations: dict[str, Callable[..., nn.Module]] = {
        "tanh": nn.Tanh,
        "sigmoid": nn.Sigmoid,
        "relu": nn.ReLU,
        "leaky-relu": nn.LeakyReLU,
        "prelu": nn.PReLU,
        "swish": nn.SiLU,
    }
    return Blocks(
        nn.Conv2d,
        nn.ConvTranspose2d,
        nn.InstanceNorm2d,
        instance_norm,
        functional.pad,
        functional.tanh,
        activations,
    )


def measure(style: Style, device: str, precision: str) -> Iterator[Row]:
    """A row for each of the `SIZES` and, where the engine paints in strips, one for the `LARGEST`.

    Without torch, nothing is compared with it.
    """
    stylizer = Stylizer(style, device=device, precision=precision)
    alone = stylizer.variant(grain=0.0, one_pass=True)
    # Where ours is in fp16, on CUDA, so is torch's.
    precision_of_torch = "fp16" if stylizer.precision == "fp16" else "fp32"
    by_torch = _by_torch(style, stylizer.device, precision_of_torch) if find_spec("torch") else None
    for width, height in SIZES:
        pixels = _noise(width, height)
        jobs: dict[str, Job] = {"ours": partial(alone, pixels), "painting": partial(stylizer, pixels)}
        if by_torch:
            jobs["torch"] = partial(by_torch, pixels)
        first = alternating(jobs, 1, warmup=1)
        rounds = int(SECONDS / sum(seconds for (seconds,) in first.values()))
        times = alternating(jobs, min(max(rounds, ROUNDS[0]), ROUNDS[1]), warmup=0)
        ours, painting = (statistics.median(times[name]) for name in ("ours", "painting"))
        passes = ratio(times["painting"], times["ours"])
        peak = _alone(style, precision, width, height)[1] if stylizer.device == "cpu" else None
        row = Row(width, height, stylizer.precision, ours, None, None, None, painting, passes, peak)
        if by_torch:
            theirs, beside = statistics.median(times["torch"]), ratio(times["ours"], times["torch"])
            row = replace(row, torch_precision=precision_of_torch, torch_seconds=theirs, ratio=beside)
        yield row
    if Way.HALF_STRIPS in stylizer.painter.ways(*LARGEST):
        seconds, peak = _alone(style, precision, *LARGEST)
        yield Row(*LARGEST, stylizer.precision, None, None, None, None, seconds, None, peak)


def layers(style: Style, precision: str) -> list[Layer]:
    """Each layer's time and share of the machine's peak, on the CPU; [] where another engine than the core paints."""
    stylizer = Stylizer(style, device="cpu", precision=precision)
    painter, threads = stylizer.painter, core.default_threads()
    if not isinstance(painter, CompiledPainter):
        return []
    peak = core.peak(painter.instructions, threads)
    pixels = _noise(LAYERS_SIDE, LAYERS_SIDE)
    rounds = []
    for _ in range(ROUNDS[1]):
        ends = [time.perf_counter()]
        # A report follows each layer.
        painter.paint([pixels.copy()], threads=threads, report=partial(_note_time, ends))
        rounds.append(np.diff(ends))
    found = []
    for step, seconds in zip(style.steps, np.median(rounds, 0), strict=True):
        # A transposed convolution's kernel meets each pixel of its input, others' give each of their output.
        scale = step.source_scale if step.transposed else step.scale
        products = step.inputs * step.outputs * step.kernel**2 * float(LAYERS_SIDE / scale) ** 2
        shape = step.inputs, step.outputs, step.kernel, step.stride, step.transposed
        by = painter.instructions.name.decode(), stylizer.precision
        found.append(Layer(step.name, *shape, *by, float(seconds), float(products / seconds / peak)))
    return found


def _note_time(times: list[float], done: float) -> None:
    times.append(time.perf_counter())


def _by_torch(style: Style, device: str, precision: str) -> Callable[[np.ndarray], None]:
    """One pass of the same network, made of torch's own operations, over a picture, array in and array out."""
    import torch

    from artlives.engines.tensors import in_memory, on_device
    from artlives.engines.torch import load

    dtype = torch.float16 if precision == "fp16" else torch.float32
    network = load(style, device, torch_blocks()).to(dtype).to(memory_format=torch.channels_last)

    def paint(pixels: np.ndarray) -> None:
        with torch.inference_mode():
            x = on_device(pixels, device).permute(2, 0, 1)[None].to(dtype)
            painting = network(x.contiguous(memory_format=torch.channels_last))
            in_memory(painting.clamp(0, 255).byte()[0].permute(1, 2, 0))

    return paint


def draw(rows: Sequence[Row], where: str, path: Path) -> None:
    """Writes the megapixels a second over the pictures' sizes, ours and torch's, into a picture.

    Raises:
        ArtlivesError: it cannot be written, or matplotlib is not installed.
    """
    needs("a plot", "train", "matplotlib")
    # It takes a second to import.
    from matplotlib.figure import Figure

    figure = Figure((7, 4), layout="constrained")
    axes = figure.subplots()
    positions = np.arange(len(rows))
    axes.bar(positions - 0.3, [row.megapixels for row in rows], 0.3, label="a painting, coarse to fine")
    for seconds, offset, label in (
        ([row.seconds for row in rows], 0, "one pass"),
        ([row.torch_seconds for row in rows], 0.3, "one pass by torch's operations"),
    ):
        speeds = [r.width * r.height / 1e6 / s if s else 0 for r, s in zip(rows, seconds, strict=True)]
        axes.bar(positions + offset, speeds, 0.3, label=label)
    axes.set_xticks(positions, [f"{row.width} x {row.height}" for row in rows])
    axes.set(ylabel="megapixels a second", title=where)
    axes.legend()
    axes.grid(axis="y", alpha=0.3)
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:], dpi=110)


def _noise(width: int, height: int) -> np.ndarray:
    """A picture that is different everywhere; what it shows makes no difference to the time."""
    line = np.arange(width * 3, dtype=np.uint32) * 2654435761 >> 24
    column = np.arange(height, dtype=np.uint32)[:, None] * 40503 >> 8
    return (line + column).astype(np.uint8).reshape(height, width, 3)


def _alone(style: Style, precision: str, width: int, height: int) -> tuple[float, int | None]:
    """Seconds and peak memory of one such picture on the CPU, painted by a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_paint_once, (style, precision, width, height))


def _paint_once(style: Style, precision: str, width: int, height: int) -> tuple[float, int | None]:
    stylizer, pixels = Stylizer(style, device="cpu", precision=precision), _noise(width, height)
    started = time.perf_counter()
    stylizer(pixels)
    seconds = time.perf_counter() - started
    # On Linux, ru_maxrss begins with that of the parent process: VmHWM is this process's own.
    if sys.platform == "linux":
        peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
        return seconds, int(peak[1]) * 1024 if peak else None
    if sys.platform == "darwin":
        import resource

        return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return seconds, None
