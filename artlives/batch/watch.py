"""Photos that come into folders while somebody waits for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from artlives.batch.plan import Job

# Seconds between two looks at a folder; of a large one they are more, so that looking takes a tenth of the time.
PAUSE, SHARE = 1.0, 0.1
# Seconds that a file must stay as it is before it is taken for whole: who copies it slowly pauses now and then.
STEADY = 2.0


def arrivals(look: Callable[[], Iterable[Job]]) -> Iterator[list[Job]]:
    """At each look the jobs, often none, whose photos are there and have stopped growing; without an end.

    A job comes again when its photo has changed, if it is still to be done: a file may be complete after all.

    Args:
        look: finds what is to be done at present.
    """
    # Of each job: its photo's size and time, and since when, in seconds, they are the same.
    seen: dict[Job, tuple[tuple[int, int], float]] = {}
    done: dict[Job, tuple[int, int]] = {}
    while True:
        started = time.monotonic()
        before, seen = seen, {}
        for job in look():
            state = _state(job.source)
            if state is None or done.get(job) == state:
                continue
            known, since = before.get(job, (None, started))
            seen[job] = state, since if known == state else started
        ready = {job: state for job, (state, since) in seen.items() if started - since >= STEADY}
        done |= ready
        took = time.monotonic() - started
        yield list(ready)
        time.sleep(max(PAUSE, took / SHARE))


def _state(file: str) -> tuple[int, int] | None:
    """Size and time of change; None if there is no such file any more."""
    try:
        status = Path(file).stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
