"""Frames in, painted frames out: decoding, painting and what comes after go on at the same time, in threads.

Of each stage, only a few frames wait for the next one, however long a film is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import NamedTuple, TypeVar

import cv2
import numpy as np

from artlives.blend import blend
from artlives.core import default_threads
from artlives.engines.painter import Report
from artlives.images import Photo
from artlives.stylizer import Stylizer
from artlives.video.frame import Frame
from artlives.video.steady import Array, Motion, Moved, between, motion

T = TypeVar("T")

# How steady paintings are by default, in 0..1.
STEADY = 0.9
# Pixels. Smaller frames are painted several at a time, each by one thread, which takes four fifths of the time of all
# threads at one after the other; as `batch.paint` does.
MEGAPIXEL = 1 << 20
# Frames that are painted at a time, at most.
SIDE_BY_SIDE = 8
# Steady ones. The last pass of each continues the painting two frames before, so that two can be painted at a time.
STEADY_SIDE_BY_SIDE = 2
# Frames that wait for the next stage.
WAITING = 4
# Seconds after which a waiting thread looks whether it is still needed.
POLL = 0.1


class Last(NamedTuple):
    """A painted frame, as the next one needs it.

    Attributes:
        photo: (H, W, 3) of uint8.
        painting: (H, W, 3) of fp32 in 0..255; of uint8 where frames are painted by themselves.
        shown: the painting as it is shown, blended with the photo where that is asked for, (H, W, 3) of uint8.
        moved: the painting before, moved along to this frame; None where there is none, or it has nothing in common.
    """

    photo: Array
    painting: Array
    shown: Array
    moved: Moved | None = None


class Painted(NamedTuple):
    """A painted frame, and those between it and the painted one before, which are blended of the two.

    Attributes:
        frames: those between in their order, and the painted one.
        last: the painted one, with which the next one continues.
    """

    frames: list[Frame]
    last: Last


class _Group(NamedTuple):
    """A frame that is to be painted, and those between it and the one before."""

    between: list[Frame]
    frame: Frame


class _Job(NamedTuple):
    """What is computed of a group.

    Attributes:
        before, last: the painted frame before, and this one.
        sides: of each frame between, the motions to the painted frames before and after it.
    """

    group: _Group
    before: Future[Last] | None
    last: Future[Last]
    sides: list[tuple[Future[Motion | None], Future[Motion | None]]]


class _Steps(NamedTuple):
    """What a frame continues.

    Attributes:
        way: the motion to the frame before.
        before: the painting two frames before, moved along to the frame before; None in the beginning.
        moved: the painting before, moved along to this frame.
    """

    way: Future[Motion | None]
    before: Future[Moved | None] | None
    moved: Future[Moved | None]

    def carried(self, coarse: Array, strength: float) -> Array:
        """What the last pass continues: the painting two frames before, or else the one before."""
        way = self.way.result()
        before = self.before.result() if self.before else None
        if way is not None and before is not None:
            return before.carried(coarse, strength, way)
        moved = self.moved.result()
        return coarse if moved is None else moved.carried(coarse, strength)


class Pipeline:
    """Paints the frames of one video, all of one size.

    Args:
        stylizer: with the settings of the paintings.
        steady: 0 paints each frame by itself; up to 1, strokes stay more on what they were painted on.
        every: one frame in so many is painted, and the last one. Those between are blended of the two beside them.

    Raises:
        ValueError: `steady` is not within 0 and 1.
    """

    def __init__(self, stylizer: Stylizer, steady: float, every: int = 1) -> None:
        if not 0 <= steady <= 1:
            raise ValueError(f"steady must be within 0 and 1, not {steady}")
        self.settings = stylizer.settings
        # Strokes are carried along, not what they are blended with. At a strength of 0 there are none.
        if self.settings.strength > 0:
            stylizer = stylizer.variant(strength=1.0, keep_colors=False)
        self.stylizer, self.every = stylizer, every
        self.steady = steady if self.settings.strength > 0 else 0

    def paint(self, frames: Iterable[Frame], pixels: int, before: Last | None = None) -> Generator[Painted]:
        """Paint frames, in their order, each of so many pixels.

        Args:
            before: the painted frame before these.

        Raises:
            ArtlivesError: as the stylizer does.
        """
        side_by_side = self._side_by_side(pixels)
        groups = ahead(_groups(frames, self.every, before is not None), WAITING)
        painters = ThreadPoolExecutor(side_by_side, "painters")
        helpers, movers = ThreadPoolExecutor(1, "motion"), ThreadPoolExecutor(1, "moved")
        threads = max(1, default_threads() // side_by_side)
        jobs = self._jobs(groups, (painters, helpers, movers), threads, before)
        waiting: deque[_Job] = deque()
        try:
            for job in jobs:
                waiting.append(job)
                if len(waiting) > 2 * side_by_side:
                    yield self._finished(waiting.popleft())
            while waiting:
                yield self._finished(waiting.popleft())
        finally:
            groups.close()
            for pool in (helpers, movers, painters):
                pool.shutdown(cancel_futures=True)

    def _side_by_side(self, pixels: int) -> int:
        """How many frames are painted at a time."""
        if self.steady:
            return STEADY_SIDE_BY_SIDE
        if self.stylizer.engine != "compiled" or self.settings.memory is not None or pixels > MEGAPIXEL:
            return 1
        return min(default_threads(), SIDE_BY_SIDE)

    def _jobs(
        self,
        groups: Iterable[_Group],
        pools: tuple[ThreadPoolExecutor, ThreadPoolExecutor, ThreadPoolExecutor],
        threads: int,
        first: Last | None,
    ) -> Iterator[_Job]:
        painters, helpers, movers = pools
        before: Future[Last] | None = None
        moved: Future[Moved | None] | None = None
        seen: Array | None = None
        if first is not None:
            before, moved, seen = Future(), Future(), first.photo
            before.set_result(first)
            moved.set_result(first.moved)
        for group in groups:
            now, sides = group.frame.photo, []
            if group.frame.repeats and before is not None:
                yield _Job(group, before, before, [])
                continue
            steps: _Steps | None = None
            if seen is not None and before is not None:
                if self.steady:
                    way = helpers.submit(motion, now.pixels, seen)
                    steps = _Steps(way, moved, movers.submit(_moved, way, before))
                for one in group.between:
                    to_before = helpers.submit(motion, one.photo.pixels, seen)
                    sides.append((to_before, helpers.submit(motion, one.photo.pixels, now.pixels)))
            last = painters.submit(self._painted, now, steps, threads)
            yield _Job(group, before, last, sides)
            before, moved, seen = last, steps and steps.moved, now.pixels

    def _painted(self, photo: Photo, steps: _Steps | None, threads: int) -> Last:
        def carry(coarse: Array) -> Array:
            return coarse if steps is None else steps.carried(coarse, self.steady)

        painting = self.stylizer(photo, threads=threads, carry=carry if self.steady else None).pixels
        return self._mixed(photo, painting, steps.moved.result() if steps else None)

    def follow(
        self, photo: Photo, before: Last | None, way: Motion | None, report: Report = lambda done: None
    ) -> Last:
        """Paint one frame at once.

        Args:
            photo: of uint8.
            before: the painted frame before, of the same size; None for the first one.
            way: the motion to the frame before; None where there is none, or they have nothing in common.
            report: as the stylizer takes it.

        Raises:
            ArtlivesError: as the stylizer does.
        """
        moved = Moved(way.moved(before.painting), way.trust) if before and way else None

        def carry(coarse: Array) -> Array:
            return coarse if moved is None else moved.carried(coarse, self.steady)

        painting = self.stylizer(photo, report, carry=carry if self.steady else None).pixels
        return self._mixed(photo, painting, moved)

    def _mixed(self, photo: Photo, painting: Array, moved: Moved | None) -> Last:
        """A frame's painting by the network, with what was moved along of the painting before."""
        if moved is not None:
            last = moved.mixed(painting, self.steady)
            painting = cv2.convertScaleAbs(last)
        else:
            last = painting.astype(np.float32) if self.steady else painting
        if self.settings.keep_colors or self.settings.strength < 1:
            painting = painting.copy()
            blend(photo.pixels, painting, self.settings.strength, self.settings.keep_colors)
        return Last(photo.pixels, last, painting, moved)

    def _finished(self, job: _Job) -> Painted:
        """The group's paintings, when they are there."""
        last = job.last.result()
        frames = []
        for i, one in enumerate(job.group.between):
            pixels = last.shown
            if job.before is not None and job.sides:
                ways = job.sides[i][0].result(), job.sides[i][1].result()
                ends = job.before.result().shown, last.shown
                pixels = between(ends, ways, (i + 1) / (len(job.group.between) + 1))
            frames.append(_with(one, pixels))
        return Painted([*frames, _with(job.group.frame, last.shown)], last)


