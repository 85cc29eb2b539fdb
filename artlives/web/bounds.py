"""Limits of what files from others may cost, which hold inside libraries as well, since the system enforces them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

if sys.platform != "win32":
    import resource


@contextmanager
def within_seconds(seconds: float) -> Iterator[None]:
    """End the process when the body has taken so many seconds of processor time (POSIX)."""
    if sys.platform != "win32":
        # Its signal, SIGPROF, has no handler: the system ends the process.
        signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        if sys.platform != "win32":
            signal.setitimer(signal.ITIMER_PROF, 0)


@contextmanager
def within(limits: dict[str, int]) -> Iterator[None]:
    """Let the body take no more of the process's resources (Linux); what asks for more fails.

    Args:
        limits: in bytes, by their names in `resource`, such as RLIMIT_AS.
    """
    if sys.platform != "linux":
        yield
        return
    usual = {getattr(resource, name): resource.getrlimit(getattr(resource, name)) for name in limits}
    for (kind, (now, most)), limit in zip(usual.items(), limits.values(), strict=True):
        lowest = min(one for one in (limit, now) if one != resource.RLIM_INFINITY)
        resource.setrlimit(kind, (lowest, most))
    try:
        yield
    finally:
        for kind, before in usual.items():
            resource.setrlimit(kind, before)
