"""The studio: styles in memory, one painting at a time on all cores, a bounded queue before it."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from artlives import mixing, styles
from artlives.architecture import SMALLEST
from artlives.errors import ArtlivesError
from artlives.images import Photo
from artlives.settings import Settings
from artlives.stylizer import Stylizer
from artlives.web.clips import Clips
from artlives.web.decoder import Decoder
from artlives.web.problems import Problem, of_picture
from artlives.web.studies import Studies

if TYPE_CHECKING:
    from artlives.video.stream import Stream

# Requests that are in work or waiting, at most. Each may hold a decoded picture in memory, so this bounds what a crowd
# of clients can take.
SLOTS = 32
# Bytes of uploads in memory at a time, those that are still sent among them. Whoever sends slowly takes no slot, and
# little of this.
UPLOADS = 400_000_000
# Seconds after which a client that found no free slot may ask again, as the Retry-After header tells it.
RETRY_AFTER = 2
# Pixels of a picture, by its header: a bound on memory, of which each takes 3 bytes or more.
MAX_PIXELS = 50_000_000
# Stylizers that are kept, those that painted last, of some 10 MB each.
STYLIZERS = 24
# Shares of a mix are rounded to so many parts of the whole: a slider asks for no more stylizers than that.
SHARES = 20

Result = TypeVar("Result")


class Full(Problem):
    """No slot is free."""

    def __init__(self) -> None:
        sentence = f"Too many pictures are being painted: try again in {RETRY_AFTER} seconds."
        super().__init__(503, sentence, {"Retry-After": str(RETRY_AFTER)})


@dataclass(eq=False)
class Job:
    """A picture that waits to be painted; cancelling `done` takes it out of the queue, or ends its painting.

    Attributes:
        photo: the picture at the size that its painting has.
        style, settings: how it is painted.
        stream: what frames of a camera are steadied with; None paints it by itself.
        started, ended: when it was painted, in seconds of `time.perf_counter`.
    """

    photo: Photo
    style: styles.Style
    settings: Settings
    stream: Stream | None = None
    done: asyncio.Future[Photo] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    started: float = 0
    ended: float = 0


class Slot:
    """What a request takes of a studio: memory while its picture is sent, then one of the slots."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._bytes = 0
        self._slots = 0

    def hold(self, count: int) -> bool:
        """Whether there is memory for so many bytes more of its upload, which are counted then."""
        if count > self._studio.free_bytes:
            return False
        self._studio.free_bytes -= count
        self._bytes += count
        return True

    def take(self) -> None:
        """Be in work, or wait for that.

        Raises:
            Full: no slot is free.
        """
        if self._studio.in_flight >= self._studio.slots:
            raise Full()
        self._studio.in_flight += 1
        self._slots += 1

    def give_back(self) -> None:
        """End what was held and taken."""
        self._studio.free_bytes += self._bytes
        self._studio.in_flight -= self._slots


