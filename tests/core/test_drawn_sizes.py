"""The compiled core against torch's operators, at sizes that are drawn."""

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from artlives import core
from artlives.core import Reading

drawn = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True)
SIDES, CHANNELS, KERNELS = st.integers(1, 70), st.integers(1, 70), st.integers(1, 7)
STRIDES, THREADS, SEEDS = st.integers(1, 4), st.integers(1, 3), st.integers(0, 1 << 32)


def values(seed, *shapes):
    generator = np.random.default_rng(seed)
    return [generator.standard_normal(shape).astype(np.float32) for shape in shapes]


def nchw(x):
    return torch.from_numpy(x).permute(2, 0, 1)[None]


def hwc(x):
    return x[0].permute(1, 2, 0).contiguous().numpy()


@given(SIDES, SIDES, CHANNELS, CHANNELS, KERNELS, STRIDES, st.integers(0, 3), THREADS, SEEDS)
@drawn
def test_convolution(instructions, h, w, c, o, k, s, p, threads, seed):
    k = min(k, h + 2 * p, w + 2 * p)
    x, weight, bias, scale, shift = values(seed, (h, w, c), (o, c, k, k), o, c, c)
    read = functional.pad(torch.relu(nchw(x * scale + shift)), (p,) * 4)
    expected = hwc(functional.conv2d(read, torch.tensor(weight), torch.tensor(bias), stride=s))
    target = np.full(expected.shape, np.nan, np.float32)
    kernel = core.convolution(weight, (s, s), bias, instructions)
    tables = (core.padding_table(side, p, p, 0) for side in (h, w))
    reading = Reading(x, scale, shift, True)
    totals = core.run(kernel, reading, *tables, target, expected.shape[:2], totals=True, threads=threads)
    np.testing.assert_allclose(target, expected, atol=1e-3, rtol=1e-4)
    np.testing.assert_allclose(totals[1], np.square(target, dtype=np.float64).sum((0, 1)), rtol=1e-9)


@given(SIDES, SIDES, CHANNELS, CHANNELS, KERNELS, STRIDES, st.integers(0, 3), THREADS, SEEDS)
@drawn
def test_transposed_convolution(instructions, h, w, c, o, k, s, p, threads, seed):
    # An output of one pixel at least.
    k = max(k, s)
    p = min(p, (min(h, w) * s - s + k - 1) // 2)
    x, weight, bias, scale, shift = values(seed, (h, w, c), (c, o, k, k), o, c, c)
    read = torch.relu(nchw(x * scale + shift))
    expected = hwc(
        functional.conv_transpose2d(read, torch.tensor(weight), torch.tensor(bias), stride=s, padding=p)
    )
    kernel, margins = core.transposed_convolution(weight, (s, s), (p, p), bias, instructions)
    tables = (
        core.padding_table(side, max(margin, 0), k, 0)[max(-margin, 0) :]
        for side, margin in zip((h, w), margins, strict=True)
    )
    target = np.full(expected.shape, np.nan, np.float32)
    core.run(kernel, Reading(x, scale, shift, True), *tables, target, expected.shape[:2], threads=threads)
    np.testing.assert_allclose(target, expected, atol=1e-3, rtol=1e-4)


@given(st.integers(1, 3), SIDES, SIDES, CHANNELS, CHANNELS, KERNELS, STRIDES, THREADS, SEEDS)
@drawn
def test_gradient_of_the_weights(instructions, n, h, w, c, o, k, s, threads, seed):
    k = min(k, h, w)
    rows, columns = ((side - k) // s + 1 for side in (h, w))
    x, slope = values(seed, (n, h, w, c), (n, rows, columns, o))
    tables = (core.padding_table(side, 0, 0, 0) for side in (h, w))
    found = core.weight_gradient(x, slope, *tables, (k, k), (s, s), threads, instructions)
    expected = torch.nn.grad.conv2d_weight(
        torch.from_numpy(x).permute(0, 3, 1, 2),
        (o, c, k, k),
        torch.from_numpy(slope).permute(0, 3, 1, 2),
        stride=s,
    )
    np.testing.assert_allclose(found, expected.permute(2, 3, 1, 0), atol=1e-2, rtol=1e-3)
