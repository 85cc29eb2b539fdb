"""`Stylizer`: a style in, pictures through. The one way that everything which paints goes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from PIL import Image

from artlives import devices, images, passes, styles
from artlives.architecture import BRUSHES, SMALLEST
from artlives.core import default_threads
from artlives.errors import ArtlivesError, lacks_memory
from artlives.images import Photo

if TYPE_CHECKING:
    import torch
    from torch import Tensor

LUMA = np.array(images.LUMA, np.float32)
ROWS = 256  # that are blended at a time
# A picture that needs fewer bytes than the first is painted whole without a look at the memory that is free; one that
# needs more than the second is painted in strips however much there is: fresh memory would cost more time than they do.
SMALL, LARGE = 256 << 20, 640 << 20

Report = Callable[[float], None]


class Stylizer:
    """Repaints pictures in a style.

        Stylizer("wave")(Image.open("photo.jpg")).save("out.jpg")

    On the CPU the compiled core does the work, and torch is not imported.

    Args:
        style: a style's name, the path of its safetensors file, or a `styles.Style`.
        device: "auto" (CUDA, else MPS, else the CPU), "cpu", "cuda" or "mps".
        size: pixels of the longer side. A larger picture is reduced to it first and comes out at that size; a smaller
            one is painted as it is.
        brush: how large the strokes are, "finer", "default" or "broader"; the painting's size does not depend on it.
        one_pass: paint once, at the picture's own size, instead of coarse to fine (see `artlives.passes`): quicker,
            for previews and live pictures, with smaller strokes in large pictures and coarser faces in small ones.
        strength: 0 returns the picture as it was, 1 the painting; between them they are blended.
        keep_colors: take the luminance alone from the painting, hue and saturation from the picture.
        memory: bytes that the network may use on the CPU besides the pictures; what needs more is painted in
            strips. By default two thirds of the memory that is free, and strips for what would need over 640 MB.
        threads: of the CPU; by default as many as it has processors, or OMP_NUM_THREADS.

    Raises:
        ArtlivesError: if there is no such style or device, or the style's file is damaged.
        ValueError: if `size` is below 16, `brush` is another, or `strength` is not within 0 and 1.
    """

    def __init__(
        self,
        style: str | Path | styles.Style,
        *,
        device: str | torch.device = "auto",
        size: int | None = None,
        brush: str = "default",
        one_pass: bool = False,
        strength: float = 1.0,
        keep_colors: bool = False,
        memory: int | None = None,
        threads: int | None = None,
    ) -> None:
        self._set(size, brush, one_pass, strength, keep_colors)
        self.style = style if isinstance(style, styles.Style) else styles.find(style)
        self.device = devices.choose(device)
        self.memory, self.threads = memory, threads or default_threads()
        executor = styles.load_executor(self.style, threads) if self.device == "cpu" else None
        self._executor = executor
        self._network: Callable[[Any], Any] | None = None
        if self.device.startswith("cuda"):
            self._network = styles.load_cuda_executor(self.style, self.device)
        if not executor and not self._network:
            self._network = styles.load_network(self.style, self.device)

    def variant(
        self,
        *,
        size: int | None = None,
        brush: str = "default",
        one_pass: bool = False,
        strength: float = 1.0,
        keep_colors: bool = False,
    ) -> Stylizer:
        """A stylizer with other settings that shares this one's network.

        Raises:
            ValueError: as the constructor does.
        """
        other = copy(self)
        other._set(size, brush, one_pass, strength, keep_colors)
        return other

    def _set(self, size: int | None, brush: str, one_pass: bool, strength: float, keep_colors: bool) -> None:
        if size is not None and size < SMALLEST:
            raise ValueError(f"size must be at least {SMALLEST} pixels, not {size}")
        if not 0 <= strength <= 1:
            raise ValueError(f"strength must be within 0 and 1, not {strength}")
        if brush not in BRUSHES:
            raise ValueError(f"brush must be one of {', '.join(BRUSHES)}, not {brush!r}")
        self.size, self.brush, self.one_pass = size, brush, one_pass
        self.strength, self.keep_colors = strength, keep_colors

    @overload
    def __call__(self, picture: Image.Image, report: Report = ...) -> Image.Image: ...
    @overload
    def __call__(self, picture: Photo, report: Report = ...) -> Photo: ...
    @overload
    def __call__(self, picture: np.ndarray, report: Report = ...) -> np.ndarray: ...
    @overload
    def __call__(self, picture: Tensor, report: Report = ...) -> Tensor: ...
    def __call__(self, picture: Any, report: Report = lambda done: None) -> Any:
        """Paint a picture; what comes out is of the kind that went in, and of its size unless `size` is less.

        Args:
            picture: one of
                - a PIL image of any mode; out comes RGB, or RGBA where there is transparency, upright
                  by its EXIF orientation and with its colour profile applied;
                - a NumPy array (H, W, 3) of uint8, sRGB;
                - a tensor (N, 3, H, W) on any device, of uint8 in 0..255 or of floats in 0..1;
                - an `images.Photo`.
            report: called with the part of a picture that is done, in 0..1. What it raises ends the work.

        Raises:
            ArtlivesError: if a side is below 16 pixels, or the picture is too large for the memory.
            TypeError: if it is none of these kinds, or its dtype is another.
            ValueError: if its shape is another, or a float tensor holds values far outside 0..1.
        """
        if isinstance(picture, Image.Image):
            return images.to_pil(self._photo(images.from_pil(picture), report))
        if isinstance(picture, Photo):
            return self._photo(picture, report)
        if isinstance(picture, np.ndarray):
            if picture.dtype != np.uint8:
                raise TypeError(f"expected an array of uint8, but got {picture.dtype}")
            if picture.ndim != 3 or picture.shape[2] != 3:
                raise ValueError(f"expected an array (H, W, 3), but got {picture.shape}")
            return self._photo(Photo(picture), report).pixels
        if "torch" in sys.modules and isinstance(picture, sys.modules["torch"].Tensor):
            return self._tensor(picture, report)
        raise TypeError(f"expected a PIL image, a NumPy array or a tensor, but got {type(picture).__name__}")

    def _photo(self, photo: Photo, report: Report) -> Photo:
        if self.size is not None:
            photo = images.fit(photo, self.size)
        return replace(photo, pixels=self._painted(np.ascontiguousarray(photo.pixels), report))

    def _tensor(self, x: Tensor, report: Report) -> Tensor:
        import torch

        if x.dtype != torch.uint8 and not x.is_floating_point():
            raise TypeError(f"expected a tensor of uint8 or floats, but got {x.dtype}")
        if x.ndim != 4 or x.shape[1] != 3:
            raise ValueError(f"expected a tensor (N, 3, H, W), but got {tuple(x.shape)}")
        if x.is_floating_point() and not (x.abs() <= 2).all():
            raise ValueError("expected floats within 0 and 1, but got larger ones or nan")
        scale = 1 if x.dtype == torch.uint8 else 255
        values = x.detach() if scale == 1 else x.detach().float() * scale
        pictures = np.ascontiguousarray(values.permute(0, 2, 3, 1).cpu().numpy())  # (N, H, W, 3)
        if self.size is not None:
            size = images.fitted((pictures.shape[1], pictures.shape[2]), self.size)
            pictures = (
                np.stack([passes.resized(picture, size) for picture in pictures]) if len(x) else pictures
            )
        if self.strength == 0 and pictures.shape[1:3] == x.shape[2:]:
            return x
        painted = [self._painted(picture, report) for picture in pictures]
        result = torch.from_numpy(np.stack(painted) if painted else pictures).permute(0, 3, 1, 2)
        return (result if scale == 1 else result / scale).to(x.device, x.dtype)

    def _painted(self, photo: np.ndarray, report: Report) -> np.ndarray:
        """What becomes of (H, W, 3) in 0..255, uint8 or fp32; the result is like it."""
        if self.strength == 0:
            return photo.copy()
        height, width = photo.shape[:2]
        if min(height, width) < SMALLEST:
            raise ArtlivesError(f"{width}x{height} pixels are too small to paint: each side needs {SMALLEST}")
        with _naming_memory(width, height):
            painting = self._coarse_to_fine(photo, report)
            if self.keep_colors or self.strength < 1:
                self._blend(photo, painting)
        return painting

    def _coarse_to_fine(self, photo: np.ndarray, report: Report) -> np.ndarray:
        """The painting of (H, W, 3) after all passes, at its size; see `artlives.passes`."""
        own = photo.shape[0], photo.shape[1]
        sizes = [own] if self.one_pass else passes.sizes(*own, self.brush)
        if self._executor and self.memory is not None and self._executor.needs(*sizes[-1]) > self.memory:
            # Too little for what a small photo would be enlarged to; as it is, it may fit.
            sizes = [size for size in sizes if size[0] <= own[0]] or [own]
        enlarged = sizes[-1][0] > own[0]
        share = passes.SHARE_ENLARGED if enlarged else passes.SHARES[self.brush]
        pixels = [height * width for height, width in sizes]
        painting = None
        for i, size in enumerate(sizes):
            picture = passes.resized(photo, size, quick=True)
            target = np.empty_like(picture) if picture is photo else picture
            passes.mixed(picture, painting, share, self.style.grain, target, self.threads)
            # Of a huge photo, they are not to be held while the network needs its memory.
            painting = None
            del picture
            before, part = sum(pixels[:i]) / sum(pixels), pixels[i] / sum(pixels)
            painting = self._pass(target, partial(_report_part, report, before, part))
        assert painting is not None
        return np.ascontiguousarray(passes.resized(painting, own))

    def _pass(self, picture: np.ndarray, report: Report) -> np.ndarray:
        """What one pass of the network makes of (H, W, 3), uint8 or fp32, which may be overwritten."""
        if self._executor:
            painting = self._executor(picture, picture, self._allowance(*picture.shape[:2]), report)
        else:
            painting = self._by_torch(picture)
            report(1.0)
        if painting.dtype != np.uint8:
            painting.clip(0, 255, out=painting)
        return painting

    def _allowance(self, height: int, width: int) -> int | None:
        """Bytes that the network may use for such a picture; None if there is no need to ask."""
        assert self._executor
        needs = self._executor.needs(height, width)
        if self.memory is not None or needs <= SMALL:
            return self.memory
        import psutil

        free = psutil.virtual_memory().available * 2 // 3
        return free if needs <= LARGE else min(free, needs - 1)

    def _by_torch(self, photo: np.ndarray) -> np.ndarray:
        import torch

        assert self._network
        with torch.inference_mode():
            x = torch.from_numpy(photo).to(self.device).permute(2, 0, 1)[None]
            painting = self._network(x)[0].permute(1, 2, 0)
            if photo.dtype == np.uint8 and painting.dtype != torch.uint8:
                painting = painting.clamp(0, 255).round().byte()
            return painting.contiguous().cpu().numpy()

    def _blend(self, photo: np.ndarray, painting: np.ndarray) -> None:
        """Turns the painting into what `keep_colors` and `strength` ask for, band by band."""
        for top in range(0, len(photo), ROWS):
            before = photo[top : top + ROWS].astype(np.float32)
            after = painting[top : top + ROWS].astype(np.float32)
            if self.keep_colors:
                after = with_colors_of(before, after)
            mixed = before + (after - before) * np.float32(self.strength)
            painting[top : top + ROWS] = mixed.round() if photo.dtype == np.uint8 else mixed


def with_colors_of(photo: np.ndarray, painting: np.ndarray) -> np.ndarray:
    """The painting's luminance with the photo's colours, all (H, W, 3) of fp32 in 0..255.

    Where a colour does not exist at the new luminance, its saturation gives way, not its hue.
    """
    luminance = (painting * LUMA).sum(2, keepdims=True)  # (H, W, 1)
    chroma = photo - (photo * LUMA).sum(2, keepdims=True)  # (H, W, 3)
    room = np.where(chroma > 0, 255 - luminance, luminance)
    fits = (room / np.maximum(np.abs(chroma), 1e-3)).min(2, keepdims=True)
    return luminance + chroma * np.clip(fits, 0, 1)


def _report_part(report: Report, before: float, part: float, done: float) -> None:
    report(min(1.0, before + part * done))


@contextmanager
def _naming_memory(width: int, height: int) -> Iterator[None]:
    """Turn a failure to allocate into a line for people."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        detail = f" ({error})" if isinstance(error, MemoryError) and error.args else ""
        raise ArtlivesError(
            f"{width}x{height} pixels need more memory than there is{detail}: paint it smaller with --size (size=)"
        ) from error
