"""Memory that a training keeps, since each step needs as much as the one before, and what to do where it lacks."""

import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path

from artlives.memory import free, trim
from artlives.training.recipe import Recipe

# glibc's parameters of `mallopt`, and what they are set to, bytes. From the first on, memory is asked of the system for
# itself and given back at once: no tensor of a training has 1 GiB. More than the second free at the end is given back:
# the most an int can say. The third is what is asked for beyond what is needed: a quarter of a step's tensors, so that
# the first step asks a few times only.
_MMAP_THRESHOLD, _TRIM_THRESHOLD, _TOP_PAD = (-3, 1 << 30), (-1, (1 << 31) - 1), (-2, 1 << 28)


def keep_freed_memory() -> None:
    """Lets this process keep what it frees, where its C library is glibc; elsewhere nothing happens.

    Pages that come back from the system are zeroed and mapped anew, which takes up to a third of a step's time.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        for parameter, value in (_MMAP_THRESHOLD, _TRIM_THRESHOLD, _TOP_PAD):
            mallopt(parameter, value)


def growth(work: Callable[[], object]) -> int:
    """Bytes by which this process grows while it works, in a process that keeps what it frees; 0 but on Linux."""
    # What was freed before would be used again.
    trim()
    before = _resident()
    work()
    return max(0, _resident() - before)


def suffices(crops: int, tried: int, grown: int) -> bool:
    """Whether there is memory for a step of `crops` crops, when one of `tried` made the process grow by `grown` bytes.

    Where the memory that lacks is a container's, a step would not fail: the system would kill the process.
    """
    return grown * crops <= (free() + grown) * tried


def _resident() -> int:
    """Bytes of memory that this process has; 0 where that cannot be known."""
    try:
        # The second number is in pages; see proc_pid_statm(5).
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def advice(recipe: Recipe, fits: Callable[[int], bool] | None) -> str:
    """What to say where a step needs more memory than there is.

    `fits` tries a step of fewer crops, halved from one try to the next; None where that cannot be tried.
    """
    problem = f"{recipe.batch_size} crops of {recipe.size} px a step need more memory than there is"
    if fits is None:
        return f"{problem}: give a smaller --batch-size"
    batch_size = recipe.batch_size
    while batch_size > 1:
        batch_size //= 2
        if fits(batch_size):
            return f"{problem}: --batch-size {batch_size} fits"
    return f"{problem}, and so does a single one: give a smaller --size"
