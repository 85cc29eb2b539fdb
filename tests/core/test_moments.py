"""Instance normalization on NumPy arrays against formulas in fp64, on every instruction set that this processor has."""

import numpy as np
import pytest

from artlives.core import Normalization, moments, normalize

# (images, height, width, channels): of the network, odd ones, more channels than are read at a time, one value.
SHAPES = [(2, 9, 13, 48), (3, 5, 7, 5), (1, 2, 3, 4500), (1, 1, 1, 1), (2, 40, 70, 3)]


def of_channels(numbers):
    """(N, C) for (N, H, W, C), in fp64."""
    return numbers.astype(np.float64)[:, None, None]


def masked(normalization, x, other):
    """`other` and x without its centre, in fp64."""
    centred = x - normalization.centre[:, None, None]
    scale, shift = (numbers[:, None, None] for numbers in normalization.mask)
    return np.where(centred * scale + shift <= 0, 0, other.astype(np.float64)), centred.astype(np.float64)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_moments(instructions, draw, shape, threads):
    x, other, numbers = draw(*shape), draw(*shape), [draw(shape[0], shape[3]) for _ in range(3)]
    alone = moments(Normalization(numbers[0]), x, None, threads, instructions)
    centred = (x - numbers[0][:, None, None]).astype(np.float64)
    expected = np.stack([centred.sum((1, 2)), (centred**2).sum((1, 2))], 1)
    np.testing.assert_allclose(alone, expected, rtol=1e-4, atol=1e-3)
    normalization = Normalization(numbers[0], mask=(numbers[1], numbers[2]))
    found = moments(normalization, x, other, threads, instructions)
    counted, centred = masked(normalization, x, other)
    expected = np.stack([counted.sum((1, 2)), (counted * centred).sum((1, 2))], 1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("relu", [False, True])
def test_normalize(instructions, draw, shape, threads, relu):
    x, other, numbers = draw(*shape), draw(*shape), [draw(shape[0], shape[3]) for _ in range(6)]
    normalization = Normalization(*numbers[:4], mask=(numbers[4], numbers[5]), relu=relu)
    counted, centred = masked(normalization, x, other)
    expected = centred * of_channels(numbers[1]) + of_channels(numbers[2]) + counted * of_channels(numbers[3])
    target = np.full_like(x, np.nan)
    normalize(normalization, x, other, target, threads, instructions)
    np.testing.assert_allclose(target, np.maximum(expected, 0) if relu else expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bf16_is_computed_in_fp32(instructions, draw, shape):
    """And rounded once."""

    def widened(bits):
        return (bits.astype(np.uint32) << 16).view(np.float32)

    x, other = ((draw(*shape).view(np.uint32) >> 16).astype(np.uint16) for _ in range(2))
    normalization = Normalization(*(draw(shape[0], shape[3]) for _ in range(4)))
    narrow, wide = np.zeros_like(x), np.zeros(shape, np.float32)
    normalize(normalization, x, other, narrow, 1, instructions)
    normalize(normalization, widened(x), widened(other), wide, 1, instructions)
    np.testing.assert_allclose(widened(narrow), wide, rtol=2**-8)
    found = moments(normalization, x, other, 1, instructions)
    assert np.array_equal(found, moments(normalization, widened(x), widened(other), 1, instructions))
