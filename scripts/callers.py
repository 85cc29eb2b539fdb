"""Let several threads paint at once, each with two of the core's, and end many of the paintings by an exception.

For `scripts/sanitize`: a sanitizer sees what the threads share. Each painting that is not ended has to be the one that
a single thread paints.
"""

import random
import signal
import sys
import threading

import numpy as np

from artlives import Stylizer, passes
from artlives.engines import strips
from artlives.engines.painter import Way

# Seconds that the main thread paints for, while it is interrupted again and again.
SECONDS = 20


class Stop(Exception):
    """Ends a painting."""


def main() -> None:
    stylizer = Stylizer(sys.argv[1], device="cpu", one_pass=True)
    strips.BAND_BYTES = 1 << 18
    drawn = np.random.default_rng(0)
    sides = drawn.integers(16, 71, (12, 2))
    pictures = [drawn.integers(0, 256, (*pair, 3), np.uint8) for pair in sides]
    expected = [stylizer(picture, threads=1) for picture in pictures]
    passes.choose_way = lambda *_: random.choice([Way.WHOLE, Way.STRIPS])
    ended = threading.Event()
    wrong = []

    def report(_: float) -> None:
        if random.random() < 0.02:
            raise Stop

    def paint() -> None:
        number = random.randrange(len(pictures))
        try:
            painting = stylizer(pictures[number], report, threads=2)
        except Stop:
            return
        # In strips, a pixel may be off by one grey level.
        if np.abs(painting.astype(int) - expected[number]).max() > 1:
            wrong.append(number)

    def paint_on() -> None:
        while not ended.is_set():
            paint()

    def stop(*_: object) -> None:
        raise Stop

    callers = [threading.Thread(target=paint_on) for _ in range(2)]
    for caller in callers:
        caller.start()
    signal.signal(signal.SIGALRM, stop)
    paintings = 0
    end = threading.Timer(SECONDS, ended.set)
    end.start()
    while not ended.is_set():
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(0.001, 0.3))
            paint()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except Stop:
            pass
        paintings += 1
    for caller in callers:
        caller.join()
    if wrong:
        sys.exit(f"pictures {sorted(set(wrong))} were painted wrongly")
    print(f"{paintings} paintings in the main thread, beside those of two others")


if __name__ == "__main__":
    main()
