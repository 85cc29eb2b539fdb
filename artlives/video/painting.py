"""A video or an animation in, painted out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import takewhile
from math import ceil
from pathlib import Path
from typing import Any

from artlives import images
from artlives.errors import ArtlivesError
from artlives.files import check_file, identity
from artlives.signals import caught_signals
from artlives.styles import Style
from artlives.stylizer import Stylizer
from artlives.video import animation, pipeline, reading
from artlives.video.frame import Clip, Frame
from artlives.video.joining import Span
from artlives.video.parts import Reached
from artlives.video.pipeline import Last, Painted, Pipeline
from artlives.video.targets import NUMBER, AnimationTarget, PicturesTarget, Target, VideoTarget, check_name

# How steady paintings are by default, in 0..1.
STEADY = 0.9
# Painted frames that wait to be encoded.
PAINTED = 4
# Seconds by which a file may end before the end that it tells.
CUT_SHORT = 1


@dataclass(frozen=True)
class Selection:
    """Which frames of a file are painted.

    Attributes:
        start, end: seconds by the file's clock; None for the file's own.
        fps: frames a second; None: those there are.
        every: one frame in so many is painted; those between are blended of the two beside them.

    Raises:
        ValueError: `fps` is not positive, `every` is below 1, or the end is not after the start.
    """

    start: Fraction | None = None
    end: Fraction | None = None
    fps: Fraction | None = None
    every: int = 1

    def __post_init__(self) -> None:
        if self.fps is not None and self.fps <= 0:
            raise ValueError(f"fps must be positive, not {self.fps}")
        if self.every < 1:
            raise ValueError(f"every must be at least 1, not {self.every}")
        if self.end is not None and self.end <= (self.start or 0):
            raise ValueError(f"the end, {float(self.end):g} s, must come after the start")

    @property
    def span(self) -> Span:
        """The part of the file's time."""
        return Span(self.start, self.end)

    def count(self, clip: Clip) -> int:
        """Frames of a file that are painted, as far as the file tells; 0 where it does not."""
        start = max(clip.start, self.start or 0)
        end = clip.start + clip.duration
        end = end if self.end is None else min(end, self.end)
        return max(0, round((end - start) * (self.fps or clip.rate)))


ALL = Selection()


@dataclass(frozen=True)
class Outcome:
    """What became of a video.

    Attributes:
        frames: in the painted file.
        broken: frames that could not be decoded, in whose place the one before is shown again.
        notes: a line for each oddity, naming the file.
        stopped: the signal that stopped the work; None if it is complete.
    """

    frames: int
    broken: int
    notes: tuple[str, ...] = ()
    stopped: int | None = None


# Called with each painted frame, how many are painted, and how many there will be, 0 where that is unknown.
Report = Callable[[Frame, int, int], None]


def look(source: str | Path) -> Clip:
    """What a video or an animation tells of itself.

    Raises:
        ArtlivesError: it cannot be read, is damaged, or is no moving picture.
    """
    return animation.look(source) if animation.is_animation(source) else reading.look(source)


def frames(
    source: str | Path,
    style: str | Path | Style | Mapping[str, float] | Stylizer,
    *,
    steady: float = STEADY,
    selection: Selection = ALL,
    **options: Any,
) -> Iterator[Frame]:
    """The painted frames of a video or an animation, one after the other.

    Args:
        source: the file.
        style: as `Stylizer` takes it, or one of these.
        steady: 0 paints each frame by itself; up to 1, strokes stay more on what they were painted on.
        selection: which frames are painted.
        options: of `Stylizer`.

    Raises:
        ArtlivesError: the file cannot be read, or as `Stylizer` does.
        ValueError: `steady` is not within 0 and 1; as `Settings` does.
    """
    stylizer = style if isinstance(style, Stylizer) else Stylizer(style, **options)
    work = Pipeline(stylizer, steady, selection.every)
    for painted in _Source(source, selection, stylizer.settings.size).painted(work):
        yield from painted.frames


def paint(
    source: str | Path,
    target: str | Path,
    style: str | Path | Style | Mapping[str, float] | Stylizer,
    *,
    steady: float = STEADY,
    selection: Selection = ALL,
    crf: int | None = None,
    quality: int = 92,
    overwrite: bool = False,
    resume: bool = False,
    report: Report = lambda frame, done, total: None,
    **options: Any,
) -> Outcome:
    """Paint a video or an animation, and write it to a file.

        paint("clip.mp4", "painted.mp4", "wave")

    A video keeps its sound, subtitles, chapters and times. A signal (SIGINT, SIGTERM) ends the work after the frame
    that it is at, with a file of what is done.

    Args:
        source: a video (whatever FFmpeg reads) or an animation (GIF, WebP, PNG).
        target: a video (MP4, MOV, MKV, WebM), an animation, or pictures, as frame-%05d.png; by the name's ending.
        style, steady, selection, options: as for `frames`.
        crf: the video encoder's quality, 0 (best) to 51, or 63 of WebM; None: 18, or 28 of WebM.
        quality: of WebP and JPEG, 1 to 100.
        overwrite: replace a file that is there already.
        resume: go on where the same work was stopped, or its process killed.
        report: called with each frame; what it raises ends the work.

    Raises:
        ArtlivesError: a file cannot be read or written, or as `Stylizer` does.
        ValueError: `steady` is not within 0 and 1; as `Settings` does.
    """
    check_target(source, target, overwrite or resume)
    stylizer = style if isinstance(style, Stylizer) else Stylizer(style, **options)
    known = _Source(source, selection, stylizer.settings.size)
    work = Pipeline(stylizer, steady, selection.every)
    taken: Target
    if NUMBER.search(Path(target).name):
        taken = PicturesTarget(target, overwrite, quality)
    elif animation.is_animation(target):
        taken = AnimationTarget(target, known.clip.loops, quality)
    else:
        job = _job(source, stylizer, steady, selection, crf)
        original = None if animation.is_animation(source) else source
        taken = VideoTarget(original, target, known.clip, selection.span, crf, job, resume)
    with caught_signals() as caught:
        painted_frames = pipeline.ahead(known.painted(work, taken.reached), PAINTED)
        try:
            done, end = (taken.reached.frames, taken.reached.end) if taken.reached else (0, None)
            for painted in painted_frames:
                taken.write(painted, known.lost)
                for frame in painted.frames:
                    done, end = done + 1, frame.time + frame.duration
                    report(frame, done, max(done, known.total))
                if caught:
                    break
        finally:
            painted_frames.close()
        stopped = caught[0] if caught and done < known.total else None
        notes = taken.finish(end if stopped else None)
    if end is None and stopped is None:
        raise ArtlivesError(f"{source} holds no frame of that time: see --start and --end")
    return Outcome(done, known.lost, (*known.notes(None if stopped else end), *notes), stopped)


