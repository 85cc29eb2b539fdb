"""Painting many photos.

While the network paints some pictures, those after them are decoded and those before them are encoded and written.
Only as many are in memory as that takes, however many there are.
"""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import BoundedSemaphore, Event, Lock
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from artlives import images, memory
from artlives.batch.plan import STREAM, Job, Outcome
from artlives.errors import ArtlivesError

if TYPE_CHECKING:
    from artlives.images import Photo
    from artlives.stylizer import Stylizer

T = TypeVar("T")
R = TypeVar("R")
# Reads a source, as much of it as a format can hold; see `images.load`.
Load: TypeAlias = "Callable[[str, str], Photo]"

# Pixels. A larger picture takes all threads: several at a time, of one thread each, would be no quicker.
MEGAPIXEL = 1 << 20
# Small pictures that are painted at a time, at most.
SIDE_BY_SIDE = 8
# Bytes of free memory for each of them: three times what the network needs for one, at most.
ROOM = 512 << 20
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
    being painted are given up within the time of a strip.

    Args:
        load, save: read a source, for a format, and write to a target, in several threads; they raise ArtlivesError. By
            default, as `images` does.
    """
    load = load or (lambda source, format: images.load(source, target=format))
    size = stylizer.settings.size
    side_by_side = _side_by_side(stylizer, len(jobs))
    large, small, stopped = Lock(), BoundedSemaphore(side_by_side), Event()

    def go_on(done: float = 0) -> None:
        if stopped.is_set():
            raise _Stopped

    def painted(item: tuple[Job, Photo | ArtlivesError]) -> Photo | ArtlivesError:
        job, photo = item
        if isinstance(photo, ArtlivesError):
            return photo
        one_thread = side_by_side > 1 and photo.pixels.size <= 3 * MEGAPIXEL
        try:
            with small if one_thread else large:
                go_on()
                return stylizer(photo, go_on, threads=1 if one_thread else None)
        except ArtlivesError as error:
            return ArtlivesError(f"{job.source}: {error}")

    # One more than those side by side, for a large picture.
    count = side_by_side + 1 if side_by_side > 1 else 1
    files, painters = ThreadPoolExecutor(WORKERS, "files"), ThreadPoolExecutor(count, "painters")
    with warnings.catch_warnings(), files, painters:
        # Once for all threads: `catch_warnings` in each of them would undo the others'.
        warnings.simplefilter("ignore")
        try:
            photos = _ahead(files, partial(_loaded, load, size), jobs, WORKERS)
            paintings = (
                (job, painting) for (job, _), painting in _ahead(painters, painted, photos, 2 * count)
            )
            for i, (_, outcome) in enumerate(_ahead(files, partial(_saved, save), paintings, WORKERS), 1):
                yield outcome
                if i % TRIM_EVERY == 0:
                    memory.trim()
        finally:
            stopped.set()
            for pool in (files, painters):
                pool.shutdown(cancel_futures=True)


class _Stopped(Exception):
    """Nobody waits for the picture any more."""


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


def _loaded(load: Load, size: int | None, job: Job) -> Photo | ArtlivesError:
    try:
        return read(job, load, size)
    except ArtlivesError as error:
        return error


def _saved(save: Callable[[Photo, str], None], item: tuple[Job, Photo | ArtlivesError]) -> Outcome:
    job, painting = item
    try:
        if isinstance(painting, ArtlivesError):
            raise painting
        save(painting, job.target)
        return Outcome(job, notes=painting.notes)
    except ArtlivesError as error:
        return Outcome(job, str(error))


def _ahead(
    pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T], depth: int
) -> Iterator[tuple[T, R]]:
    """Each item and what `function` makes of it, in order; up to `depth` items are worked on ahead, in threads."""
    waiting: deque[tuple[T, Future[R]]] = deque()
    for item in items:
        waiting.append((item, pool.submit(function, item)))
        if len(waiting) > depth:
            item, future = waiting.popleft()
            yield item, future.result()
    for item, future in waiting:
        yield item, future.result()
