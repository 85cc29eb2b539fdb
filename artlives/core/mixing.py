"""What a pass of the network paints: a photo, mixed with the enlarged painting of the pass before it, and grain."""

import ctypes
from itertools import pairwise

import numpy as np

from artlives.core import abi
from artlives.core.abi import Array, address
from artlives.core.checks import COLORS, INT64, UINT8, expect, expect_ndim, expect_threads
from artlives.core.threads import edges, share


def mix(
    photo: Array,
    painting: Array | None,
    rows: tuple[Array, Array],
    columns: tuple[Array, Array],
    weight: int,
    grain: Array,
    target: Array,
    threads: int = 1,
) -> None:
    """Write the photo, mixed with the painting and with grain, to `target`; see `artlives.passes.mixed`.

    Args:
        photo: (H, W, 3) of uint8.
        painting: (h, w, 3) of uint8, which is enlarged bilinearly; None for none.
        rows, columns: int64, for each row and column of the photo the painting's first one, and the share of the one
            after it in 1/64.
        weight: the painting's in the mixture, in 1/64.
        grain: (P, P) of int8.
        target: like the photo; it may be the photo itself.
        threads: how many to use.

    Raises:
        MemoryError: there is none.
        TypeError: an array's dtype is another.
        ValueError: an array's shape is another, or it is not dense, or a table names what is beyond the painting.
    """
    expect_ndim("photo", photo, (3,))
    height, width, _ = photo.shape
    expect("photo", photo, (UINT8,), (height, width, COLORS))
    expect("target", target, (UINT8,), photo.shape, written=True)
    expect("grain", grain, (np.dtype(np.int8),), (len(grain),) * 2)
    if not 0 <= weight <= 64:
        raise ValueError(f"weight must be within 0 and 64, not {weight}")
    small = (1, 1)
    if painting is not None:
        expect_ndim("painting", painting, (3,))
        small = painting.shape[:2]
        expect("painting", painting, (UINT8,), (*small, COLORS))
    _expect_places("rows", rows, height, small[0])
    _expect_places("columns", columns, width, small[1])
    expect_threads(threads)
    task = abi.Mix(
        photo=address(photo),
        painting=address(painting),
        width=width,
        painting_width=0 if painting is None else small[1],
        row_table=address(rows[0]),
        row_share=address(rows[1]),
        column_table=address(columns[0]),
        column_share=address(columns[1]),
        share=weight,
        grain=address(grain),
        period=len(grain),
        target=address(target),
    )
    pieces = [(task, *some) for some in pairwise(edges(0, height, threads))]
    core = abi.library()
    assert core is not None
    share(ctypes.cast(core.artlives_mix, ctypes.c_void_p).value, pieces, None, threads)


def _expect_places(name: str, places: tuple[Array, Array], length: int, size: int) -> None:
    """Raise unless they are places among `size` rows (or columns) of the painting for each of the photo's `length`."""
    first, share_of_next = places
    expect(name, first, (INT64,), (length,))
    expect(name, share_of_next, (INT64,), (length,))
    if first.min() < 0 or (first + (share_of_next > 0)).max() >= size:
        raise ValueError(f"{name} name what is beyond the painting's {size}")
