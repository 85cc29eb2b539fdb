"""A picture as the rest of artlives sees it, and how it is reduced."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from PIL import Image

from artlives.images.metadata import Metadata

if TYPE_CHECKING:
    import numpy as np

# The weights of red, green and blue in luminance, ITU-R BT.601.
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Animation:
    """How several pictures follow each other.

    Attributes:
        durations: milliseconds that each of them is shown.
        loops: how often they are shown; 0 is without end.
    """

    durations: tuple[float, ...]
    loops: int


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture as the rest of artlives sees it.

    Attributes:
        pixels: (H, W, 3) uint8, sRGB, upright; uint16 where `load` was asked for 16 bits and the file has them.
        alpha: (H, W) of the same dtype, 0 where the picture is transparent; None if it is opaque.
        format: the format it was read from, as Pillow names it; None if it was never a file.
        metadata: what its file says about it and may be passed on.
        notes: a line for each oddity that was passed over, naming the file.
        painted_by: the name of the style that painted it, or "sheet"; None of a photo. `save` writes it to the file,
            where the format holds EXIF, so that a painting is known as one whatever it is called.
        profile: the ICC profile in whose colours `save` writes it; None: sRGB.
        more: the pictures after it: of an animation of the same size, or the further pages of a document.
        animation: how it and `more` follow each other; None if they are no animation.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    format: str | None = None
    metadata: Metadata = field(default_factory=Metadata)
    notes: tuple[str, ...] = ()
    painted_by: str | None = None
    profile: bytes | None = None
    more: tuple[Photo, ...] = ()
    animation: Animation | None = None


def to_pil(photo: Photo) -> Image.Image:
    """The picture as a PIL image: RGBA where it has transparency, else RGB, of 8 bits."""
    image = Image.fromarray(in_eight_bits(photo.pixels))
    if photo.alpha is not None:
        image.putalpha(Image.fromarray(in_eight_bits(photo.alpha)))
    return image


def on_white(photo: Photo) -> Image.Image:
    """The picture as a PIL image in RGB, its transparent parts laid on white."""
    image = to_pil(photo)
    if photo.alpha is None:
        return image
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def in_eight_bits(values: np.ndarray) -> np.ndarray:
    """Values of uint16 in 0..65535 as uint8 in 0..255; those of uint8 as they are."""
    import numpy as np

    if values.dtype == np.uint8:
        return values
    # In 32 bits, since 65535 and the half that is added for rounding are more than 16 hold.
    scaled: np.ndarray = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return scaled


def fitted(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """`size` with its longer side reduced to `long_side`; as it is if it is no longer than that."""
    scale = long_side / max(*size, 1)
    return size if scale >= 1 else (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))


def fit(photo: Photo, long_side: int) -> Photo:
    """The picture with its longer side reduced to `long_side` pixels, a smaller one as it is; and so `more`."""
    import numpy as np

    more = tuple(fit(other, long_side) for other in photo.more)
    height, width = photo.pixels.shape[:2]
    size = fitted((width, height), long_side)
    if size == (width, height):
        return replace(photo, more=more)
    if photo.pixels.dtype != np.uint8:
        pixels, alpha = _resized(photo.pixels, photo.alpha, size)
    else:
        small = to_pil(photo).resize(size, Image.Resampling.LANCZOS)
        pixels = np.array(small.convert("RGB"))
        alpha = None if photo.alpha is None else np.array(small.getchannel("A"))
    return replace(photo, pixels=pixels, alpha=alpha, more=more)


def _resized(
    pixels: np.ndarray, alpha: np.ndarray | None, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels and alpha of 16 bits at another size (width, height).

    As Pillow does it with 8 bits, each pixel counts as much as it is opaque.
    """
    import numpy as np

    def resized(plane: np.ndarray) -> np.ndarray:
        image = Image.fromarray(plane.astype(np.float32)).resize(size, Image.Resampling.LANCZOS)
        return np.asarray(image)

    def rounded(values: np.ndarray) -> np.ndarray:
        integers: np.ndarray = values.round().clip(0, 65535).astype(np.uint16)
        return integers

    if alpha is None:
        return np.stack([rounded(resized(pixels[..., i])) for i in range(3)], 2), None
    share = alpha.astype(np.float32) / 65535
    small = resized(share)
    weight = np.maximum(small, 1e-6)
    colors = np.stack([rounded(resized(pixels[..., i] * share) / weight) for i in range(3)], 2)
    return colors, rounded(small * 65535)
