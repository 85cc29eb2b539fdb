"""Timing side by side: machines drift, so what is compared takes turns, and each round gives one ratio."""

import statistics
import time
from collections.abc import Callable, Mapping

Job = Callable[[], object]


def alternating(jobs: Mapping[str, Job], rounds: int, warmup: int = 2) -> dict[str, list[float]]:
    """Seconds of each job in each round; the jobs take turns within a round. The first `warmup` rounds are not kept."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for i in range(warmup + rounds):
        for name, job in jobs.items():
            started = time.perf_counter()
            job()
            if i >= warmup:
                times[name].append(time.perf_counter() - started)
    return times


def ratio(times: list[float], others: list[float]) -> float:
    """The median of the rounds' ratios; below 1 the first is faster."""
    return statistics.median(a / b for a, b in zip(times, others, strict=True))
