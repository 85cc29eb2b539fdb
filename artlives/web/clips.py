"""Clips that visitors show: each is painted in a process of its own, one at a time, and kept in memory alone.

The process decodes the clip as well, within limits of time, memory and disk that hold inside FFmpeg and Pillow. Files
are in a temporary folder while it works.
"""

from __future__ import annotations

import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from artlives import mixing
from artlives.errors import ArtlivesError
from artlives.settings import Settings
from artlives.styles import Style
from artlives.stylizer import Stylizer
from artlives.web.bounds import within, within_seconds
from artlives.web.problems import Problem
from artlives.web.tasks import Limits, Task, Tasks, give_way

if TYPE_CHECKING:
    from artlives.video.frame import Frame
    from artlives.video.source import Selection

# Of a clip that is painted: seconds, pixels of a frame, and frames a second, of which more are passed over. A phone's
# clip of 4K has 8.3 million pixels.
SECONDS, PIXELS, RATE = 10, 9_000_000, 25
# Frames a second of a GIF, whose times are hundredths of a second, and pixels of its longer side: at 480, five seconds
# take some 10 MB.
GIF_RATE, GIF_SIDE = Fraction(25, 2), 480
# Seconds that the page records with the camera.
RECORDED = 5
# Seconds by which a clip may be longer: one that is recorded never ends in time.
TOLERANCE = 0.5
# Frames that are painted at most, where a file tells wrong rates.
MOST_FRAMES = 2 * SECONDS * RATE
# Seconds of processor time for what a file tells of itself and its first frame. A sound one takes some tenths.
LOOK_SECONDS = 10.0
# Of a process: bytes of memory beyond what it holds before it decodes, and of a file that it writes.
MEMORY, FILE = 4_000_000_000, 200_000_000
# How files begin that hold moving pictures themselves; others, such as playlists, would have FFmpeg read other files.
BEGINNINGS = {
    ".mp4": rb"....ftyp",
    ".mkv": rb"\x1aE\xdf\xa3",
    ".avi": rb"RIFF....AVI ",
    ".gif": rb"GIF8",
    ".webp": rb"RIFF....WEBP",
    ".png": rb"\x89PNG",
}


@dataclass(frozen=True)
class Job:
    """What a process paints.

    Attributes:
        data: the clip's file, of a kind with this `suffix`.
        suffix: such as ".mp4".
        style, settings, format: how it is painted, and as what: "mp4" or "gif".
        device: as `Stylizer` takes it.
    """

    data: bytes
    suffix: str
    style: Style
    settings: Settings
    format: str
    device: str


@dataclass(eq=False, kw_only=True)
class Clip(Task):
    """A clip that is painted.

    Attributes:
        job: what its process paints; None once that is done.
        format: "mp4" or "gif".
        folder: where its files are while it is painted.
        frame, frames: how many are painted, and how many there are; 0 before the first.
        seconds_left: until it is painted; None before the first.
        painted: the painted clip's file; empty before.
    """

    WORKING = "painting"
    DONE = "painted"

    job: Job | None
    format: str
    folder: str = ""
    frame: int = 0
    frames: int = 0
    seconds_left: float | None = None
    painted: bytes = b""

    def progress(self) -> dict[str, object]:
        """See `Task`."""
        if self.state == self.DONE:
            return {"bytes": len(self.painted)}
        left = self.seconds_left and round(self.seconds_left, 1)
        return {"frame": self.frame, "frames": self.frames, "seconds_left": left}


