"""The frames of a file that are painted: which ones, when they are shown, and of what size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import takewhile
from math import ceil
from pathlib import Path

from artlives import images
from artlives.video import animation, reading
from artlives.video.frame import Clip, Frame
from artlives.video.joining import Span
from artlives.video.parts import Reached
from artlives.video.pipeline import Last, Painted, Pipeline

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


def look(source: str | Path) -> Clip:
    """What a video or an animation tells of itself.

    Raises:
        ArtlivesError: it cannot be read, is damaged, or is no moving picture.
    """
    return animation.look(source) if animation.is_animation(source) else reading.look(source)


class Source:
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
