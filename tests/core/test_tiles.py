"""Convolutions of bf16 by tile registers against torch's of the same values in fp32."""

import pytest
import torch
from torch.nn import functional

from artlives import core
from artlives.blocks import conv2d, conv_transpose2d
from artlives.blocks.kernels import matmul
from artlives.blocks.kernels.dispatch import quick_in_bf16

pytestmark = pytest.mark.skipif(core.tiles() is None, reason="this processor has no AMX for bf16")


@pytest.fixture(autouse=True)
def core_alone(monkeypatch):
    """All that is computed here is computed by the core."""
    for name in ("convolve", "convolve_transposed", "correlate_weight"):
        monkeypatch.setattr(matmul, name, None)


@pytest.fixture
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


# (images, inputs, outputs, height, width, kernel, stride, padding): the network's, odd ones, one tile, one pixel.
CASES = [
    (6, 3, 24, 40, 44, 7, 2, 0),
    (2, 24, 48, 33, 31, 3, 2, 0),
    (3, 96, 96, 34, 34, 3, 1, 0),
    (1, 48, 48, 9, 66, 3, 1, 0),
    (2, 16, 3, 40, 41, 5, 1, 2),
    (1, 32, 16, 4, 16, 1, 1, 0),
    (1, 1, 1, 1, 1, 1, 1, 0),
    (1, 5, 7, 9, 100, 3, 3, 1),
    (5, 20, 33, 7, 9, 2, 2, 0),
    (1, 17, 40, 3, 5, 3, 1, 1),
    (1, 4, 4, 300, 4, 3, 1, 1),
]


def values(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).bfloat16()


def assert_rounded(found, expected):
    """Of sums in fp32, rounded to bf16 once: half of the last of 8 bits, and what fp32's own rounding adds to it."""
    assert found.dtype == torch.bfloat16
    assert found.shape == expected.shape
    torch.testing.assert_close(
        found.float(), expected, rtol=2**-8, atol=float(expected.detach().abs().max()) * 1e-5
    )


def assert_same(ours, theirs, tensors):
    """Both functions' results and gradients."""
    mine, others = (
        [t.detach().to(dtype).requires_grad_() for t in tensors] for dtype in (torch.bfloat16, torch.float32)
    )
    y, expected = ours(*mine), theirs(*others)
    assert_rounded(y, expected)
    slope = values(*y.shape, seed=9)
    found = torch.autograd.grad(y, mine, slope)
    for gradient, other in zip(found, torch.autograd.grad(expected, others, slope.float()), strict=True):
        assert_rounded(gradient, other)


@pytest.mark.parametrize("threads", [1, 3], indirect=True)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_convolution_and_its_gradients(case, threads):
    n, c, o, h, w, k, stride, padding = case
    tensors = values(n, c, h, w, seed=0), values(o, c, k, k, seed=1), values(o, seed=2)
    options = {"stride": stride, "padding": padding}
    assert_same(lambda *x: conv2d(*x, **options), lambda *x: functional.conv2d(*x, **options), tensors)


@pytest.mark.parametrize("threads", [1, 3], indirect=True)
@pytest.mark.parametrize(
    "case",
    [
        (2, 96, 48, 34, 34, 4, 2, 3),
        (1, 24, 16, 10, 131, 4, 2, 3),
        (3, 5, 7, 6, 50, 5, 2, 1),
        (1, 5, 7, 6, 7, 3, 3, 0),
    ],
    ids=str,
)
def test_transposed_convolution_and_its_gradients(case, threads):
    n, c, o, h, w, k, stride, padding = case
    tensors = values(n, c, h, w, seed=0), values(c, o, k, k, seed=1), values(o, seed=2)
    options = {"stride": stride, "padding": padding}
    assert_same(
        lambda *x: conv_transpose2d(*x, **options),
        lambda *x: functional.conv_transpose2d(*x, **options),
        tensors,
    )


@pytest.mark.parametrize("threads", [1, 3], indirect=True)
def test_a_picture_larger_than_what_is_prepared_at_a_time(threads):
    tensors = values(1, 96, 20, 1030, seed=0), values(32, 96, 3, 3, seed=1)
    assert_same(conv2d, functional.conv2d, tensors)


def test_pictures_are_painted_by_other_instructions():
    assert "AMX" not in core.instruction_sets()
    assert quick_in_bf16(torch.device("cpu"))
    assert not quick_in_bf16(torch.device("cuda"))
