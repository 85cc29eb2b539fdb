"""Steadiness: strokes stay on what they were painted on, from frame to frame.

Painted by themselves, the strokes of frames boil. So the last painting is moved along with what is seen, by optical
flow between the two photos, and used twice, as far as the flow can be trusted: it takes the place of the coarse
painting that the last pass of `passes.paint` draws its strokes on, so that these come where they were; and it is mixed
into the new painting. What comes out from behind something else is painted anew. Ruder et al. 2016, "Artistic style
transfer for videos", begin with the last painting and trust the flow likewise.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np

Array = np.ndarray
# In place of arrays that OpenCV need not be given, though its annotations ask for them.
NOTHING: Any = None

# Of the painting before, moved along, in the new one, where it can be trusted entirely, at a steadiness of 1. More, and
# strokes are dragged along when the light or the view change slowly.
MOST = 0.85
# Pixels of the longer side at which flow is computed: half of a frame of 1280, where it takes a tenth of the time, and
# the paintings are hardly less steady than by flow at full size.
FLOW_SIDE = 640
# Grey levels by which a pixel and the one that it is said to come from may differ, beyond the noise, before the flow is
# trusted less: at so many, exp(-1) is left.
TOLERANCE = 12.0
# Grey levels of noise that are allowed for at most, as the median of all pixels' differences.
MOST_NOISE = 8.0
# Pixels of the squares over which differences are averaged, so that noise tells little.
WINDOW = 9
# Where nothing moves, no flow is better than one that noise makes: a pixel counts as still if the flow around it, over
# a square of so many pixels, is less than so many pixels on average, and staying explains it as well as moving does,
# within this factor and this many grey levels.
STILL_WINDOW, STILL_FLOW, STILL_FACTOR, STILL_LEVELS = 31, 0.35, 1.05, 0.5
# Where flow changes suddenly, one thing hides another; Ruder et al. 2016, equation 5.
EDGE_FACTOR, EDGE_OFFSET = 0.01, 0.002
# Pixels by which these places are widened: strokes reach so far over an edge.
EDGE_WIDTH = 9
# After a cut, less than this part of the pixels can be found in the frame before.
LEAST_TRUST = 0.2


class Motion(NamedTuple):
    """Where the pixels of a frame were in another one.

    Attributes:
        place: (H, W, 2) of fp32, x and y in pixels.
        trust: (H, W) of fp32 in 0..1.
    """

    place: Array
    trust: Array

    def moved(self, painting: Array) -> Array:
        """A painting (H, W, 3) of the other frame, of fp32, with all pixels where they are in this one."""
        return _fetched(painting, self.place)


class Steadied:
    """The last painting, moved along to the next frame.

    Args:
        strength: 0 for no effect, 1 for the most.
        last: the last painting, (H, W, 3) of fp32 in 0..255.
        motion: from the next frame to the last one.
    """

    def __init__(self, strength: float, last: Array, motion: Motion) -> None:
        self.moved = motion.moved(last)
        self.share = (strength * motion.trust)[..., None]

    def carry(self, coarse: Array) -> Array:
        """What the last pass is mixed with, (H, W, 3) of uint8, in place of `coarse`, which may be smaller."""
        height, width = self.moved.shape[:2]
        base = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
        return _bytes(self._mixed(base, 1.0))

    def mix(self, painting: Array) -> Array:
        """The next painting, (H, W, 3) of fp32, of the one of uint8 that the network made."""
        return self._mixed(painting, MOST)

    def _mixed(self, painting: Array, most: float) -> Array:
        mixed = self.moved - painting
        mixed *= most * self.share
        mixed += painting
        clipped: Array = mixed.clip(0, 255, out=mixed)
        return clipped


def motion(now: Array, other: Array) -> Motion | None:
    """Where what is seen in `now` is in `other`, both (H, W, 3) of uint8; None if they have nothing in common."""
    height, width = now.shape[:2]
    scale = min(1.0, FLOW_SIDE / max(height, width))
    small, small_other = (_reduced(picture, scale) for picture in (now, other))
    h, w = small.shape[:2]
    flow = _flow(small, small_other)
    grid = _grid(h, w)
    moved = _fetched(small_other, grid + flow)
    difference = _difference(small, moved)
    still = _still(flow, _difference(small, small_other), difference)
    flow *= 1 - still[..., None]
    place = grid + flow
    moved = _fetched(small_other, place)
    trust = _trust(_difference(small, moved), flow)
    trust *= ((place >= 0) & (place <= (w - 1, h - 1))).all(-1)
    if trust.mean() < LEAST_TRUST:
        return None
    if scale < 1:
        flow = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR)
        flow *= (width / w, height / h)
        trust = cv2.resize(trust, (width, height), interpolation=cv2.INTER_LINEAR)
    return Motion(_grid(height, width) + flow, trust)


def between(
    paintings: tuple[Array, Array], motions: tuple[Motion | None, Motion | None], part: float
) -> Array:
    """The painting (H, W, 3) of uint8 of a frame between two others, blended of theirs.

    Args:
        paintings: those before and after it.
        motions: from it to each of them.
        part: of the time between them that is over, in 0..1.
    """
    weighted = []
    for painting, way, share in zip(paintings, motions, (1 - part, part), strict=True):
        moved = painting.astype(np.float32) if way is None else way.moved(painting.astype(np.float32))
        # A little everywhere, so that what is found in neither is blended at least.
        trust = np.zeros(painting.shape[:2], np.float32) if way is None else way.trust
        weighted.append((moved, (share * (trust + np.float32(1e-3)))))
    total = weighted[0][1] + weighted[1][1]
    mixed = sum(moved * (weight / total)[..., None] for moved, weight in weighted)
    return _bytes(np.asarray(mixed))


def _fetched(picture: Array, place: Array) -> Array:
    """(H, W, 3): each pixel from where `place`, (H, W, 2) of fp32, says that it is in the picture."""
    fetched: Array = cv2.remap(picture, place, NOTHING, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return fetched


def _bytes(painting: Array) -> Array:
    rounded: Array = painting.clip(0, 255).round().astype(np.uint8)
    return rounded


def _reduced(picture: Array, scale: float) -> Array:
    if scale == 1:
        return picture
    height, width = picture.shape[:2]
    size = max(16, round(width * scale)), max(16, round(height * scale))
    reduced: Array = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return reduced


def _flow(now: Array, other: Array) -> Array:
    """(H, W, 2) of fp32: by how many pixels (x, y) what is in `now` lies elsewhere in `other`.

    Kroeger et al. 2016, "Fast optical flow using dense inverse search".
    """
    estimate = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    gray = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (now, other)]
    flow: Array = estimate.calc(gray[0], gray[1], NOTHING)
    return flow


def _difference(one: Array, other: Array) -> Array:
    """(H, W) of fp32: the mean difference in grey levels of two pictures around each pixel."""
    difference = cv2.absdiff(one, other).mean(2, dtype=np.float32)
    blurred: Array = cv2.blur(difference, (WINDOW, WINDOW))
    return blurred


def _still(flow: Array, staying: Array, moving: Array) -> Array:
    """How sure it is, in 0..1 of fp32, that nothing moves, by the differences if it stays and if it moves."""
    around = cv2.blur(flow, (STILL_WINDOW, STILL_WINDOW))
    slow = np.square(around).sum(-1) < STILL_FLOW**2
    still = slow & (staying <= STILL_FACTOR * moving + STILL_LEVELS)
    sure: Array = cv2.blur(still.astype(np.float32), (WINDOW, WINDOW))
    return sure


def _trust(difference: Array, flow: Array) -> Array:
    """How far the flow can be trusted, in 0..1 of fp32, by what differences it leaves."""
    noise = min(float(np.median(difference)), MOST_NOISE)
    trust = np.exp(-np.square(np.maximum(0, difference - noise) / TOLERANCE))
    change = sum(np.square(slope) for axis in (0, 1) for slope in np.gradient(flow[..., axis]))
    edges = change > EDGE_FACTOR * np.square(flow).sum(-1) + EDGE_OFFSET
    wide = cv2.dilate(edges.astype(np.float32), np.ones((EDGE_WIDTH, EDGE_WIDTH), np.uint8))
    trusted: Array = trust * (1 - cv2.blur(wide, (WINDOW, WINDOW)))
    return trusted


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> Array:
    """(H, W, 2) of fp32: each pixel's own x and y."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    grid = np.stack([x, y], -1)
    grid.setflags(write=False)
    return grid
