"""What the grid does not show of transposed convolution: the module, output_size, drawn and illegal arguments."""

import copy

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from artlives.blocks.convolution import conv2d
from artlives.blocks.kernels import matmul
from artlives.blocks.transposed_convolution import ConvTranspose2d, conv_transpose2d
from artlives.validation import BLOCKS, LAYOUTS, Case
from tests.blocks.against_torch import assert_agree, assert_both_raise, drawn

MODULES = [
    {},
    {"stride": 2, "padding": (1, 2), "bias": False},
    {"stride": 3, "output_padding": (2, 1), "dilation": (1, 2)},
    {"groups": 2},
    {"dtype": torch.float64},
]


@pytest.mark.parametrize("options", MODULES, ids=str)
def test_module_replaces_torchs(options):
    ours, theirs = ConvTranspose2d(4, 6, (3, 5), **options), nn.ConvTranspose2d(4, 6, (3, 5), **options)
    names = "in_channels out_channels kernel_size stride padding output_padding dilation groups padding_mode"
    assert all(getattr(ours, name) == getattr(theirs, name) for name in names.split())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = torch.randn(2, 4, 7, 5, dtype=ours.weight.dtype)
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours(x), theirs(x))
    theirs.load_state_dict(ConvTranspose2d(4, 6, (3, 5), **options).state_dict())
    assert torch.equal(copy.deepcopy(ours)(x), ours(x))


def test_module_starts_like_torchs():
    torch.manual_seed(0)
    for mine, other in zip(
        ConvTranspose2d(64, 32, 5, groups=2).parameters(),
        nn.ConvTranspose2d(64, 32, 5, groups=2).parameters(),
        strict=True,
    ):
        assert mine.abs().max().item() == pytest.approx(other.abs().max().item(), rel=0.05)
        assert mine.std().item() == pytest.approx(other.std().item(), rel=0.2)


@pytest.mark.parametrize(
    "options", [{"stride": 2}, {"stride": 3, "padding": 1, "dilation": 2}, {"stride": (1, 2)}]
)
@pytest.mark.parametrize("more", [(0, 0), (1, 0), (0, 1), (2, 1), (3, 3), (-1, 0)])
@pytest.mark.parametrize("batch", [(), (2,)])
def test_output_size_is_met_or_refused_as_in_torch(options, more, batch):
    ours, theirs = ConvTranspose2d(3, 4, 3, **options), nn.ConvTranspose2d(3, 4, 3, **options)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(*batch, 3, 5, 6)
    height, width = (size + extra for size, extra in zip(ours(x).shape[-2:], more, strict=True))
    for size in ((height, width), [*batch, 4, height, width]):
        try:
            expected = theirs(x, output_size=size)
        except ValueError:
            assert_both_raise(ours, theirs, x, output_size=size, names=(height, width))
        else:
            assert expected.shape[-2:] == (height, width)
            torch.testing.assert_close(ours(x, output_size=size), expected)


@pytest.mark.parametrize("size", [(20,), (20, 20, 20, 20, 20)])
def test_output_size_of_another_length_is_refused_as_in_torch(size):
    ours, theirs = ConvTranspose2d(3, 4, 3, 2), nn.ConvTranspose2d(3, 4, 3, 2)
    assert_both_raise(ours, theirs, torch.randn(1, 3, 9, 9), output_size=size, names=size)


def test_it_is_the_adjoint_of_convolution():
    """<conv(x), y> = <x, conv_transpose(y)>, for any x and y."""
    x, weight = torch.randn(2, 4, 11, 9).double(), torch.randn(6, 2, 3, 4).double()
    options = {"stride": (2, 3), "padding": (1, 2), "dilation": (2, 1), "groups": 2}
    there = conv2d(x, weight, **options)
    y = torch.randn_like(there)
    back = conv_transpose2d(y, weight, output_padding=(0, 0), **options)
    back = functional.pad(back, (0, x.shape[3] - back.shape[3], 0, x.shape[2] - back.shape[2]))
    assert (there * y).sum().item() == pytest.approx((x * back).sum().item())


@pytest.mark.parametrize("block", [1, 300, 5000])
def test_any_size_of_the_block_in_progress_gives_the_same(block, monkeypatch):
    """Large pictures are computed in pieces: by pictures and by lines."""
    monkeypatch.setattr(matmul, "BLOCK", block)
    for case in BLOCKS["conv_transpose2d"].cases[::7]:
        assert_agree(BLOCKS["conv_transpose2d"], case)


def test_half_precision_adds_up_in_fp32():
    """4096 products of 1 and 1 for the one output pixel: bf16 itself cannot count past 256."""
    y = conv_transpose2d(torch.ones(1, 256, 4, 4).bfloat16(), torch.ones(256, 1, 4, 4).bfloat16(), padding=3)
    assert y.item() == 4096


@st.composite
def cases(draw, batches=((), (0,), (1,), (3,))):
    def two(low, high):
        return draw(st.tuples(st.integers(low, high), st.integers(low, high)))

    groups, inputs, outputs = (draw(st.integers(1, 3)) for _ in range(3))
    size, kernel, stride, padding, dilation = two(1, 8), two(1, 4), two(1, 4), two(0, 3), two(1, 3)
    extra = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    for n, k, s, p, d, e in zip(size, kernel, stride, padding, dilation, extra, strict=True):
        assume((n - 1) * s - 2 * p + d * (k - 1) + e + 1 > 0)
    batch = draw(st.sampled_from(batches))
    tensors = {"input": (*batch, inputs * groups, *size), "weight": (inputs * groups, outputs, *kernel)}
    if draw(st.booleans()):
        tensors["bias"] = (outputs * groups,)
    options = {
        "stride": stride,
        "padding": padding,
        "output_padding": extra,
        "groups": groups,
        "dilation": dilation,
    }
    return Case(tensors, options, draw(st.sampled_from(LAYOUTS)))