class Studio:
    """Paints pictures in the order they came, off the event loop; use it within `open()`.

    Args:
        device: as `Stylizer` takes it.
        slots: how many requests may be in work or waiting; others are answered 503.

    Attributes:
        in_flight: how many are.
        free_bytes: that uploads may still take.
        studies: the paintings that are learnt.
        clips: the clips that are painted.
    """

    def __init__(self, device: str = "auto", slots: int = SLOTS) -> None:
        self.device = device
        self.slots = slots
        self.in_flight = 0
        self.free_bytes = UPLOADS
        self.studies = Studies(device)
        self.clips = Clips(device)
        self._decoder = Decoder()
        self._jobs: asyncio.Queue[Job] = asyncio.Queue()
        self._stylizers: OrderedDict[Hashable, Stylizer] = OrderedDict()
        # The network uses every core by itself: one thread paints. Two encode files meanwhile.
        self._painter = ThreadPoolExecutor(1, "paint")
        self._file_pool = ThreadPoolExecutor(2, "files")

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Paint jobs while the body runs; all styles are loaded in the meantime."""
        self._painter.submit(self._load_all)
        work = asyncio.create_task(self._work())
        try:
            async with self.studies.open(), self.clips.open():
                with self._decoder.open():
                    yield
        finally:
            work.cancel()
            for pool in (self._painter, self._file_pool):
                pool.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def slot(self) -> Iterator[Slot]:
        """What a request takes of the studio; it is given back when the body ends."""
        slot = Slot(self)
        try:
            yield slot
        finally:
            slot.give_back()

    async def in_file_pool(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """What `function` returns, which encodes or writes, called in a thread of the pool for files."""
        return await asyncio.get_running_loop().run_in_executor(self._file_pool, function, *arguments)

    async def decode(self, data: bytes, size: int, max_pixels: int = MAX_PIXELS) -> Photo:
        """The picture in a file from a visitor; see `Decoder.decode`."""
        return await self._decoder.decode(data, size, max_pixels)

    async def paint(self, job: Job) -> Photo:
        """The painting of a job. If the caller is cancelled, it is not painted, or not to the end.

        Raises:
            Problem: the picture is too small.
            ArtlivesError: as `Stylizer` does.
        """
        height, width = job.photo.pixels.shape[:2]
        if min(height, width) < SMALLEST:
            raise Problem(
                422,
                f"The picture has {width}x{height} pixels and is too small to paint: each side needs {SMALLEST}.",
            )
        self._jobs.put_nowait(job)
        return await job.done

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            job = await self._jobs.get()
            # Its client may have disconnected while it waited.
            if job.done.cancelled():
                continue
            outcome = await loop.run_in_executor(self._painter, self._painted, job)
            # Or while it was painted.
            if job.done.cancelled():
                continue
            if isinstance(outcome, Exception):
                job.done.set_exception(outcome)
            elif outcome is not None:
                job.done.set_result(outcome)

    def _painted(self, job: Job) -> Photo | Exception | None:
        """The job's painting, or what went wrong; None if it was cancelled."""

        def report(_: float) -> None:
            if job.done.cancelled():
                raise asyncio.CancelledError

        job.started = time.perf_counter()
        try:
            stylizer = self._stylizer(job.style).variant(job.settings)
            if job.stream is None:
                return stylizer(job.photo, report)
            return job.stream.paint(stylizer, job.photo, report)
        except asyncio.CancelledError:
            return None
        except Exception as error:
            return error
        finally:
            job.ended = time.perf_counter()

    def find(self, name: str) -> styles.Style:
        """The style of that name, of a study, or a mix such as "wave:0.6,udnie:0.4" whose shares are rounded.

        Never that of a file: a request could name any, and shall not learn whether it is there.

        Raises:
            Problem: there is none, or nothing of it is learnt yet.
        """
        found = catalogue()
        try:
            shares = None if name in found else mixing.shares_of(name)
            if not shares:
                return self._one(name, found)
            rounded = {part: round(share * SHARES) for part, share in mixing.normalized(shares).items()}
            parts = mixing.normalized(rounded)
        except ArtlivesError as error:
            raise of_picture(error) from None
        return mixing.mixture([(self._one(part, found), share) for part, share in parts.items()])

    def _one(self, name: str, found: dict[str, styles.Style]) -> styles.Style:
        if name in found:
            return found[name]
        study = self.studies.find(name)
        if study is None:
            raise Problem(422, f"There is no style {name[:40]!r}; the styles are: {', '.join(found)}.")
        if study.style is None:
            raise Problem(409, "Nothing of that painting is learnt yet: its events say when.")
        return study.style

    def _stylizer(self, style: styles.Style) -> Stylizer:
        """The style's stylizer, loaded when it is first asked for and when its file has changed.

        Raises:
            ArtlivesError: its file is gone, or damaged.
        """
        key = _state_of(style)
        if key not in self._stylizers:
            # A live session may have found the style before its file changed.
            latest = style if style.path is None else styles.read(style.path)
            self._stylizers[key] = Stylizer(mixing.averaged(latest), device=self.device)
            if len(self._stylizers) > STYLIZERS:
                self._stylizers.popitem(last=False)
        self._stylizers.move_to_end(key)
        return self._stylizers[key]

    def _load_all(self) -> None:
        for style in catalogue().values():
            # A request for the style reports the error.
            with suppress(ArtlivesError, OSError):
                self._stylizer(style)


def _state_of(style: styles.Style) -> Hashable:
    """Equal for styles whose weights are equal.

    Raises:
        ArtlivesError: the style's file is gone.
    """
    if style.parts:
        return tuple((_state_of(part), share) for part, share in style.parts)
    if style.path is None:
        return style.name, style.training["step"]
    try:
        return style.path, style.path.stat().st_mtime_ns
    except FileNotFoundError:
        raise ArtlivesError(f"the style {style.name!r} is no longer there: choose another") from None


def catalogue() -> dict[str, styles.Style]:
    """The styles there are by name, without those whose file is damaged."""
    found = {}
    for path in styles.files().values():
        with suppress(ArtlivesError):
            style = styles.read(path)
            found[style.name] = style
    return found
