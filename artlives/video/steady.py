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

# Of the painting before in the new one, where it can be trusted entirely, at a steadiness of 1. More, and what changes
# slowly without a motion, as the light does, would come seconds too late.
MOST = 0.97
# Of this, what is left where something moves: with more, strokes are dragged along when the view changes slowly, and
# each move blurs them a little.
MOVING = 0.88
# Pixels of the longer side at which flow is computed. At 640 it takes twice as long, and paintings are hardly steadier;
# at 320, or by the preset FAST, the warping error of a pan is a tenth larger, and that of a zoom a quarter.
FLOW_SIDE = 480
# Pixels between the patches that are found again, and steps to find one: the preset MEDIUM has 3 and 25, which takes
# longer.
STRIDE, ITERATIONS = 4, 12
# Grey levels by which a pixel and the one that it is said to come from may differ, beyond the noise, before the flow is
# trusted less: at so many, exp(-1) is left.
TOLERANCE = 12.0
# Grey levels of noise that are allowed for at most, as the median of all pixels' differences.
MOST_NOISE = 8.0
# Pixels of the squares over which differences are averaged, so that noise tells little.
WINDOW = 9
# Where little is to be seen, as in a sky, flow is noise: there, what the camera does is better, and where the camera
# stands still, none at all. The camera's motion is an affine map, found from points so many pixels apart, of those the
# half with the most texture, of which so large a part must agree within so many pixels.
POINTS, AGREEING, AGREED_WITHIN = 12, 0.3, 0.5
# Pixels: a camera that moves no point of the picture by more is taken to stand still.
STANDING = 0.35
# A pixel is taken to move with the camera if that explains it as well as its own flow, within this factor and this many
# grey levels.
CAMERA_FACTOR, CAMERA_LEVELS = 1.05, 0.5
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
        moved = fetched(painting, self.place)
        return moved.clip(0, 255, out=moved)


class Moved(NamedTuple):
    """A painting that was moved along to a frame.

    Attributes:
        painting: (H, W, 3) of fp32 in 0..255.
        trust: (H, W) of fp32 in 0..1.
    """

    painting: Array
    trust: Array

    def carried(self, coarse: Array, strength: float, motion: Motion | None = None) -> Array:
        """What the last pass is mixed with, (H, W, 3) of uint8, in place of `coarse`, which may be smaller.

        Args:
            motion: from the frame that is painted to this one; None if they are the same.
        """
        painting, trust = cv2.convertScaleAbs(self.painting), self.trust
        if motion is not None:
            # Pixels of four bytes are fetched in half the time of those of three, and bring their trust with them.
            # Strokes are painted over it: how sharp it is matters little.
            both = cv2.cvtColor(painting, cv2.COLOR_RGB2RGBA)
            cv2.insertChannel(cv2.convertScaleAbs(trust, alpha=255), both, 3)
            both = fetched(both, motion.place, cv2.INTER_LINEAR)
            painting = cv2.cvtColor(both, cv2.COLOR_RGBA2RGB)
            trust = cv2.multiply(motion.trust, cv2.extractChannel(both, 3), scale=1 / 255, dtype=cv2.CV_32F)
        base = cv2.resize(coarse, trust.shape[::-1], interpolation=cv2.INTER_LINEAR)
        return _mixed(base, painting, strength * trust)

    def mixed(self, painting: Array, strength: float) -> Array:
        """The frame's painting, (H, W, 3) of fp32, of the one of uint8 that the network made."""
        return _mixed(painting.astype(np.float32), self.painting, MOST * strength * self.trust)


def motion(now: Array, other: Array, side: int = FLOW_SIDE) -> Motion | None:
    """Where what is seen in `now` is in `other`, both (H, W, 3) of uint8; None if they have nothing in common.

    Args:
        side: pixels of the longer side at which the flow is computed, at most.
    """
    height, width = now.shape[:2]
    scale = min(1.0, side / max(height, width))
    small, small_other = (_reduced(picture, scale) for picture in (now, other))
    h, w = small.shape
    grid = _grid(h, w)
    flow = _flow(small, small_other)
    camera = _camera(flow, small)
    own, with_camera = (_difference(small, fetched(small_other, grid + way)) for way in (flow, camera))
    follows = cv2.blur(
        (with_camera <= CAMERA_FACTOR * own + CAMERA_LEVELS).astype(np.float32), (WINDOW, WINDOW)
    )
    flow += follows[..., None] * (camera - flow)
    place = grid + flow
    trust = _trust(_difference(small, fetched(small_other, place)), flow)
    trust *= cv2.inRange(place, (0, 0), (w - 1, h - 1)) > 0
    if trust.mean() < LEAST_TRUST:
        return None
    trust[_longest(flow) > STANDING] *= MOVING
    if scale < 1:
        flow = cv2.resize(flow * np.array([width / w, height / h], np.float32), (width, height))
        trust = cv2.resize(trust, (width, height))
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
    moved = [
        painting.astype(np.float32) if way is None else way.moved(painting.astype(np.float32))
        for painting, way in zip(paintings, motions, strict=True)
    ]
    # A little everywhere, so that what is found in neither is blended at least.
    shares = [
        np.float32(share)
        * (np.full(painting.shape[:2], 1e-3, np.float32) + (0 if way is None else way.trust))
        for painting, way, share in zip(paintings, motions, (1 - part, part), strict=True)
    ]
    blended: Array = cv2.convertScaleAbs(_mixed(moved[0], moved[1], shares[1] / (shares[0] + shares[1])))
    return blended


