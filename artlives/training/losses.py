"""What a painting is asked to be: like the photo in content, like the painter in style, steady and smooth.

All are relative to what they are compared with, so that their weights mean the same for every painting.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from artlives.images import LUMA

# Pixels at each edge of a picture: two of the network's grid of 8. A frame that padding leaves is within them.
FRAME = 16
# Of a channel's distribution: so few that even a crop of 64 pixels has many values for each.
BINS = 16
# Of a painting's colours along each direction: four for each grey level.
QUANTILES = 1024
# Grey levels, the standard deviation of noise that is added to a painting's colours: finer shades are not told apart.
PALETTE_NOISE = 4.0
# The share of both distributions that is spread evenly over all bins, so that a divergence is finite where one is 0.
SPREAD = 1e-3
# The axes of a painting's colours, and the diagonals between them, each of length 1.
DIRECTIONS = [
    [x / n, y / n, z / n]
    for x, y, z in product((-1, 0, 1), repeat=3)
    if (n := math.sqrt(x * x + y * y + z * z)) and (x, y, z) > (0, 0, 0)
]
# Pixels a side whose mean luminance is compared: of features such as an eye, and of whole forms.
TONE_SIZES = (4, 16)
# Grey levels, the standard deviation of noise that is added to all tones: fainter ones need not be kept.
TONE_NOISE = 4.0
# The power of its size that a difference costs, by name.
COSTS = {"l1": 1, "mse": 2}


def content_loss(
    features: Tensor, target: Tensor, cost: str = "mse", magnitude: Tensor | None = None
) -> Tensor:
    """Squared difference of two pictures' features, added up, over that of the target; "l1": of absolute values.

    `features` and `target` are (N, C, H, W) of one perceptual layer; a number >= 0 in fp32, 0 for equal pictures,
    about 1 for unrelated ones. `magnitude` is used instead of the target's own `magnitude_of`. Johnson et al. 2016,
    equation 2, but relative.
    """
    difference = magnitude_of(features - target, cost)
    return difference / (magnitude_of(target, cost) if magnitude is None else magnitude)


def magnitude_of(features: Tensor, cost: str = "mse") -> Tensor:
    """The sum of squares of `features` (N, C, H, W), or of absolute values for "l1": () in fp32.

    It is what `content_loss` is relative to.
    """
    magnitude: Tensor = _Magnitude.apply(features, COSTS[cost])
    return magnitude


class _Magnitude(Function):
    """Autograd would take several passes over large gradients, and in bf16 lay them out in another order."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, power: int) -> Tensor:
        ctx.save_for_backward(features)
        ctx.power = power
        # Of each pixel first: one sum of millions in fp32 would lose digits.
        lengths = torch.linalg.vector_norm(features, power, dim=1, dtype=torch.float32)
        magnitude: Tensor = (lengths**power).sum()
        return magnitude

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (features,) = ctx.saved_tensors
        slope = gradients[0] * ctx.power
        return (features if ctx.power == 2 else features.sgn()) * slope, None


def gram_matrix(features: Tensor) -> Tensor:
    """How much channels go together, wherever they do: (N, C, H, W) -> (N, C, C) in fp32, averaged over H * W.

    Gatys et al. 2016, "Image style transfer using convolutional neural networks", equation 3.
    """
    gram: Tensor = _Gram.apply(features)
    return gram


