"""What training minimizes, and what a painting is measured by: its distance from the photo and from the painter."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from artlives import images, passes
from artlives.training.losses import (
    content_loss,
    halved,
    magnitude_of,
    palette,
    palette_loss,
    style_loss,
    style_target,
    tone_loss,
    tones,
)
from artlives.training.perceptual import Perceptual
from artlives.training.recipe import Recipe
from artlives.training.tensors import from_pixels

# The painting and the picture are compared at full, half and quarter size; the small ones carry the large strokes. The
# quarter size counts for half: of a crop of 256 pixels a side, 64 are left there to tell by.
SCALE_WEIGHTS = (1.0, 1.0, 0.5)
# The layer that says what things are and where; see `Objective`.
CONTENT_LAYER = "conv3_3"
# By which all styles are measured, by scale (0 is the full size) and layer; they sum to 1. Most is the half size's: it
# keeps what things are, and leaves the strokes free.
CONTENT_WEIGHTS = {(0, CONTENT_LAYER): 0.25, (1, CONTENT_LAYER): 0.75}

Place = tuple[int, str]


class Content(NamedTuple):
    """What is wanted kept of photos.

    `features` and their `magnitudes` (see `losses.content_loss`) are by scale, 0 the full size, 1 the half, and layer;
    `tones` are those of `losses.tones`.
    """

    features: dict[Place, Tensor]
    magnitudes: dict[Place, Tensor]
    tones: list[Tensor]


class Distances(NamedTuple):
    """All are scalars >= 0 in fp32, and relative; see `artlives.training.losses`."""

    content: Tensor
    style: Tensor
    palette: Tensor
    tone: Tensor


class Objective:
    """Measures pictures against photos and a painter.

    Content is compared at several scales: features of the full size pin every edge and pore, and leave a painter only
    a tint; those of the half size keep what things are and where, and free the strokes.

    Args:
        perceptual: the features to compare by.
        paintings: the painting, or several, whose statistics are averaged: files, or pixels (H, W, 3) of uint8.
        style_size: the longer side, in pixels, that a painting is reduced or enlarged to; it sets the strokes' size.
        content_cost, style_cost: "l1" or "mse", and for style also "kl" or "js"; see `artlives.training.losses`.
        scale_weights: of style at full size, half, quarter, and so on.
        style_layers: perceptual layers that style is compared by.
        content_weights: of content by scale (0 is the full size) and perceptual layer; those that are 0 are left out.

    Raises:
        ArtlivesError: a painting cannot be read, or the perceptual network has no such layer.
    """

    def __init__(
        self,
        perceptual: Perceptual,
        paintings: Path | Sequence[Path | np.ndarray],
        style_size: int,
        content_cost: str = "mse",
        style_cost: str = "mse",
        scale_weights: Sequence[float] = SCALE_WEIGHTS,
        content_weights: Mapping[Place, float] = CONTENT_WEIGHTS,
        style_layers: Sequence[str] = Recipe.style_layers,
    ) -> None:
        self.perceptual, self.content_cost, self.style_cost = perceptual, content_cost, style_cost
        self.scale_weights, self.style_layers = tuple(scale_weights), tuple(style_layers)
        self.content_weights = {place: weight for place, weight in content_weights.items() if weight}
        given = [paintings] if isinstance(paintings, Path) else paintings
        pixels = [images.load(one).pixels if isinstance(one, Path) else one for one in given]
        with torch.no_grad():
            pictures = [from_pixels(_resized(one, style_size), perceptual.mean.device) for one in pixels]
            features = [
                [perceptual(scaled, style_layers) for scaled in self._scales(picture)] for picture in pictures
            ]
            self.palette = palette([halved(picture) for picture in pictures])
        self.targets = [
            {
                layer: style_target([painting[i][layer] for painting in features], style_cost)
                for layer in style_layers
            }
            for i in range(len(self.scale_weights))
        ]

    def content_of(self, photos: Tensor) -> Content:
        """What `distances` wants kept of photos (N, 3, H, W) in 0..255."""
        features: dict[Place, Tensor] = {}
        with torch.no_grad():
            for scale, scaled in enumerate(self._scales(photos)):
                if layers := self._content_layers(scale):
                    found = self.perceptual(scaled, layers)
                    features |= {(scale, layer): found[layer] for layer in layers}
        magnitudes = {place: magnitude_of(f, self.content_cost) for place, f in features.items()}
        return Content(features, magnitudes, tones(photos))

    def distances(self, painted: Tensor, content: Content) -> Distances:
        """Those of `painted` (N, 3, H, W), in 0..255, from the photos' content and tones and from the painting."""
        style = content_distance = torch.zeros((), device=painted.device)
        for scale, scaled in enumerate(self._scales(painted)):
            layers = self._content_layers(scale)
            features = self.perceptual(scaled, {*self.style_layers, *layers})
            found = style_loss(features, self.targets[scale], self.style_cost)
            style = style + self.scale_weights[scale] * found
            for layer in layers:
                place = scale, layer
                loss = content_loss(
                    features[layer], content.features[place], self.content_cost, content.magnitudes[place]
                )
                content_distance = content_distance + self.content_weights[place] * loss
        # At a quarter of the size, where single pixels' noise is averaged out.
        colours = palette_loss(halved(halved(painted)), self.palette)
        return Distances(content_distance, style, colours, tone_loss(painted, content.tones))

    def _content_layers(self, scale: int) -> list[str]:
        return [layer for at, layer in self.content_weights if at == scale]

    def _scales(self, x: Tensor) -> Iterator[Tensor]:
        """x at full, half, quarter size, and so on, one for each of the scales' weights."""
        for i in range(len(self.scale_weights)):
            x = halved(x) if i else x
            yield x


def _resized(painting: np.ndarray, long_side: int) -> np.ndarray:
    height, width = painting.shape[:2]
    scale = long_side / max(height, width)
    return passes.resized(painting, (max(1, round(height * scale)), max(1, round(width * scale))))
