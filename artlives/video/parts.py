"""The folder beside an unfinished video, with its segments and what is needed to go on."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from artlives.errors import ArtlivesError
from artlives.video.pipeline import Last
from artlives.video.steady import Moved

# The job's file, and the ending of what a segment's end is told in.
JOB, REACHED, PAINTING = "job.json", ".json", ".npz"


@dataclass(frozen=True, eq=False)
class Reached:
    """How far a video is painted, at the end of a segment.

    Attributes:
        frames: how many are painted.
        broken: how many of the source's could not be decoded.
        time, end: of the last painted frame, and when it is no longer shown, by the painted video's clock.
        origin: the time of the source's frame that it shows.
        last: the last painted frame, without its photo; see `pipeline.Last`.
    """

    frames: int
    broken: int
    time: Fraction
    end: Fraction
    origin: Fraction
    last: Last


class Parts:
    """The segments of a video that is being painted.

    A segment counts once it is complete and what was reached with it is written. All else is removed.

    Args:
        target: the video's file.
        job: what is painted and how, as JSON; only what was begun with the same goes on.
        resume: go on with what is there; else it is removed.

    Attributes:
        segments: the complete ones, each with the time of its first frame.
        reached: what was reached with them; None in the beginning.

    Raises:
        ArtlivesError: the folder cannot be written; or `resume`, and what is there belongs to another job.
    """

    def __init__(self, target: str | Path, job: dict[str, Any], resume: bool) -> None:
        self.folder = _folder(target)
        self.segments: list[tuple[Path, Fraction]] = []
        self.reached: Reached | None = None
        try:
            if resume and (self.folder / JOB).exists():
                if json.loads((self.folder / JOB).read_text()) != job:
                    raise ArtlivesError(
                        f"{target} was begun with other options or of another file: leave out --resume"
                    )
                self._find()
                return
            self.remove()
            self.folder.mkdir()
            (self.folder / JOB).write_text(json.dumps(job))
        except OSError as error:
            raise ArtlivesError(f"{self.folder} cannot be written: {error.strerror or error}") from error

    def next_file(self) -> Path:
        """Where the next segment is written."""
        return self.folder / f"{len(self.segments):06}.mp4"

    def add(self, start: Fraction, reached: Reached) -> None:
        """Count the next segment, whose file is complete: its first frame's time is `start`.

        Raises:
            ArtlivesError: the folder cannot be written.
        """
        segment = self.next_file()
        numbers = {
            "frames": reached.frames,
            "broken": reached.broken,
            "start": str(start),
            "time": str(reached.time),
            "end": str(reached.end),
            "origin": str(reached.origin),
        }
        try:
            np.savez(segment.with_suffix(PAINTING), **_arrays(reached.last))
            temporary = segment.with_suffix(".new")
            temporary.write_text(json.dumps(numbers))
            temporary.replace(segment.with_suffix(REACHED))
            if self.segments:
                # Only the last one's is needed.
                self.segments[-1][0].with_suffix(PAINTING).unlink()
        except OSError as error:
            raise ArtlivesError(f"{self.folder} cannot be written: {error.strerror or error}") from error
        self.segments.append((segment, start))
        self.reached = reached

    def remove(self) -> None:
        """Remove the folder."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.folder)

    def _find(self) -> None:
        while (path := self.next_file().with_suffix(REACHED)).exists():
            known = json.loads(path.read_text())
            self.segments.append((path.with_suffix(".mp4"), Fraction(known["start"])))
        if self.segments:
            time, end, origin = (Fraction(known[name]) for name in ("time", "end", "origin"))
            last = _last(self.segments[-1][0].with_suffix(PAINTING))
            self.reached = Reached(known["frames"], known["broken"], time, end, origin, last)


def is_begun(target: str | Path) -> bool:
    """Whether a video is unfinished: its folder is there."""
    return (_folder(target) / JOB).exists()


def _folder(target: str | Path) -> Path:
    path = Path(target)
    return path.with_name(f".{path.name}.artlives")


def _arrays(last: Last) -> dict[str, Any]:
    arrays = {"painting": last.painting, "shown": last.shown}
    return (
        arrays if last.moved is None else arrays | {"moved": last.moved.painting, "trust": last.moved.trust}
    )


def _last(path: Path) -> Last:
    """The inverse of `_arrays`, of the file that they were saved to."""
    with np.load(path) as arrays:
        moved = Moved(arrays["moved"], arrays["trust"]) if "moved" in arrays else None
        # Its photo is read from the video again.
        return Last(np.empty(0, np.uint8), arrays["painting"], arrays["shown"], moved)
