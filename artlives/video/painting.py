"""A video or an animation in, painted out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from artlives.errors import ArtlivesError
from artlives.files import check_file, identity
from artlives.signals import caught_signals
from artlives.styles import Style
from artlives.stylizer import Stylizer
from artlives.video import animation, pipeline
from artlives.video.frame import Frame
from artlives.video.parts import is_begun
from artlives.video.pipeline import STEADY, Painted, Pipeline
from artlives.video.source import ALL, Selection, Source
from artlives.video.targets import NUMBER, AnimationTarget, PicturesTarget, Target, VideoTarget, check_name

# Painted frames that wait to be encoded.
PAINTED = 4


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
    for painted in Source(source, selection, stylizer.settings.size).painted(work):
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
        resume: go on where the same work was stopped, or its process killed; a video that is complete stays.
        report: called with each frame; what it raises ends the work.

    Raises:
        ArtlivesError: a file cannot be read or written, or as `Stylizer` does.
        ValueError: `steady` is not within 0 and 1; as `Settings` does.
    """
    check_target(source, target, is_replaced(target, overwrite, resume))
    stylizer = style if isinstance(style, Stylizer) else Stylizer(style, **options)
    known = Source(source, selection, stylizer.settings.size)
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
    done, end, stopped = _write(known.painted(work, taken.reached), taken, known, report)
    notes = taken.finish(end if stopped else None)
    if end is None and stopped is None:
        raise ArtlivesError(f"{source} holds no frame of that time: see --start and --end")
    return Outcome(done, known.lost, (*known.notes(None if stopped else end), *notes), stopped)


def _write(
    painted: Iterator[Painted], target: Target, source: Source, report: Report
) -> tuple[int, Fraction | None, int | None]:
    """Write painted frames until a signal comes: how many there are, the last one's end, and the signal."""
    done, end = (target.reached.frames, target.reached.end) if target.reached else (0, None)
    ready = pipeline.ahead(painted, PAINTED)
    with caught_signals() as caught:
        try:
            for one in ready:
                target.write(one, source.lost)
                for frame in one.frames:
                    done, end = done + 1, frame.time + frame.duration
                    report(frame, done, max(done, source.total))
                if caught:
                    return done, end, caught[0]
        finally:
            ready.close()
    return done, end, None


def is_replaced(target: str | Path, overwrite: bool, resume: bool) -> bool:
    """Whether what is at `target` is replaced: to `resume`, only what is unfinished, as any animation may be."""
    return overwrite or (resume and (animation.is_animation(target) or is_begun(target)))


def check_target(source: str | Path, target: str | Path, overwrite: bool) -> None:
    """Raise ArtlivesError unless a painting of `source` may be written to `target`."""
    check_name(target)
    if identity(source) is not None and identity(source) == identity(target):
        raise ArtlivesError(f"{target} is the video itself: choose another name with -o")
    if not NUMBER.search(Path(target).name):
        check_file(target, overwrite)


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
