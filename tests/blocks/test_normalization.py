"""What the grid does not show of the normalizations: modules over a training, hard numbers, illegal arguments."""

import copy
from functools import partial

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from artlives import core
from artlives.blocks.activation import relu
from artlives.blocks.normalization import (
    BatchNorm2d,
    InstanceNorm2d,
    batch_norm,
    fused_instance_norm,
    instance_norm,
)
from artlives.core import abi
from artlives.validation import BLOCKS, LAYOUTS, Case
from tests.blocks.against_torch import assert_agree, assert_both_raise, drawn, memory_format

PAIRS = [(InstanceNorm2d, nn.InstanceNorm2d), (BatchNorm2d, nn.BatchNorm2d)]
OPTIONS = [
    {},
    {"affine": True, "track_running_stats": True},
    {"affine": True, "track_running_stats": False},
    {"affine": False, "track_running_stats": True, "momentum": 0.5},
    {"affine": False, "track_running_stats": False, "eps": 0.1},
    {"affine": True, "track_running_stats": True, "momentum": None},
    {"affine": True, "dtype": torch.float64},
]


def scrambled(module):
    """`module` with other parameters than it starts with."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_()
    return module


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_module_follows_torchs_through_training_and_evaluation(ours, theirs, options):
    ours, theirs = ours(3, **options), scrambled(theirs(3, **options))
    names = "num_features eps momentum affine track_running_stats"
    assert all(getattr(ours, name) == getattr(theirs, name) for name in names.split())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for key, value in theirs.state_dict().items():
        assert ours.state_dict()[key].dtype == value.dtype
    ours.load_state_dict(theirs.state_dict())
    for step, training in enumerate((True, True, False, True, False)):
        x = torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(step)) * 3 + 1
        x = x.to(options.get("dtype", torch.float32))
        torch.testing.assert_close(ours.train(training)(x), theirs.train(training)(x))
        for key, value in theirs.state_dict().items():
            torch.testing.assert_close(ours.state_dict()[key], value)
    theirs.load_state_dict(ours.state_dict())
    assert torch.equal(copy.deepcopy(ours)(x), ours(x))


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_fresh_modules_have_the_same_state(ours, theirs):
    ours, theirs = (module(3, affine=True, track_running_stats=True) for module in (ours, theirs))
    for mine, other in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        assert torch.equal(mine, other)
    for part in ("3, eps=1e-05", "momentum=0.1", "affine=True", "track_running_stats=True"):
        assert part in repr(ours)


def test_instance_norm_takes_a_picture_without_a_batch():
    x = torch.randn(3, 5, 6)
    torch.testing.assert_close(InstanceNorm2d(3)(x), nn.InstanceNorm2d(3)(x))


def test_an_empty_batch_moves_no_statistics_and_gives_no_gradient():
    """torch makes the statistics of instance normalization NaN here, or breaks off."""
    for module in (InstanceNorm2d, BatchNorm2d):
        norm = module(3, affine=True, track_running_stats=True)
        norm(torch.randn(0, 3, 5, 6)).sum().backward()
        assert torch.equal(norm.weight.grad, torch.zeros(3))
        assert torch.equal(norm.running_mean, torch.zeros(3))
        assert torch.equal(norm.running_var, torch.ones(3))


def own_statistics(block):
    """`block` as a function that takes the input's statistics."""
    flag = {"use_input_stats": True} if block is instance_norm else {"training": True}
    return partial(block, **{"running_mean": None, "running_var": None, **flag})


@pytest.mark.parametrize("block", [own_statistics(instance_norm), own_statistics(batch_norm)])
def test_a_small_contrast_on_a_large_offset(block):
    """E[x²] - E[x]² would have no digit left of this variance."""
    x = 1000 + torch.randn(2, 3, 32, 32)
    truth = block(x.double())
    assert (block(x) - truth).abs().max() < 1e-3 * truth.abs().max()


@pytest.mark.parametrize("block", [own_statistics(instance_norm), own_statistics(batch_norm)])
def test_a_flat_picture_becomes_zero_and_finite_gradients(block):
    x = torch.full((2, 3, 4, 5), 7.0, requires_grad=True)
    y = block(x)
    y.square().sum().backward()
    assert torch.equal(y, torch.zeros_like(y))
    assert torch.equal(x.grad, torch.zeros_like(x))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("block", [own_statistics(instance_norm), own_statistics(batch_norm)])
