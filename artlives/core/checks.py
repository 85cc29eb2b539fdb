"""What is asked of arrays before their addresses go to the compiled core, which would read beyond wrong ones."""

import numpy as np

from artlives.core.abi import BF16, Array

# Channels of a picture.
COLORS = 3
# The dtypes that the core takes, beside `abi.BF16`.
FLOAT32, FLOAT16, UINT8, INT64 = (np.dtype(name) for name in ("float32", "float16", "uint8", "int64"))


def expect(
    name: str, array: Array, dtypes: tuple[np.dtype, ...], shape: tuple[int, ...], written: bool = False
) -> None:
    """Raise unless it is a dense array of one of these dtypes and of that shape; writable, where it is `written`.

    Raises:
        TypeError: it is no array, or its dtype is another.
        ValueError: its shape or its layout in memory is another.
    """
    if not isinstance(array, np.ndarray) or array.dtype not in dtypes:
        wanted = " or ".join("bf16 (uint16)" if dtype == BF16 else str(dtype) for dtype in dtypes)
        raise TypeError(f"{name} must be an array of {wanted}, not {getattr(array, 'dtype', type(array))}")
    if array.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}, not {array.shape}")
    flags = array.flags
    if not (flags.c_contiguous and flags.aligned):
        raise ValueError(f"{name} must be dense: make it so with np.ascontiguousarray")
    if written and not flags.writeable:
        raise ValueError(f"{name} must be writable")


def expect_ndim(name: str, array: Array, dimensions: tuple[int, ...]) -> None:
    """Raise unless it is an array of one of these numbers of dimensions, and not empty.

    Raises:
        TypeError: it is no array.
        ValueError: it has other dimensions, or no values.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} must be an array, not {type(array)}")
    if array.ndim not in dimensions or not array.size:
        wanted = " or ".join(map(str, dimensions))
        raise ValueError(f"{name} must have {wanted} dimensions and values, not the shape {array.shape}")


def expect_table(name: str, table: Array, first: int, last: int, size: int) -> None:
    """Raise unless it is a table of int64 whose entries `first` to `last` are below `size`; negative ones are zeros.

    Raises:
        TypeError: it is no array, or its dtype is another.
        ValueError: it is too short, or names what is beyond `size`.
    """
    expect_ndim(name, table, (1,))
    expect(name, table, (INT64,), (len(table),))
    if len(table) < last:
        raise ValueError(f"{name} must have {last} entries, not {len(table)}")
    if last > first and table[first:last].max() >= size:
        raise ValueError(f"{name} names row or column {table[first:last].max()} of {size}")


def expect_threads(threads: int) -> None:
    """Raise ValueError unless there is at least one."""
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
