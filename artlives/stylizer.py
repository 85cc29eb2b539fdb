"""`Stylizer`: a style in, pictures through. The one way that everything which paints goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from artlives import devices, images, styles
from artlives.errors import ArtlivesError
from artlives.images import Photo
from artlives.network import SMALLEST

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue, ITU-R BT.601


class Stylizer:
    """Repaints pictures in a style.

        Stylizer("wave")(Image.open("photo.jpg")).save("out.jpg")

    Args:
        style: a style's name, the path of its safetensors file, or a `styles.Style`.
        device: "auto" (CUDA, else MPS, else the CPU), "cpu", "cuda" or "mps".
        size: pixels of the longer side to paint at. A larger picture is reduced to it first and comes
            out at that size, with broader brush strokes; a smaller one is painted as it is.
        strength: 0 returns the picture as it was, 1 the painting; between them they are blended.
        keep_colors: take the luminance alone from the painting, hue and saturation from the picture.

    Raises:
        ArtlivesError: if there is no such style or device, or the style's file is damaged.
        ValueError: if `size` is below 16, or `strength` is not within 0 and 1.
    """

    def __init__(
        self,
        style: str | Path | styles.Style,
        *,
        device: str | torch.device = "auto",
        size: int | None = None,
        strength: float = 1.0,
        keep_colors: bool = False,
    ) -> None:
        self._set(size, strength, keep_colors)
        self.style = style if isinstance(style, styles.Style) else styles.find(style)
        self.device = devices.pick(device)
        self._network = styles.load_network(self.style, self.device)

    def variant(
        self, *, size: int | None = None, strength: float = 1.0, keep_colors: bool = False
    ) -> Stylizer:
        """A stylizer with other settings that shares this one's network.

        Raises:
            ValueError: as the constructor does.
        """
        other = copy(self)
        other._set(size, strength, keep_colors)
        return other

    def _set(self, size: int | None, strength: float, keep_colors: bool) -> None:
        if size is not None and size < SMALLEST:
            raise ValueError(f"size must be at least {SMALLEST} pixels, not {size}")
        if not 0 <= strength <= 1:
            raise ValueError(f"strength must be within 0 and 1, not {strength}")
        self.size, self.strength, self.keep_colors = size, strength, keep_colors

    @overload
    def __call__(self, picture: Image.Image) -> Image.Image: ...
    @overload
    def __call__(self, picture: Photo) -> Photo: ...
    @overload
    def __call__(self, picture: np.ndarray) -> np.ndarray: ...
    @overload
    def __call__(self, picture: Tensor) -> Tensor: ...
    def __call__(self, picture):
        """Paint a picture; what comes out is of the kind that went in, and of its size unless `size` is less.

        Args:
            picture: one of
                - a PIL image of any mode; out comes RGB, or RGBA where there is transparency, upright
                  by its EXIF orientation and with its colour profile applied;
                - a NumPy array (H, W, 3) of uint8, sRGB;
                - a tensor (N, 3, H, W) on any device, of uint8 in 0..255 or of floats in 0..1;
                - an `images.Photo`.

        Raises:
            ArtlivesError: if a side is below 16 pixels, or the picture is too large for the memory.
            TypeError: if it is none of these kinds, or its dtype is another.
            ValueError: if its shape is another, or a float tensor holds values far outside 0..1.
        """
        if isinstance(picture, Image.Image):
            return images.to_pil(self._photo(images.from_pil(picture)))
        if isinstance(picture, Photo):
            return self._photo(picture)
        if isinstance(picture, np.ndarray):
            if picture.dtype != np.uint8:
                raise TypeError(f"expected an array of uint8, but got {picture.dtype}")
            if picture.ndim != 3 or picture.shape[2] != 3:
                raise ValueError(f"expected an array (H, W, 3), but got {picture.shape}")
            return self._photo(Photo(picture)).pixels
        if isinstance(picture, Tensor):
            return self._tensor(picture)
        raise TypeError(f"expected a PIL image, a NumPy array or a tensor, but got {type(picture).__name__}")

    def _photo(self, photo: Photo) -> Photo:
        if self.size is not None:
            photo = images.fit(photo, self.size)
        x = torch.from_numpy(np.array(photo.pixels)).permute(2, 0, 1)[None]  # (1, 3, H, W)
        return replace(photo, pixels=self._tensor(x)[0].permute(1, 2, 0).contiguous().numpy())

    def _tensor(self, x: Tensor) -> Tensor:
        if x.dtype != torch.uint8 and not x.is_floating_point():
            raise TypeError(f"expected a tensor of uint8 or floats, but got {x.dtype}")
        if x.ndim != 4 or x.shape[1] != 3:
            raise ValueError(f"expected a tensor (N, 3, H, W), but got {tuple(x.shape)}")
        if x.is_floating_point() and not (x.abs() <= 2).all():
            raise ValueError("expected floats within 0 and 1, but got larger ones or nan")
        photo = self._fit(x)
        if self.strength == 0:
            return photo
        height, width = photo.shape[2:]
        if min(height, width) < SMALLEST:
            raise ArtlivesError(f"{width}x{height} pixels are too small to paint: each side needs {SMALLEST}")
        scale = 1 if x.dtype == torch.uint8 else 255
        with _naming_memory(width, height):
            painting = self._paint(photo.to(self.device, torch.float32) * scale)
            painting = painting.round() if x.dtype == torch.uint8 else painting / scale
            return painting.to(x.device, x.dtype)

    def _fit(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        scale = (self.size or inf) / max(height, width, 1)
        if scale >= 1:
            return x
        size = [max(1, round(height * scale)), max(1, round(width * scale))]
        small = functional.interpolate(x.float(), size, mode="bicubic", antialias=True)
        return (
            small.round().clamp(0, 255).to(x.dtype)
            if x.dtype == torch.uint8
            else small.clamp(0, 1).to(x.dtype)
        )

    @torch.inference_mode()
    def _paint(self, photo: Tensor) -> Tensor:
        """What becomes of (N, 3, H, W) in fp32, 0..255."""
        painting = self._network(photo).clamp(0, 255)
        if self.keep_colors:
            painting = with_colors_of(photo, painting)
        return torch.lerp(photo, painting, self.strength)


def with_colors_of(photo: Tensor, painting: Tensor) -> Tensor:
    """The painting's luminance with the photo's colours, both (N, 3, H, W) in 0..255.

    Where a colour does not exist at the new luminance, its saturation gives way, not its hue.
    """
    weights = photo.new_tensor(LUMA).view(3, 1, 1)
    luminance = (painting * weights).sum(1, keepdim=True)  # (N, 1, H, W)
    chroma = photo - (photo * weights).sum(1, keepdim=True)  # (N, 3, H, W)
    room = torch.where(chroma > 0, 255 - luminance, luminance)
    fits = (room / chroma.abs().clamp(min=1e-3)).amin(1, keepdim=True).clamp(max=1)
    return luminance + chroma * fits


@contextmanager
def _naming_memory(width: int, height: int) -> Iterator[None]:
    """Turn a failure to allocate into a line for people; torch has no one exception for it on all devices."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        lacks = ("out of memory", "not enough memory", "allocate memory")
        if not isinstance(error, MemoryError) and not any(words in str(error) for words in lacks):
            raise
        raise ArtlivesError(
            f"{width}x{height} pixels need more memory than there is: paint it smaller with --size (size=)"
        ) from error
