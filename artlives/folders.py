"""Whole folders of photos: which pictures there are in them, and all of them painted.

While the network paints some pictures, those after them are decoded and those before them are encoded and written.
Only as many are in memory as that takes, however many there are.
"""

from __future__ import annotations

import ctypes
import os
import warnings
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path, PurePosixPath
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from artlives import images
from artlives.errors import ArtlivesError

if TYPE_CHECKING:
    from artlives.images import Photo
    from artlives.stylizer import Stylizer

T = TypeVar("T")
R = TypeVar("R")

# Pixels. A larger picture keeps all threads busy by itself.
MEGAPIXEL = 1 << 20
# Small pictures that are painted at a time, at most.
SIDE_BY_SIDE = 8
# Bytes that must be free for each of them; the network needs up to a third of that.
ROOM = 512 << 20
# Threads that decode and encode.
WORKERS = min(16, os.cpu_count() or 1)
# Pictures, after which freed memory is given back to the system.
TRIM_EVERY = 25


class Job(NamedTuple):
    """A photo, and the file that its painting is written to."""

    source: str
    target: str


class Outcome(NamedTuple):
    """What became of a job.

    Attributes:
        error: why it failed, a sentence that names the file; None if it is painted.
        notes: a line for each oddity that was passed over.
    """

    job: Job
    error: str | None = None
    notes: tuple[str, ...] = ()


class Plan(NamedTuple):
    """What is to be done: jobs, how many paintings are there already, and what failed before it was begun."""

    jobs: list[Job]
    there: int
    failed: list[Outcome]


def painting_name(photo: str, style: str) -> str:
    """The name of the painting of a photo, in the photo's format where that is one that is written, else PNG."""
    name = Path(photo)
    suffix = name.suffix if name.suffix.lower() in images.WRITTEN else ".png"
    return f"{name.stem}-{style}{suffix}"


def clash(job: Job, other: str) -> str:
    """Why a job fails whose target is that of the photo `other`, too."""
    return f"{job.source} would be written to {job.target}, as {other} is: give it another name"


def files_in(folder: Path, without: Path | None = None) -> list[str]:
    """The files in a folder and its subfolders, as paths in it; hidden subfolders and `without` are left out.

    Links to folders are not followed.

    Raises:
        ArtlivesError: if the folder cannot be read. A subfolder that cannot be read counts as empty.
    """

    def give_up(error: OSError) -> None:
        if error.filename == str(folder):
            raise ArtlivesError(f"{folder} cannot be read: {error.strerror or error}") from error

    found = []
    left_out = without and without.resolve()
    for path, folders, names in os.walk(folder, onerror=give_up):
        here = Path(path)
        folders[:] = [name for name in folders if name[0] != "." and (here / name).resolve() != left_out]
        found += [(here / name).relative_to(folder).as_posix() for name in names]
    return found


def photos_among(paths: Iterable[str], styles: Collection[str]) -> list[str]:
    """Of the files in a folder, by their paths in it, the photos in order.

    Left out are hidden files, and paintings by one of `styles` of another file: PHOTO-STYLE beside PHOTO.
    """
    pictures = [
        path
        for path in map(PurePosixPath, paths)
        if path.suffix.lower() in images.SUFFIXES and not any(part[0] == "." for part in path.parts)
    ]
    paintings = {(path.parent, f"{path.stem}-{style}") for path in pictures for style in styles}
    return sorted(str(path) for path in pictures if (path.parent, path.stem) not in paintings)


def paint(
    stylizer: Stylizer,
    jobs: Sequence[Job],
    load: Callable[[str], Photo] = images.load,
    save: Callable[[Photo, str], None] = images.save,
) -> Iterator[Outcome]:
    """Paint photos, and tell of each in their order what became of it.

    On the CPU pictures of up to a megapixel are painted side by side, each by one thread: so they take four fifths of
    the time that they take one by one. Larger ones take all threads, one after the other.

    Args:
        load, save: read a source and write to a target, in several threads; they raise ArtlivesError.
    """
    size = stylizer.settings.size
    side_by_side = _side_by_side(stylizer, len(jobs))
    large, small = Lock(), BoundedSemaphore(side_by_side)

    def loaded(job: Job) -> Photo | ArtlivesError:
        try:
            photo = load(job.source)
            return photo if size is None else images.fit(photo, size)
        except ArtlivesError as error:
            return error

    def painted(item: tuple[Job, Photo | ArtlivesError]) -> Photo | ArtlivesError:
        job, photo = item
        if isinstance(photo, ArtlivesError):
            return photo
        one_thread = side_by_side > 1 and photo.pixels.size <= 3 * MEGAPIXEL
        try:
            with small if one_thread else large:
                return stylizer(photo, threads=1 if one_thread else None)
        except ArtlivesError as error:
            return ArtlivesError(f"{job.source}: {error}")

    def saved(item: tuple[Job, Photo | ArtlivesError]) -> Outcome:
        job, painting = item
        try:
            if isinstance(painting, ArtlivesError):
                raise painting
            save(painting, job.target)
            return Outcome(job, notes=painting.notes)
        except ArtlivesError as error:
            return Outcome(job, str(error))

    # One more than those side by side, for a large picture.
    count = side_by_side + 1 if side_by_side > 1 else 1
    files, painters = ThreadPoolExecutor(WORKERS, "files"), ThreadPoolExecutor(count, "painters")
    with warnings.catch_warnings(), files, painters:
        warnings.simplefilter("ignore")  # once: threads that do so each for itself undo each other's
        try:
            photos = _ahead(files, loaded, jobs, WORKERS)
            paintings = (
                (job, painting) for (job, _), painting in _ahead(painters, painted, photos, 2 * count)
            )
            for i, (_, outcome) in enumerate(_ahead(files, saved, paintings, WORKERS), 1):
                yield outcome
                if i % TRIM_EVERY == 0:
                    _trim()
        finally:
            for pool in (files, painters):
                pool.shutdown(cancel_futures=True)


def _side_by_side(stylizer: Stylizer, count: int) -> int:
    """How many of `count` small pictures are painted at a time."""
    if stylizer.engine != "compiled" or stylizer.settings.memory is not None:
        return 1
    from artlives.core import default_threads

    most = min(default_threads(), count, SIDE_BY_SIDE)
    if most > 1:
        import psutil

        most = min(most, psutil.virtual_memory().available // ROOM)
    return max(1, most)


def _trim() -> None:
    """Give back to the system what glibc keeps of freed memory: more and more, as pictures of many sizes pass."""
    with suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _ahead(
    pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T], depth: int
) -> Iterator[tuple[T, R]]:
    """Each item and what `function` makes of it, in order; up to `depth` items are worked on ahead, in threads."""
    waiting: deque = deque()
    for item in items:
        waiting.append((item, pool.submit(function, item)))
        if len(waiting) > depth:
            item, future = waiting.popleft()
            yield item, future.result()
    for item, future in waiting:
        yield item, future.result()
