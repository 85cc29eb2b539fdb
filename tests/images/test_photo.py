import numpy as np
import pytest

from artlives import images
from artlives.images import Photo


@pytest.mark.parametrize(("size", "shape"), [(28, (20, 28)), (56, (40, 56)), (999, (40, 56)), (1, (1, 1))])
def test_fit(size, shape, pixels):
    photo = images.fit(Photo(pixels, pixels[..., 0].copy(), "PNG", images.Metadata(b"exif")), size)
    assert photo.pixels.shape == (*shape, 3)
    assert photo.alpha.shape == shape
    assert (photo.format, photo.metadata.exif) == ("PNG", b"exif")


def test_fit_takes_no_colour_from_what_is_transparent():
    pixels, alpha = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
    pixels[20:], alpha[20:] = 255, 255
    small = images.fit(Photo(pixels, alpha), 24)
    assert small.pixels[small.alpha > 8].min() > 240
