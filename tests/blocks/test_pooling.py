"""What the grid does not show of max pooling: positions, ties, NaN, whole numbers, drawn and illegal arguments."""

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from artlives.blocks.pooling import MaxPool2d, max_pool2d
from artlives.validation import BLOCKS, LAYOUTS, Case, arrange
from tests.blocks.against_torch import assert_agree, assert_both_raise, drawn

NAN, INF = float("nan"), float("inf")


def assert_same_with_positions(x, *arguments, **options):
    ours = max_pool2d(x, *arguments, return_indices=True, **options)
    theirs = functional.max_pool2d(x, *arguments, return_indices=True, **options)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == other.dtype
        torch.testing.assert_close(mine, other, rtol=0, atol=0, equal_nan=True)
    assert max_pool2d(x, *arguments, **options).equal(ours[0]) or ours[0].isnan().any()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_positions_are_torchs_over_the_grid(layout, device):
    for case in BLOCKS["max_pool2d"].cases:
        x = arrange(torch.randn(case.tensors["input"], device=device), layout)
        assert_same_with_positions(x, **case.options)


@pytest.mark.parametrize("values", [[0.0], [-INF], [0.0, 1.0], [NAN, 0.0, 1.0], [NAN, INF, -INF, 0.0], [NAN]])
def test_ties_infinities_and_nan_are_torchs(values, device):
    """The first of equal values counts, the last of several NaN; a window of -inf has a first value, too."""
    torch.manual_seed(0)
    choices = torch.tensor(values, device=device)
    for case in BLOCKS["max_pool2d"].cases[::3]:
        x = choices[torch.randint(len(values), case.tensors["input"], device=device)]
        assert_same_with_positions(x, **case.options)


def test_the_gradient_of_ties_goes_to_the_first():
    x = torch.zeros(1, 5, 7, requires_grad=True)
    ours, theirs = (
        torch.autograd.grad(pool(x, 3, 2, 1).sum(), x) for pool in (max_pool2d, functional.max_pool2d)
    )
    assert torch.equal(*ours, *theirs)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32, torch.int64])
def test_whole_numbers(dtype):
    """The padding is never the largest, not even of the lowest numbers."""
    lowest = torch.iinfo(dtype).min
    for x in (torch.randint(0, 5, (2, 3, 6, 7)).to(dtype), torch.full((2, 3, 6, 7), lowest, dtype=dtype)):
        assert_same_with_positions(x, 3, 2, 1)


def test_a_kernel_of_more_places_than_a_byte_counts():
    assert_same_with_positions(torch.randn(1, 1, 40, 40, requires_grad=True), 20)


MODULES = [
    {"kernel_size": 2},
    {"kernel_size": (3, 2), "stride": (1, 2), "padding": 1, "dilation": 2},
    {"kernel_size": 3, "stride": 2, "ceil_mode": True},
    {"kernel_size": 3, "padding": 1, "return_indices": True},
]


@pytest.mark.parametrize("options", MODULES, ids=str)
def test_module_replaces_torchs(options):
    ours, theirs = MaxPool2d(**options), nn.MaxPool2d(**options)
    names = "kernel_size stride padding dilation return_indices ceil_mode"
    assert all(getattr(ours, name) == getattr(theirs, name) for name in names.split())
    assert repr(ours) == repr(theirs)
    x = torch.randn(2, 3, 13, 17)
    torch.testing.assert_close(ours(x), theirs(x))


def test_arguments_stand_where_torchs_do():
    x = torch.randn(2, 3, 13, 17)
    assert torch.equal(max_pool2d(x, 3, 2, 1, 1, True), functional.max_pool2d(x, 3, 2, 1, 1, True))
    torch.testing.assert_close(MaxPool2d(3, 2, 1, 1, True)(x), nn.MaxPool2d(3, 2, 1, 1, True)(x))
    assert torch.equal(max_pool2d(x, [3], (), (1,)), functional.max_pool2d(x, [3], (), (1,)))


def test_half_precision_gradients_add_up_in_fp32():
    """512 windows share one largest value: bf16 itself cannot count past 256."""
    x = torch.zeros(1, 1, 1, 1023).bfloat16()
    x[..., 511] = 1
    x.requires_grad_()
    max_pool2d(x, (1, 512), 1).sum().backward()
    assert x.grad[..., 511].item() == x.grad.sum().item() == 512


