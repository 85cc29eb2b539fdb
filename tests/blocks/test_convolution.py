"""What the grid does not show of convolution: the module, blocking, needed gradients, drawn and illegal arguments."""

import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from artlives import core
from artlives.blocks.convolution import Conv2d, conv2d
from artlives.blocks.kernels import matmul
from artlives.blocks.transposed_convolution import ConvTranspose2d
from artlives.validation import BLOCKS, LAYOUTS, Case
from tests.blocks.against_torch import assert_agree, assert_both_raise, drawn

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")

MODULES = [
    {},
    {"stride": 2, "padding": (1, 2), "bias": False},
    {"padding": "same", "dilation": 2},
    {"padding": "valid", "groups": 2},
    {"padding": 3, "padding_mode": "reflect"},
    {"padding": (0, 1), "padding_mode": "replicate", "stride": (1, 3)},
    {"dtype": torch.float64},
]


@pytest.mark.parametrize("options", MODULES, ids=str)
def test_module_replaces_torchs(options):
    ours, theirs = Conv2d(4, 6, (3, 5), **options), nn.Conv2d(4, 6, (3, 5), **options)
    names = "in_channels out_channels kernel_size stride padding dilation groups padding_mode"
    assert all(getattr(ours, name) == getattr(theirs, name) for name in names.split())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = torch.randn(2, 4, 13, 17, dtype=ours.weight.dtype)
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours(x), theirs(x))
    theirs.load_state_dict(Conv2d(4, 6, (3, 5), **options).state_dict())
    assert torch.equal(copy.deepcopy(ours)(x), ours(x))


def test_module_starts_like_torchs():
    torch.manual_seed(0)
    ours, theirs = Conv2d(32, 64, 5, groups=2), nn.Conv2d(32, 64, 5, groups=2)
    bound = 1 / math.sqrt(16 * 5 * 5)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert mine.abs().max() <= bound
        assert mine.std().item() == pytest.approx(other.std().item(), rel=0.2)


def test_repr_names_what_was_chosen():
    shown = repr(Conv2d(4, 6, 3, stride=2, padding=1, groups=2, bias=False, padding_mode="reflect"))
    for part in ("4, 6", "(3, 3)", "stride=(2, 2)", "padding=(1, 1)", "groups=2", "bias=False", "reflect"):
        assert part in shown


@pytest.mark.parametrize("block", [1, 300, 5000])
def test_any_size_of_the_block_in_progress_gives_the_same(block, monkeypatch):
    """Large pictures are computed in pieces: by pictures and by lines."""
    monkeypatch.setattr(matmul, "BLOCK", block)
    for case in BLOCKS["conv2d"].cases[::7]:
        assert_agree(BLOCKS["conv2d"], case)


@pytest.mark.parametrize("needed", [("input",), ("weight",), ("bias",), ("input", "bias")])
def test_only_the_gradients_that_are_needed(needed):
    tensors = {"input": torch.randn(2, 4, 7, 5), "weight": torch.randn(6, 4, 3, 3), "bias": torch.randn(6)}
    variables = [tensors[name].requires_grad_() for name in needed]
    ours = torch.autograd.grad(conv2d(**tensors, padding=1).square().sum(), variables)
    theirs = torch.autograd.grad(functional.conv2d(**tensors, padding=1).square().sum(), variables)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-4)


def test_gradient_of_a_sum():
    """Its output gradient is one number, expanded: a tensor without strides."""
    x, weight = torch.randn(2, 4, 7, 5, requires_grad=True), torch.randn(6, 4, 3, 3, requires_grad=True)
    ours = torch.autograd.grad(conv2d(x, weight, stride=2).sum(), (x, weight))
    theirs = torch.autograd.grad(functional.conv2d(x, weight, stride=2).sum(), (x, weight))
    torch.testing.assert_close(ours, theirs)


def test_half_precision_adds_up_in_fp32():
    """4096 products of 1 and 1: bf16 itself cannot count past 256."""
    y = conv2d(torch.ones(1, 256, 4, 4).bfloat16(), torch.ones(1, 256, 4, 4).bfloat16())
    assert y.item() == 4096


