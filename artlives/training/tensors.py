"""Pixels as NumPy holds them, rows of RGB in uint8, and as networks take them, planes of fp32."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from artlives.engines.tensors import on_device


def from_pixels(pixels: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Pictures (N, H, W, 3), or one of (H, W, 3), as a new tensor (N, 3, H, W) on `device`, fp32 in 0..255."""
    pictures = on_device(pixels, device)
    if pictures.ndim == 3:
        pictures = pictures[None]
    return pictures.permute(0, 3, 1, 2).float()


def to_pixels(picture: Tensor) -> NDArray[np.uint8]:
    """A picture (3, H, W) on any device as (H, W, 3); it is rounded, and limited to 0..255."""
    pixels: NDArray[Any] = picture.detach().clamp(0, 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return pixels
