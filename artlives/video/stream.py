"""Frames that are painted as they come, as a camera's: each by itself and at once, but steadied by the one before."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from artlives.engines.painter import Report
from artlives.images import Photo
from artlives.stylizer import Stylizer
from artlives.video.pipeline import STEADY, Last, Pipeline
from artlives.video.steady import Array, Motion, motion

# Pixels of the longer side at which flow is computed. At `steady.FLOW_SIDE` it takes as long as the network does at
# 480 x 360; at this, a third of that, and the warping error of a zoom is a sixth larger, that of a thing which moves
# before a camera at rest a quarter; what stands still, or pans, is as steady.
FLOW_SIDE = 240


class Way(NamedTuple):
    """The motion from a frame to another one, each (H, W, 3); None where they have nothing in common."""

    frame: Array
    other: Array
    motion: Motion | None


class Stream:
    """Paints one frame after the other.

    Args:
        steady: 0 paints each frame by itself; up to 1, strokes stay more on what they were painted on.
    """

    def __init__(self, steady: float = STEADY) -> None:
        self.steady = steady
        self._by: Stylizer | None = None
        self._last: Last | None = None
        self._way: Way | None = None

    def look(self, photo: Photo, before: Photo) -> None:
        """Find the motion to the frame that will have been painted before this one; another thread may paint that
        meanwhile. Where it is not called, `paint` finds it.
        """
        if self.steady and _are_alike(photo.pixels, before.pixels):
            self._way = _way(photo.pixels, before.pixels)

    def paint(self, stylizer: Stylizer, photo: Photo, report: Report = lambda done: None) -> Photo:
        """The painting of the next frame.

        It does not depend on the frames before where the stylizer, its settings or the frame's size are others, the
        frame has 16 bits, or it shows something else.

        Raises:
            ArtlivesError: as the stylizer does.
        """
        if photo.pixels.dtype != np.uint8:
            self._last = None
            return stylizer(photo, report)
        last = self._last
        if last and not (_are_alike(photo.pixels, last.photo) and self._is_by(stylizer)):
            last = None
        way = self._to(last.photo, photo.pixels) if last and self.steady else None
        work = Pipeline(stylizer, self.steady)
        self._by, self._last = stylizer, work.follow(photo, last, way, report)
        return replace(photo, pixels=self._last.shown)

    def _to(self, before: Array, now: Array) -> Motion | None:
        """The motion to the frame before."""
        way = self._way
        if way is None or way.frame is not now or way.other is not before:
            way = _way(now, before)
        return way.motion

    def _is_by(self, stylizer: Stylizer) -> bool:
        """Whether this stylizer paints as the last one did."""
        last = self._by
        return last is not None and last.painter is stylizer.painter and last.settings == stylizer.settings


@cache
def one_thread() -> None:
    """Let OpenCV take one thread in this process, from the first call on.

    Beside a network and a browser, its others take half as much time again and gain nothing. It is said once, before
    any frame: OpenCV does not promise to be told while it works.
    """
    cv2.setNumThreads(1)


def _are_alike(one: Array, other: Array) -> bool:
    """Whether motion can be found between two frames."""
    return one.shape == other.shape and one.dtype == other.dtype == np.uint8


def _way(frame: Array, other: Array) -> Way:
    return Way(frame, other, motion(frame, other, FLOW_SIDE))
