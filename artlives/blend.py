"""A photo and its painting blended: how strong the painting is, and whose colours are taken."""

import numpy as np

from artlives.images import LUMA

Array = np.ndarray

# Weights of red, green and blue in the luminance, which is in 0..255.
WEIGHTS = np.array(LUMA, np.float32)
# Rows that are blended at a time, so that little memory is needed in fp32.
ROWS = 256


def blend(photo: Array, painting: Array, strength: float, keep_colors: bool) -> None:
    """Turn `painting` into what is asked for; both are (H, W, 3) of uint8 or fp32 in 0..255.

    Args:
        strength: of the painting in the result, 0..1.
        keep_colors: take the luminance alone from the painting.
    """
    for top in range(0, len(photo), ROWS):
        before = photo[top : top + ROWS].astype(np.float32)
        after = painting[top : top + ROWS].astype(np.float32)
        if keep_colors:
            after = with_colors_of(before, after)
        mixed = before + (after - before) * np.float32(strength)
        painting[top : top + ROWS] = mixed.round() if photo.dtype == np.uint8 else mixed


def with_colors_of(photo: Array, painting: Array) -> Array:
    """The painting's luminance with the photo's colours, all (H, W, 3) of fp32 in 0..255.

    Where a colour does not exist at the new luminance, its saturation gives way, not its hue.
    """
    # (H, W, 1)
    luminance: Array = (painting * WEIGHTS).sum(2, keepdims=True)
    chroma = photo - (photo * WEIGHTS).sum(2, keepdims=True)
    room = np.where(chroma > 0, 255 - luminance, luminance)
    fits = (room / np.maximum(np.abs(chroma), 1e-3)).min(2, keepdims=True)
    mixed: Array = luminance + chroma * np.clip(fits, 0, 1)
    return mixed
