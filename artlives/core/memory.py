"""Arrays that begin with a cache line."""

from numpy import empty, float32

from artlives.core.abi import Array

# fp32 values in a cache line of 64 bytes.
LINE = 16


def aligned(size: int) -> Array:
    """An fp32 array (size,), whose content is undefined, that begins with a cache line.

    A vector that lies across two cache lines takes twice the time to load.
    """
    return aligned_part(empty(size + LINE, float32))


def aligned_part(memory: Array) -> Array:
    """The aligned part (size,) of fp32 memory (size + LINE,): what `aligned` gave, from its `base`."""
    start = -memory.ctypes.data // 4 % LINE
    return memory[start : start + memory.size - LINE]
