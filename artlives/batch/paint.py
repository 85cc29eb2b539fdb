"""Painting many photos.

Each is read, painted and written by one thread. While the network paints some, others decode those after them, and
encode and write those before them. Only as many are in memory as that takes and as the memory allows, however many
there are.
"""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import BoundedSemaphore, Condition, Event
from typing import TYPE_CHECKING, TypeAlias

from artlives import images, memory
from artlives.batch.plan import STREAM, Job, Outcome
from artlives.errors import ArtlivesError

if TYPE_CHECKING:
    from artlives.images import Photo
    from artlives.stylizer import Stylizer

# Reads a source, as much of it as a format can hold; see `images.load`.
Load: TypeAlias = "Callable[[str, str], Photo]"

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


def paint(
    stylizer: Stylizer,
    jobs: Sequence[Job],
    load: Load | None = None,
    save: Callable[[Photo, str], None] = images.save,
) -> Iterator[Outcome]:
    """Paint photos, and yield the outcome of each, in their order.

    On the CPU, pictures of up to a megapixel are painted several at a time, each by one thread, which takes four fifths
    of the time of all threads at one after the other. Larger pictures take all threads.

    When the iterator is closed, or an exception such as Ctrl-C's ends it, no other picture is begun, and those that are
    being painted are given up within the time of a strip; those that are painted are still written.

    Args:
        load, save: read a source, for a format, and write to a target, in several threads; they raise ArtlivesError. By
            default, as `images` does.
    """
    load = load or (lambda source, format: images.load(source, target=format))
    work = _Work(stylizer, load, save, _side_by_side(stylizer, len(jobs)))
    # One more than those side by side, for a large picture, and those that decode and encode meanwhile.
    count = (work.side_by_side + 1 if work.side_by_side > 1 else 1) + WORKERS
    with warnings.catch_warnings(), ThreadPoolExecutor(count, "photos") as pool:
        # Once for all threads: `catch_warnings` in each of them would undo the others'.
        warnings.simplefilter("ignore")
        waiting: deque[Future[Outcome]] = deque()
        try:
            for i, job in enumerate(jobs, 1):
                waiting.append(pool.submit(work.outcome, job))
                # As many again wait, so that no thread does while an earlier photo takes long.
                if len(waiting) > 2 * count:
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
        size = self.stylizer.settings.size
        with self.room.held(images.bytes_to_paint(job.source, job.target, size)):
            try:
                painting = self._painted(read(job, self.load, size), job)
                self.save(painting, job.target)
                return Outcome(job, notes=painting.notes)
            except ArtlivesError as error:
                return Outcome(job, str(error))

    def _painted(self, photo: Photo, job: Job) -> Photo:
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

    @contextmanager
    def held(self, needed: int) -> Iterator[None]:
        """Wait until there is room for so much, and hold it while the body runs.

        Raises:
            _Stopped: the room is closed.
        """
        with self.changed:
            self.changed.wait_for(lambda: self.closed or not self.taken or self._fits(needed))
            if self.closed:
                raise _Stopped
            self.taken += needed
        try:
            yield
        finally:
            with self.changed:
                self.taken -= needed
                self.changed.notify_all()

    def _fits(self, needed: int) -> bool:
        return self.taken + needed <= self.size and needed <= memory.free()

    def close(self) -> None:
        """Let nobody wait any more, nor in."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()


def _side_by_side(stylizer: Stylizer, count: int) -> int:
    """How many of `count` small pictures are painted at a time."""
    if stylizer.engine != "compiled" or stylizer.settings.memory is not None:
        return 1
    from artlives.core import default_threads

    most = min(default_threads(), count, SIDE_BY_SIDE)
    if most > 1:
        most = min(most, memory.free() // ROOM)
    return max(1, most)


def read(job: Job, load: Load, size: int | None) -> Photo:
    """A job's photo, reduced to `size`.

    Raises:
        ArtlivesError: it cannot be read, or the target cannot hold its painting.
    """
    photo = load(job.source, job.format)
    # Reduced here rather than by the stylizer, so that photos in the queue take less memory.
    photo = photo if size is None else images.fit(photo, size)
    if job.target != STREAM:
        images.check(photo, job.target)
    return photo
