"""Coarse to fine, grain and blending on a GPU: what `passes` and `blend` do, on tensors that stay where they are.

Tensors are (N, 3, H, W), of uint8 or fp32 in 0..255. Whole numbers are mixed as on the CPU, bit by bit; resampling
rounds by itself, so that a pixel may be off by one grey level.
"""

from functools import lru_cache
from math import ceil

import torch
from torch import Tensor

from artlives import grain, passes
from artlives.blend import WEIGHTS, tone
from artlives.engines.painter import Report
from artlives.engines.tensors import TensorPainter, in_memory, on_device
from artlives.passes import Carry, Size

# Pixels to either side of a point that Lanczos's filter reaches, at the coarser of the two resolutions; as in Pillow.
SUPPORT = 3
# Matrices and tables of a kind that are kept on the device, those of two sizes of pictures: a picture would wait while
# they are copied there. A matrix takes up to 32 MB for 12 megapixels.
KEPT = 16


def paint(
    painter: TensorPainter,
    photos: Tensor,
    sizes: list[Size],
    *,
    share: int,
    amplitude: float,
    report: Report,
    carry: Carry | None = None,
) -> Tensor:
    """The paintings of photos after a pass at each of `sizes`; see `passes.paint`.

    Args:
        photos: (N, 3, H, W) of uint8 or fp32 in 0..255; so are the paintings.
        share: of each painting in what the next pass paints, in 1/64.
        amplitude: of the grain; see `artlives.grain`.
        report: called with the part of all passes' pixels that is done.
        carry: of a single photo; see `passes.paint`.
    """
    if carry:
        sizes = passes.carried(sizes)
    pixels = [height * width for height, width in sizes]
    painting = None
    for i, size in enumerate(sizes):
        if carry and painting is not None and i == len(sizes) - 1:
            carried = carry(in_memory(painting[0].permute(1, 2, 0)))
            painting = on_device(carried, photos.device).permute(2, 0, 1)[None]
        picture = mixed(resized(photos, size, quick=True), painting, share, amplitude)
        painting = painter.paint_tensor(picture).clamp(0, 255)
        report(sum(pixels[: i + 1]) / sum(pixels))
    assert painting is not None
    return resized(painting, (photos.shape[2], photos.shape[3]))


