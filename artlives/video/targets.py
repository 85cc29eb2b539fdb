"""What painted frames are written to: a video, an animation, or pictures with numbers in their names."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from artlives import images
from artlives.errors import ArtlivesError
from artlives.video import animation, writing
from artlives.video.frame import Clip, Frame
from artlives.video.joining import Span, join
from artlives.video.parts import Parts, Reached
from artlives.video.pipeline import Painted
from artlives.video.writing import Segment

# Frames of a segment, at least: what a killed process loses at most. Each begins with a whole picture, which takes more
# bits than the others.
SEGMENT = 120
# %d or %05d, as FFmpeg names pictures.
NUMBER = re.compile(r"%0?\d*d")


class Target(Protocol):
    """What painted frames are written to."""

    @property
    def reached(self) -> Reached | None:
        """What was painted before this process; None for nothing."""

    def write(self, painted: Painted, broken: int) -> None:
        """Take frames; the number of `broken` ones so far belongs to what `reached` tells later."""

    def finish(self, end: Fraction | None) -> list[str]:
        """Write the file of what was taken. `end`: the time at which the work was stopped; None if it is complete.

        Returns:
            a line for all that is left out.
        """


def check_name(target: str | Path) -> None:
    """Raise ArtlivesError unless the name tells a format."""
    if NUMBER.search(Path(target).name):
        images.format_of(target)
    elif not animation.is_animation(target):
        writing.format_of(target)


class VideoTarget:
    """A video.

    Args:
        source: the video that is painted; None for an animation.
        target: the file.
        clip: what is painted, with the steps and the rate of the frames to come.
        span: the part of it that is painted.
        crf: the encoder's quality; None: the format's.
        job: what is painted and how; see `Parts`.
        resume: go on with what is there.
    """

    def __init__(
        self,
        source: str | Path | None,
        target: str | Path,
        clip: Clip,
        span: Span,
        crf: int | None,
        job: dict[str, Any],
        resume: bool,
    ) -> None:
        self.source, self.target, self.clip, self.span = source, target, clip, span
        self.format = writing.format_of(target)
        self.crf = self.format.crf if crf is None else crf
        self.parts = Parts(target, job, resume)
        self.frames = self.parts.reached.frames if self.parts.reached else 0
        self.segment: Segment | None = None
        self.in_segment = 0
        self.last: Reached | None = None

    @property
    def reached(self) -> Reached | None:
        """See `Target`."""
        return self.parts.reached

    def write(self, painted: Painted, broken: int) -> None:
        """See `Target`."""
        for frame in painted.frames:
            if self.segment is None:
                size = frame.photo.pixels.shape[:2]
                path = self.parts.next_file()
                self.segment = Segment(path, self.clip, size, self.format, self.crf, frame.time)
                self.in_segment = 0
            self.segment.write(frame)
            self.in_segment += 1
            self.frames += 1
        end = frame.time + (frame.duration or 1 / self.clip.rate)
        self.last = Reached(self.frames, broken, frame.time, end, frame.origin, painted.last)
        if self.in_segment >= SEGMENT:
            self._close()

    def finish(self, end: Fraction | None) -> list[str]:
        """See `Target`. What is needed to go on is kept when the work was stopped."""
        self._close()
        if not self.parts.segments:
            self.parts.remove()
            return []
        span = self.span if end is None else replace(self.span, end=end)
        notes = join(self.parts.segments, self.source, self.target, span)
        if end is None:
            self.parts.remove()
        return notes

    def _close(self) -> None:
        if self.segment is not None and self.last is not None:
            self.segment.close()
            self.parts.add(self.segment.start, self.last)
            self.segment = None


class AnimationTarget:
    """An animation, which is held in memory until it is complete."""

    reached: Reached | None = None

    def __init__(self, target: str | Path, loops: int, quality: int) -> None:
        self.target, self.loops, self.quality = target, loops, quality
        self.frames: list[Frame] = []

    def write(self, painted: Painted, broken: int) -> None:
        """See `Target`."""
        self.frames += painted.frames

    def finish(self, end: Fraction | None) -> list[str]:
        """See `Target`."""
        if self.frames:
            animation.save(self.frames, self.target, self.loops, self.quality)
        return []


class PicturesTarget:
    """Pictures, whose numbers take the place of %d or %05d in the name, from 1 on."""

    reached: Reached | None = None

    def __init__(self, target: str | Path, overwrite: bool, quality: int) -> None:
        self.target, self.overwrite, self.quality = Path(target), overwrite, quality
        self.count = 0

    def write(self, painted: Painted, broken: int) -> None:
        """See `Target`."""
        for frame in painted.frames:
            self.count += 1
            name = NUMBER.sub(lambda pattern: pattern[0] % self.count, self.target.name)
            path = self.target.with_name(name)
            if path.exists() and not self.overwrite:
                raise ArtlivesError(f"{path} is there already: give --overwrite to replace it")
            images.save(frame.photo, path, quality=self.quality)

    def finish(self, end: Fraction | None) -> list[str]:
        """See `Target`."""
        return []
