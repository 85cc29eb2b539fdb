"""Coarse to fine: in which sizes a photo is painted, one after the other, and what each pass of the network paints.

A network's strokes have one size in pixels: in a large photo they would be tiny, and in a small one they would run over
faces. So a photo is painted small first; that painting, enlarged and mixed into the photo at a larger size, is painted
again, up to the photo's own size. Large shapes come from the first passes, the last one draws its strokes on them. A
small photo is enlarged for its last pass, and the painting is reduced to the photo's size.
"""

from collections.abc import Callable
from math import floor, log2

import numpy as np
from PIL import Image

from artlives import core, grain
from artlives.architecture import BRUSHES, SMALLEST
from artlives.engines.painter import Painter, Report, Way, choose_way, part_of

Array = np.ndarray
Size = tuple[int, int]
# Given the painting (H, W, 3) of the pass before the last one, of any size, returns what the last pass is mixed with in
# its place, of any size, too.
Carry = Callable[[Array], Array]

# Pixels of the longer side. The first pass lies between these two: about what the networks are trained on.
COARSEST = 400, 640
# The last one is no smaller: at fewer pixels the eyes of a face of 40 pixels run together.
FINEST = 900
# Of the painting before in what is painted next, in 1/64: as much as keeps its shapes and still lets the photo's edges
# through, and more where its strokes are to stay broad. In an enlarged photo, which has no details of that size, it is
# less, or faces blur. All were chosen by looking.
SHARES, SHARE_ENLARGED = {"finer": 26, "default": 26, "broader": 44}, 19
# Of a video's frame, what the passes before the last one paint shows only where the last pass does not continue the
# painting of the frame before: these passes are painted at so much of their sides, in two fifths of the time.
CARRIED = 5 / 8
# Rows that are mixed at a time without the compiled core.
ROWS = 64


def sizes(height: int, width: int, brush: str = "default") -> list[Size]:
    """The sizes (height, width) in which a picture of that size is painted, from the coarsest to the finest.

    Each is at least twice as large as the one before, so that all together cost at most 4/3 of the last one.
    """
    scale, long = BRUSHES[brush], max(height, width)
    last = long if long >= FINEST * scale else max(2 * long, FINEST * scale)
    least, most = (side * scale for side in COARSEST)
    doublings = max(0, floor(log2(last / least)))
    first = min(most, last / 2**doublings)
    ratio = (last / first) ** (1 / max(1, doublings))
    sides = [first * ratio**i for i in range(doublings)] + [last]
    found = [(round(height * side / long), round(width * side / long)) for side in sides]
    return _without_smallest(found)


def carried(sizes: list[Size]) -> list[Size]:
    """The `sizes` in which a picture is painted whose last pass continues another painting; see `CARRIED`."""
    coarser = [(round(height * CARRIED), round(width * CARRIED)) for height, width in sizes[:-1]]
    return _without_smallest(coarser + sizes[-1:])


def _without_smallest(sizes: list[Size]) -> list[Size]:
    """The sizes but for those, before the last one, that are too small to be painted."""
    return [size for size in sizes[:-1] if min(size) >= SMALLEST] + sizes[-1:]


def paint(
    painter: Painter,
    photo: Array,
    sizes: list[Size],
    *,
    share: int,
    amplitude: float,
    memory: int | None,
    threads: int,
    report: Report,
    carry: Carry | None = None,
) -> Array:
    """The painting of a photo after a pass at each of `sizes`, at the photo's size.

    Args:
        photo: (H, W, 3) of uint8 or fp32 in 0..255; so is the painting.
        share: of each painting in what the next pass paints, in 1/64.
        amplitude: of the grain; see `artlives.grain`.
        memory: bytes that a pass may use; see `painter.choose_way`.
        threads: how many to use.
        report: is called with the part of all passes that is done.
        carry: what replaces the painting that the last pass is mixed with; None leaves it as it is. It is not called
            where there is one pass alone. With it, passes are painted at the sizes that `carried` gives.

    Raises:
        MemoryError: a pass needs more than `memory`.
    """
    if carry:
        sizes = carried(sizes)
    pixels = [height * width for height, width in sizes]
    painting = None
    for i, size in enumerate(sizes):
        picture = resized(photo, size, quick=True)
        target = np.empty_like(picture) if picture is photo else picture
        if carry and painting is not None and i == len(sizes) - 1:
            painting = carry(painting)
        mixed(picture, painting, share, amplitude, target, threads)
        # Released before the network needs its memory: of a huge photo, both are large.
        painting = None
        del picture
        before, part = sum(pixels[:i]) / sum(pixels), pixels[i] / sum(pixels)
        (painting,) = painter.paint(
            [target],
            threads=threads,
            way=choose_way(painter.ways(*size), memory, painter.spare),
            report=part_of(report, before, part),
        )
        if painting.dtype != np.uint8:
            painting.clip(0, 255, out=painting)
    assert painting is not None
    return np.ascontiguousarray(resized(painting, (photo.shape[0], photo.shape[1])))


