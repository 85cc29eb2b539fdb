"""What the grid does not show of the activations: kinks, extremes, dtypes, modules, drawn and illegal arguments."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from artlives.blocks import activation
from tests.blocks.against_torch import assert_both_raise, drawn

FUNCTIONS = {
    "tanh": (activation.tanh, torch.tanh),
    "sigmoid": (activation.sigmoid, torch.sigmoid),
    "relu": (activation.relu, functional.relu),
    "leaky_relu": (activation.leaky_relu, functional.leaky_relu),
    "leaky_relu, slope -2": (
        lambda x: activation.leaky_relu(x, -2.0),
        lambda x: functional.leaky_relu(x, -2.0),
    ),
    "leaky_relu, slope 0": (lambda x: activation.leaky_relu(x, 0.0), lambda x: functional.leaky_relu(x, 0.0)),
    "prelu": (
        lambda x: activation.prelu(x, x.new_tensor([0.25])),
        lambda x: functional.prelu(x, x.new_tensor([0.25])),
    ),
    "swish": (activation.swish, functional.silu),
}
functions = pytest.mark.parametrize(("ours", "theirs"), FUNCTIONS.values(), ids=FUNCTIONS)
# 88.7 is where e^x leaves fp32, 11.1 where it leaves fp16, 709.8 where it leaves fp64.
SPECIAL = [
    0.0,
    1e-45,
    1e-30,
    1e-8,
    5e-4,
    9.0,
    11.0,
    12.0,
    19.9,
    20.1,
    88.0,
    89.0,
    104.0,
    700.0,
    710.0,
    6e4,
    1e30,
]
SPECIAL += [-x for x in SPECIAL] + [float("inf"), -float("inf"), float("nan")]


def value_and_gradient(function, x):
    x = x.clone().requires_grad_()
    y = function(x)
    return y.detach(), *torch.autograd.grad(y, x, torch.ones_like(y))


@functions
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_kinks_extremes_and_nan_are_torchs(ours, theirs, dtype, device):
    """Within two roundings of ours and two of torch's, which derives from the rounded output."""
    x = torch.tensor(SPECIAL, device=device, dtype=torch.float64).to(dtype)
    eps = torch.finfo(dtype).eps
    for mine, other in zip(value_and_gradient(ours, x), value_and_gradient(theirs, x), strict=True):
        assert mine.dtype == dtype
        torch.testing.assert_close(mine, other, rtol=4 * eps, atol=4 * eps, equal_nan=True)


@functions
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_fp32_rounded_once(ours, theirs, dtype, device):
    x = (torch.randn(2000, device=device) * 3).to(dtype)
    wide = value_and_gradient(ours, x.float())
    for half, exact in zip(value_and_gradient(ours, x), wide, strict=True):
        assert torch.equal(half, exact.to(dtype))


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "swish"])
def test_small_results_keep_their_digits(name):
    """Right relative to each single value, not only to the largest."""
    ours, theirs = FUNCTIONS[name]
    x = torch.cat([torch.logspace(-30, 1.9, 2000), -torch.logspace(-30, 1.9, 2000)])
    torch.testing.assert_close(ours(x).double(), theirs(x.double()), rtol=5e-7, atol=1e-36)


@functions
def test_zero_keeps_its_sign(ours, theirs):
    x = torch.tensor([0.0, -0.0])
    assert torch.equal(torch.signbit(ours(x)), torch.signbit(theirs(x)))


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.uint8, torch.bool])
@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu"])
def test_whole_numbers_are_taken_where_torch_takes_them(name, dtype):
    ours, theirs = FUNCTIONS[name]
    x = torch.arange(-3, 4).to(dtype)
    if name == "relu" and dtype == torch.bool:
        assert_both_raise(ours, theirs, x)
    else:
        torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 4), (2, 3, 4, 5, 6)])
@functions
def test_any_number_of_axes(ours, theirs, shape):
    x = torch.randn(shape)
    for mine, other in zip(value_and_gradient(ours, x), value_and_gradient(theirs, x), strict=True):
        torch.testing.assert_close(mine, other)


@drawn
@given(st.lists(st.floats(width=32), min_size=1, max_size=20), st.sampled_from(list(FUNCTIONS)))
def test_drawn_values_agree_with_torch(values, name):
    ours, theirs = FUNCTIONS[name]
    x = torch.tensor(values)
    for mine, other in zip(value_and_gradient(ours, x), value_and_gradient(theirs, x), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-6, equal_nan=True)


