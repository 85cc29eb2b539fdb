"""How good a style's pictures are, in figures that anyone can measure again."""

import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from artlives import grain, images, styles
from artlives.engines.network import StyleNetwork
from artlives.errors import ArtlivesError
from artlives.training.objective import Objective
from artlives.training.tensors import from_pixels

# Pixels: what the border figure compares, and what the shift figure leaves out, two of the network's grid of 8.
BORDER = 16
# Pixels of photo around the smaller picture of the border figure: whole cells of the grid of 8, which lies the same in
# both pictures then.
SURROUNDINGS = 48
# Pixels: all below the network's grid of 8; when the photo moves by a whole cell, the grid does not show.
SHIFTS = range(1, 8)
# Pixels a side of a photo that all can be measured on: within border and surroundings, 32 are left to be compared.
SMALLEST = 2 * (BORDER + SURROUNDINGS) + 32
# Of the mean squared error, 0..1: that of equal pictures counts as this, 100 dB, rather than as an infinite PSNR.
LEAST_ERROR = 1e-10

# Each figure's unit or scale, and which way is better.
FIGURES = {
    "style": "distance from the painting's texture (lower is better; 1 is none of it)",
    "palette": "distance from the painting's colours, in units of their variance (lower is better)",
    "content": "distance from the photo's content at full and half size (lower is better; 1 is unrelated)",
    "tone": "1 less the correlation of light and dark with the photo's (lower is better; 1 is unrelated)",
    "shift": "dB, PSNR of the picture when the photo moves by 1-7 px: low shows a grid (higher is better)",
    "border": "dB, PSNR of the outer 16 px beside those painted with more photo around: low shows a frame "
    "(higher is better)",
    "flicker": "dB, PSNR of the picture when the photo gets +-1 grey level of noise (higher is better)",
    "seconds": "per megapixel, the network alone on this device (lower is better)",
}


@torch.inference_mode()
def evaluate(
    network: StyleNetwork, objective: Objective, photos: Sequence[Path], size: int, amplitude: float
) -> dict[str, float]:
    """The `FIGURES` of `network`, each the mean over `photos` brought to a longer side of `size` pixels.

    Each photo is painted with its grain of that `amplitude`, in a single pass. Its content is that without grain. Where
    it moves, its grain moves with it: what is looked for is a grid of the network's own.

    Raises:
        ArtlivesError: a photo cannot be read, or has a side that is too small to be measured.
    """
    device = next(network.parameters()).device
    rows = []
    for path in photos:
        pixels = resized(path, size)
        clean, photo = from_pixels(pixels, device), from_pixels(grain.added(pixels, amplitude), device)
        if min(photo.shape[2:]) < SMALLEST:
            raise ArtlivesError(
                f"{path} is too narrow to measure: {SMALLEST} px a side are needed at --size {size}"
            )
        painted = _paint(network, photo)
        distances = objective.distances(painted, objective.content_of(clean))
        started = time.perf_counter()
        _paint(network, photo)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds = time.perf_counter() - started
        rows.append(
            {
                "style": distances.style.item(),
                "palette": distances.palette.item(),
                "content": distances.content.item(),
                "tone": distances.tone.item(),
                "shift": _shift(network, photo),
                "border": _border(network, photo, painted),
                "flicker": _flicker(network, photo, painted),
                "seconds": seconds / photo[0, 0].numel() * 1e6,
            }
        )
    return {figure: sum(row[figure] for row in rows) / len(rows) for figure in FIGURES}


def table(figures: dict[str, float]) -> str:
    """A line for each of the `FIGURES`: name, value, meaning, and the values of the styles that come with artlives."""
    lines = []
    for name, meaning in FIGURES.items():
        others = [
            style.measured[name] for style in map(styles.read, styles.shipped().values()) if style.measured
        ]
        # Seconds are the machine's, not the style's.
        known = (
            f"; shipped styles: {min(others):.3g} to {max(others):.3g}"
            if others and name != "seconds"
            else ""
        )
        lines.append(f"{name:8} {figures[name]:8.3f}  {meaning}{known}")
    return "\n".join(lines)


def psnr(a: Tensor, b: Tensor) -> float:
    """Peak signal-to-noise ratio of two pictures in 0..255 of one shape, such as (N, 3, H, W), in dB; at most 100."""
    error = ((a - b) / 255).square().mean().item()
    return -10 * math.log10(max(error, LEAST_ERROR))


def _paint(network: StyleNetwork, photo: Tensor) -> Tensor:
    painted: Tensor = network(photo).clamp(0, 255)
    return painted


def _shift(network: StyleNetwork, photo: Tensor) -> float:
    """Windows of one size onto the photo, painted and compared where they overlap."""
    most = max(SHIFTS)
    h, w = (side - most for side in photo.shape[2:])
    still = _paint(network, photo[:, :, :h, :w])
    errors = []
    for shift in SHIFTS:
        moved = _paint(network, photo[:, :, shift : shift + h, shift : shift + w])
        inner = slice(shift + BORDER, -BORDER), slice(BORDER, -shift - BORDER)
        errors.append(psnr(still[:, :, inner[0], inner[0]], moved[:, :, inner[1], inner[1]]))
    return sum(errors) / len(errors)


def _border(network: StyleNetwork, photo: Tensor, painted: Tensor) -> float:
    inner = slice(SURROUNDINGS, -SURROUNDINGS)
    alone = _paint(network, photo[:, :, inner, inner])
    within = painted[:, :, inner, inner]
    frame = torch.ones(alone.shape[2:], dtype=torch.bool, device=alone.device)
    frame[BORDER:-BORDER, BORDER:-BORDER] = False
    return psnr(alone[:, :, frame], within[:, :, frame])


def _flicker(network: StyleNetwork, photo: Tensor, painted: Tensor) -> float:
    generator = torch.Generator(photo.device).manual_seed(0)
    noise = torch.randint(-1, 2, photo.shape, generator=generator, device=photo.device)
    return psnr(painted, _paint(network, (photo + noise).clamp(0, 255)))


def resized(path: Path, size: int) -> NDArray[np.uint8]:
    """The photo (H, W, 3) with a longer side of `size` pixels, enlarged if it is smaller."""
    image = images.to_pil(images.load(path)).convert("RGB")
    scale = size / max(image.size)
    return np.asarray(image.resize([round(side * scale) for side in image.size], Image.Resampling.LANCZOS))