def test_half_precision_inputs_with_fp32_parameters(block, dtype):
    """The sums and squares of these values are more than fp16 can hold."""
    x = (torch.randn(2, 3, 64, 64) * 300 + 1000).to(dtype)
    weight, bias, mean, variance = torch.rand(3) + 0.5, torch.randn(3), torch.zeros(3), torch.zeros(3)
    y = block(x, weight=weight, bias=bias, running_mean=mean, running_var=variance)
    truth = block(x.double(), weight=weight.double(), bias=bias.double())
    assert y.dtype == dtype
    assert (y - truth).abs().max() <= torch.finfo(dtype).eps * truth.abs().max()
    torch.testing.assert_close(mean, torch.full((3,), 100.0), rtol=0.02, atol=0)
    torch.testing.assert_close(variance.sqrt(), torch.full((3,), 300 * 0.1**0.5), rtol=0.02, atol=0)


@st.composite
def cases(draw, flag):
    affine, statistics = draw(st.booleans()), draw(st.booleans())
    own = draw(st.booleans()) if statistics else True
    shape = tuple(draw(st.integers(1, 9)) for _ in range(4))
    # Two values are mapped to -1 and 1 whatever they are: the gradient is rounding errors alone.
    assume((shape[0] if flag == "training" else 1) * shape[2] * shape[3] > 4)
    names = ["running_mean", "running_var"] * statistics + ["weight", "bias"] * affine
    options = {} if statistics else {"running_mean": None, "running_var": None}
    options |= {flag: own, "momentum": draw(st.floats(0, 1)), "eps": draw(st.floats(1e-5, 1))}
    return Case({"input": shape} | dict.fromkeys(names, (shape[1],)), options, draw(st.sampled_from(LAYOUTS)))


@drawn
@given(cases("use_input_stats"))
def test_drawn_arguments_agree_with_torchs_instance_norm(case):
    assert_agree(BLOCKS["instance_norm"], case)


@drawn
@given(cases("training"))
def test_drawn_arguments_agree_with_torchs_batch_norm(case):
    assert_agree(BLOCKS["batch_norm"], case)


STATISTICS = {"running_mean": (3,), "running_var": (3,)}
ILLEGAL = {
    "one pixel": ("instance_norm", {"input": (2, 3, 1, 1)}, {}, ("[2, 3, 1, 1]",)),
    "one value a channel": ("batch_norm", {"input": (1, 3, 1, 1)}, {"training": True}, ("[1, 3, 1, 1]",)),
    "no statistics at all": ("instance_norm", {}, {"use_input_stats": False}, ("running_mean",)),
    "no statistics in evaluation": ("batch_norm", {}, {}, ("running_mean",)),
    "weight too short": ("instance_norm", {"weight": (2,)}, {}, ("weight", 3, 2)),
    "bias too short": ("instance_norm", {"bias": (2,)}, {}, ("bias", 3, 2)),
    "weight of two axes": ("instance_norm", {"weight": (1, 3)}, {}, ("weight", 3)),
    "mean too short": ("instance_norm", {**STATISTICS, "running_mean": (2,)}, {}, ("running_mean", 3, 2)),
    "variance too long": ("batch_norm", {**STATISTICS, "running_var": (4,)}, {}, ("running_var", 3, 4)),
    "a weight too long": ("batch_norm", {**STATISTICS, "weight": (4,)}, {}, ("weight", 3, 4)),
    "a bias too long": ("batch_norm", {**STATISTICS, "bias": (4,)}, {"training": True}, ("bias", 3, 4)),
    "a mean without a variance": ("instance_norm", {"running_mean": (3,)}, {}, ("running_var",)),
    "a variance without a mean": ("batch_norm", {"running_var": (3,)}, {"training": True}, ("running_mean",)),
}


@pytest.mark.parametrize(("name", "shapes", "options", "names"), ILLEGAL.values(), ids=ILLEGAL)
def test_illegal_arguments_raise_as_in_torch(name, shapes, options, names):
    ours, theirs = {"instance_norm": instance_norm, "batch_norm": batch_norm}[name], getattr(functional, name)
    shapes = {"input": (2, 3, 5, 4), "running_mean": None, "running_var": None, **shapes}
    values = {key: shape and torch.ones(shape) for key, shape in shapes.items()}
    assert_both_raise(ours, theirs, names=names, **values, **options)


@pytest.mark.parametrize("spoiled", ["input", "weight", "bias"])
@pytest.mark.parametrize("change", [torch.Tensor.double, torch.Tensor.int, torch.Tensor.tolist])
def test_another_dtype_or_no_tensor_raises_as_in_torch(spoiled, change):
    tensors = {"input": torch.randn(2, 3, 5, 4), "weight": torch.ones(3), "bias": torch.ones(3)}
    tensors |= {"running_mean": torch.zeros(3), "running_var": torch.ones(3)}
    tensors[spoiled] = change(tensors[spoiled])
    names = ("list",) if change is torch.Tensor.tolist else (tensors[spoiled].dtype,)
    assert_both_raise(batch_norm, functional.batch_norm, names=names, **tensors)


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("shape", [(5, 4), (1, 2, 3, 5, 4), (2, 4, 5, 5), (1, 3, 1, 1)])
def test_modules_refuse_what_torchs_refuse(ours, theirs, shape):
    assert_both_raise(ours(3, affine=True), theirs(3, affine=True), torch.ones(shape))


