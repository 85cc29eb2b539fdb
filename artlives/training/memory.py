"""Memory that a training keeps, since each step needs as much as the one before."""

import ctypes
import sys

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
