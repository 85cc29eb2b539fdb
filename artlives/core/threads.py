"""Threads that share the work of the compiled core.

A job is cut into pieces of rows, and each thread takes the next piece that is left. The threads are our own, unless
another library hands in its team: two teams in one process would compete for the same processors.

A job is handed to the threads and waited for in one call of C. An exception that comes meanwhile (Ctrl-C, a time limit)
is raised when that call returns, and then no thread uses the job's arrays any more.
"""

import ctypes
import os
from collections.abc import Callable, Sequence
from typing import Any

from artlives.core.abi import Array, Job, Piece, address, array, library

# Pieces for each thread: the last one to end leaves the others idle for a quarter of its share at most.
PIECES = 4
# Rows of a piece at least: each reads some of its neighbours' rows again.
LEAST = 4

# `team(work, job, threads)` calls `work`, a C function, with `job` in that many threads at once, and waits for all.
Team = Callable[[Any, Any, int], object]


def _no_team() -> Team | None:
    return None


_find_team: Callable[[], Team | None] = _no_team


def set_team(find: Callable[[], Team | None]) -> None:
    """Let the team that `find` returns do the work of several threads; where it returns None, our own threads do.

    `find` is called for each job, since the library that has the team may be loaded later.
    """
    global _find_team
    _find_team = find


def _after_fork() -> None:
    """A forked child has its parent's memory and none of its threads, nor the team's: it starts threads of its own."""
    set_team(_no_team)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def default_threads() -> int:
    """The processors that this process may use, or fewer if OMP_NUM_THREADS says so."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(processors, int(asked)) if asked.isdecimal() and int(asked) > 0 else processors


def edges(first: int, last: int, threads: int, images: int = 1) -> list[int]:
    """Where the pieces of rows `first` to `last` begin and end, when each of `images` images is cut like that."""
    count = max(1, min((last - first) // LEAST, PIECES * threads // images))
    return [first + (last - first) * i // count for i in range(count + 1)]


def share(
    work: int | None, pieces: Sequence[tuple[Any, int, int]], totals: Array | None, threads: int
) -> None:
    """Let some threads do pieces of work, (task, first row, row after the last) each, by a C function of that address.

    `totals` has a part for each piece.

    Raises:
        MemoryError: a piece found too little memory.
        ValueError: the instructions have no such work.
    """
    if not work:
        raise ValueError("these instructions do not compute that: those that multiply bf16 convolve alone")
    core = library()
    assert core is not None
    table = array(Piece, len(pieces))(
        *(
            Piece(
                task=ctypes.addressof(task),
                first=first,
                last=last,
                totals=None if totals is None else address(totals[i]),
            )
            for i, (task, first, last) in enumerate(pieces)
        )
    )
    job = ctypes.pointer(Job(work=work, pieces=table, count=len(pieces)))
    threads = min(threads, len(pieces))
    team = _find_team() if threads > 1 else None
    if team:
        team(core.artlives_work, job, threads)
    else:
        core.artlives_share(job, ctypes.c_int64(threads))
    if job.contents.failed:
        raise MemoryError("no memory for the compiled core's rows")
