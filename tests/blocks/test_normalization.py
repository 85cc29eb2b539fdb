"""What the grid does not show of the normalizations: modules over a training, hard numbers, illegal arguments."""

import copy
from functools import partial

import pytest
import torch
from against_torch import assert_agree, assert_both_raise, drawn
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from artlives.blocks.normalization import BatchNorm2d, InstanceNorm2d, batch_norm, instance_norm
from artlives.validation import BLOCKS, LAYOUTS, Case

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
