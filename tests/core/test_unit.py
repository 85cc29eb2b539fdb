"""The compiled core against torch's operators, on every instruction set that this processor has."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from artlives import core
from artlives.blocks import conv2d
from artlives.blocks.kernels import matmul
from artlives.core import Reading


def plain(x):
    return Reading(x, np.ones(x.shape[2], np.float32), np.zeros(x.shape[2], np.float32))


def nchw(x):
    return torch.from_numpy(x).permute(2, 0, 1)[None]


def hwc(x):
    return x[0].permute(1, 2, 0).contiguous().numpy()


# (height, width, channels, outputs, kernel, stride): those of the network, odd ones, one pixel, many columns.
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
    (2, 3000, 3, 8, 3, 1),
]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolution_and_all_that_is_read_with_it(instructions, draw, case, threads):
    h, w, c, o, k, s = case
    x, residual, weight, bias = draw(h, w, c), draw(h, w, c), draw(o, c, k, k) / k, draw(o)
    scale, shift, p = draw(c), draw(c), k // 2
    read = torch.relu(nchw(x * scale + shift)) + nchw(residual)
    expected = hwc(
        functional.conv2d(
            functional.pad(read, (p,) * 4, "reflect"), torch.tensor(weight), torch.tensor(bias), stride=s
        )
    )
    target = np.full(expected.shape, np.nan, np.float32)
    kept = np.full(x.shape, np.nan, np.float32) if s == 1 else None
    totals = core.run(
        core.convolution(weight, (s, s), bias, instructions),
        Reading(x, scale, shift, True, residual),
        core.padding_table(h, p, p, p),
        core.padding_table(w, p, p, p),
        target,
        expected.shape[:2],
        kept=kept,
        totals=True,
        threads=threads,
    )
    np.testing.assert_allclose(target, expected, atol=1e-4)
    np.testing.assert_allclose(totals[0], target.sum((0, 1), np.float64), rtol=1e-9, atol=1e-4)
    np.testing.assert_allclose(totals[1], np.square(target, dtype=np.float64).sum((0, 1)), rtol=1e-9)
    if kept is not None:
        np.testing.assert_allclose(kept, hwc(read), atol=1e-6)


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_a_gate_and_a_rectified_output(instructions, draw, case):
    """Of a batch: what a ReLU's gradient needs, and a ReLU."""
    h, w, c, o, k, s = case
    x, gate, weight = draw(2, h, w, c), draw(2, h, w, c), draw(o, c, k, k) / k
    gate[gate > 1] = np.nan
    read = torch.tensor(np.where(gate <= 0, 0, x)).permute(0, 3, 1, 2)
    expected = functional.conv2d(read, torch.tensor(weight), stride=s, padding=k // 2).relu()
    target = np.full(expected.permute(0, 2, 3, 1).shape, np.nan, np.float32)
    core.run(
        core.convolution(weight, (s, s), instructions=instructions),
        Reading(x, gate=gate),
        core.padding_table(h, k // 2, k // 2, 0),
        core.padding_table(w, k // 2, k // 2, 0),
        target,
        target.shape[1:3],
        rectified=True,
    )
    np.testing.assert_allclose(target, expected.permute(0, 2, 3, 1), atol=1e-4)


def test_what_is_no_number_stays_so(instructions):
    """Else a training whose loss is not finite would go on."""
    x = np.full((4, 4, 16), np.nan, np.float32)
    target, table = np.zeros((4, 4, 16), np.float32), core.padding_table(4, 0, 0, 0)
    kernel = core.convolution(np.ones((16, 16, 1, 1), np.float32), (1, 1), instructions=instructions)
    core.run(kernel, Reading(x, gate=x), table, table, target, (4, 4), rectified=True)
    assert np.isnan(target).all()


@pytest.mark.parametrize("size", [(8, 8), (9, 13), (6, 203)], ids=str)
def test_an_even_picture_stays_exactly_even(instructions, draw, size):
    """Whether its sides are whole tiles of Winograd's algorithm or not: a normalization would enlarge differences."""
    kernel = core.convolution(draw(48, 32, 3, 3), (1, 1), None, instructions)
    target = np.empty((*size, 48), np.float32)
    x = np.broadcast_to(draw(32), (*size, 32)).copy()
    core.run(kernel, Reading(x), *(core.padding_table(n, 1, 1, 1) for n in size), target, size)
    assert np.array_equal(target, np.broadcast_to(target[0, 0], target.shape))


@pytest.mark.parametrize("missing", [0, 1, 3])
def test_beyond_the_ends_of_the_tables_are_zeros(instructions, draw, missing):
    x, weight = draw(7, 9, 16), draw(24, 16, 3, 3)
    wide = functional.pad(nchw(x), (1, 1 + missing, 1, 1 + missing))
    expected = hwc(functional.conv2d(wide, torch.tensor(weight)))
    kernel = core.convolution(weight, (1, 1), None, instructions)
    target = np.empty(expected.shape, np.float32)
    core.run(
        kernel,
        Reading(x),
        core.padding_table(7, 1, 0, 0),
        core.padding_table(9, 1, 0, 0),
        target,
        target.shape[:2],
    )
    np.testing.assert_allclose(target, expected, atol=1e-4)


@pytest.mark.parametrize(
    "case",
    [(9, 13, 96, 48, 4, 2, 1), (9, 13, 24, 16, 4, 2, 3), (6, 50, 5, 7, 5, 2, 1), (6, 7, 5, 7, 3, 3, 0)],
    ids=str,
)
def test_transposed_convolution_by_phases(instructions, draw, case):
    h, w, c, o, k, s, p = case
    x, weight, bias = draw(h, w, c), draw(c, o, k, k) / k, draw(o)
    expected = hwc(
        functional.conv_transpose2d(nchw(x), torch.tensor(weight), torch.tensor(bias), stride=s, padding=p)
    )
    kernel, margins = core.transposed_convolution(weight, (s, s), (p, p), bias, instructions)
    # A negative margin leaves out the first rows.
    rows, columns = (
        core.padding_table(n, max(m, 0), k, 0)[max(-m, 0) :] for n, m in zip((h, w), margins, strict=True)
    )
    target = np.full(expected.shape, np.nan, np.float32)
    totals = core.run(kernel, plain(x), rows, columns, target, expected.shape[:2], totals=True, threads=2)
    np.testing.assert_allclose(target, expected, atol=1e-4)
    np.testing.assert_allclose(totals[1], np.square(target, dtype=np.float64).sum((0, 1)), rtol=1e-9)


@pytest.mark.smoke
def test_an_output_convolution_ends_in_tanh(instructions, draw):
    x, weight, bias = draw(14, 77, 16), draw(3, 16, 5, 5) / 10, draw(3)
    padded = functional.pad(nchw(x), (2,) * 4, "reflect")
    expected = hwc(
        150 * torch.tanh(functional.conv2d(padded, torch.tensor(weight), torch.tensor(bias))) + 127.5
    )
    kernel = core.output_convolution(weight, bias, instructions)
    for dtype, wanted in ((np.float32, expected), (np.uint8, expected.clip(0, 255).round())):
        target = np.empty(expected.shape, dtype)
        tables = core.padding_table(14, 2, 2, 2), core.padding_table(77, 2, 2, 2)
        core.run(kernel, plain(x), *tables, target, (14, 77), gain=(150, 127.5))
        np.testing.assert_allclose(target, wanted, atol=1e-3 if dtype == np.float32 else 1)


def test_bytes_are_read_and_halves_are_written_and_read(instructions, draw):
    x = np.random.default_rng(0).integers(0, 256, (10, 11, 6), np.uint8)
    kernel = core.convolution(draw(9, 6, 3, 3), (1, 1), None, instructions)
    tables = core.padding_table(10, 1, 1, 0), core.padding_table(11, 1, 1, 0)
    whole, half = np.empty((10, 11, 9), np.float32), np.empty((10, 11, 9), np.float16)
    core.run(kernel, plain(x.astype(np.float32)), *tables, whole, (10, 11))
    core.run(kernel, plain(x), *tables, half, (10, 11))
    assert np.array_equal(half, whole.astype(np.float16))
    of_half = np.empty((10, 11, 6), np.float16)
    small = core.convolution(draw(6, 9, 1, 1), (1, 1), None, instructions)
    tables = core.padding_table(10, 0, 0, 0), core.padding_table(11, 0, 0, 0)
    expected = np.empty((10, 11, 6), np.float32)
    core.run(small, plain(half), *tables, of_half, (10, 11))
    core.run(small, plain(half.astype(np.float32)), *tables, expected, (10, 11))
    assert np.array_equal(of_half, expected.astype(np.float16))


def bits(x):
    """The bits of fp32's values as bf16."""
    return torch.from_numpy(x).bfloat16().view(torch.uint16).numpy()


def values(x):
    return torch.from_numpy(x).view(torch.bfloat16).float().numpy()


def test_bf16_is_read_and_written(instructions, draw):
    x = bits(draw(10, 11, 6))
    kernel = core.convolution(draw(21, 6, 3, 3), (1, 1), None, instructions)
    tables = core.padding_table(10, 1, 1, 0), core.padding_table(11, 1, 1, 0)
    whole, half = np.empty((10, 11, 21), np.float32), np.empty((10, 11, 21), np.uint16)
    core.run(kernel, plain(values(x)), *tables, whole, (10, 11))
    core.run(kernel, Reading(x), *tables, half, (10, 11))
    assert np.array_equal(half, bits(whole))


def test_every_half_survives(instructions):
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    every = every[np.isfinite(every)].reshape(4, -1, 4)
    target = np.empty_like(every)
    core.materialize(plain(every), target, 2, instructions)
    assert np.array_equal(target, every)
    beyond = np.full((1, 1, 4), 1e6, np.float32)
    core.materialize(plain(beyond), target := np.empty((1, 1, 4), np.float16), 1, instructions)
    assert (target == 65504).all()


@pytest.mark.smoke
def test_materializing_in_place(instructions, draw):
    x, residual, gate = (draw(5, 6, 24).astype(np.float16) for _ in range(3))
    scale, shift = draw(24), draw(24)
    expected = np.maximum(np.where(gate > 0, x, 0).astype(np.float32) * scale + shift, 0) + residual
    core.materialize(Reading(x, scale, shift, True, residual, gate), residual, 1, instructions)
    np.testing.assert_allclose(residual, expected, atol=2e-3, rtol=1e-3)


def test_sums_of_a_large_mean_are_exact(instructions):
    """The variance of 1000 + noise would drown in fp32's rounding."""
    x = 1000 + np.random.default_rng(0).standard_normal((64, 64, 4)).astype(np.float32) / 100
    identity = core.convolution(np.eye(4, dtype=np.float32)[:, :, None, None], (1, 1), None, instructions)
    tables = core.padding_table(64, 0, 0, 0), core.padding_table(64, 0, 0, 0)
    totals = core.run(identity, plain(x), *tables, np.float32, (64, 64), totals=True, threads=2)
    mean, square = totals / 64**2
    np.testing.assert_allclose(square - mean**2, x.var((0, 1), np.float64), rtol=1e-3)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    "case", [(2, 9, 13, 3, 24, 7, 2, 3), (4, 8, 9, 17, 70, 3, 1, 1), (1, 5, 40, 4, 3, 5, 1, 0)], ids=str
)
def test_gradient_of_the_weights(instructions, draw, case, threads):
    n, h, w, c, o, k, s, p = case
    x = torch.from_numpy(draw(n, c, h, w))
    weight = torch.zeros(o, c, k, k, requires_grad=True)
    y = functional.conv2d(x, weight, stride=s, padding=p)
    slope = torch.from_numpy(draw(*y.shape))
    y.backward(slope)
    found = core.weight_gradient(
        np.ascontiguousarray(x.permute(0, 2, 3, 1)),
        np.ascontiguousarray(slope.permute(0, 2, 3, 1)),
        core.padding_table(h, p, p + k, 0),
        core.padding_table(w, p, p + k, 0),
        (k, k),
        (s, s),
        threads,
        instructions,
    )
    np.testing.assert_allclose(found, weight.grad.permute(2, 3, 1, 0), atol=1e-3)


def test_the_core_is_chosen_for_the_cpu(monkeypatch):
    """Without it the same numbers come from matrix products."""
    x, weight = torch.rand(2, 5, 9, 8, requires_grad=True), torch.rand(7, 5, 3, 3, requires_grad=True)

    def gradients():
        y = conv2d(x, weight, padding=1)
        return y, *torch.autograd.grad(y.square().sum(), (x, weight))

    by_core = gradients()
    with monkeypatch.context() as patch:
        patch.setattr(matmul, "convolve", None)
        patch.setattr(matmul, "convolve_transposed", None)
        patch.setattr(matmul, "correlate_weight", None)
        gradients()
    monkeypatch.setattr(core, "instruction_sets", dict)
    for ours, other in zip(by_core, gradients(), strict=True):
        torch.testing.assert_close(ours, other, rtol=1e-4, atol=1e-4)
