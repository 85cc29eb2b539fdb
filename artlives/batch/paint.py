"""Painting many photos.

While the network paints some pictures, those after them are decoded and those before them are encoded and written.
Only as many are in memory as that takes, however many there are.
"""

from __future__ import annotations

import ctypes
import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from artlives import images
from artlives.batch.plan import Job, Outcome
from artlives.errors import ArtlivesError

if TYPE_CHECKING:
    from artlives.images import Photo
    from artlives.styles import Style
    from artlives.stylizer import Stylizer

T = TypeVar("T")
R = TypeVar("R")

# Pixels. A larger picture takes all threads: several at a time, of one thread each, would be no quicker then.
MEGAPIXEL = 1 << 20
# How many small pictures are painted at a time, at most.
SIDE_BY_SIDE = 8
# Bytes of memory that are free for each of them; the network needs up to a third of that.
ROOM = 512 << 20
# Threads that decode and encode.
WORKERS = min(16, os.cpu_count() or 1)
# Pictures after which freed memory is given back to the system.
TRIM_EVERY = 25


def stylizers(style: Style, count: int, **settings: Any) -> list[Stylizer]:
    """What `paint` takes for `count` pictures: a stylizer, and those for small pictures; `settings` are theirs.

    Small pictures are painted side by side on the CPU, one by each processor: so they take four fifths of the time
    that they take one by one. On a GPU, in a given `memory`, and without the compiled core, all are painted one by one.
    """
    from artlives.blocks.kernels.compiled import default_threads
    from artlives.executor import can_run
    from artlives.stylizer import Stylizer

    stylizer = Stylizer(style, **settings)
    side_by_side = min(default_threads(), count, SIDE_BY_SIDE)
    if side_by_side > 1:
        import psutil

        side_by_side = min(side_by_side, psutil.virtual_memory().available // ROOM)
    if stylizer.device != "cpu" or settings.get("memory") or not can_run(style.layers) or side_by_side < 2:
        return [stylizer]
    return [stylizer, *(Stylizer(style, threads=1, **settings) for _ in range(side_by_side))]


def paint(
    stylizers: Sequence[Stylizer],
    jobs: Iterable[Job],
    load: Callable[[str], Photo] = images.load,
    save: Callable[[Photo, str], None] = images.save,
) -> Iterator[Outcome]:
    """Paint photos, and tell of each in their order what became of it.

    Args:
        stylizers: of the same settings; each paints one picture at a time. The first is for pictures of more than a
            megapixel, the others for smaller ones. A single one is for all.
        load, save: read a source and write to a target, in several threads; they raise ArtlivesError.
    """
    size = stylizers[0].size
    large: SimpleQueue[Stylizer] = SimpleQueue()
    small: SimpleQueue[Stylizer] = SimpleQueue() if stylizers[1:] else large
    large.put(stylizers[0])
    for stylizer in stylizers[1:]:
        small.put(stylizer)

    def painted(item: tuple[Job, Photo | ArtlivesError]) -> Photo | ArtlivesError:
        job, photo = item
        if isinstance(photo, ArtlivesError):
            return photo
        free = small if photo.pixels.size <= 3 * MEGAPIXEL else large
        stylizer = free.get()
        try:
            return stylizer(photo)
        except ArtlivesError as error:
            return ArtlivesError(f"{job.source}: {error}")
        finally:
            free.put(stylizer)

    count = len(stylizers)
    files, painters = ThreadPoolExecutor(WORKERS, "files"), ThreadPoolExecutor(count, "painters")
    with warnings.catch_warnings(), files, painters:
        warnings.simplefilter("ignore")  # once: threads that do so each for itself undo each other's
        try:
            photos = _ahead(files, partial(_loaded, load, size), jobs, WORKERS)
            paintings = (
                (job, painting) for (job, _), painting in _ahead(painters, painted, photos, 2 * count)
            )
            for i, (_, outcome) in enumerate(_ahead(files, partial(_saved, save), paintings, WORKERS), 1):
                yield outcome
                if i % TRIM_EVERY == 0:
                    _trim()
        finally:
            for pool in (files, painters):
                pool.shutdown(cancel_futures=True)


def _loaded(load: Callable[[str], Photo], size: int | None, job: Job) -> Photo | ArtlivesError:
    try:
        photo = load(job.source)
        # Here rather than by the stylizer, so that photos that wait take no more memory than they have to.
        return photo if size is None else images.fit(photo, size)
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


def _trim() -> None:
    """Give back to the system what glibc keeps of freed memory: more and more, as pictures of many sizes pass."""
    with suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


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