class Clips(Tasks[Clip]):
    """The clips of a service; use it within `open()`.

    Args:
        device: where they are painted, as `Stylizer` takes it.
    """

    # Each holds an upload, of 25 MB at most, or a painted clip of about that size.
    limits = Limits(most=8, seconds=600, idle_seconds=600)
    NEEDS = "a painted clip", "video", "av", "cv2"
    FULL = "Too many clips are being painted: try again later."
    DIED = "The clip takes too much time or memory to paint, or is damaged: make it shorter or smaller first."
    UNKNOWN = "There is no such clip; it may have been forgotten."

    def __init__(self, device: str = "auto") -> None:
        super().__init__()
        self.device = device

    def start(self, data: bytes, style: Style, settings: Settings, format: str) -> Clip:
        """A clip, of the bytes of its file, which is painted when those before it are.

        Raises:
            Problem: it is no clip, there are too many, or PyAV or OpenCV is missing.
        """
        if format == "gif" and settings.size is not None:
            settings = replace(settings, size=min(settings.size, GIF_SIDE))
        job = Job(data, _suffix(data), style, settings, format, self.device)
        return self.add(Clip(name=f"clip-{secrets.token_hex(16)}", job=job, format=format))

    def process(self, task: Clip) -> tuple[Callable[..., None], tuple[Any, ...]]:
        """See `Tasks`."""
        return _paint, (Path(task.folder), task.job)

    def take(self, task: Clip, kind: str, value: Any) -> None:
        """See `Tasks`."""
        if kind == "frame":
            frame, frames, seconds_left = value
            task.note(frame=frame, frames=frames, seconds_left=seconds_left)
        else:
            task.note(job=None, painted=value, state=task.DONE)

    async def _do(self, task: Clip) -> None:
        # Its process has ended, in whatever way, when the folder is removed.
        with tempfile.TemporaryDirectory(prefix="artlives-", ignore_cleanup_errors=True) as task.folder:
            await super()._do(task)


def _suffix(data: bytes) -> str:
    """The ending of a clip's file, by how it begins.

    Raises:
        Problem: it is no clip.
    """
    for suffix, beginning in BEGINNINGS.items():
        if re.match(beginning, data, re.DOTALL):
            return suffix
    raise Problem(415, "The file is not a clip: send an MP4, MOV, MKV, WebM, AVI, GIF, WebP or PNG file.")


def _paint(connection: Connection, folder: Path, job: Job) -> None:
    """Paint a clip in a folder, and tell each frame and the painted file: what the process does."""
    give_way()
    # PyAV and OpenCV may be missing.
    from artlives.video.painting import paint

    source, target = folder / f"clip{job.suffix}", folder / f"painted.{job.format}"
    began = time.monotonic()

    def tell(_: Frame, done: int, total: int) -> None:
        nonlocal began
        if done > MOST_FRAMES:
            raise ArtlivesError(f"{source} has more than {MOST_FRAMES} frames: make it shorter first")
        if done == 1:
            began = time.monotonic()
        left = (time.monotonic() - began) / done * (total - done)
        connection.send(("frame", (done, total, left)))

    try:
        source.write_bytes(job.data)
        selection = _selection(source, job.format)
        stylizer = Stylizer(mixing.averaged(job.style), job.settings, device=job.device)
        with _bounded():
            paint(source, target, stylizer, selection=selection, report=tell)
        connection.send(("painted", target.read_bytes()))
    except BrokenPipeError:
        # The service was killed, and cannot remove it.
        shutil.rmtree(folder, ignore_errors=True)
    except ArtlivesError as error:
        sentence = str(error).replace(str(source), "the clip")
        connection.send(("failed", f"{sentence[0].upper()}{sentence[1:]}."))


def _selection(source: Path, format: str) -> Selection:
    """Which frames of a clip are painted.

    Raises:
        ArtlivesError: it cannot be read, or is larger or longer than what is painted.
    """
    from artlives.video.source import Selection, look

    with within_seconds(LOOK_SECONDS), _bounded():
        clip = look(source)
    if clip.width * clip.height > PIXELS:
        raise ArtlivesError(
            f"{source} has {clip.width}x{clip.height} pixels, of which {PIXELS // 10**6} million are painted: make it "
            "smaller first"
        )
    if clip.duration > SECONDS + TOLERANCE:
        raise ArtlivesError(
            f"{source} takes {float(clip.duration):.0f} s, of which {SECONDS} are painted here: cut it first, or let "
            "`artlives video` paint all of it"
        )
    most = GIF_RATE if format == "gif" else RATE
    return Selection(end=clip.start + SECONDS, fps=Fraction(most) if clip.rate > most else None)


def _bounded() -> AbstractContextManager[None]:
    """Let the body take no more memory, and write no larger files, than a clip may."""
    # Not of the address space, of which each thread reserves more than it uses.
    data = psutil.Process().memory_info().data if sys.platform == "linux" else 0
    return within({"RLIMIT_DATA": data + MEMORY, "RLIMIT_FSIZE": FILE})
