"""Products of bf16, by every instruction set that has them, against torch's of the same values in fp32."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from artlives import core
from artlives.core import Reading


def rounded(x):
    return torch.as_tensor(x).bfloat16().float()


def nchw(x):
    return torch.as_tensor(x).permute(2, 0, 1)[None]


def hwc(x):
    return x[0].permute(1, 2, 0).contiguous().numpy()


def assert_totals(totals, values):
    """The sums and the sums of squares of what was written; of several pixels together in fp32."""
    values = values.astype(np.float64)
    assert (np.abs(totals[0] - values.sum((0, 1))) <= 1e-6 * np.abs(values).sum((0, 1))).all()
    np.testing.assert_allclose(totals[1], np.square(values).sum((0, 1)), rtol=1e-6)


def test_rounding_to_the_nearest():
    x = np.float32([1, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -0.1, 0, 3e38, 1e-40])
    assert np.array_equal(core.to_bf16(x), torch.from_numpy(x).bfloat16().view(torch.uint16).numpy())


# (height, width, channels, outputs, kernel, stride): those of the network, odd ones, one pixel, parts of tiles, more
# rows of a kernel than are multiplied at a time, several stretches of columns.
CONVOLUTIONS = [
    (9, 13, 3, 24, 7, 2),
    (16, 37, 24, 48, 3, 2),
    (12, 21, 48, 48, 3, 1),
    (7, 9, 96, 96, 3, 1),
    (8, 6, 16, 17, 3, 1),
    (5, 400, 32, 100, 3, 1),
    (11, 50, 7, 5, 3, 1),
    (1, 1, 5, 17, 1, 1),
    (6, 9, 4, 70, 1, 2),
    (24, 20, 2, 3, 39, 1),
    (2, 6000, 3, 8, 3, 1),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolution_and_all_that_is_read_with_it(bf16_instructions, draw, case, dtype):
    h, w, c, o, k, s = case
    x, residual = draw(h, w, c).astype(np.float16), draw(h, w, c).astype(np.float16)
    weight, bias, scale, shift, p = draw(o, c, k, k) / k, draw(o), draw(c), draw(c), k // 2
    read = np.maximum(x.astype(np.float32) * scale + shift, 0) + residual.astype(np.float32)
    tables = [core.padding_table(n, p, p, min(p, n - 1)) for n in (h, w)]
    padded = nchw(rounded(read))
    for axis, table in ((2, tables[0]), (3, tables[1])):
        taken = padded.index_select(axis, torch.from_numpy(table.clip(0)))
        shape = [-1 if i == axis else 1 for i in range(4)]
        padded = taken * torch.from_numpy(table >= 0).reshape(shape)
    expected = hwc(functional.conv2d(padded, rounded(weight), torch.tensor(bias), stride=s))
    target = np.full(expected.shape, np.nan, dtype)
    kept = np.full(x.shape, np.nan, np.float16) if s == 1 else None
    kernel = core.convolution(core.to_bf16(weight), (s, s), bias, bf16_instructions)
    reading = Reading(x, scale, shift, True, residual)
    size = expected.shape[:2]
    totals = core.run(kernel, reading, *tables, target, size, kept=kept, totals=True, threads=2)
    # fp16 has 11 bits.
    np.testing.assert_allclose(target, expected, rtol=2**-11 if dtype == np.float16 else 0, atol=1e-3)
    assert_totals(totals, target)
    assert np.array_equal(core.run(kernel, reading, *tables, dtype, size, totals=True, threads=2), totals)
    if kept is not None:
        np.testing.assert_allclose(kept, read, rtol=2**-11, atol=1e-6)


@pytest.mark.parametrize(
    "case",
    [(9, 13, 96, 48, 4, 2, 1), (9, 131, 24, 16, 4, 2, 3), (6, 50, 5, 7, 5, 2, 1), (6, 7, 5, 7, 3, 3, 0)],
    ids=str,
)
def test_transposed_convolution_by_phases(bf16_instructions, draw, case):
    h, w, c, o, k, s, p = case
    x, weight, bias = draw(h, w, c), draw(c, o, k, k) / k, draw(o)
    expected = hwc(
        functional.conv_transpose2d(
            nchw(rounded(x)), rounded(weight), torch.tensor(bias), stride=s, padding=p
        )
    )
    kernel, margins = core.transposed_convolution(
        core.to_bf16(weight), (s, s), (p, p), bias, bf16_instructions
    )
    rows, columns = (
        core.padding_table(n, max(m, 0), k, 0)[max(-m, 0) :] for n, m in zip((h, w), margins, strict=True)
    )
    target = np.full(expected.shape, np.nan, np.float32)
    totals = core.run(kernel, Reading(x), rows, columns, target, expected.shape[:2], totals=True, threads=2)
    np.testing.assert_allclose(target, expected, atol=1e-4)
    assert_totals(totals, target)


@pytest.mark.smoke
def test_an_output_convolution_ends_in_tanh(bf16_instructions, draw):
    x, weight, bias = draw(14, 77, 16), draw(3, 16, 5, 5) / 10, draw(3)
    padded = functional.pad(nchw(rounded(x)), (2,) * 4, "reflect")
    sums = functional.conv2d(padded, rounded(weight), torch.tensor(bias))
    expected = hwc(150 * torch.tanh(sums) + 127.5)
    kernel = core.output_convolution(core.to_bf16(weight), bias, bf16_instructions)
    for dtype, wanted in ((np.float32, expected), (np.uint8, expected.clip(0, 255).round())):
        target = np.empty(expected.shape, dtype)
        tables = core.padding_table(14, 2, 2, 2), core.padding_table(77, 2, 2, 2)
        core.run(kernel, Reading(x), *tables, target, (14, 77), gain=(150, 127.5))
        np.testing.assert_allclose(target, wanted, atol=1e-3 if dtype == np.float32 else 1)


def test_bytes_are_exact(bf16_instructions, draw):
    """(x - 127.5) / 128, as the network reads a picture, has 8 bits."""
    x = np.arange(256, dtype=np.uint8).reshape(8, 32, 1)
    scale, shift = np.float32([1 / 128]), np.float32([-127.5 / 128])
    kernel = core.convolution(
        core.to_bf16(np.ones((1, 1, 1, 1), np.float32)), (1, 1), None, bf16_instructions
    )
    tables = core.padding_table(8, 0, 0, 0), core.padding_table(32, 0, 0, 0)
    core.run(kernel, Reading(x, scale, shift), *tables, target := np.empty((8, 32, 1), np.float32), (8, 32))
    assert np.array_equal(target, (x - np.float32(127.5)) / 128)


def test_an_even_output_has_no_variance(bf16_instructions, draw):
    """Though fp16 rounds it: the next normalization would take the difference for a contrast."""
    weight = core.to_bf16(draw(20, 8, 3, 3))
    kernel = core.convolution(weight, (1, 1), draw(20), bf16_instructions)
    tables = core.padding_table(30, 1, 1, 1), core.padding_table(41, 1, 1, 1)
    target = np.empty((30, 41, 20), np.float16)
    source = Reading(np.broadcast_to(draw(8), (30, 41, 8)).copy())
    mean, square = core.run(kernel, source, *tables, target, (30, 41), totals=True, threads=2) / (30 * 41)
    assert np.abs(square - mean**2).max() < 1e-9
    np.testing.assert_allclose(mean, target[0, 0])
