"""A picture of photos, and of what the network makes of them by now."""

import numpy as np
import torch

from artlives import grain, images
from artlives.engines.network import StyleNetwork
from artlives.images import Photo
from artlives.training.photos import Photos
from artlives.training.tensors import from_pixels, to_pixels

# Photos in a preview: with one alone, its own content might be what went well or badly.
SHOWN = 2
# Pixels of their longer side: enough to see strokes, and a fraction of a second on a CPU.
SIZE = 512


def preview(network: StyleNetwork, photos: Photos, amplitude: float) -> Photo:
    """The first photos, one below the other, each beside its painting, which gets grain of that `amplitude`."""
    device = next(network.parameters()).device
    tiles = []
    for i in range(min(SHOWN, len(photos.files))):
        photo = images.fit(Photo(photos.whole(i)), SIZE).pixels
        with torch.no_grad():
            painted = network(from_pixels(grain.added(photo, amplitude), device))
        tiles.append(np.hstack([photo, to_pixels(painted[0])]))
    width = max(tile.shape[1] for tile in tiles)
    paddings = [((0, 0), (0, width - tile.shape[1]), (0, 0)) for tile in tiles]
    return Photo(
        np.vstack([np.pad(*parts, constant_values=255) for parts in zip(tiles, paddings, strict=True)])
    )
