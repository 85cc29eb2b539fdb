"""SIGINT and SIGTERM end a long job at the next place where it can go on later; no Ctrl-C is lost."""

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

# Seconds, in which Python has cleaned up after an object.
CLEANED_UP = 0.01


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
def dropped_interrupts_come_again() -> Iterator[None]:
    """Let a Ctrl-C come once more that Python has dropped.

    It drops any exception where it cleans up after an object, such as a pool of threads that has ended.
    """
    before = sys.unraisablehook

    def hook(unraisable: "UnraisableHookArgs") -> None:
        if unraisable.exc_type is KeyboardInterrupt:
            # Not a `Thread`, whose lock may be held by what was interrupted.
            _thread.start_new_thread(_interrupt_later, ())
        else:
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _interrupt_later() -> None:
    time.sleep(CLEANED_UP)
    if sys.platform == "win32":
        _thread.interrupt_main()
    else:
        # A signal ends what the main thread waits in, too.
        os.kill(os.getpid(), signal.SIGINT)
