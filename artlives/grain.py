"""Grain: a fixed random field that a photo gets before it is painted, from which strokes grow where it is even.

A network without noise can leave an even sky only even. The field is the sum of octaves of noise, of single pixels and
of ever larger ones, the same for the three colours. It is a periodic tile, made of whole numbers alone, so that it is
the same on every machine; a picture's pixel (y, x) meets that of the tile at (y mod PERIOD, x mod PERIOD), however it
is painted.
"""

from functools import cache

import numpy as np

from artlives.architecture import MOST_GRAIN

Array = np.ndarray

# Pixels a side of the tile: a multiple of all octaves.
PERIOD = 512
# Pixels a side that one random number of each octave is spread over, by bilinear interpolation.
OCTAVES = (1, 2, 4, 8, 16)
# Of NumPy's generator PCG64, which keeps its stream the same for good, unlike what `Generator` makes of it.
SEED = 1893
# The sum of eight bytes has this standard deviation: sqrt(8 * (256² - 1) / 12).
DEVIATION = 209.0


@cache
def tile(amplitude: float) -> Array:
    """The field (PERIOD, PERIOD) in whole grey levels, int8, where each octave has a standard deviation of `amplitude`.

    Raises:
        ValueError: `amplitude` is not within 0 and `MOST_GRAIN`.
    """
    if not 0 <= amplitude <= MOST_GRAIN:
        raise ValueError(f"grain must be within 0 and {MOST_GRAIN:g} grey levels, not {amplitude}")
    field: Array = np.rint(_octaves() * np.float32(amplitude / DEVIATION)).clip(-127, 127).astype(np.int8)
    return field


def added(photo: Array, amplitude: float, top: int = 0, left: int = 0) -> Array:
    """`photo` (..., H, W, 3) in 0..255, with the field from its row `top` and column `left` on.

    It may be of uint8, int32 or fp32. The result is new, of the photo's dtype, and limited to 0..255.

    Raises:
        ValueError: as `tile` does.
    """
    height, width = photo.shape[-3:-1]
    rows, columns = np.arange(top, top + height) % PERIOD, np.arange(left, left + width) % PERIOD
    field = tile(amplitude)[rows[:, None], columns, None]
    wide = np.int16 if photo.dtype == np.uint8 else photo.dtype
    grainy: Array = (photo + field.astype(wide)).clip(0, 255).astype(photo.dtype)
    return grainy


@cache
def _octaves() -> Array:
    """The sum of the octaves, int32 (PERIOD, PERIOD), each in units of 1 / DEVIATION."""
    source = np.random.PCG64(SEED)
    octaves = [_enlarged(_noise(source, PERIOD // octave), octave) for octave in OCTAVES]
    total: Array = np.sum(octaves, 0)
    return total


def _noise(source: np.random.PCG64, side: int) -> Array:
    """Whole numbers (side, side) of mean 0 and standard deviation `DEVIATION`, nearly normal: sums of eight bytes."""
    words = source.random_raw(side * side)
    # The sums of bytes 0 and 1, 2 and 3, ... of each word, in 16 bits each.
    pairs = (words & 0x00FF00FF00FF00FF) + (words >> 8 & 0x00FF00FF00FF00FF)
    # The sum of the four 16-bit parts, which this product has in its uppermost 16 bits.
    sums = (pairs * 0x0001000100010001) >> 48
    # Less their mean, 8 * 127.5.
    return sums.astype(np.int32).reshape(side, side) - 1020


def _enlarged(values: Array, factor: int) -> Array:
    """Periodic `values` (n, n), bilinearly interpolated to (n * factor, n * factor), rounded down."""
    if factor == 1:
        return values
    for axis in (0, 1):
        # Pixel i of a cell lies (2 * i + 1 - factor) / (2 * factor) cells from its middle.
        before, after = np.roll(values, 1, axis), np.roll(values, -1, axis)
        parts = []
        for i in range(factor):
            offset = 2 * i + 1 - factor
            neighbour = after if offset > 0 else before
            parts.append(values * (2 * factor - abs(offset)) + neighbour * abs(offset))
        values = np.stack(parts, axis + 1).reshape(
            [n * factor if a == axis else n for a, n in enumerate(values.shape)]
        )
    return values // (4 * factor * factor)
