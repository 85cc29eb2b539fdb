"""A photo and its painting blended: how strong the painting is, and whose colours are taken."""

import numpy as np

from artlives.images import LUMA

Array = np.ndarray

# Weights of red, green and blue in the luminance, which is in 0..255.
WEIGHTS = np.array(LUMA, np.float32)
# Rows that are blended at a time, so that little memory is needed in fp32.
ROWS = 256
# How much the contrast of a painting is raised at most: with more, its finest strokes stand out as noise.
MOST_CONTRAST = 2.0

# The mean and the variance of a picture's luminance, in 0..255 and its square.
Moments = tuple[float, float]


def blend(photo: Array, painting: Array, strength: float, keep_colors: bool) -> None:
    """Turn `painting` into what is asked for; both are (H, W, 3) of uint8 or fp32 in 0..255.

    Args:
        strength: of the painting in the result, 0..1.
        keep_colors: take the luminance alone from the painting, as bright and as rich in contrast as the photo's.
    """
    scale, offset = tone(_moments(photo), _moments(painting)) if keep_colors else (1.0, 0.0)
    for top in range(0, len(photo), ROWS):
        before = photo[top : top + ROWS].astype(np.float32)
        after = painting[top : top + ROWS].astype(np.float32)
        if keep_colors:
            after = with_colors_of(before, after, scale, offset)
        mixed = before + (after - before) * np.float32(strength)
        painting[top : top + ROWS] = mixed.round() if photo.dtype == np.uint8 else mixed


def tone(photo: Moments, painting: Moments) -> tuple[float, float]:
    """The scale and the offset that give a painting's luminance the photo's mean and standard deviation.

    A painting of more contrast keeps its own, for it is in the strokes. After the luminance-only transfer of Gatys et
    al. 2016, "Preserving color in neural artistic style transfer".
    """
    contrast = (photo[1] / painting[1]) ** 0.5 if painting[1] > 0 else 1.0
    scale = min(max(1.0, contrast), MOST_CONTRAST)
    return scale, photo[0] - scale * painting[0]


def _moments(picture: Array) -> Moments:
    """Of (H, W, 3) of uint8 or fp32."""
    total = squares = 0.0
    for top in range(0, len(picture), ROWS):
        luminance = picture[top : top + ROWS].astype(np.float32) @ WEIGHTS
        total += float(luminance.sum(dtype=np.float64))
        squares += float(np.square(luminance).sum(dtype=np.float64))
    count = picture.shape[0] * picture.shape[1]
    mean = total / count
    return mean, max(squares / count - mean**2, 0.0)


def with_colors_of(photo: Array, painting: Array, scale: float = 1.0, offset: float = 0.0) -> Array:
    """The painting's luminance, times `scale` plus `offset`, with the photo's colours; (H, W, 3) of fp32 in 0..255.

    Where a colour does not exist at the new luminance, its saturation gives way, not its hue.
    """
    # (H, W, 1)
    luminance: Array = (painting * WEIGHTS).sum(2, keepdims=True)
    luminance = (luminance * np.float32(scale) + np.float32(offset)).clip(0, 255)
    chroma = photo - (photo * WEIGHTS).sum(2, keepdims=True)
    room = np.where(chroma > 0, 255 - luminance, luminance)
    fits = (room / np.maximum(np.abs(chroma), 1e-3)).min(2, keepdims=True)
    mixed: Array = luminance + chroma * np.clip(fits, 0, 1)
    return mixed
