"""What a process of `decoder` does: it decodes one picture after the other, each within limits of time and memory.

A small file can take minutes or gigabytes to decode: millions of empty segments, a thousand scans, a profile with
thousands of steps. The limits hold inside Pillow and its libraries as well, since the system enforces them: a timer of
processor time that ends the process (POSIX) and a limit of its address space (Linux).

The process imports this module, and with it Pillow and NumPy alone: it is there at once, and small.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
import time
import traceback
import warnings
from dataclasses import dataclass
from typing import IO, Any

import psutil
from PIL import AvifImagePlugin, Image

from artlives import images, memory
from artlives.errors import ArtlivesError
from artlives.images import Photo
from artlives.web.bounds import within, within_seconds

# What a process sends as soon as it waits for jobs.
READY = "ready"


@dataclass(frozen=True)
class Limits:
    """What a picture may cost; whatever costs more ends the process.

    Attributes:
        header_seconds: of processor time, for the header alone. A sound one took 0.0002 on a core of 2.1 GHz, one with
            half a million empty comments 0.6.
        seconds: of processor time, for all of it, beside those for the pixels.
        seconds_per_megapixel: of processor time. PNG with transparency and a colour profile, the slowest sound files,
            took 0.09 on that core; slower ones have as much again.
        memory: bytes beside those for the pixels; the upload itself is among them.
        memory_per_pixel: bytes. Pillow holds up to four copies of a picture, of 4 bytes a pixel, and NumPy another.
    """

    header_seconds: float = 0.25
    seconds: float = 1.0
    seconds_per_megapixel: float = 0.16
    memory: int = 200_000_000
    memory_per_pixel: int = 32


@dataclass(frozen=True)
class Job:
    """A picture to decode.

    Attributes:
        data: the file's bytes.
        size: pixels of the longer side that a larger picture is reduced to.
        max_pixels: a picture of more is refused by its header.
        limits: what it may cost.
    """

    data: bytes
    size: int
    max_pixels: int
    limits: Limits


@dataclass(frozen=True)
class Refusal:
    """Why a picture is not decoded: a status of HTTP, and a message as `ArtlivesError` has it."""

    status: int
    message: str


def serve() -> None:
    """Answer the jobs that come on stdin, on stdout, until stdin ends.

    An answer is a `Photo`, a `Refusal`, or None where an error of ours has been printed. `READY` precedes all.
    """
    # What a library prints goes to stderr instead of into an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _prepare()
    send(READY, answers)
    while True:
        try:
            job = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        answer: Photo | Refusal | None
        try:
            answer = decode(job)
        except MemoryError:
            # What is left of the picture in memory goes with the process.
            sys.exit(1)
        except Exception:
            traceback.print_exc()
            answer = None
        send(answer, answers)
        # Else the next picture would find it in memory still.
        del job, answer
        memory.trim()


def _prepare() -> None:
    """Import what reading pictures imports, which would count as the first picture's."""
    picture = io.BytesIO()
    Image.new("RGB", (1, 1)).save(picture, "BMP")
    picture.seek(0)
    images.load(picture)
    # The address space counts the stack of each thread.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def decode(job: Job) -> Photo | Refusal:
    """The picture of a job, its longer side reduced.

    Its header is looked at first: a picture of too many pixels is never decoded.

    Raises:
        MemoryError: it takes more memory than it may.
    """
    limits, began, before = job.limits, time.process_time(), psutil.Process().memory_info().vms
    too_many = Refusal(
        413, f"the picture has more than {job.max_pixels // 10**6} million pixels: make it smaller first"
    )
    for_header = limits.memory
    if job.data[8:12] == b"WEBP":
        # Its two canvases, of 4 bytes a pixel, are allocated when it is opened.
        for_header += 8 * job.max_pixels
    try:
        with within_seconds(limits.header_seconds), within({"RLIMIT_AS": before + for_header}):
            pixels = _pixels(job.data)
    except MemoryError:
        raise
    except Exception:
        # A damaged file may raise any exception; `load` below raises one with a message.
        pixels = 0
    if pixels > job.max_pixels:
        return too_many
    try:
        seconds = limits.seconds + limits.seconds_per_megapixel * pixels / 1e6 - (time.process_time() - began)
        address_space = before + limits.memory + pixels * limits.memory_per_pixel
        with within_seconds(seconds), within({"RLIMIT_AS": address_space}):
            photo = images.load(io.BytesIO(job.data), "the file")
    except ArtlivesError as error:
        if isinstance(error.__cause__, MemoryError):
            raise error.__cause__ from None
        return Refusal(415 if error.__cause__ is None else 422, str(error))
    return images.fit(photo, job.size)


def _pixels(data: bytes) -> int:
    """How many pixels a picture has, by its header."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = images.opened(io.BytesIO(data))
    return image.width * image.height


def send(value: object, pipe: IO[bytes]) -> None:
    """Write a value for `receive`; NumPy's arrays are written from where they lie (PEP 574)."""
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    parts = [memoryview(data), *(buffer.raw() for buffer in buffers)]
    pickle.dump([part.nbytes for part in parts], pipe)
    for part in parts:
        pipe.write(part)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Any:
    """The value that `send` wrote.

    Raises:
        EOFError, pickle.UnpicklingError: the writer ended before it had written all.
    """
    parts = []
    for length in pickle.load(pipe):
        part = bytearray(length)
        if pipe.readinto(part) < length:  # type: ignore[attr-defined]
            raise EOFError
        parts.append(part)
    return pickle.loads(parts[0], buffers=parts[1:])
