"""A camera's picture, painted into a virtual camera, which programs for calls take for a real one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any

import cv2
import numpy as np
from cv2.utils import logging

from artlives import images
from artlives.errors import ArtlivesError
from artlives.images import Photo
from artlives.signals import caught_signals
from artlives.stylizer import Stylizer
from artlives.video.stream import Stream

# Frames a second that the virtual camera says it has; it repeats the last one where fewer are painted.
RATE = 30
# What makes a virtual camera, by `sys.platform`.
DRIVERS = {
    "linux": "install v4l2loopback (apt install v4l2loopback-dkms) and load it (modprobe v4l2loopback)",
    "darwin": "install OBS Studio, and start its virtual camera once",
    "win32": "install OBS Studio",
}
INSTEAD = "`artlives selfie` paints live on a page"


def paint(stylizer: Stylizer, camera: int, steady: float, report: Callable[[str], None]) -> int:
    """Paint a camera's frames, the newest one each time, into a virtual camera, until SIGINT or SIGTERM comes.

    Args:
        stylizer: with the settings of the paintings.
        camera: the number of the camera, from 0.
        steady: as for `Stream`.
        report: called with the virtual camera's name after each frame.

    Returns:
        the signal.

    Raises:
        ArtlivesError: the camera cannot be read, there is no virtual camera, or as the stylizer does.
    """
    stream = Stream(steady)
    with _newest(camera) as frames, caught_signals() as caught:
        target: Any = None
        try:
            while not caught:
                painting = _even(stream.paint(stylizer, _sized(next(frames), stylizer)).pixels)
                if target is None:
                    target = _virtual(painting.shape[1], painting.shape[0])
                target.send(painting)
                report(target.device)
        finally:
            if target is not None:
                target.close()
    return caught[0]


def _sized(pixels: np.ndarray, stylizer: Stylizer) -> Photo:
    """The frame as it is painted: steadiness compares frames of that size."""
    photo = Photo(pixels)
    size = stylizer.settings.size
    return photo if size is None else images.fit(photo, size)


def _even(pixels: np.ndarray) -> np.ndarray:
    """A picture without the last row or column of an odd number: the virtual camera halves colours."""
    height, width = pixels.shape[:2]
    return np.ascontiguousarray(pixels[: height // 2 * 2, : width // 2 * 2])


def _virtual(width: int, height: int) -> Any:
    import pyvirtualcam

    try:
        return pyvirtualcam.Camera(width, height, RATE)
    except RuntimeError as error:
        install = DRIVERS.get(sys.platform, "see pyvirtualcam's documentation")
        raise ArtlivesError(f"there is no virtual camera here: {install}; {INSTEAD}") from error


@contextmanager
def _newest(camera: int) -> Iterator[Iterator[np.ndarray]]:
    """A camera's frames (H, W, 3) of uint8 in RGB: each time the newest one, for which it waits.

    Raises:
        ArtlivesError: it cannot be opened; from the iterator, it gives no more.
    """
    # OpenCV would print which ways it tried.
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    capture = cv2.VideoCapture(camera)
    if not capture.isOpened():
        capture.release()
        raise ArtlivesError(f"camera {camera} cannot be opened: give the number of another with --camera")
    newest: Queue[np.ndarray | None] = Queue(1)
    closed = Event()

    def read() -> None:
        given = True
        while given and not closed.is_set():
            given, frame = capture.read()
            # One that nobody has taken is no longer the newest.
            with suppress(Empty):
                newest.get_nowait()
            newest.put(frame if given else None)

    def frames() -> Iterator[np.ndarray]:
        while (frame := newest.get()) is not None:
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        raise ArtlivesError(f"camera {camera} gives no more pictures: is it still connected?")

    thread = Thread(target=read, daemon=True)
    thread.start()
    try:
        yield frames()
    finally:
        closed.set()
        thread.join()
        capture.release()