def resized(x: Tensor, size: Size, quick: bool = False) -> Tensor:
    """`x` (N, 3, H, W) of uint8 or fp32 in 0..255 at another size (height, width), as by `passes.resized`."""
    spans = [float(side) for side in x.shape[2:]]
    if quick and x.dtype == torch.uint8:
        factors = [max(1, old // new) for old, new in zip(x.shape[2:], size, strict=True)]
        spans = [span / factor for span, factor in zip(spans, factors, strict=True)]
        x = _reduced(x, factors)
    # As Pillow does: first the lines, then the columns, and bytes are rounded after either.
    for axis in (3, 2):
        old, new = x.shape[axis], size[axis - 2]
        if old != new:
            matrix = _lanczos(old, new, spans[axis - 2], x.device)
            values = x.float() @ matrix.T if axis == 3 else matrix @ x.float()
            x = values.round().clamp(0, 255).to(x.dtype) if x.dtype == torch.uint8 else values
    return x if x.dtype == torch.uint8 else x.clamp(0, 255)


def _reduced(x: Tensor, factors: list[int]) -> Tensor:
    """Bytes reduced by whole numbers (vertical, horizontal): means of cells, of which the last ones may be cut off."""
    if factors == [1, 1]:
        return x
    down, across = (_cells(x.shape[2 + i], factor, x.device) for i, factor in enumerate(factors))
    # Whole numbers below 2^24, which fp32 holds exactly.
    sums = (down @ x.float() @ across.T).long()
    counts = (down.sum(1)[:, None] * across.sum(1)).long()
    # As Pillow divides: by a factor of 24 bits that is cut off, so that some means come one too low.
    return ((sums + counts // 2) * ((1 << 24) // counts) >> 24).to(torch.uint8)


@lru_cache(maxsize=KEPT)
def _cells(old: int, factor: int, device: torch.device) -> Tensor:
    """The matrix (cells, old) that sums every `factor` pixels of a line."""
    cell = torch.arange(old) // factor
    return (cell == torch.arange(ceil(old / factor))[:, None]).float().to(device)


@lru_cache(maxsize=KEPT)
def _lanczos(old: int, new: int, span: float, device: torch.device) -> Tensor:
    """The matrix (new, old) that resamples the first `span` of a line's `old` pixels to `new`."""
    scale = span / new
    stretch = max(1.0, scale)
    centers = (torch.arange(new, dtype=torch.float64) + 0.5) * scale
    distance = (torch.arange(old) + 0.5 - centers[:, None]) / stretch
    weights = torch.sinc(distance) * torch.sinc(distance / SUPPORT) * (distance.abs() < SUPPORT)
    return (weights / weights.sum(1, keepdim=True)).float().to(device)


def mixed(photos: Tensor, painting: Tensor | None, share: int, amplitude: float) -> Tensor:
    """What a pass paints: photos mixed with the paintings of the pass before, with grain; see `passes.mixed`.

    `photos` are (N, 3, H, W) of uint8 or fp32 in 0..255, `painting` (N, 3, h, w) of the same dtype, or None.
    """
    height, width = photos.shape[2:]
    whole = photos.dtype == torch.uint8
    part = photos.to(torch.int32 if whole else torch.float32)
    if painting is not None:
        painted = painting.to(part.dtype)
        for axis, side in ((2, height), (3, width)):
            painted = _enlarged(painted, axis, side)
        part = part * 4096 * (64 - share) + painted * share
        part = (part + (1 << 17)) >> 18 if whole else part / (1 << 18)
    rows, columns = (torch.arange(side, device=photos.device) % grain.PERIOD for side in (height, width))
    field = _grain(amplitude, photos.device)[rows[:, None], columns]
    return (part + field).clamp(0, 255).to(photos.dtype)


def _enlarged(x: Tensor, axis: int, side: int) -> Tensor:
    """64 times `x`, bilinearly enlarged along an axis to `side` pixels."""
    small = x.shape[axis]
    first, part = _between(side, small, x.device)
    part = part.to(x.dtype).reshape(-1, *[1] * (3 - axis))
    after = x.index_select(axis, (first + 1).clamp(max=small - 1))
    return x.index_select(axis, first) * (64 - part) + after * part


@lru_cache(maxsize=KEPT)
def _between(large: int, small: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """See `passes.between`."""
    first, part = (torch.from_numpy(values).to(device) for values in passes.between(large, small))
    return first, part


@lru_cache(maxsize=KEPT)
def _grain(amplitude: float, device: torch.device) -> Tensor:
    """See `grain.tile`."""
    return torch.from_numpy(grain.tile(amplitude)).to(device)


def blend(photos: Tensor, paintings: Tensor, strength: float, keep_colors: bool) -> Tensor:
    """The paintings blended with their photos, both (N, 3, H, W) of uint8 or fp32 in 0..255; see `blend.blend`."""
    before, after = photos.float(), paintings.float()
    if keep_colors:
        after = with_colors_of(before, after)
    blended = before + (after - before) * strength
    return blended.round().to(photos.dtype) if photos.dtype == torch.uint8 else blended


def with_colors_of(photos: Tensor, paintings: Tensor) -> Tensor:
    """The paintings' luminance with the photos' tone and colours, all (N, 3, H, W) of fp32; see `blend.blend`."""
    weights = torch.from_numpy(WEIGHTS).to(photos.device).reshape(3, 1, 1)
    lights = [(pictures * weights).sum(1, keepdim=True) for pictures in (photos, paintings)]
    # (N, 2)
    moments = [
        torch.stack((light.mean((1, 2, 3)), light.var((1, 2, 3), correction=0)), 1) for light in lights
    ]
    tones = torch.tensor([tone(*pair) for pair in zip(*(m.tolist() for m in moments), strict=True)])
    scale, offset = tones.to(photos.device).reshape(-1, 2, 1, 1, 1).unbind(1)
    luminance = (lights[1] * scale + offset).clamp(0, 255)
    chroma = photos - lights[0]
    room = torch.where(chroma > 0, 255 - luminance, luminance)
    fits = (room / chroma.abs().clamp(min=1e-3)).amin(1, keepdim=True)
    return luminance + chroma * fits.clamp(0, 1)
