"""What is behind the transparent parts of a picture."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from artlives.images.photo import Photo

if TYPE_CHECKING:
    import numpy as np

# Rows that are filled at a time, an even number, so that a huge picture takes little memory in fp32.
FILLED_ROWS = 512


def filled(photo: Photo) -> Photo:
    """The picture with the colours of its transparent parts made from those around them; an opaque one as it is.

    What cannot be seen may hold any colour, and would change what is painted beside it. Each pixel keeps as much of its
    own colour as it is opaque; the rest is the mean of what is visible in ever larger surroundings (pull and push,
    Gortler et al. 1996, "The lumigraph", section 3.4).
    """
    import numpy as np

    if photo.alpha is None:
        return photo
    height, dtype = len(photo.pixels), photo.pixels.dtype
    full = np.iinfo(dtype).max

    def weighted(top: int) -> np.ndarray:
        """Colours times their weights, and these, of some rows: (h, W, 4) in fp32."""
        rows = slice(top, top + FILLED_ROWS)
        share = alpha[rows, :, None].astype(np.float32) / full
        return np.concatenate([photo.pixels[rows] * share, share], 2)

    alpha, tops = photo.alpha, range(0, height, FILLED_ROWS)
    levels = [np.concatenate([_halved(weighted(top)) for top in tops])]
    while max(levels[-1].shape[:2]) > 1:
        levels.append(_halved(levels[-1]))
    # Of a picture that is nowhere visible, grey.
    below = np.full((1, 1, 3), full / 2, np.float32)
    for level in reversed(levels):
        below = _over(level, below)
    pixels = [_over(weighted(top), below[top // 2 :]).round().clip(0, full).astype(dtype) for top in tops]
    return replace(photo, pixels=np.concatenate(pixels))


def _halved(level: np.ndarray) -> np.ndarray:
    """(h, w, 4) of half the sides: the sums of every four pixels, with a weight of 1 at most."""
    import numpy as np

    even = np.pad(level, ((0, len(level) % 2), (0, level.shape[1] % 2), (0, 0)))
    sums = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    halved: np.ndarray = sums / np.maximum(sums[:, :, 3:], 1)
    return halved


def _over(level: np.ndarray, below: np.ndarray) -> np.ndarray:
    """(h, w, 3): what is visible of a level, and beneath it `below`, of half its sides or more."""
    height, width = level.shape[:2]
    rows = below[: (height + 1) // 2]
    over: np.ndarray = (
        level[:, :, :3] + (1 - level[:, :, 3:]) * rows.repeat(2, 0).repeat(2, 1)[:height, :width]
    )
    return over