pair = st.integers(1, 3) | st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def cases(draw, batches=((), (0,), (1,), (3,))):
    groups, inputs, outputs = (draw(st.integers(1, 3)) for _ in range(3))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    padding = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    sizes = [
        draw(st.integers(max(1, d * (k - 1) + 1 - 2 * p), 16))
        for k, d, p in zip(kernel, dilation, padding, strict=True)
    ]
    batch = draw(st.sampled_from(batches))
    tensors = {"input": (*batch, inputs * groups, *sizes), "weight": (outputs * groups, inputs, *kernel)}
    if draw(st.booleans()):
        tensors["bias"] = (outputs * groups,)
    options = {"stride": draw(pair), "padding": padding, "dilation": dilation, "groups": groups}
    return Case(tensors, options, draw(st.sampled_from(LAYOUTS)))


@drawn
@given(cases())
def test_drawn_arguments_agree_with_torch(case):
    assert_agree(BLOCKS["conv2d"], case)


ILLEGAL = {
    "channels": ({"input": (1, 3, 8, 8)}, {}, (3, 2)),
    "kernel larger than the input": ({"input": (1, 2, 2, 8)}, {}, (3, 2)),
    "kernel larger than the padded input": (
        {"input": (1, 2, 2, 2), "weight": (4, 2, 5, 5)},
        {"padding": 1},
        (5, 4),
    ),
    "dilated kernel larger than the input": ({}, {"dilation": 4}, (9, 8)),
    "stride 0": ({}, {"stride": 0}, (0,)),
    "stride -1 one way": ({}, {"stride": (1, -1)}, (-1,)),
    "three strides": ({}, {"stride": (1, 2, 3)}, (1, 2, 3)),
    "no strides": ({}, {"stride": ()}, ("stride",)),
    "a fractional stride": ({}, {"stride": 1.5}, (1.5,)),
    "stride None": ({}, {"stride": None}, ("None",)),
    "padding -1": ({}, {"padding": -1}, (-1,)),
    "padding by a word": ({}, {"padding": "full"}, ("full",)),
    "same with a stride": ({}, {"padding": "same", "stride": 2}, (2,)),
    "dilation 0": ({}, {"dilation": 0}, (0,)),
    "dilation -1 one way": ({}, {"dilation": (-1, 1)}, (-1,)),
    "groups 0": ({}, {"groups": 0}, (0,)),
    "groups -1": ({}, {"groups": -1}, (-1,)),
    "groups that do not divide": ({"input": (1, 6, 8, 8)}, {"groups": 3}, (3, 4)),
    "groups that ask for more channels": ({}, {"groups": 2}, (4, 2)),
    "fractional groups": ({}, {"groups": 1.0}, (1.0,)),
    "bias too long": ({"bias": (5,)}, {}, (5, 4)),
    "bias of two axes": ({"bias": (1, 4)}, {}, ("[1, 4]",)),
    "input of two axes": ({"input": (8, 8)}, {}, ("[8, 8]",)),
    "input of five axes": ({"input": (1, 1, 2, 8, 8)}, {}, ("[1, 1, 2, 8, 8]",)),
    "no rows": ({"input": (1, 2, 0, 8)}, {"padding": 2}, (0,)),
    "weight of three axes": ({"weight": (2, 3, 3)}, {}, ("[2, 3, 3]",)),
    "empty kernel": ({"weight": (4, 2, 0, 3)}, {}, (0,)),
}


@pytest.mark.parametrize(("tensors", "options", "names"), ILLEGAL.values(), ids=ILLEGAL)
def test_illegal_arguments_raise_as_in_torch(tensors, options, names):
    shapes = {"input": (1, 2, 8, 8), "weight": (4, 2, 3, 3), **tensors}
    values = {name: torch.zeros(shape) for name, shape in shapes.items()}
    assert_both_raise(conv2d, functional.conv2d, names=names, **values, **options)


@pytest.mark.parametrize("spoiled", ["input", "weight", "bias"])
@pytest.mark.parametrize("change", [torch.Tensor.double, torch.Tensor.half, torch.Tensor.tolist])
def test_another_dtype_or_no_tensor_raises_as_in_torch(spoiled, change):
    tensors = {"input": torch.zeros(1, 2, 4, 4), "weight": torch.zeros(4, 2, 3, 3), "bias": torch.zeros(4)}
    if (spoiled, change) == ("input", torch.Tensor.half):
        pytest.skip("half precision takes parameters in fp32")
    tensors[spoiled] = change(tensors[spoiled])
    names = ("list",) if change is torch.Tensor.tolist else (tensors[spoiled].dtype, "float32")
    assert_both_raise(conv2d, functional.conv2d, names=names, **tensors)