def check_target(source: str | Path, target: str | Path, overwrite: bool) -> None:
    """Raise ArtlivesError unless a painting of `source` may be written to `target`."""
    check_name(target)
    if identity(source) is not None and identity(source) == identity(target):
        raise ArtlivesError(f"{target} is the video itself: choose another name with -o")
    if not NUMBER.search(Path(target).name):
        check_file(target, overwrite)


class _Source:
    """The frames of a file that are painted.

    Args:
        path: of the file.
        selection: which frames.
        size: pixels of the longer side that larger frames are reduced to.

    Attributes:
        clip: what the file tells of itself, with the size, the steps and the rate of the selected frames.
        lost: how many frames could not be decoded.
        total: how many there are, as far as the file tells; else 0.
    """

    def __init__(self, path: str | Path, selection: Selection, size: int | None) -> None:
        self.path, self.selection, self.size = path, selection, size
        clip = look(path)
        self.total = selection.count(clip)
        if size is not None:
            width, height = images.fitted((clip.width, clip.height), size)
            clip = replace(clip, width=width, height=height)
        if selection.fps is not None:
            clip = replace(clip, step=1 / selection.fps, rate=selection.fps)
        self.clip = clip
        self.broken: list[Fraction] = []
        self.lost_before = 0

    @property
    def lost(self) -> int:
        return self.lost_before + len(self.broken)

    def notes(self, end: Fraction | None) -> list[str]:
        """A line for each oddity; `end` is that of the last frame, None where the work was stopped."""
        notes = list(self.clip.notes)
        if self.lost:
            notes.append(f"{self.path}: {self.lost} frames are broken, and show the one before once more")
        told = self.clip.start + self.clip.duration
        if end is not None and self.selection.end is None and end < told - CUT_SHORT:
            notes.append(f"{self.path} is cut short: it ends after {float(end):.1f} of {float(told):.1f} s")
        return notes

    def painted(self, work: Pipeline, reached: Reached | None = None) -> Iterator[Painted]:
        """The painted frames, those after what was `reached` before."""
        frames = self._frames(reached.origin if reached else self.selection.start)
        before: Last | None = None
        if reached is not None:
            self.lost_before = reached.broken
            # The last frame that was painted is read once more, for the motion from it to the next one.
            for frame in frames:
                if frame.time >= reached.time:
                    before = reached.last._replace(photo=frame.photo.pixels)
                    break
            self.broken.clear()
        return work.paint(frames, self.clip.width * self.clip.height, before)

    def _frames(self, since: Fraction | None) -> Iterator[Frame]:
        path, chosen = self.path, self.selection
        frames = (
            animation.read(path, since)
            if animation.is_animation(path)
            else reading.read(path, since, self.broken)
        )
        if self.size is not None:
            frames = (replace(frame, photo=images.fit(frame.photo, self.size)) for frame in frames)
        if chosen.end is not None:
            limit = chosen.end
            frames = takewhile(lambda frame: frame.time < limit, frames)
        if chosen.fps is None:
            return iter(frames)
        start = self.clip.start if chosen.start is None else chosen.start
        return at_rate(frames, chosen.fps, start, chosen.end)


def at_rate(
    frames: Iterable[Frame], rate: Fraction, start: Fraction, end: Fraction | None = None
) -> Iterator[Frame]:
    """Frames at the times `start` + n / `rate`, before `end`: at each, the one of `frames` that is shown then."""
    step, n = 1 / rate, 0
    last: Frame | None = None

    def shown(frame: Frame, until: Fraction) -> Iterator[Frame]:
        nonlocal n
        until = until if end is None else min(until, end)
        repeats = frame.repeats
        while start + n * step < until:
            yield replace(frame, time=start + n * step, duration=step, repeats=repeats)
            n, repeats = n + 1, True

    for frame in frames:
        if last is None:
            n = max(0, ceil((frame.time - start) * rate))
        else:
            yield from shown(last, frame.time)
        last = frame
    if last is not None:
        yield from shown(last, last.time + (last.duration or step))


def _job(
    source: str | Path, stylizer: Stylizer, steady: float, selection: Selection, crf: int | None
) -> dict[str, Any]:
    """What is painted and how, as JSON: what must be the same to go on."""
    status = Path(source).stat()
    return {
        "source": [str(Path(source).resolve()), status.st_size, status.st_mtime_ns],
        "style": [stylizer.style.name, str(stylizer.style.path)],
        "settings": asdict(stylizer.settings),
        "steady": steady,
        "selection": {name: value and str(value) for name, value in asdict(selection).items()},
        "crf": crf,
    }
