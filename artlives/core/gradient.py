"""The gradient of a convolution's weights."""

from itertools import pairwise

from artlives.core import abi
from artlives.core.abi import BF16, Array, Instructions, address, best_instructions, tiles
from artlives.core.checks import FLOAT32, expect, expect_ndim, expect_table, expect_threads
from artlives.core.memory import aligned
from artlives.core.packing import whole_vectors
from artlives.core.threads import edges, share

# Rows of one of AMX's tiles.
TILE_ROWS = 16


def weight_gradient(
    x: Array,
    gradient: Array,
    row_table: Array,
    column_table: Array,
    kernel_size: tuple[int, int],
    stride: tuple[int, int],
    threads: int = 1,
    instructions: Instructions | None = None,
) -> Array:
    """The gradient (kh, kw, C, O), in fp32, of the weights of a convolution.

    Args:
        x: the input (N, H, W, C) of fp32; of bf16 for `tiles`.
        gradient: the output's (N, H', W', O), of the same dtype.
        row_table, column_table: as in `run`, for all rows and columns that the kernel meets.
        kernel_size, stride: (vertical, horizontal).
        threads: how many to use.
        instructions: one of `instruction_sets`, or `tiles`; by default the best, and `tiles` for bf16.

    Raises:
        MemoryError: there is none.
        TypeError: an array's dtype is another.
        ValueError: an array's shape is another, or it is not dense.
    """
    expect_ndim("x", x, (4,))
    expect_ndim("gradient", gradient, (4,))
    instructions = instructions or (tiles() if x.dtype == BF16 else best_instructions())
    if instructions is None:
        raise ValueError("this processor has no instructions for bf16")
    by_tiles = instructions is tiles()
    dtypes = (BF16,) if by_tiles else (FLOAT32,)
    (n, h, w, c), (_, site_rows, site_columns, outputs), (kh, kw) = x.shape, gradient.shape, kernel_size
    expect("x", x, dtypes, x.shape)
    expect("gradient", gradient, dtypes, (n, site_rows, site_columns, outputs))
    expect_table("row_table", row_table, 0, (site_rows - 1) * stride[0] + kh, h)
    expect_table("column_table", column_table, 0, (site_columns - 1) * stride[1] + kw, w)
    expect_threads(threads)
    task = _task(x, gradient, row_table, column_table, kernel_size, stride)
    pieces = [(task, *rows) for rows in pairwise(edges(0, n * site_rows, threads))]
    # Sums of a kernel row. Tiles' rows hold channels, or fewer than a tile's of all columns together.
    height = kw * c
    if by_tiles:
        height = kw * _whole_tiles(c) if c >= TILE_ROWS else _whole_tiles(height)
    width = whole_vectors(outputs, instructions)
    memory = aligned(len(pieces) * kh * height * width)
    memory.fill(0)
    sums = memory.reshape(len(pieces), kh, height, width)
    share(instructions.weight_gradient, pieces, sums, threads)
    total: Array = sums.sum(0)[..., :outputs]
    if by_tiles and c >= TILE_ROWS:
        return total.reshape(kh, kw, -1, outputs)[:, :, :c]
    return total[:, : kw * c].reshape(kh, kw, c, outputs)


def _task(
    x: Array,
    gradient: Array,
    row_table: Array,
    column_table: Array,
    kernel_size: tuple[int, int],
    stride: tuple[int, int],
) -> abi.WeightGradient:
    """The core's structure of a call of `weight_gradient`."""
    return abi.WeightGradient(
        input=address(x),
        gradient=address(gradient),
        height=x.shape[1],
        width=x.shape[2],
        channels=x.shape[3],
        site_rows=gradient.shape[1],
        site_columns=gradient.shape[2],
        outputs=gradient.shape[3],
        row_table=address(row_table),
        column_table=address(column_table),
        stride_rows=stride[0],
        stride_columns=stride[1],
        kernel_rows=kernel_size[0],
        kernel_columns=kernel_size[1],
    )


def _whole_tiles(rows: int) -> int:
    """Rows, rounded up to whole tiles."""
    return -(-rows // TILE_ROWS) * TILE_ROWS