@drawn
@given(case=cases(batches=((), (2,))), data=st.data())
def test_drawn_illegal_arguments_raise_as_in_torch(case, data):
    """A legal case with one thing spoiled; torch does not look closely at an empty batch."""
    tensors, options = dict(case.tensors), dict(case.options)
    match data.draw(
        st.sampled_from(["channels", "kernel", "stride", "padding", "dilation", "groups", "bias"])
    ):
        case "channels":
            extra = data.draw(st.integers(1, 4))
            *batch, channels, h, w = tensors["input"]
            tensors["input"] = (*batch, channels + extra, h, w)
            names = (channels, channels + extra)
        case "kernel":
            *batch, h, w = tensors["input"]
            least = w + 2 * options["padding"][1] + 1
            tensors["weight"] = (*tensors["weight"][:3], data.draw(st.integers(max(2, least), least + 5)))
            names = (least - 1,)
        case "groups":
            outputs = tensors["weight"][0]
            options["groups"] = data.draw(st.integers(-3, 0) | st.integers(outputs + 1, outputs + 4))
            names = (options["groups"],)
        case "bias":
            tensors["bias"] = (tensors["weight"][0] + data.draw(st.integers(1, 3)),)
            names = tensors["bias"]
        case name:
            bad = data.draw(st.integers(-3, -1 if name == "padding" else 0))
            options[name] = data.draw(st.sampled_from([bad, (bad, 1), (1, bad)]))
            names = (bad,)
    values = {name: torch.zeros(shape) for name, shape in tensors.items()}
    assert_both_raise(conv2d, functional.conv2d, names=names, **values, **options)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"groups": 2}, (3, 2)),
        ({"groups": 0}, (0,)),
        ({"groups": -1}, (-1,)),
        ({"padding": "full"}, ("full",)),
        ({"padding": "same", "stride": 2}, (2,)),
        ({"padding_mode": "mirror"}, ("mirror",)),
    ],
)
def test_modules_refuse_what_torchs_refuse(arguments, names):
    assert_both_raise(Conv2d, nn.Conv2d, 3, 4, 3, names=names, **arguments)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [3, (0, 4), 5])
@pytest.mark.parametrize("size", [(1, 2, 3, 3), (2, 3, 9), (1, 2, 4, 4), (2, 0, 5)])
def test_padding_modes_ask_for_as_many_pixels_as_torchs(mode, padding, size):
    ours, theirs = (module(2, 1, 1, padding=padding, padding_mode=mode) for module in (Conv2d, nn.Conv2d))
    x = torch.randn(size)
    theirs.load_state_dict(ours.state_dict())
    try:
        expected = theirs(x)
    except Exception:
        assert_both_raise(ours, theirs, x)
    else:
        torch.testing.assert_close(ours(x), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("with_core", [True, False])
@pytest.mark.parametrize(
    "module",
    [Conv2d(2, 3, 2), Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), ConvTranspose2d(2, 3, 3, stride=2)],
)
def test_parameters_in_fp32_are_rounded_to_half_precision_and_their_gradients_are_not(
    module, with_core, dtype, monkeypatch
):
    if not with_core:
        monkeypatch.setattr(core, "instruction_sets", dict)
    x = torch.randn(1, 2, 50, 60).to(dtype)
    narrow = copy.deepcopy(module).to(dtype)
    y = module(x)
    assert torch.equal(y, narrow(x))
    slope = torch.randn_like(y)
    exact = torch.autograd.grad(narrow.double()(x.double()), tuple(narrow.parameters()), slope.double())
    found = torch.autograd.grad(y, tuple(module.parameters()), slope)
    for gradient, truth in zip(found, exact, strict=True):
        assert gradient.dtype == torch.float32
        # Matrix products round each sum to half precision.
        tolerance = 1e-5 if with_core or gradient.ndim == 1 else torch.finfo(dtype).eps
        assert (gradient - truth).abs().max() <= tolerance * truth.abs().max()
