"""The threads of torch's OpenMP, for the compiled core to work on.

Those threads wait for work by spinning, so other threads beside them would have to share the processors. torch itself
is not imported here.
"""

import ctypes
import os
import sys
from functools import cache
from pathlib import Path

from artlives.core.threads import Team


def _after_fork() -> None:
    """Let torch compute in one thread: in a forked child its OpenMP waits for ever for threads of the parent's."""
    torch = sys.modules.get("torch")
    if torch:
        torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def team() -> Team | None:
    """Calls a C function in many threads of torch's; None where torch is not loaded or has another OpenMP than GNU's.

    See `artlives.core.set_team`.
    """
    torch = sys.modules.get("torch")
    return _gomp(torch.__file__) if torch and torch.__file__ else None


@cache
def _gomp(torch_file: str) -> Team | None:
    for path in (Path(torch_file).parent / "lib").glob("libgomp*.so*"):
        try:
            parallel = ctypes.CDLL(str(path)).GOMP_parallel
        except (OSError, AttributeError):
            continue
        # The last argument, flags, is 0: the threads may run anywhere.
        return lambda work, job, threads: parallel(work, job, threads, 0)
    return None