def fetched(picture: Array, place: Array, interpolation: int = cv2.INTER_CUBIC) -> Array:
    """Each pixel of a picture (H, W, ...) from where `place`, (H, W, 2) of fp32, says that it is in the picture."""
    found: Array = cv2.remap(picture, place, NOTHING, interpolation, borderMode=cv2.BORDER_REPLICATE)
    return found


def _mixed(one: Array, other: Array, share: Array) -> Array:
    """Two pictures (H, W, 3) of the same dtype, with the `share` of the other, (H, W) of fp32 in 0..1."""
    mixed: Array = cv2.blendLinear(one, other, 1 - share, share)
    return mixed


def _reduced(picture: Array, scale: float) -> Array:
    """The luminance (h, w) of a picture (H, W, 3), both of uint8."""
    gray: Array = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    if scale < 1:
        size = [max(16, round(side * scale)) for side in reversed(gray.shape)]
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    return gray


def _flow(now: Array, other: Array) -> Array:
    """(h, w, 2) of fp32: by how many pixels (x, y) what is in `now` lies elsewhere in `other`, both (h, w) of uint8.

    Kroeger et al. 2016, "Fast optical flow using dense inverse search".
    """
    estimate = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    estimate.setPatchStride(STRIDE)
    estimate.setGradientDescentIterations(ITERATIONS)
    flow: Array = estimate.calc(now, other, NOTHING)
    return flow


def _difference(one: Array, other: Array) -> Array:
    """(h, w) of fp32: the mean difference in grey levels of two pictures around each pixel."""
    blurred: Array = cv2.blur(cv2.absdiff(one, other).astype(np.float32), (WINDOW, WINDOW))
    return blurred


def _camera(flow: Array, gray: Array) -> Array:
    """(h, w, 2) of fp32: the flow that the camera makes; `flow` itself where it makes none that can be told."""
    texture = cv2.blur(cv2.Laplacian(cv2.blur(gray, (3, 3)), cv2.CV_32F) ** 2, (WINDOW, WINDOW))
    height, width = gray.shape
    points = _grid(height, width)[POINTS // 2 :: POINTS, POINTS // 2 :: POINTS].reshape(-1, 2)
    x, y = points.astype(int).T
    best = texture[y, x] >= np.median(texture[y, x])
    seen, moved = points[best], (points + flow[y, x])[best]
    affine, agreeing = cv2.estimateAffine2D(
        seen, moved, method=cv2.RANSAC, ransacReprojThreshold=AGREED_WITHIN
    )
    if affine is None or agreeing.mean() < AGREEING:
        return flow
    grid = _grid(height, width)
    made = cv2.transform(grid, affine - np.eye(2, 3))
    return np.zeros_like(flow) if _longest(made).max() < STANDING else made


def _trust(difference: Array, flow: Array) -> Array:
    """How far the flow can be trusted, in 0..1 of fp32, by what differences it leaves."""
    noise = min(float(np.median(difference[::4, ::4])), MOST_NOISE)
    trust = cv2.exp(-np.square(np.maximum(0, difference - noise) / TOLERANCE))
    # Sobel's sums are eight times the slope.
    slopes = [cv2.Sobel(flow, cv2.CV_32F, *axes, scale=1 / 8) for axes in ((1, 0), (0, 1))]
    change = sum(_squared(slope) for slope in slopes)
    edges = change > EDGE_FACTOR * _squared(flow) + EDGE_OFFSET
    wide = cv2.dilate(edges.astype(np.uint8), np.ones((EDGE_WIDTH, EDGE_WIDTH), np.uint8))
    trusted: Array = trust * (1 - cv2.blur(wide.astype(np.float32), (WINDOW, WINDOW)))
    return trusted


def _longest(vectors: Array) -> Array:
    """(h, w): the longer one of the sides x and y of vectors (h, w, 2)."""
    x, y = cv2.split(vectors)
    return np.maximum(np.abs(x), np.abs(y))


def _squared(vectors: Array) -> Array:
    """(h, w): the squared lengths of vectors (h, w, 2)."""
    x, y = cv2.split(vectors)
    return x * x + y * y


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> Array:
    """(H, W, 2) of fp32: each pixel's own x and y."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    grid = np.stack([x, y], -1)
    grid.setflags(write=False)
    return grid
