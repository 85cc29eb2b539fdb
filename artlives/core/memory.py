"""Arrays that begin with a cache line."""

from numpy import empty, float32

from artlives.core.abi import Array

# fp32 values in a cache line of 64 bytes.
LINE = 16


def aligned(size: int) -> Array:
    """An fp32 array of any content that begins with a cache line: a vector across two of them takes twice the time."""
    return aligned_part(empty(size + LINE, float32))


def aligned_part(memory: Array) -> Array:
    """That array of `aligned`, again, from its `base`."""
    start = -memory.ctypes.data // 4 % LINE
    return memory[start : start + memory.size - LINE]
