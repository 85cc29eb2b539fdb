"""What one step trains on: random crops of photos, the same ones for the same seed and step."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from artlives import grain
from artlives.training.photos import Photos
from artlives.training.recipe import Recipe

# Pixels, at most, between the two windows that have to be painted alike: three cells of the network's grid of 8.
SHIFT = 24


class Batch(NamedTuple):
    """A process's part of a step's crops.

    Attributes:
        crops: of photos, (n, size + SHIFT, size + SHIFT, 3) uint8.
        grainy: the same with grain.
        total: how many crops there are in all processes.
        shift: pixels (down, right) from the first window onto a crop, of `size`, to the second.
    """

    crops: NDArray[np.uint8]
    grainy: NDArray[np.uint8]
    total: int
    shift: tuple[int, int]


def drawn(photos: Photos, recipe: Recipe, step: int, share: slice) -> Batch:
    """The `share` of step `step`'s crops.

    It is drawn without torch, since this runs in a thread of its own: torch would start further threads for it, which
    take the processors from those that train.
    """
    generator = np.random.default_rng((recipe.seed, step))
    down, right = (int(n) for n in generator.integers(0, SHIFT + 1, 2))
    places = generator.integers(0, grain.PERIOD, (recipe.batch_size, 2))
    crops = photos.crops(recipe.batch_size, recipe.size + SHIFT, generator, share)
    grainy = [
        grain.added(crop, recipe.grain, *place) for crop, place in zip(crops, places[share], strict=True)
    ]
    return Batch(crops, np.stack(grainy), recipe.batch_size, (down, right))


def noisy(count: int, size: int) -> Batch:
    """`count` crops of noise, which need as much memory as those of photos do.

    Of even ones, whose variance is 0, gradients might not be finite.
    """
    crops = np.random.default_rng(0).integers(0, 256, (count, size + SHIFT, size + SHIFT, 3), np.uint8)
    return Batch(crops, crops, count, (0, 0))
