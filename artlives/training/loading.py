"""Batches loaded ahead of the training that they are for."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

# Threads that load for a GPU: a batch of eight crops takes one of them some 30 ms, for which a GPU should not wait.
LOADERS = 8

Item = TypeVar("Item")


def loaders_for(device: torch.device) -> int:
    """How many threads load batches: on the CPU one, since a step takes longer than its batch and needs the others."""
    return 1 if device.type == "cpu" else min(LOADERS, os.cpu_count() or 1)


def ahead(load: Callable[[int], Item], steps: range, threads: int) -> Generator[Item, None, None]:
    """What `load` returns for each of `steps`, in their order, loaded up to `threads` steps ahead by as many threads.

    Raises:
        what `load` raises, at its step.
    """
    with ThreadPoolExecutor(threads) as executor:
        upcoming: deque[Future[Item]] = deque()
        left = iter(steps)
        try:
            while True:
                while len(upcoming) <= threads and (step := next(left, None)) is not None:
                    upcoming.append(executor.submit(load, step))
                if not upcoming:
                    return
                yield upcoming.popleft().result()
        finally:
            for future in upcoming:
                future.cancel()
