"""One unit of a network: a convolution with what surrounds it.

One call of `run` reads an activation once (with the normalization, ReLU, residual addition and padding that come before
the convolution), convolves, and writes the result once, adding up what the next normalization needs to know of it.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from artlives.core import abi
from artlives.core.abi import BF16, TYPES, Array, Instructions, address, best_instructions
from artlives.core.checks import (
    COLORS,
    FLOAT16,
    FLOAT32,
    UINT8,
    expect,
    expect_ndim,
    expect_table,
    expect_threads,
)
from artlives.core.packing import Kernel
from artlives.core.threads import edges, share


@dataclass(frozen=True, eq=False)
class Reading:
    """What a convolution reads: relu(source * scale + shift) + residual.

    Where the gate is <= 0, the source is taken for 0.

    Attributes:
        source: (H, W, C) of fp32, fp16, bf16 or uint8, dense.
        scale, shift: (C,) of fp32; None for 1 and 0.
        relu: whether there is a ReLU.
        residual, gate: like `source`; None for none.
    """

    source: Array
    scale: Array | None = None
    shift: Array | None = None
    relu: bool = False
    residual: Array | None = None
    gate: Array | None = None

    def expect(self, dtypes: tuple[np.dtype, ...], dimensions: tuple[int, ...]) -> None:
        """Raise unless all arrays fit together, and the source has one of these dtypes and numbers of dimensions."""
        source = self.source
        expect_ndim("source", source, dimensions)
        expect("source", source, dtypes, source.shape)
        for name, array in (("scale", self.scale), ("shift", self.shift)):
            if array is not None:
                expect(name, array, (FLOAT32,), source.shape[-1:])
        if self.residual is not None and source.ndim != 3:
            raise ValueError("a batch has no residual")
        for name, array in (("residual", self.residual), ("gate", self.gate)):
            if array is not None:
                expect(name, array, (source.dtype,), source.shape)


# Pictures of a size ask for the same ones, some forty, again and again.
@lru_cache(maxsize=128)
def padding_table(size: int, before: int, after: int, mirrored: int) -> Array:
    """For each row (or column) of the padded picture, the row of the picture that it repeats.

    Returns int64 (before + size + after,), read-only.

    `before` rows come before the picture's `size` rows, and `after` rows behind. At each end `mirrored` of them are
    reflected (the edge row is not repeated); beyond those lie zeros, which -1 stands for.
    """
    index = np.arange(-before, size + after)
    reflected = size - 1 - np.abs(size - 1 - np.abs(index))
    table = np.where((index < -mirrored) | (index >= size + mirrored), -1, reflected)
    table.setflags(write=False)
    return table


def run(
    kernel: Kernel,
    reading: Reading,
    row_table: Array,
    column_table: Array,
    target: Array | type[np.floating[Any]],
    size: tuple[int, int],
    *,
    sites: tuple[int, int] | None = None,
    top: int = 0,
    kept: Array | None = None,
    totals: bool = False,
    gain: tuple[float, float] = (1, 0),
    rectified: bool = False,
    threads: int = 1,
) -> Array:
    """Convolve what `reading` says, and write the result to `target`.

    Args:
        reading: its source may also be a batch (N, H, W, C); so is `target` then, and there is no residual.
        row_table, column_table: int64, for each row and column of the padded input that of the source, a negative
            number for zeros; see `padding_table`. Beyond their ends, there are zeros, too.
        target: (rows, W', O) of fp32, fp16 or bf16 (fp32 or uint8 of an `output_convolution`, with three channels),
            dense; or its type, fp32 or fp16, where the result's totals alone are wanted.
        size: (H', W') of the whole output.
        sites: the first row of sites and the one after the last; all by default. A row of sites gives `kernel.up` rows
            of output.
        top: the row of the output that the target begins with.
        kept: of the source's shape and dtype, but not uint8, of a convolution whose output has that size, too; what was
            read is written there, without the padding.
        totals: whether to add up the output. A kernel of bf16 adds up what it writes, where that is fp16.
        gain: (factor, offset) of an `output_convolution`, whose output is factor * tanh(x) + offset.
        rectified: whether the output of another convolution goes through a ReLU.
        threads: how many to use.

    Returns:
        (2, O) in fp64: the sums and the sums of squares of each output channel; zeros without `totals`.

    Raises:
        MemoryError: there is none.
        TypeError: an array's dtype is another.
        ValueError: an array's shape is another, or it is not dense.
    """
    source = reading.source
    sites = sites or (0, -(-size[0] // kernel.up[0]))
    row_table, column_table = _whole_tables(kernel, (row_table, column_table), sites[1], size)
    _expect_run(kernel, reading, row_table, column_table, target, size, sites, top)
    if kept is not None:
        _expect_kept(kernel, source, kept, size)
    expect_threads(threads)
    unit = _unit(kernel, reading, row_table, column_table, target, size, top, kept, gain, rectified)
    units = [unit]
    if source.ndim == 4:
        units = _for_each(reading, target if isinstance(target, np.ndarray) else None, unit)
    pieces = [(each, *rows) for each in units for rows in pairwise(edges(*sites, threads, len(units)))]
    sums = np.zeros((len(pieces), 2, len(kernel.bias)))
    share(kernel.instructions.run, pieces, sums if totals else None, threads)
    total: Array = sums.sum(0)[:, : kernel.outputs]
    return total


def materialize(
    reading: Reading, target: Array, threads: int = 1, instructions: Instructions | None = None
) -> None:
    """Write what `reading` says to `target`.

    Args:
        reading: its source is (H, W, C) of fp16 or fp32.
        target: (H, W, C) of fp16 or fp32; it may be the source or the residual itself.
        threads: how many to use.
        instructions: one of `instruction_sets`; the best by default.

    Raises:
        MemoryError: there is none.
        TypeError: an array's dtype is another.
        ValueError: an array's shape is another, or it is not dense.
    """
    source = reading.source
    reading.expect((FLOAT16, FLOAT32), (3,))
    expect("target", target, (FLOAT16, FLOAT32), source.shape, written=True)
    expect_threads(threads)
    instructions = instructions or best_instructions()
    unit = abi.Unit(
        source=address(source),
        residual=address(reading.residual),
        gate=address(reading.gate),
        source_type=TYPES[source.dtype],
        source_width=source.shape[1],
        channels=source.shape[2],
        scale=address(reading.scale),
        shift=address(reading.shift),
        relu=reading.relu,
        target=address(target),
        target_type=TYPES[target.dtype],
    )
    pieces = [(unit, *rows) for rows in pairwise(edges(0, len(source), threads))]
    share(instructions.materialize, pieces, None, threads)


def _whole_tables(
    kernel: Kernel, tables: tuple[Array, Array], site_rows: int, size: tuple[int, int]
) -> list[Array]:
    """Both tables with zeros beyond their ends, as far as any of the sites reaches.

    What Winograd's tiles meet beyond all that the output needs repeats the last row (or column) instead: beside zeros,
    an even picture's pixels would be rounded differently, which a normalization enlarges.
    """
    counts = site_rows, -(-size[1] // kernel.up[1])
    whole = []
    for table, count, stride, span, up, side in zip(
        tables, counts, kernel.stride, kernel.span, kernel.up, size, strict=True
    ):
        length = (count - 1) * stride + span
        beyond = max(count * stride - -(-side * stride // up), 0) if kernel.winograd else 0
        needed = length - beyond
        if len(table) < needed:
            table = np.concatenate([table, np.full(needed - len(table), -1)])
        if beyond:
            table = np.concatenate([table[:needed], np.full(beyond, table[needed - 1])])
        whole.append(table)
    return whole


def _expect_run(
    kernel: Kernel,
    reading: Reading,
    row_table: Array,
    column_table: Array,
    target: Array | type[np.floating[Any]],
    size: tuple[int, int],
    sites: tuple[int, int],
    top: int,
) -> None:
    """Raise unless what `run` is given fits together; both tables are whole."""
    reading.expect((FLOAT32, FLOAT16, BF16, UINT8), (3, 4))
    *images, height, width, channels = reading.source.shape
    if channels != kernel.channels:
        raise ValueError(f"source must have {kernel.channels} channels, not {channels}")
    if not 0 <= sites[0] < sites[1] <= -(-size[0] // kernel.up[0]) or size[1] < 1:
        raise ValueError(f"there are no sites {sites} in an output of {size}")
    first, last = (site * kernel.stride[0] for site in (sites[0], sites[1] - 1))
    expect_table("row_table", row_table, first, last + kernel.span[0], height)
    expect_table("column_table", column_table, 0, len(column_table), width)
    picture = kernel.columns_as_channels > 0
    if isinstance(target, type):
        if picture or target not in (np.float32, np.float16):
            raise ValueError("there must be a target")
        return
    dtypes = (FLOAT32, UINT8) if picture else (FLOAT32, FLOAT16, BF16)
    rows = target.shape[-3] if isinstance(target, np.ndarray) and target.ndim > 2 else 0
    outputs = COLORS if picture else kernel.outputs
    expect("target", target, dtypes, (*images, rows, size[1], outputs), written=True)
    bottom = min(sites[1] * kernel.up[0], size[0])
    if not top <= sites[0] * kernel.up[0] < bottom <= top + rows:
        raise ValueError(f"target has the rows from {top} to {top + rows}, not those of the sites {sites}")


def _expect_kept(kernel: Kernel, source: Array, kept: Array, size: tuple[int, int]) -> None:
    """Raise unless `kept` is like the source, and the output, whose rows and columns are kept, has its size."""
    if source.ndim != 3 or source.shape[:2] != tuple(size) or kernel.stride != kernel.up:
        raise ValueError(
            "only a convolution of one picture whose output has the source's size keeps what was read"
        )
    if source.dtype == UINT8:
        raise TypeError("what is read of uint8 cannot be kept as such")
    expect("kept", kept, (source.dtype,), source.shape, written=True)


def _unit(
    kernel: Kernel,
    reading: Reading,
    row_table: Array,
    column_table: Array,
    target: Array | type[np.floating[Any]],
    size: tuple[int, int],
    top: int,
    kept: Array | None,
    gain: tuple[float, float],
    rectified: bool,
) -> abi.Unit:
    """The core's structure of a call of `run`; for a batch, of its first image. It points to the tables, not copies."""
    source = reading.source
    phases = abi.array(abi.Phase, len(kernel.phases))(
        *(abi.Phase(*phase[:-1], weight=address(phase.weight)) for phase in kernel.phases)
    )
    # The padding before the source ends at the first 0 of its table: the rows reflected before it are 1 and on.
    pad_top, pad_left = (
        (0, 0) if kept is None else (int(np.argmax(t == 0)) for t in (row_table, column_table))
    )
    return abi.Unit(
        source=address(source),
        residual=address(reading.residual),
        gate=address(reading.gate),
        source_type=TYPES[source.dtype],
        source_width=source.shape[-2],
        channels=source.shape[-1],
        row_table=address(row_table),
        column_table=address(column_table),
        pad_top=pad_top,
        pad_left=pad_left,
        scale=address(reading.scale),
        shift=address(reading.shift),
        relu=reading.relu,
        kept=address(kept),
        stride_rows=kernel.stride[0],
        stride_columns=kernel.stride[1],
        phases=phases,
        phase_count=len(phases),
        winograd=kernel.winograd,
        bias=address(kernel.bias),
        outputs=kernel.outputs,
        columns_as_channels=kernel.columns_as_channels,
        gain=gain[0],
        offset=gain[1],
        rectified=rectified,
        target=address(target) if isinstance(target, np.ndarray) else None,
        target_type=TYPES[np.dtype(target) if isinstance(target, type) else target.dtype],
        target_top=top,
        output_rows=size[0],
        output_width=size[1],
        up_rows=kernel.up[0],
        up_columns=kernel.up[1],
    )


def _for_each(reading: Reading, target: Array | None, unit: abi.Unit) -> list[abi.Unit]:
    """One unit for each image of a batch, from that of the first, whose `phases` they share: it must live as long."""
    units = [abi.Unit.from_buffer_copy(unit) for _ in reading.source]
    arrays = {"source": reading.source, "gate": reading.gate, "target": target}
    for i, each in enumerate(units):
        for name, array in arrays.items():
            setattr(each, name, None if array is None else address(array[i]))
    return units
