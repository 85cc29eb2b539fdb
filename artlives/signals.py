"""SIGINT and SIGTERM end a long job at the next place where it can go on later; no Ctrl-C is lost."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def caught_signals() -> Iterator[list[int]]:
    """The SIGINT or SIGTERM that has come, instead of ending at once; a second one raises KeyboardInterrupt.

    Python hands signals to the main thread alone. In any other the list stays empty, and nothing is changed.
    """
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return

    def handle(signum: int, frame: FrameType | None) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(signum)

    before = {signum: signal.signal(signum, handle) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextmanager
def kept_interrupts() -> Iterator[list[int]]:
    """The SIGINTs that have come, each of which raises KeyboardInterrupt as well (in the main thread; else none).

    Python drops an exception where it cleans up after an object, such as a pool of threads that has ended.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def handle(signum: int, frame: FrameType | None) -> None:
        came.append(signum)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield came
    finally:
        signal.signal(signal.SIGINT, before)
