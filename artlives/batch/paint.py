"""Painting many photos.

Each photo is read, painted and written by one thread. While the network paints some, others decode those after them,
and encode and write those before them. Only as many are in memory as that takes and as the memory allows, however many
there are.
"""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from threading import BoundedSemaphore, Condition, Event
from typing import TYPE_CHECKING, Protocol

from artlives import images, memory
from artlives.batch.plan import Job, Outcome
from artlives.errors import ArtlivesError
from artlives.images import Admit

if TYPE_CHECKING:
    from artlives.images import Photo
    from artlives.stylizer import Stylizer

# Pixels. A larger picture takes all threads: several at a time, of one thread each, would be no quicker.
MEGAPIXEL = 1 << 20
# Small pictures that are painted at a time, at most.
SIDE_BY_SIDE = 8
# Bytes of free memory for each of them: three times what the network needs for one, at most.
ROOM = 512 << 20
# Of the memory that is free, what photos may take besides what the network needs for them: what
# `painter.SHARE_OF_FREE` leaves.
SHARE_OF_FREE = 1 / 3
# Threads that decode and encode files.
WORKERS = min(16, os.cpu_count() or 1)
# Pictures after which freed memory is returned to the system, so that it does not grow over a folder.
TRIM_EVERY = 25


class Load(Protocol):
    """Reads a source; raises ArtlivesError. `admit` is called as by `images.load`."""

    def __call__(self, source: str, *, admit: Admit) -> Photo: ...


def paint(
    stylizer: Stylizer,
    jobs: Sequence[Job],
    load: Load = images.load,
    save: Callable[[Photo, str], None] = images.save,
) -> Iterator[Outcome]:
    """Paint photos, and yield the outcome of each, in their order.

    On the CPU, pictures of up to a megapixel are painted several at a time, each by one thread, which takes four fifths
    of the time of all threads at one after the other. Larger pictures take all threads.

    When the iterator is closed, or an exception such as Ctrl-C's ends it, pictures that are being painted are given up
    within the time of a strip; those that are painted are still written.

    Args:
        load, save: read a source and write to a target, in several threads; `save` raises ArtlivesError.
    """
    work = _Work(stylizer, load, save, _side_by_side(stylizer, len(jobs)))
    # One more picture than those side by side is painted at a time: a large one.
    count = work.side_by_side + 1 if work.side_by_side > 1 else 1
    with warnings.catch_warnings(), ThreadPoolExecutor(count + WORKERS, "photos") as pool:
        # Once for all threads: `catch_warnings` in each of them would undo the others'.
        warnings.simplefilter("ignore")
        waiting: deque[Future[Outcome]] = deque()
        try:
            for i, job in enumerate(jobs, 1):
                waiting.append(pool.submit(work.outcome, job))
                if len(waiting) > count + 2 * WORKERS:
                    yield waiting.popleft().result()
                if i % TRIM_EVERY == 0:
                    memory.trim()
            while waiting:
                yield waiting.popleft().result()
        finally:
            work.stop()
            pool.shutdown(cancel_futures=True)


class _Stopped(Exception):
    """Nobody waits for the picture any more."""


class _Work:
    """What the threads share that paint photos.

    Args:
        side_by_side: how many small pictures are painted at a time.
    """

    def __init__(
        self, stylizer: Stylizer, load: Load, save: Callable[[Photo, str], None], side_by_side: int
    ) -> None:
        self.stylizer, self.load, self.save, self.side_by_side = stylizer, load, save, side_by_side
        self.large, self.small = BoundedSemaphore(1), BoundedSemaphore(side_by_side)
        self.room, self.stopped = _Room(int(memory.free() * SHARE_OF_FREE)), Event()

    def stop(self) -> None:
        """Let no picture be painted to its end, nor any other be begun."""
        self.stopped.set()
        self.room.close()

    def outcome(self, job: Job) -> Outcome:
        """Read a photo, paint it and write the painting.

        Raises:
            _Stopped: after `stop`.
        """
        with closing(_Place(self.room)) as place:
            try:
                painting = self._painted(job, place)
                self.save(painting, job.target)
                return Outcome(job, notes=painting.notes)
            except ArtlivesError as error:
                return Outcome(job, str(error))

    def _painted(self, job: Job, place: _Place) -> Photo:
        photo = self.load(job.source, admit=place.take)
        size = self.stylizer.settings.size
        if size is not None:
            # Reduced here rather than by the stylizer, so that photos that wait take less memory.
            photo = images.fit(photo, size)
        place.keep(images.BYTES_EACH * photo.pixels.size // 3)
        one_thread = self.side_by_side > 1 and photo.pixels.size <= 3 * MEGAPIXEL
        try:
            with self.small if one_thread else self.large:
                self._go_on()
                return self.stylizer(photo, self._go_on, threads=1 if one_thread else None)
        except ArtlivesError as error:
            raise ArtlivesError(f"{job.source}: {error}") from error

    def _go_on(self, done: float = 0) -> None:
        if self.stopped.is_set():
            raise _Stopped


class _Room:
    """Memory for photos, besides what the network needs for them, in bytes.

    One photo may be in work in any case, however large.
    """

    def __init__(self, size: int) -> None:
        self.size, self.taken, self.closed, self.changed = size, 0, False, Condition()

    def take(self, needed: int) -> None:
        """Wait until there is room for so much.

        Raises:
            _Stopped: it was closed.
        """
        with self.changed:
            while not self.closed and self.taken and not self._fits(needed):
                self.changed.wait()
            if self.closed:
                raise _Stopped
            self.taken += needed

    def _fits(self, needed: int) -> bool:
        return self.taken + needed <= self.size and needed <= memory.free()

    def give(self, taken: int) -> None:
        """Return so much."""
        with self.changed:
            self.taken -= taken
            self.changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any more."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()


class _Place:
    """What one photo takes of a room."""

    def __init__(self, room: _Room) -> None:
        self.room, self.taken = room, 0

    def take(self, needed: int) -> None:
        """See `images.Admit`: waits for the room."""
        self.room.take(needed)
        self.taken = needed
        memory.expect(needed)

    def keep(self, needed: int) -> None:
        """Return what is more than so much."""
        if needed < self.taken:
            self.room.give(self.taken - needed)
            self.taken = needed

    def close(self) -> None:
        """Return all."""
        self.keep(0)


def _side_by_side(stylizer: Stylizer, count: int) -> int:
    """How many of `count` small pictures are painted at a time."""
    if stylizer.engine != "compiled" or stylizer.settings.memory is not None:
        return 1
    from artlives.core import default_threads

    most = min(default_threads(), count, SIDE_BY_SIDE)
    return max(1, min(most, memory.free() // ROOM) if most > 1 else most)