def _moved(way: Future[Motion | None], before: Future[Last]) -> Moved | None:
    """The painting before, for which this waits, moved along; None where there is nothing in common."""
    motion = way.result()
    return None if motion is None else Moved(motion.moved(before.result().painting), motion.trust)


def _with(frame: Frame, pixels: Array) -> Frame:
    return replace(frame, photo=replace(frame.photo, pixels=pixels))


def ahead(items: Iterable[T], depth: int) -> Generator[T]:
    """`items`, made in a thread of its own, up to `depth` of them ahead of whom they are given to."""
    queue: Queue[tuple[T | None, BaseException | None]] = Queue(depth)
    closed = Event()

    def put(item: T | None, error: BaseException | None = None) -> bool:
        while not closed.is_set():
            try:
                queue.put((item, error), timeout=POLL)
                return True
            except Full:
                continue
        return False

    def work() -> None:
        source = iter(items)
        try:
            for item in source:
                if not put(item):
                    break
            else:
                put(None, StopIteration())
        except BaseException as error:
            put(None, error)
        finally:
            if isinstance(source, Generator):
                source.close()

    thread = Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            try:
                # So that a signal is seen, which does not end a wait without a limit on all systems.
                item, error = queue.get(timeout=POLL)
            except Empty:
                continue
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        closed.set()
        thread.join()


def _groups(frames: Iterable[Frame], every: int, begun: bool) -> Iterator[_Group]:
    """Every so many frames as a group: the first one alone, unless that was `begun` before; the last may be smaller."""
    waiting: list[Frame] = []
    for frame in frames:
        waiting.append(frame)
        if len(waiting) == every or not begun:
            yield _Group(waiting[:-1], frame)
            waiting, begun = [], True
    if waiting:
        yield _Group(waiting[:-1], waiting[-1])
