"""A pool of arrays that are used again, since the system takes time to map every page of fresh memory."""

import os
from bisect import bisect_left
from math import ceil, prod
from threading import Lock
from typing import Any

import numpy as np

from artlives import memory
from artlives.core import aligned, aligned_part

Array = np.ndarray

# Bytes of free arrays that are kept for the next picture, at most: enough for 2,048 x 2,048 pixels painted whole.
SPARE = 768 << 20
# A free array is taken for a smaller one if it is up to this many times its size. So a large picture's arrays stay free
# for the next large one when a small one is painted between them.
LARGEST = 4


class Buffers:
    """A pool of arrays, for any number of threads. Each is memory of fp32, which may be given out as fp16."""

    def __init__(self) -> None:
        self.free: list[Array] = []
        self.lock = Lock()

    def forget(self) -> None:
        """In a forked child: begin anew, since a thread of the parent's may have held the lock."""
        self.__init__()  # type: ignore[misc]

    @property
    def spare(self) -> int:
        """Bytes of free arrays."""
        with self.lock:
            return sum(array.nbytes for array in self.free)

    def take(self, shape: tuple[int, ...], dtype: type[np.floating[Any]] = np.float32) -> Array:
        """An array of that shape, of fp32 or fp16, whose content is undefined."""
        values = prod(shape)
        size = ceil(values * np.dtype(dtype).itemsize / np.dtype(np.float32).itemsize)
        with self.lock:
            self.free.sort(key=len)
            best = bisect_left(self.free, size, key=len)
            # Where none fits, a new array replaces the largest smaller one: pictures of growing size would otherwise
            # leave one array of each size in the pool.
            if best == len(self.free) or self.free[best].size > LARGEST * size:
                best -= 1
            array = self.free.pop(best) if best >= 0 else None
        if array is None or array.size < size:
            # The smaller one is released before the new one takes its memory.
            del array
            array = aligned(size)
        return array.view(dtype)[:values].reshape(shape)

    def give(self, array: Array) -> None:
        """Return an array that `take` gave, once."""
        with self.lock:
            assert array.base is not None
            self.free.append(aligned_part(array.base))

    def drop(self) -> None:
        """Release all free arrays."""
        with self.lock:
            self.free.clear()

    def trim(self) -> None:
        """Release the largest free arrays until the others take no more than `SPARE`."""
        with self.lock:
            self.free.sort(key=len)
            while sum(array.nbytes for array in self.free) > SPARE:
                self.free.pop()


class Loan:
    """The arrays that one painting takes from a pool; those that it has when it ends, however it ends, go back then.

    No array goes back twice, wherever an exception (such as Ctrl-C's) interrupts it.
    """

    def __init__(self, buffers: Buffers) -> None:
        self.buffers = buffers
        # By the memory that they are views of.
        self.taken: dict[int, Array] = {}

    def __enter__(self) -> "Loan":
        return self

    def __exit__(self, *_: object) -> None:
        self.give(*self.taken.values())

    def take(self, shape: tuple[int, ...], dtype: type[np.floating[Any]] = np.float32) -> Array:
        """See `Buffers.take`."""
        array = self.buffers.take(shape, dtype)
        self.taken[id(array.base)] = array
        return array

    def give(self, *arrays: Array | None) -> None:
        """Return arrays, any that are of this loan, in any view."""
        for array in arrays:
            if array is not None and (own := self.taken.pop(id(array.base), None)) is not None:
                self.buffers.give(own)


# All networks share it, in all threads.
BUFFERS = Buffers()
memory.kept.append(BUFFERS.drop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=BUFFERS.forget)
