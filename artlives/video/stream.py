"""Frames that are painted as they come, as a camera's: each by itself and at once, but steadied by the one before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from artlives.engines.painter import Report
from artlives.images import Photo
from artlives.stylizer import Stylizer
from artlives.video.pipeline import STEADY, Last, Pipeline


class Stream:
    """Paints one frame after the other.

    Args:
        steady: 0 paints each frame by itself; up to 1, strokes stay more on what they were painted on.
    """

    def __init__(self, steady: float = STEADY) -> None:
        self.steady = steady
        self._by: Stylizer | None = None
        self._last: Last | None = None

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
        if last and (last.photo.shape != photo.pixels.shape or not self._is_by(stylizer)):
            last = None
        self._by, self._last = stylizer, Pipeline(stylizer, self.steady).follow(photo, last, report)
        return replace(photo, pixels=self._last.shown)

    def _is_by(self, stylizer: Stylizer) -> bool:
        """Whether this stylizer paints as the last one did."""
        last = self._by
        return last is not None and last.painter is stylizer.painter and last.settings == stylizer.settings