FUSED = [(True, False), (False, True), (False, False)]
SHAPES = [(3, 24, 7, 9), (2, 96, 16, 16), (1, 3, 5, 5), (2, 5, 100, 90), (1, 1, 1, 2), (2, 700, 3, 3)]


def drawn_for_fusion(shape, residual, dtype, layout=torch.channels_last):
    generator = torch.Generator().manual_seed(0)
    x, other = (torch.randn(shape, generator=generator) * 2 + 3 for _ in range(2))
    x, other = (t.to(dtype).contiguous(memory_format=layout).requires_grad_() for t in (x, other))
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    weight, bias = (torch.randn(shape[1], generator=generator, dtype=wide).requires_grad_() for _ in range(2))
    return (x, weight, bias, other) if residual else (x, weight, bias)


def fused(x, weight, bias, residual=None, rectified=False):
    return fused_instance_norm(x, weight, bias, rectified, residual)


def unfused(x, weight, bias, residual=None, rectified=False):
    y = instance_norm(x, weight=weight, bias=bias)
    y = relu(y) if rectified else y
    return y if residual is None else y + residual


@pytest.fixture(params=[*core.instruction_sets(), "none"])
def instruction_set(request, monkeypatch):
    """Each instruction set of this processor by itself, and none."""
    sets = {name: entry for name, entry in core.instruction_sets().items() if name == request.param}
    for module in (core, abi):
        monkeypatch.setattr(module, "instruction_sets", lambda: sets)


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("rectified", "residual"), FUSED)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 3e-6), (torch.bfloat16, 2**-8)])
def test_fused_normalization_and_its_gradients(
    instruction_set, dtype, tolerance, rectified, residual, shape, layout
):
    tensors = drawn_for_fusion(shape, residual, dtype, layout)
    exact = [t.detach().double().requires_grad_() for t in tensors]
    y, expected = fused(*tensors, rectified=rectified), unfused(*exact, rectified=rectified)
    slope = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    found = torch.autograd.grad(y, tensors, slope)
    truth = torch.autograd.grad(expected, exact, slope.double())
    assert y.dtype == dtype
    assert y.is_contiguous(memory_format=memory_format(tensors[0]))
    for mine, like, other in zip((y, *found), (y, *tensors), (expected, *truth), strict=True):
        assert mine.dtype == like.dtype
        assert (mine - other).abs().max() <= tolerance * max(1, other.abs().max())


@pytest.mark.parametrize(("rectified", "residual"), FUSED)
def test_second_derivatives_of_fused_normalization(rectified, residual):
    tensors = drawn_for_fusion((2, 3, 4, 3), residual, torch.float64)
    function = partial(fused, rectified=rectified)
    assert torch.autograd.gradcheck(function, tensors)
    assert torch.autograd.gradgradcheck(function, tensors)

    def penalty(function, tensors):
        y = function(*tensors, rectified=rectified)
        (slope,) = torch.autograd.grad(y.exp().sum(), tensors[:1], create_graph=True)
        return torch.autograd.grad(slope.square().sum(), tensors)

    narrow = [t.detach().float().requires_grad_() for t in tensors]
    for mine, exact in zip(penalty(fused, narrow), penalty(unfused, tensors), strict=True):
        torch.testing.assert_close(mine.double(), exact, rtol=1e-4, atol=1e-4 * float(exact.abs().max()))


def test_fused_normalization_of_a_large_offset_and_of_a_flat_picture():
    x = 1000 + torch.randn(2, 3, 32, 32)
    truth = fused_instance_norm(x.double())
    assert (fused_instance_norm(x) - truth).abs().max() < 1e-3 * truth.abs().max()
    flat = torch.full((2, 3, 4, 5), 7.0, requires_grad=True)
    y = fused_instance_norm(flat)
    y.square().sum().backward()
    assert torch.equal(y, torch.zeros_like(y))
    assert torch.equal(flat.grad, torch.zeros_like(flat))


def test_fused_normalization_keeps_what_is_no_number():
    """So that a training notices."""
    x = torch.randn(1, 2, 8, 8)
    x[0, 0, 3, 3] = torch.nan
    assert fused_instance_norm(x, rectified=True)[0, 0].isnan().all()


def test_fused_normalization_refuses_what_it_cannot_add():
    x = torch.randn(1, 2, 4, 4)
    for residual, rectified in ((x[:, :1], False), (x.double(), False), (x, True)):
        with pytest.raises(ValueError, match="residual must be like input"):
            fused_instance_norm(x, rectified=rectified, residual=residual)
