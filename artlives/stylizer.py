"""`Stylizer`: a style in, pictures through. The one way that everything which paints goes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

import numpy as np
from PIL import Image

from artlives import images, passes, studies, styles
from artlives.architecture import SMALLEST
from artlives.blend import blend
from artlives.core import default_threads
from artlives.engines.choose import choose
from artlives.engines.painter import Report, part_of
from artlives.errors import ArtlivesError, lacks_memory
from artlives.images import Photo
from artlives.passes import Carry
from artlives.settings import Settings

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from artlives.engines.tensors import TensorPainter

# Floats of a tensor, beyond 0..1: at sharp edges a resampled picture is off by as much as an eighth. What is further
# off is most likely meant for another range.
LEAST_FLOAT, MOST_FLOAT = -1 / 8, 2

Painted = TypeVar("Painted")

log = logging.getLogger(__name__)


class Stylizer:
    """Repaints pictures in a style.

        Stylizer("wave")(Image.open("photo.jpg")).save("out.jpg")

    On the CPU the compiled core does the work, and torch is not imported; where the core is missing, torch does it, or
    else NumPy. Any number of threads may call it.

    Args:
        style: a style's name, the path of its safetensors file, or a `styles.Style`; a painting's file, which is first
            learnt, in half a minute or so, and remembered; or a mix, such as {"wave": 0.6, "udnie": 0.4}; see
            `studies.find`.
        settings: how pictures are painted.
        device: "auto" (CUDA, else MPS, else the CPU), "cpu", "cuda" or "mps". A picture that a GPU has no memory for is
            painted on the CPU, with a warning in the log.
        options: fields of `Settings`, such as `size=1200`, that differ from `settings`.

    Attributes:
        style, settings: as they were given.
        engine, device, reasons, precision, instructions: what paints, where, why nothing quicker does, and in which
            arithmetic; see `engines.choose.Engine`.

    Raises:
        ArtlivesError: if there is no such style or device, or the style's file is damaged.
        TypeError: if there is no such option.
        ValueError: as `Settings` does.
    """

    def __init__(
        self,
        style: str | Path | styles.Style | Mapping[str, float],
        settings: Settings | None = None,
        *,
        device: str | torch.device = "auto",
        **options: Any,
    ) -> None:
        self.settings = replace(settings or Settings(), **options)
        self.style = studies.learn(studies.find(style), device=device)
        self._choose(device)

    def _choose(self, device: str | torch.device) -> None:
        self.painter, engine = choose(self.style, device, self.settings.precision)
        self.engine, self.device, self.reasons, self.precision, self.instructions = engine

    @cached_property
    def _on_cpu(self) -> Stylizer:
        """The same on the CPU."""
        other = copy(self)
        other._choose("cpu")
        return other

    def __reduce__(self) -> tuple[partial[Stylizer], tuple[styles.Style, Settings]]:
        """It is pickled and deep-copied as its style and settings; the copy loads the style's file again."""
        return partial(Stylizer, device=self.device), (self.style, self.settings)

    def __copy__(self) -> Stylizer:
        """A shallow copy shares the network."""
        other = object.__new__(Stylizer)
        other.__dict__.update(self.__dict__)
        return other

    def variant(self, settings: Settings | None = None, **options: Any) -> Stylizer:
        """A stylizer that shares this one's network, with these settings, or its own but for `options`.

        One of another precision loads the style's file again.

        Raises:
            ArtlivesError, TypeError, ValueError: as the constructor does.
        """
        other = copy(self)
        other.__dict__.pop("_on_cpu", None)
        other.settings = replace(settings or self.settings, **options)
        if other.settings.precision != self.settings.precision:
            other._choose(self.device)
        return other

    @overload
    def __call__(
        self, picture: Image.Image, report: Report = ..., *, threads: int | None = ...
    ) -> Image.Image: ...
    @overload
    def __call__(
        self, picture: Photo, report: Report = ..., *, threads: int | None = ..., carry: Carry | None = ...
    ) -> Photo: ...
    @overload
    def __call__(
        self, picture: np.ndarray, report: Report = ..., *, threads: int | None = ...
    ) -> np.ndarray: ...
    @overload
    def __call__(self, picture: Tensor, report: Report = ..., *, threads: int | None = ...) -> Tensor: ...
    def __call__(
        self,
        picture: Any,
        report: Report = lambda done: None,
        *,
        threads: int | None = None,
        carry: Carry | None = None,
    ) -> Any:
        """Paint a picture; what comes out is of the kind that went in, and of its size unless `size` is less.

        Args:
            picture: one of
                - a PIL image of any mode; out comes RGB, or RGBA where there is transparency, upright
                  by its EXIF orientation and with its colour profile applied;
                - a NumPy array (H, W, 3) of uint8, sRGB;
                - a tensor (N, 3, H, W) on any device, of uint8 in 0..255 or of floats in 0..1;
                - an `images.Photo`.
            report: called with the part of a picture that is done, in 0..1. What it raises ends the work.
            threads: of the CPU; by default as many as it has processors, or OMP_NUM_THREADS.
            carry: of an `images.Photo`: what the last pass is mixed with in place of the pass before; see
                `passes.paint`. So a video's frames keep their strokes. The passes before are painted smaller.

        Raises:
            ArtlivesError: if a side is below 16 pixels, or the picture is too large for the memory.
            TypeError: if it is none of these kinds, or its dtype is another.
            ValueError: if its shape is another, or a float tensor holds values far outside 0..1.
        """
        threads = threads or default_threads()
        if isinstance(picture, Image.Image):
            return images.to_pil(self._photo(images.from_pil(picture), report, threads))
        if isinstance(picture, Photo):
            return self._photo(picture, report, threads, carry)
        if isinstance(picture, np.ndarray):
            if picture.dtype != np.uint8:
                raise TypeError(f"expected an array of uint8, but got {picture.dtype}")
            if picture.ndim != 3 or picture.shape[2] != 3:
                raise ValueError(f"expected an array (H, W, 3), but got {picture.shape}")
            return self._photo(Photo(picture), report, threads).pixels
        if "torch" in sys.modules and isinstance(picture, sys.modules["torch"].Tensor):
            return self._tensor(picture, report, threads)
        raise TypeError(f"expected a PIL image, a NumPy array or a tensor, but got {type(picture).__name__}")

    def _photo(self, photo: Photo, report: Report, threads: int, carry: Carry | None = None) -> Photo:
        if self.settings.size is not None:
            photo = images.fit(photo, self.settings.size)
        count = 1 + len(photo.more)
        pixels = [
            self._colors(picture, part_of(report, i / count, 1 / count), threads, carry)
            for i, picture in enumerate((photo, *photo.more))
        ]
        more = tuple(
            replace(other, pixels=painted) for other, painted in zip(photo.more, pixels[1:], strict=True)
        )
        return replace(photo, pixels=pixels[0], more=more, painted_by=self.style.name)

    def _colors(self, photo: Photo, report: Report, threads: int, carry: Carry | None) -> np.ndarray:
        """The painting of a photo's pixels, of their dtype."""
        if self.settings.strength > 0:
            photo = images.filled(photo)
        pixels = np.ascontiguousarray(photo.pixels)
        if pixels.dtype == np.uint8:
            return self._painted(pixels, report, threads, carry)
        # 16 bits go through the network in fp32, which takes 0..255.
        painting = self._painted(pixels / np.float32(257), report, threads, carry)
        painting *= 257
        return painting.round(out=painting).astype(np.uint16)

    def _tensor(self, x: Tensor, report: Report, threads: int) -> Tensor:
        import torch

        if x.dtype != torch.uint8 and not x.is_floating_point():
            raise TypeError(f"expected a tensor of uint8 or floats, but got {x.dtype}")
        if x.ndim != 4 or x.shape[1] != 3:
            raise ValueError(f"expected a tensor (N, 3, H, W), but got {tuple(x.shape)}")
        if x.is_floating_point() and not ((x >= LEAST_FLOAT) & (x <= MOST_FLOAT)).all():
            raise ValueError("expected floats within 0 and 1, but got smaller or larger ones, or nan")
        own = x.shape[2], x.shape[3]
        size = own if self.settings.size is None else images.fitted(own, self.settings.size)
        if not len(x) or (self.settings.strength == 0 and size == own):
            return x.new_empty((len(x), 3, *size)) if size != own else x
        scale = 1 if x.dtype == torch.uint8 else 255
        values = x.detach() if scale == 1 else x.detach().float() * scale

        def as_given(paintings: Tensor) -> Tensor:
            return (paintings if scale == 1 else paintings / scale).to(x.device, x.dtype)

        if self.device != "cpu":
            from artlives import device_passes

            return _where_memory_is(
                lambda: as_given(
                    self._on_device(device_passes.resized(values.to(self.device), size), report)
                ),
                lambda: self._on_cpu._tensor(x, report, threads),
                size,
            )
        # (N, H, W, 3)
        pictures = np.ascontiguousarray(values.permute(0, 2, 3, 1).cpu().numpy())
        sized = (passes.resized(picture, size) for picture in pictures)
        painted = np.stack([self._painted(picture, report, threads) for picture in sized])
        return as_given(torch.from_numpy(painted).permute(0, 3, 1, 2))

    def _painted(
        self, photo: np.ndarray, report: Report, threads: int, carry: Carry | None = None
    ) -> np.ndarray:
        """The painting of a photo (H, W, 3) in 0..255 of uint8 or fp32; it has the photo's shape and dtype."""
        if self.device != "cpu":
            from artlives.engines.tensors import in_memory, on_device

            def paint() -> np.ndarray:
                x = on_device(photo, self.device).permute(2, 0, 1)[None]
                return in_memory(self._on_device(x, report, carry)[0].permute(1, 2, 0))

            return _where_memory_is(
                paint, lambda: self._on_cpu._painted(photo, report, threads, carry), photo.shape[:2]
            )
        if self.settings.strength == 0:
            copy: np.ndarray = photo.copy()
            return copy
        height, width = photo.shape[:2]
        with _naming_memory(width, height):
            sizes, share, amplitude = self._passes(height, width)
            painting = passes.paint(
                self.painter,
                photo,
                sizes,
                share=share,
                amplitude=amplitude,
                memory=self.settings.memory,
                threads=threads,
                report=report,
                carry=carry,
            )
            if self._blends():
                blend(photo, painting, self.settings.strength, self.settings.keep_colors)
        return painting

    def _on_device(self, photos: Tensor, report: Report, carry: Carry | None = None) -> Tensor:
        """The paintings of photos (N, 3, H, W) in 0..255 of uint8 or fp32 on a GPU, of their shape and dtype."""
        from artlives import device_passes

        if self.settings.strength == 0:
            return photos
        sizes, share, amplitude = self._passes(photos.shape[2], photos.shape[3])
        painter = cast("TensorPainter", self.painter)
        paintings = device_passes.paint(
            painter, photos, sizes, share=share, amplitude=amplitude, report=report, carry=carry
        )
        if self._blends():
            strength, keep_colors = self.settings.strength, self.settings.keep_colors
            paintings = device_passes.blend(photos, paintings, strength, keep_colors)
        return paintings

    def _passes(self, height: int, width: int) -> tuple[list[passes.Size], int, float]:
        """The sizes of the passes, the share of each in the next one, and the amplitude of the grain."""
        settings = self.settings
        if min(height, width) < SMALLEST:
            raise ArtlivesError(f"{width}x{height} pixels are too small to paint: each side needs {SMALLEST}")
        sizes = [(height, width)]
        if not settings.one_pass:
            sizes = passes.chosen(self.painter, height, width, settings.brush, settings.memory)
        enlarged = sizes[-1][0] > height
        share = passes.SHARE_ENLARGED if enlarged else passes.SHARES[settings.brush]
        return sizes, share, self.style.grain if settings.grain is None else settings.grain

    def _blends(self) -> bool:
        return self.settings.keep_colors or self.settings.strength < 1


def _where_memory_is(
    on_device: Callable[[], Painted], on_cpu: Callable[[], Painted], size: passes.Size
) -> Painted:
    """What `on_device` returns for pictures of that size, or `on_cpu`, which needs less memory, if there lacks some."""
    try:
        return on_device()
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
    # Here, since the exception holds on to what was computed so far.
    log.warning(
        "%dx%d pixels need more memory than the GPU has: they are painted on the CPU", size[1], size[0]
    )
    return on_cpu()


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
            f"{width}x{height} pixels need more memory than there is{detail}: paint it smaller with --size (size=), or "
            "let it take more with --memory (memory=)"
        ) from error