class _Gram(Function):
    """Its backward is one product, where autograd would take two."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        n, c, h, w = features.shape
        pixels = features.permute(0, 2, 3, 1).reshape(n, h * w, c)
        ctx.save_for_backward(pixels)
        ctx.size = h, w
        return torch.bmm(pixels.transpose(1, 2), pixels).float() / (h * w)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (pixels,), (h, w) = ctx.saved_tensors, ctx.size
        both = (gradients[0] + gradients[0].transpose(1, 2)) / (h * w)
        return torch.bmm(pixels, both.to(pixels.dtype)).view(len(pixels), h, w, -1).permute(0, 3, 1, 2)


class Distributions(NamedTuple):
    """How often each channel of a painting's features is how strong.

    `shares` (C, BINS) sum to 1 for each channel; `typical` (C,) is its root mean square, by which the bins are laid
    out; see `distributions`.
    """

    shares: Tensor
    typical: Tensor


def distributions(features: Tensor, typical: Tensor) -> Tensor:
    """The shares (N, C, BINS) of values in `features` (N, C, H, W) >= 0 that are near each bin's.

    Bins are even in x / (x + typical), `typical` (C,): from 0, with half of them below it, to infinity. A value
    between two bins counts for both in parts, so that there is a derivative.
    """
    n, c = features.shape[:2]
    x = features.float().flatten(2)
    # (N, C, H * W); a channel that is 0 throughout must not be divided by.
    position = x / (x + typical.clamp(min=1e-6)[:, None]) * (BINS - 1)
    below = position.detach().floor().clamp(max=BINS - 2)
    part, index = position - below, below.long()
    counts = features.new_zeros(n, c, BINS, dtype=torch.float32)
    counts = counts.scatter_add(2, index, 1 - part).scatter_add(2, index + 1, part)
    return counts / x.shape[2]


def kl_divergence(p: Tensor, q: Tensor) -> Tensor:
    """The sum of p * log(p / q) over the last axis (Kullback & Leibler 1951); 0 for equal distributions.

    `p` and `q` are (..., BINS), shares that sum to 1 over the last axis; the result is (...), >= 0. `SPREAD` of both is
    spread evenly, so that it stays finite where q is 0.
    """
    p, q = ((1 - SPREAD) * x + SPREAD / x.shape[-1] for x in (p, q))
    return (p * (p / q).log()).sum(-1)


def js_divergence(p: Tensor, q: Tensor) -> Tensor:
    """The mean of both distributions' KL divergence from their mean (Lin 1991); between 0 and log 2, symmetric.

    `p` and `q` are (..., BINS), as for `kl_divergence`; the result is (...).
    """
    mean = (p + q) / 2
    return (kl_divergence(p, mean) + kl_divergence(q, mean)) / 2


# Costs of style that compare each channel's distribution instead of Gram matrices, by name.
DIVERGENCES = {"kl": kl_divergence, "js": js_divergence}


def style_target(paintings: Sequence[Tensor], cost: str = "mse") -> Tensor | Distributions:
    """What `style_loss` compares with: one layer's features (1, C, H, W) of each painting, averaged over them.

    That is Gram matrices (1, C, C) for the costs "l1" and "mse", `Distributions` for "kl" and "js".
    """
    if cost in COSTS:
        return torch.stack([gram_matrix(features) for features in paintings]).mean(0)
    power = torch.stack([features.float().square().mean((0, 2, 3)) for features in paintings]).mean(0)
    typical = power.sqrt()
    shares = torch.stack([distributions(features, typical)[0] for features in paintings]).mean(0)
    return Distributions(shares, typical)


def style_loss(
    features: Mapping[str, Tensor], targets: Mapping[str, Tensor | Distributions], cost: str = "mse"
) -> Tensor:
    """How far pictures' features are from the painter's, averaged over the layers; >= 0, and 0 for equal statistics.

    "mse": squared Frobenius distance of Gram matrices over the target's squared norm, 1 for a picture without
    features (Johnson et al. 2016, equation 4, but relative); "l1": the same of absolute values. "kl" and "js":
    divergence of each channel's distribution from the painting's, averaged over the channels. That one knows how
    strong each feature is how often, but not which go together.

    `features` holds (N, C, H, W) by layer, `targets` what `style_target` made of the paintings.
    """
    losses = []
    for layer, target in targets.items():
        if isinstance(target, Distributions):
            found = distributions(features[layer], target.typical)
            losses.append(DIVERGENCES[cost](target.shares, found).mean())
        else:
            power = COSTS[cost]
            difference = ((gram_matrix(features[layer]) - target).abs() ** power).sum((1, 2))
            losses.append((difference / (target.abs() ** power).sum()).mean())
    return torch.stack(losses).mean()


class Palette(NamedTuple):
    """How a painting's colours are spread; see `palette`.

    `mean` (3,) is the painting's, in 0..255; `directions` (3, D) are those of RGB along which colours are compared,
    each so long that the painting's spread is 1; `quantiles` (D, QUANTILES) are the painting's along them, ascending.
    """

    mean: Tensor
    directions: Tensor
    quantiles: Tensor


def palette(paintings: Sequence[Tensor]) -> Palette:
    """The colours of paintings (1, 3, H, W) in 0..255, all their pixels counted alike."""
    device = paintings[0].device
    # On the CPU, since MPS has no `eigh`.
    pixels = torch.cat([x.float().flatten(2)[0].T for x in paintings]).cpu()
    # A painting of nearly one hue must not make a grey level's difference a large one.
    covariance = pixels.T.cov() + torch.eye(3) * PALETTE_NOISE**2
    spreads, axes = torch.linalg.eigh(covariance)
    directions = (axes / spreads.sqrt()) @ torch.tensor(DIRECTIONS).T
    mean = pixels.mean(0)
    along = ((pixels - mean) @ directions).sort(0).values.T.contiguous()
    found = _resampled(along, QUANTILES)
    return Palette(mean.to(device), directions.to(device), found.to(device))


def palette_loss(painted: Tensor, target: Palette) -> Tensor:
    """How far the colours of each picture (N, 3, H, W) in 0..255 are from a painting's, wherever they are; >= 0.

    Gram matrices hardly tell hues apart: by them alone, a picture may become a tint of the commonest one.

    The mean squared difference of quantiles along each direction, where the painting's variance is 1: the sliced
    Wasserstein distance (Rabin et al. 2011, "Wasserstein barycenter and its application to texture mixing").
    """
    # (N, H * W, 3)
    pixels = painted.float().flatten(2).transpose(1, 2)
    along = ((pixels - target.mean) @ target.directions).transpose(1, 2).sort(2).values
    return (along - _resampled(target.quantiles, along.shape[2])).square().mean()


def _resampled(values: Tensor, count: int) -> Tensor:
    """(D, n) at `count` places evenly from the first to the last, between two of them in parts of both."""
    n = values.shape[1]
    position = torch.linspace(0, n - 1, count, device=values.device)
    below = position.long().clamp(max=max(0, n - 2))
    above = (below + 1).clamp(max=n - 1)
    return torch.lerp(values[:, below], values[:, above], position - below)


def tones(pictures: Tensor) -> list[Tensor]:
    """The luminance of pictures (N, 3, H, W), less its mean, as (N, H / n * W / n) for each n of `TONE_SIZES`."""
    luminance = (pictures * _luma(pictures.device).view(3, 1, 1)).sum(1, keepdim=True)
    found, size = [], 1
    for wanted in TONE_SIZES:
        while size < wanted:
            luminance, size = halved(luminance), 2 * size
        flat = luminance.flatten(1)
        found.append(flat - flat.mean(1, keepdim=True))
    return found


@cache
def _luma(device: torch.device) -> Tensor:
    """Kept on the device: to copy it there, the CPU would wait for it in each step."""
    # A training may need it that comes after an evaluation in the same process: no gradient could pass what is made in
    # inference mode.
    with torch.inference_mode(False):
        return torch.tensor(LUMA, device=device)


def tone_loss(painted: Tensor, wanted: Sequence[Tensor]) -> Tensor:
    """1 less the correlation of the luminance of `painted` (N, 3, H, W) with the photos' `tones`; within 0 and 2.

    What is light in the photo stays light, what is dark dark: eyes in a face, people before a ground, whatever their
    colours become. It is Pearson's coefficient, averaged over pictures and `TONE_SIZES`.
    """
    losses = []
    for found, target in zip(tones(painted), wanted, strict=True):
        # An even picture has no tones to keep: as much noise is added to both.
        noise = TONE_NOISE**2 * found.shape[1]
        sizes = (found.square().sum(1) + noise) * (target.square().sum(1) + noise)
        losses.append(1 - ((found * target).sum(1) + noise) / sizes.sqrt())
    return torch.stack(losses).mean()


class Overlap(NamedTuple):
    """Where two windows onto one photo show the same; see `overlap`.

    Attributes:
        rows, columns: of the first window, that the second one's pixels lie at: int64, (size,).
        weights: of the second window's pixels, fp32, (size, size); they add up to 1, and are 0 beyond the first.
    """

    rows: Tensor
    columns: Tensor
    weights: Tensor


def overlap(size: int, shift: tuple[int, int]) -> Overlap:
    """That of two windows of `size` pixels a side, of which the second lies `shift` (down, right) pixels, each >= 0.

    One window's border lies inside the other. Half of all weight is that of the outer `FRAME` pixels of what both show.
    """
    down, right = shift
    rows, columns = ((torch.arange(size) + far) % size for far in shift)
    weights = torch.zeros(size, size)
    both = weights[: size - down, : size - right]
    both += 1 / both.numel()
    frame = torch.ones_like(both)
    frame[FRAME:-FRAME, FRAME:-FRAME] = 0
    both += frame / frame.sum()
    return Overlap(rows, columns, weights / 2)


def steadiness_loss(first: Tensor, second: Tensor, shown: Overlap) -> Tensor:
    """Mean squared difference, in units of 255, of paintings (N, 3, size, size) in 0..255 of two windows onto a photo.

    This keeps the network from painting a grid of its own, and it steadies video. It keeps it from painting a frame
    too, by the weights of `overlap`.
    """
    moved = first.index_select(2, shown.rows).index_select(3, shown.columns)
    return (((moved - second) / 255).square().mean((0, 1)) * shown.weights).sum()


def total_variation(x: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels of x (N, 3, H, W), in both directions."""
    down = (x[:, :, 1:] - x[:, :, :-1]).square().mean()
    return down + (x[:, :, :, 1:] - x[:, :, :, :-1]).square().mean()


def halved(x: Tensor) -> Tensor:
    """x (N, C, H, W) at half the size, each pixel the mean of four; an odd last row or column is left out."""
    h, w = x.shape[2:]
    small: Tensor = _Halved.apply(x[:, :, : h // 2 * 2, : w // 2 * 2])
    return small


class _Halved(Function):
    """torch's mean over two axes of two pixels each takes ten times as long on the CPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        rows = x[:, :, ::2] + x[:, :, 1::2]
        return (rows[..., ::2] + rows[..., 1::2]) / 4

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        n, c, h, w = gradients[0].shape
        each = (gradients[0] / 4).view(n, c, h, 1, w, 1).expand(n, c, h, 2, w, 2)
        return each.reshape(n, c, 2 * h, 2 * w)