MODULES = [
    ("Tanh", "Tanh", {}),
    ("Sigmoid", "Sigmoid", {}),
    ("ReLU", "ReLU", {}),
    ("ReLU", "ReLU", {"inplace": True}),
    ("LeakyReLU", "LeakyReLU", {}),
    ("LeakyReLU", "LeakyReLU", {"negative_slope": 0.3, "inplace": True}),
    ("PReLU", "PReLU", {}),
    ("PReLU", "PReLU", {"num_parameters": 3, "init": 0.1, "dtype": torch.float64}),
    ("Swish", "SiLU", {}),
    ("Swish", "SiLU", {"inplace": True}),
]


@pytest.mark.parametrize(("name", "torchs_name", "options"), MODULES)
def test_module_replaces_torchs(name, torchs_name, options):
    ours, theirs = getattr(activation, name)(**options), getattr(nn, torchs_name)(**options)
    assert repr(ours).removeprefix(name) == repr(theirs).removeprefix(torchs_name)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = torch.randn(2, 3, 4, 5, dtype=options.get("dtype"))
    torch.testing.assert_close(ours(x.clone()), theirs(x.clone()))
    theirs.load_state_dict(ours.state_dict())
    ours.load_state_dict(theirs.state_dict())


@pytest.mark.parametrize("module", [activation.ReLU, activation.LeakyReLU, activation.Swish])
def test_in_place(module):
    """The input holds the result, and gradients are those of a result of its own."""
    leaf = torch.randn(2, 3, 4, 5, requires_grad=True)
    x = leaf * 1
    y = module(inplace=True)(x)
    assert y.data_ptr() == x.data_ptr()
    assert torch.equal(x, module()(leaf))
    ours, truth = (torch.autograd.grad(z.square().sum(), leaf) for z in (y, module()(leaf)))
    assert torch.equal(*ours, *truth)
    with pytest.raises(RuntimeError, match="leaf"):
        module(inplace=True)(leaf)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3), (2, 3, 7), (3,), ()])
@pytest.mark.parametrize("slopes", [(), (1,), (3,)])
def test_prelu_slopes_go_along_the_channels(shape, slopes):
    x, weight = torch.randn(shape), torch.rand(slopes)
    if slopes == (3,) and len(shape) < 2:
        assert_both_raise(activation.prelu, functional.prelu, x, weight)
        return
    x.requires_grad_()
    weight.requires_grad_()
    ours, theirs = (
        torch.autograd.grad(prelu(x, weight).square().sum(), (x, weight))
        for prelu in (activation.prelu, functional.prelu)
    )
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("weight", "names"),
    [
        (torch.ones(2), (2, 3)),
        (torch.ones(0), (0, 3)),
        (torch.ones(1, 3), ("(1, 3)",)),
        (torch.ones(3).double(), ("float32", "float64")),
        (0.25, ("float",)),
    ],
)
def test_prelu_refuses_the_weights_that_torch_refuses(weight, names):
    assert_both_raise(activation.prelu, functional.prelu, torch.zeros(2, 3, 4, 5), weight, names=names)


@functions
def test_no_tensor_raises_as_in_torch(ours, theirs):
    x = torch.zeros(3)
    if ours is FUNCTIONS["prelu"][0]:
        ours, theirs = (lambda x, f=f: f(x, torch.ones(1)) for f in (activation.prelu, functional.prelu))
    assert_both_raise(ours, theirs, x.tolist(), names=("list",))


@pytest.mark.parametrize("name", ["leaky_relu", "prelu", "swish"])
@pytest.mark.parametrize("dtype", [torch.int32, torch.bool])
def test_whole_numbers_raise_as_in_torch(name, dtype):
    ours, theirs = FUNCTIONS[name]
    assert_both_raise(ours, theirs, torch.ones(3, dtype=dtype), names=(dtype,))


@pytest.mark.parametrize("slope", ["steep", None])
def test_a_slope_that_is_no_number_raises_as_in_torch(slope):
    assert_both_raise(activation.leaky_relu, functional.leaky_relu, torch.ones(3), slope, names=(slope,))
