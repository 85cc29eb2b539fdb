"""What training minimizes, and what a painting is measured by: its distance from the photo and from the painter."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from artlives import images
from artlives.training.losses import (
    content_loss,
    halved,
    palette,
    palette_loss,
    style_loss,
    style_target,
)
from artlives.training.perceptual import Perceptual

CONTENT_LAYER = "conv3_3"
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv3_4")
# The painting and the picture are compared at full, half and quarter size; the small ones carry the large strokes.
SCALE_WEIGHTS = (1.0, 1.0, 0.5)


class Distances(NamedTuple):
    """All are scalars >= 0 in fp32, and relative; see `artlives.training.losses`."""

    content: Tensor
    style: Tensor
    palette: Tensor


class Objective:
    """Measures pictures against photos and a painter.

    Args:
        perceptual: the features to compare by.
        paintings: the painting's file, or several paintings' files, whose statistics are averaged.
        style_size: the longer side, in pixels, that a painting is reduced to; it sets the strokes' size.
        content_cost, style_cost: "l1" or "mse", and for style also "kl" or "js"; see `artlives.training.losses`.

    Raises:
        ArtlivesError: a painting cannot be read.
    """

    def __init__(
        self,
        perceptual: Perceptual,
        paintings: Path | Sequence[Path],
        style_size: int,
        content_cost: str = "mse",
        style_cost: str = "mse",
    ) -> None:
        self.perceptual, self.content_cost, self.style_cost = perceptual, content_cost, style_cost
        files = [paintings] if isinstance(paintings, Path) else paintings
        with torch.no_grad():
            pictures = [
                tensor(images.fit(images.load(file), style_size).pixels, perceptual.mean.device)
                for file in files
            ]
            features = [
                [perceptual(scaled, STYLE_LAYERS) for scaled in _scales(picture)] for picture in pictures
            ]
            self.palette = palette([halved(picture) for picture in pictures])
        self.targets = [
            {
                layer: style_target([painting[i][layer] for painting in features], style_cost)
                for layer in STYLE_LAYERS
            }
            for i in range(len(SCALE_WEIGHTS))
        ]

    def content_of(self, photos: Tensor) -> Tensor:
        """What `distances` wants kept of photos (N, 3, H, W) in 0..255."""
        with torch.no_grad():
            return self.perceptual(photos, [CONTENT_LAYER])[CONTENT_LAYER]

    def distances(self, painted: Tensor, content: Tensor) -> Distances:
        """Those of `painted` (N, 3, H, W), in 0..255, from the photos' content and from the painting."""
        style = content_distance = torch.zeros((), device=painted.device)
        for i, scaled in enumerate(_scales(painted)):
            features = self.perceptual(scaled, {*STYLE_LAYERS, CONTENT_LAYER} if i == 0 else STYLE_LAYERS)
            style = style + SCALE_WEIGHTS[i] * style_loss(features, self.targets[i], self.style_cost)
            if i == 0:
                content_distance = content_loss(features[CONTENT_LAYER], content, self.content_cost)
        colours = palette_loss(halved(painted), self.palette)  # without single pixels' noise
        return Distances(content_distance, style, colours)


def tensor(pixels: Any, device: torch.device) -> Tensor:
    """NumPy (H, W, 3) uint8 as (1, 3, H, W) fp32 in 0..255."""
    return torch.tensor(pixels, device=device).permute(2, 0, 1).unsqueeze(0).float()


def _scales(x: Tensor) -> Iterator[Tensor]:
    """x at full, half and quarter size."""
    for i in range(len(SCALE_WEIGHTS)):
        x = halved(x) if i else x
        yield x
