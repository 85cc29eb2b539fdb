"""How fast an instruction set multiplies at most, to compare convolutions with."""

import ctypes
import time

import numpy as np

from artlives.core.abi import Instructions
from artlives.core.threads import share

# Repetitions of 16,000 to 500,000 multiplications each, which take 5 to 50 milliseconds, and how often they are timed.
REPETITIONS, ROUNDS = 10_000, 5


def peak(instructions: Instructions, threads: int) -> float:
    """Multiply-adds a second that so many threads do at most with these instructions, measured here.

    Raises:
        MemoryError: there is none.
    """
    totals = np.zeros((threads, 1))
    pieces = [(ctypes.c_int64(), 0, REPETITIONS)] * threads
    found = 0.0
    for _ in range(ROUNDS):
        started = time.perf_counter()
        share(instructions.peak, pieces, totals, threads)
        found = max(found, totals.sum() / (time.perf_counter() - started))
    return found