def test_the_third_derivative_is_torchs():
    x = torch.randn(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    thirds = []
    for pool in (max_pool2d, functional.max_pool2d):
        y = pool(x, 3, 2, 1).pow(4).sum()
        for _ in range(3):
            (gradient,) = torch.autograd.grad(y, x, create_graph=True)
            y = gradient.square().sum()
        thirds.append(gradient)
    torch.testing.assert_close(*thirds)


@st.composite
def cases(draw, batches=((), (0,), (1,), (3,))):
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = draw(st.none() | st.tuples(st.integers(1, 4), st.integers(1, 4)))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    sizes = [
        draw(st.integers(max(1, d * (k - 1) + 1 - 2 * p), 16))
        for k, d, p in zip(kernel, dilation, padding, strict=True)
    ]
    # A dilated window whose places all fall into the padding has no value; torch names a position outside.
    assume(
        all(
            d == 1 or not p or size >= d * k
            for k, d, p, size in zip(kernel, dilation, padding, sizes, strict=True)
        )
    )
    shape = (*draw(st.sampled_from(batches)), draw(st.integers(1, 4)), *sizes)
    options = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    return Case(
        {"input": shape}, options | {"ceil_mode": draw(st.booleans())}, draw(st.sampled_from(LAYOUTS))
    )


@drawn
@given(cases(), st.sampled_from([1, 1000]))
def test_drawn_arguments_agree_with_torch(case, steps):
    assert_agree(BLOCKS["max_pool2d"], case)
    generator = torch.Generator().manual_seed(0)
    assert_same_with_positions(
        torch.randint(-steps, steps, case.tensors["input"], generator=generator), **case.options
    )


ILLEGAL = {
    "kernel 0": ({}, {"kernel_size": 0}, (0,)),
    "kernel -1": ({}, {"kernel_size": (2, -1)}, (-1,)),
    "three kernel sizes": ({}, {"kernel_size": (1, 2, 3)}, (1, 2, 3)),
    "a fractional kernel": ({}, {"kernel_size": 2.5}, (2.5,)),
    "kernel None": ({}, {"kernel_size": None}, ("None",)),
    "kernel larger than the input": ({}, {"kernel_size": 9}, (9, 8)),
    "dilated kernel larger than the input": ({}, {"kernel_size": 3, "dilation": 4}, (8, 3, 4)),
    "stride 0": ({}, {"stride": 0}, (0,)),
    "stride -1": ({}, {"stride": (1, -1)}, (-1,)),
    "three strides": ({}, {"stride": (1, 2, 3)}, (1, 2, 3)),
    "padding -1": ({}, {"padding": -1}, (-1,)),
    "padding of more than half the kernel": ({}, {"padding": 2}, (2, 3)),
    "more than half, though the dilated kernel is larger": ({}, {"padding": 2, "dilation": 3}, (2, 3)),
    "dilation 0": ({}, {"dilation": 0}, (0,)),
    "dilation -1": ({}, {"dilation": (-1, 1)}, (-1,)),
    "two axes": ({"input": (8, 8)}, {}, ("[8, 8]",)),
    "five axes": ({"input": (1, 1, 2, 8, 8)}, {}, ("[1, 1, 2, 8, 8]",)),
    "no channels": ({"input": (2, 0, 8, 8)}, {}, (0,)),
    "no rows": ({"input": (2, 3, 0, 8)}, {}, (0,)),
    "no channels, no batch": ({"input": (0, 8, 8)}, {}, (0,)),
}


@pytest.mark.parametrize(("shapes", "options", "names"), ILLEGAL.values(), ids=ILLEGAL)
def test_illegal_arguments_raise_as_in_torch(shapes, options, names):
    x = torch.zeros(shapes.get("input", (1, 2, 8, 8)))
    assert_both_raise(max_pool2d, functional.max_pool2d, x, names=names, **{"kernel_size": 3, **options})


@pytest.mark.parametrize("change", [torch.Tensor.bool, torch.Tensor.cfloat, torch.Tensor.tolist])
def test_other_values_raise_as_in_torch(change):
    assert_both_raise(max_pool2d, functional.max_pool2d, change(torch.zeros(1, 2, 8, 8)), 2)


@drawn
@given(case=cases(batches=((), (2,))), data=st.data())
def test_drawn_illegal_arguments_raise_as_in_torch(case, data):
    """A legal case with one number spoiled."""
    options = dict(case.options)
    name = data.draw(
        st.sampled_from(["kernel_size", "stride", "padding", "dilation", "much padding", "large kernel"])
    )
    if name == "much padding":
        bad = options["kernel_size"][0] // 2 + data.draw(st.integers(1, 3))
        options["padding"] = (bad, 0)
    elif name == "large kernel":
        bad = case.tensors["input"][-1] + 2 * options["padding"][1] + data.draw(st.integers(1, 3))
        options |= {"kernel_size": (1, bad), "padding": 0}
    else:
        bad = data.draw(st.integers(-3, -1 if name == "padding" else 0))
        options[name] = data.draw(st.sampled_from([bad, (bad, 1), (1, bad)]))
    assert_both_raise(
        max_pool2d, functional.max_pool2d, torch.zeros(case.tensors["input"]), names=(bad,), **options
    )