def chosen(painter: Painter, height: int, width: int, brush: str, memory: int | None) -> list[Size]:
    """The `sizes` that `memory` allows: where it is too little for what a small photo would be enlarged to, the photo
    is painted as it is."""
    found = sizes(height, width, brush)
    if memory is not None and painter.ways(*found[-1]).get(Way.WHOLE, 0) > memory:
        return [size for size in found if size[0] <= height] or [(height, width)]
    return found


def resized(picture: Array, size: Size, quick: bool = False) -> Array:
    """A picture (H, W, 3) of uint8 or fp32 in 0..255 at another size (height, width), by Lanczos's filter.

    Where it is `quick`, a picture of uint8 is first reduced by a whole number, by the mean of its pixels.
    """
    if picture.shape[:2] == size:
        return picture
    height, width = size
    if picture.dtype == np.uint8:
        gap = 1.0 if quick else None
        image = Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS, reducing_gap=gap)
        return np.array(image)
    planes = [
        np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.LANCZOS))
        for plane in picture.transpose(2, 0, 1)
    ]
    return np.ascontiguousarray(np.stack(planes, 2).clip(0, 255))


def mixed(
    photo: Array, painting: Array | None, share: int, amplitude: float, target: Array, threads: int
) -> None:
    """Write to `target` what a pass paints: the photo, mixed with the painting of the pass before, with its grain.

    Args:
        photo: (H, W, 3) of uint8 or fp32 in 0..255.
        painting: (h, w, 3) of the same dtype, which is enlarged bilinearly; None for the first pass.
        share: of the painting in the mixture, in 1/64.
        amplitude: of the grain; see `artlives.grain`.
        target: like the photo, limited to 0..255; it may be the photo itself.
        threads: how many to use.
    """
    height, width = photo.shape[:2]
    small = (1, 1) if painting is None else painting.shape[:2]
    rows, columns = between(height, small[0]), between(width, small[1])
    if photo.dtype == np.uint8 and core.instruction_sets():
        core.mix(photo, painting, rows, columns, share, grain.tile(amplitude), target, threads)
        return
    whole = photo.dtype == np.uint8
    for top in range(0, height, ROWS):
        part = photo[top : top + ROWS].astype(np.int32 if whole else photo.dtype)
        if painting is not None:
            above, below = (row[top : top + ROWS] for row in rows)
            lines = painting.astype(part.dtype, copy=False)[np.minimum(above[:, None] + [0, 1], small[0] - 1)]
            line = _weighted(lines[:, 0], lines[:, 1], below[:, None, None])
            left = np.minimum(columns[0][:, None] + [0, 1], small[1] - 1)
            painted = _weighted(line[:, left[:, 0]], line[:, left[:, 1]], columns[1][:, None])
            part = part * 4096 * (64 - share) + painted * share
            part = (part + (1 << 17)) >> 18 if whole else part / (1 << 18)
        target[top : top + ROWS] = grain.added(part, amplitude, top)


def between(large: int, small: int) -> tuple[Array, Array]:
    """For each of `large` pixels along an axis, which of `small` ones it lies at or after, and how far in 1/64.

    Pixels' centres are compared; beyond the first and the last, these are repeated. Both are int64 (large,).
    """
    position = ((2 * np.arange(large) + 1) * small * 64 + large) // (2 * large) - 32
    position = position.clip(0, (small - 1) * 64)
    return position // 64, position % 64


def _weighted(first: Array, second: Array, part: Array) -> Array:
    weighted: Array = first * (64 - part) + second * part
    return weighted
