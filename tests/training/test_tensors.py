import numpy as np
import torch

from artlives.training.tensors import from_pixels, to_pixels

CPU = torch.device("cpu")


def test_there_and_back(pixels):
    tensor = from_pixels(pixels, CPU)
    assert (tensor.shape, tensor.dtype) == ((1, 3, *pixels.shape[:2]), torch.float32)
    assert tensor[0, :, 7, 9].tolist() == pixels[7, 9].tolist()
    assert np.array_equal(to_pixels(tensor[0]), pixels)
    several = from_pixels(np.stack([pixels, pixels[::-1]]), CPU)
    assert np.array_equal(to_pixels(several[1]), pixels[::-1])


def test_pixels_do_not_change_with_the_tensor(pixels):
    before = pixels.copy()
    from_pixels(pixels, CPU).zero_()
    assert np.array_equal(pixels, before)


def test_values_are_rounded_and_limited():
    values = torch.tensor([-3.0, 1.4, 254.6, 400.0]).expand(3, 1, 4).requires_grad_()
    assert to_pixels(values)[0, :, 2].tolist() == [0, 1, 255, 255]