@drawn
@given(cases())
def test_drawn_arguments_agree_with_torch(case):
    assert_agree(BLOCKS["conv_transpose2d"], case)


ILLEGAL = {
    "channels": ({"input": (1, 3, 8, 8)}, {}, (3, 2)),
    "nothing left of the output": ({"input": (1, 2, 1, 1)}, {"padding": 2}, (-1,)),
    "stride 0": ({}, {"stride": 0}, (0,)),
    "stride -1 one way": ({}, {"stride": (1, -1)}, (-1,)),
    "three strides": ({}, {"stride": (1, 2, 3)}, (1, 2, 3)),
    "a fractional stride": ({}, {"stride": 1.5}, (1.5,)),
    "padding -1": ({}, {"padding": -1}, (-1,)),
    "padding by a word": ({}, {"padding": "same"}, ("same",)),
    "output padding -1": ({}, {"output_padding": -1, "stride": 2}, (-1,)),
    "output padding as large as the stride": ({}, {"output_padding": 2, "stride": 2}, (2, 1)),
    "output padding as large as the dilation": ({}, {"output_padding": 3, "dilation": 3}, (3, 1)),
    "dilation 0": ({}, {"dilation": 0}, (0,)),
    "groups 0": ({}, {"groups": 0}, (0,)),
    "groups that do not divide": ({"weight": (4, 2, 3, 3), "input": (1, 4, 8, 8)}, {"groups": 3}, (3, 4)),
    "bias too long": ({"bias": (5,)}, {}, (5, 4)),
    "bias of two axes": ({"bias": (1, 4)}, {}, ("[1, 4]",)),
    "input of two axes": ({"input": (8, 8)}, {}, ("[8, 8]",)),
    "input of five axes": ({"input": (1, 1, 2, 8, 8)}, {}, ("[1, 1, 2, 8, 8]",)),
    "no rows": ({"input": (1, 2, 0, 8)}, {}, (0,)),
    "weight of three axes": ({"weight": (2, 3, 3)}, {}, ("[2, 3, 3]",)),
    "no output channels": ({"weight": (2, 0, 3, 3)}, {}, (0,)),
    "empty kernel": ({"weight": (2, 4, 0, 3)}, {}, (0,)),
}


@pytest.mark.parametrize(("tensors", "options", "names"), ILLEGAL.values(), ids=ILLEGAL)
def test_illegal_arguments_raise_as_in_torch(tensors, options, names):
    shapes = {"input": (1, 2, 8, 8), "weight": (2, 4, 3, 3), **tensors}
    values = {name: torch.zeros(shape) for name, shape in shapes.items()}
    assert_both_raise(conv_transpose2d, functional.conv_transpose2d, names=names, **values, **options)


@pytest.mark.parametrize("spoiled", ["input", "weight"])
@pytest.mark.parametrize("change", [torch.Tensor.double, torch.Tensor.half, torch.Tensor.tolist])
def test_another_dtype_or_no_tensor_raises_as_in_torch(spoiled, change):
    tensors = {"input": torch.zeros(1, 2, 4, 4), "weight": torch.zeros(2, 4, 3, 3)}
    if (spoiled, change) == ("input", torch.Tensor.half):
        pytest.skip("half precision takes parameters in fp32")
    tensors[spoiled] = change(tensors[spoiled])
    names = ("list",) if change is torch.Tensor.tolist else (tensors[spoiled].dtype, "float32")
    assert_both_raise(conv_transpose2d, functional.conv_transpose2d, names=names, **tensors)


@drawn
@given(case=cases(batches=((), (2,))), data=st.data())
def test_drawn_illegal_arguments_raise_as_in_torch(case, data):
    """A legal case with one thing spoiled; torch does not look closely at an empty batch."""
    tensors, options = dict(case.tensors), dict(case.options)
    choices = [
        "channels",
        "stride",
        "padding",
        "output_padding",
        "too much output_padding",
        "dilation",
        "groups",
    ]
    match data.draw(st.sampled_from(choices)):
        case "channels":
            extra = data.draw(st.integers(1, 4))
            *batch, channels, h, w = tensors["input"]
            tensors["input"] = (*batch, channels + extra, h, w)
            names = (channels, channels + extra)
        case "groups":
            channels = tensors["weight"][0]
            options["groups"] = data.draw(st.integers(-3, 0) | st.integers(channels + 1, channels + 4))
            names = (options["groups"],)
        case "too much output_padding":
            least = max(options["stride"][0], options["dilation"][0])
            options["output_padding"] = (data.draw(st.integers(least, least + 3)), 0)
            names = (options["output_padding"], options["stride"], options["dilation"])
        case name:
            bad = data.draw(st.integers(-3, -1 if "padding" in name else 0))
            options[name] = data.draw(st.sampled_from([bad, (bad, 1), (1, bad)]))
            names = (bad,)
    values = {name: torch.zeros(shape) for name, shape in tensors.items()}
    assert_both_raise(conv_transpose2d, functional.conv_transpose2d, names=names, **values, **options)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [({"groups": 2}, (3, 2)), ({"groups": 0}, (0,)), ({"padding_mode": "reflect"}, ("reflect",))],
)
def test_modules_refuse_what_torchs_refuse(arguments, names):
    assert_both_raise(ConvTranspose2d, nn.ConvTranspose2d, 3, 4, 3, names=names, **arguments)
