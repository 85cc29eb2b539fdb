"""Synthetic clips of known motion, from the sample photos: what `benchmarks.steadiness` measures, and tests look at."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from artlives import images
from artlives.files import sample_photos

Array = np.ndarray

# Grey levels: the standard deviation of a phone's sensor noise indoors, in each channel.
NOISE = 4.0
# Pixels around the edge of a moving object, and around the frame's, where the known flow is not that of one surface.
MARGIN = 3


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames whose motion is known.

    Attributes:
        frames: each (H, W, 3) of uint8.
        flows: for each frame but the first, where each of its pixels lay in the frame before: (H, W, 2) of fp32, in
            pixels (x, y). None where the two have nothing in common: after a cut.
        seen: for each of these, (H, W) of bool: whether the pixel was seen in the frame before.
    """

    frames: list[Array]
    flows: list[Array | None]
    seen: list[Array]


def background(name: str, height: int, width: int) -> Array:
    """A sample photo, so large that (2 H, 2 W) fit into it: (H', W', 3)."""
    pixels = images.load(sample_photos() / f"{name}.jpg").pixels
    scale = 2 * max(height / pixels.shape[0], width / pixels.shape[1])
    return cv2.resize(
        pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )


def camera(shift: tuple[float, float] = (0, 0), zoom: float = 1, turn: float = 0) -> Callable[[int], Array]:
    """The affine map (3, 3), about the frame's middle, of a camera that moves by so much in each frame.

    Args:
        shift: pixels (x, y).
        zoom: a factor.
        turn: degrees.
    """

    def at(i: int) -> Array:
        angle, scale = np.deg2rad(turn * i), zoom**i
        cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
        return np.array([[cos, -sin, shift[0] * i], [sin, cos, shift[1] * i], [0, 0, 1]])

    return at


def moving(
    count: int,
    size: tuple[int, int],
    motion: Callable[[int], Array],
    photo: str = "boston",
    object_motion: Callable[[int], Array] | None = None,
    noise: float = 0,
    light: Callable[[int], float] = lambda i: 1.0,
) -> Clip:
    """A clip of `count` frames (height, width) = `size` over a photo.

    Args:
        motion: the background's, as by `camera`.
        object_motion: of an ellipse with another photo on it; None for none.
        noise: standard deviation in grey levels.
        light: what frame i is multiplied by.
    """
    height, width = size
    scene = background(photo, height, width)
    thing = background("chelsea", height, width)
    draw = np.random.default_rng(5)
    middle = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    frames, flows, seen = [], [], []
    y, x = np.mgrid[0:height, 0:width]
    points = np.stack([x, y, np.ones_like(x)], -1).astype(np.float64)
    before = None
    for i in range(count):
        maps = [motion(i) @ middle]
        frame = _shown(scene, maps[0], size)
        inside = np.zeros(size, bool)
        if object_motion is not None:
            maps.append(object_motion(i) @ middle)
            place = points @ maps[1].T
            radius = np.hypot(place[..., 0] / (0.16 * width), place[..., 1] / (0.32 * height))
            # An edge of about a pixel.
            alpha = ((1 - radius) * 0.2 * width + 0.5).clip(0, 1)[..., None]
            frame = frame + alpha * (_shown(thing, maps[1], size) - frame)
            inside = radius < 1
        frame = frame * light(i) + draw.normal(0, noise, frame.shape) * (noise > 0)
        frames.append(frame.round().clip(0, 255).astype(np.uint8))
        if before is not None:
            places = [points @ (np.linalg.inv(old) @ new).T for old, new in zip(before[0], maps, strict=True)]
            flow = np.where(inside[..., None], places[-1], places[0])[..., :2].astype(np.float32)
            flows.append(flow)
            seen.append(_seen(flow, before[1], inside))
        before = maps, inside
    return Clip(frames, flows, seen)


def _shown(scene: Array, place: Array, size: tuple[int, int]) -> Array:
    """What the camera sees of a scene twice as large, in fp64."""
    center = np.array([[1, 0, scene.shape[1] / 2], [0, 1, scene.shape[0] / 2], [0, 0, 1]])
    matrix = center @ np.diag([1.6, 1.6, 1]) @ place
    # Means of 2 x 2 points a pixel, without which edges would flicker in the frames themselves.
    shown = [
        cv2.warpAffine(
            scene,
            (matrix @ np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1]]))[:2],
            size[::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        for dx in (-0.25, 0.25)
        for dy in (-0.25, 0.25)
    ]
    return np.mean(shown, 0)


def _seen(flow: Array, inside_before: Array, inside: Array) -> Array:
    height, width = inside.shape
    within = (flow >= MARGIN).all(-1) & (flow[..., 0] < width - MARGIN) & (flow[..., 1] < height - MARGIN)
    was = cv2.remap(inside_before.astype(np.float32), flow, None, cv2.INTER_LINEAR)
    edge = np.ones((2 * MARGIN + 1,) * 2, np.uint8)
    same = np.abs(was - inside) < 0.01
    return within & (cv2.erode(same.astype(np.uint8), edge) > 0)


def joined(first: Clip, second: Clip) -> Clip:
    """Two clips with a cut between them."""
    nothing = np.zeros(first.frames[0].shape[:2], bool)
    return Clip(
        first.frames + second.frames,
        [*first.flows, None, *second.flows],
        [*first.seen, nothing, *second.seen],
    )


def cases(count: int, size: tuple[int, int]) -> dict[str, Clip]:
    """The clips whose steadiness is measured, of `count` frames each, of (height, width) = `size`."""
    step = size[1] / 640
    pan = camera(shift=(3.3 * step, 0.7 * step))
    still = camera()
    return {
        "still, sensor noise": moving(count, size, still, noise=NOISE),
        "pan": moving(count, size, pan),
        "pan, sensor noise": moving(count, size, pan, noise=NOISE),
        "zoom": moving(count, size, camera(zoom=0.99)),
        "rotation": moving(count, size, camera(turn=0.7)),
        "moving object": moving(
            count,
            size,
            still,
            "lake",
            lambda i: camera(shift=(-5.3 * step, 0.9 * step))(i - count // 2),
            NOISE / 4,
        ),
        "fade": moving(count, size, still, light=lambda i: 1 - 0.7 * i / count, noise=NOISE / 4),
        "cut": joined(moving(count // 2, size, pan), moving(count - count // 2, size, pan, "otters")),
    }
