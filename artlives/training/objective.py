"""What training minimizes, and what a painting is measured by: its distance from the photo and from the painter."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from artlives import images
from artlives.training.losses import content_loss, gram_matrix, halved, style_loss
from artlives.training.perceptual import Perceptual

CONTENT_LAYER = "conv3_3"
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv3_4")
# The painting and the picture are compared at full, half and quarter size; the small ones carry the large strokes.
SCALE_WEIGHTS = (1.0, 1.0, 0.5)


class Distances(NamedTuple):
    """Both are scalars >= 0 in fp32, and relative; see `artlives.training.losses`."""

    content: Tensor
    style: Tensor


class Objective:
    """Measures pictures against photos and one painting.

    Args:
        perceptual: the features to compare by.
        painting: its file.
        style_size: the longer side, in pixels, that the painting is reduced to; it sets the strokes' size.

    Raises:
        ArtlivesError: the painting cannot be read.
    """

    def __init__(self, perceptual: Perceptual, painting: Path, style_size: int) -> None:
        self.perceptual = perceptual
        pixels = tensor(images.fit(images.load(painting), style_size).pixels, perceptual.mean.device)
        with torch.no_grad():
            self.targets = [
                {layer: gram_matrix(f) for layer, f in perceptual(scaled, STYLE_LAYERS).items()}
                for scaled in _scales(pixels)
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
            style = style + SCALE_WEIGHTS[i] * style_loss(features, self.targets[i])
            if i == 0:
                content_distance = content_loss(features[CONTENT_LAYER], content)
        return Distances(content_distance, style)


def tensor(pixels: Any, device: torch.device) -> Tensor:
    """NumPy (H, W, 3) uint8 as (1, 3, H, W) fp32 in 0..255."""
    return torch.tensor(pixels, device=device).permute(2, 0, 1).unsqueeze(0).float()


def _scales(x: Tensor) -> Iterator[Tensor]:
    """x at full, half and quarter size."""
    for i in range(len(SCALE_WEIGHTS)):
        x = halved(x) if i else x
        yield x
