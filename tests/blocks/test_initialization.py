"""The initializers: distributions, bounds, repeatability, and the errors of torch's."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import init

from artlives.blocks import initialization
from tests.blocks.against_torch import assert_both_raise, drawn

WEIGHT = (96, 48, 5, 7)  # 161,280 values
CALLS = {
    "uniform_": [{}, {"a": -2.0, "b": 0.5}],
    "normal_": [{}, {"mean": 3.0, "std": 0.02}],
    "trunc_normal_": [
        {},
        {"std": 0.02},
        # The bounds leave out much of the distribution.
        {"std": 3.0},
        # They leave out almost all of it.
        {"a": -0.1, "b": 0.1},
        {"mean": 1.0, "std": 2.0, "a": 0.0, "b": 9.0},
        # They leave a tail alone.
        {"mean": -1.9, "a": 0.0, "b": 3.0},
    ],
    "xavier_uniform_": [{}, {"gain": 3.0}],
    "xavier_normal_": [{}, {"gain": 0.5}],
    "kaiming_uniform_": [{}, {"a": math.sqrt(5)}, {"mode": "fan_out", "nonlinearity": "relu"}],
    "kaiming_normal_": [{}, {"a": 0.2}, {"mode": "FAN_OUT", "nonlinearity": "tanh"}],
}
calls = pytest.mark.parametrize(
    ("name", "options"), [(name, options) for name, rows in CALLS.items() for options in rows], ids=str
)


def fill(module, name, options, shape=WEIGHT, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return getattr(module, name)(torch.full(shape, 99.0, dtype=dtype), generator=generator, **options)


@calls
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_distribution_is_torchs(name, options, dtype):
    """Kolmogorov and Smirnov: of samples of one distribution, 1 pair in 100,000 is further apart than this."""
    ours = fill(initialization, name, options, dtype=dtype).flatten().double()
    theirs = fill(init, name, options, seed=1).flatten().to(dtype).double()
    places = theirs.unique()
    distance = (cumulative(ours, places) - cumulative(theirs, places)).abs().max()
    assert distance < 2.47 * math.sqrt(2 / ours.numel())
    spread = theirs.std().item()
    assert ours.mean().item() == pytest.approx(theirs.mean().item(), abs=spread / 50)
    assert ours.std().item() == pytest.approx(spread, rel=0.02)


def cumulative(sample, places):
    return torch.searchsorted(sample.sort().values, places, right=True) / sample.numel()


@pytest.mark.parametrize(
    ("name", "options", "std"),
    [
        # Of (96, 48, 5, 7): fan_in is 48 * 35, fan_out 96 * 35.
        ("xavier_normal_", {"gain": 2.0}, 2 * math.sqrt(2 / (144 * 35))),
        ("xavier_uniform_", {}, math.sqrt(2 / (144 * 35))),
        ("kaiming_normal_", {}, math.sqrt(2 / (48 * 35))),
        ("kaiming_uniform_", {"mode": "fan_out"}, math.sqrt(2 / (96 * 35))),
        ("kaiming_uniform_", {"a": 2.0}, math.sqrt(2 / 5 / (48 * 35))),
        ("kaiming_normal_", {"nonlinearity": "linear"}, math.sqrt(1 / (48 * 35))),
    ],
)
def test_standard_deviation_is_that_of_the_papers(name, options, std):
    values = fill(initialization, name, options)
    assert values.std().item() == pytest.approx(std, rel=0.01)
    if "uniform" in name:
        assert 0.99 * math.sqrt(3) * std < values.abs().max().item() <= math.sqrt(3) * std * (1 + 1e-6)


@pytest.mark.parametrize("options", CALLS["trunc_normal_"], ids=str)
def test_truncation_keeps_the_bounds(options):
    values = fill(initialization, "trunc_normal_", options)
    assert options.get("a", -2.0) <= values.min()
    assert values.max() <= options.get("b", 2.0)


@drawn
@given(st.floats(-3, 3), st.floats(0.1, 3), st.floats(-3, 3), st.floats(0.1, 3))
def test_truncation_keeps_drawn_bounds(mean, std, low, width):
    options = {"mean": mean, "std": std, "a": low, "b": low + width}
    values = fill(initialization, "trunc_normal_", options, (20, 20))
    assert low - 1e-6 <= values.min()
    assert values.max() <= low + width + 1e-6


def test_a_signal_keeps_its_size_through_many_layers():
    """What the initializers of Glorot and He are for."""
    generator = torch.Generator().manual_seed(0)
    for fill_, options, nonlinearity in (
        (initialization.kaiming_normal_, {"nonlinearity": "relu"}, lambda x: x.clamp(min=0)),
        (initialization.xavier_uniform_, {}, lambda x: x),
    ):
        x = torch.randn(64, 512, generator=generator)
        for _ in range(20):
            x = nonlinearity(x @ fill_(torch.empty(512, 512), generator=generator, **options).T)
        assert 0.3 < x.square().mean() < 3


@calls
def test_a_generator_makes_the_draw_repeatable(name, options):
    first, again, other = (fill(initialization, name, options, (8, 4, 3, 3), seed=seed) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.manual_seed(3)
    first = getattr(initialization, name)(torch.empty(8, 4, 3, 3), **options)
    torch.manual_seed(3)
    assert torch.equal(first, getattr(initialization, name)(torch.empty(8, 4, 3, 3), **options))


@calls
def test_parameters_are_filled_in_place_without_a_gradient(name, options):
    weight = torch.nn.Parameter(torch.full((8, 4, 3, 3), 99.0))
    assert getattr(initialization, name)(weight, **options) is weight
    assert weight.requires_grad
    assert weight.grad_fn is None
    assert not (weight == 99).any()


@pytest.mark.parametrize(
    "nonlinearity", ["linear", "conv2d", "conv_transpose2d", "sigmoid", "tanh", "relu", "selu"]
)
def test_gains_are_torchs(nonlinearity):
    assert initialization.calculate_gain(nonlinearity) == init.calculate_gain(nonlinearity)


@pytest.mark.parametrize("slope", [None, 0, 1, 0.2, -3.0])
def test_gain_of_leaky_relu_is_torchs(slope):
    ours, theirs = (module.calculate_gain("leaky_relu", slope) for module in (initialization, init))
    assert ours == pytest.approx(theirs)


@pytest.mark.parametrize("name", ["xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_"])
@pytest.mark.parametrize("shape", [(), (5,)])
def test_a_tensor_without_fans_raises_as_in_torch(name, shape):
    assert_both_raise(getattr(initialization, name), getattr(init, name), torch.zeros(shape), names=(shape,))


@pytest.mark.parametrize("name", ["kaiming_uniform_", "kaiming_normal_"])
@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"mode": "fan_avg"}, ("fan_avg",)),
        ({"nonlinearity": "gelu"}, ("gelu",)),
        ({"a": "steep"}, ("steep",)),
        ({"a": True}, ("True",)),
    ],
)
def test_an_unknown_mode_or_gain_raises_as_in_torch(name, options, names):
    assert_both_raise(
        getattr(initialization, name), getattr(init, name), torch.zeros(3, 4), names=names, **options
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("uniform_", {"a": 2.0, "b": 1.0}),
        ("normal_", {"std": -1.0}),
        ("trunc_normal_", {"a": 2.0, "b": -2.0}),
    ],
)
def test_impossible_distributions_raise_as_in_torch(name, options):
    assert_both_raise(getattr(initialization, name), getattr(init, name), torch.zeros(3, 4), **options)


@pytest.mark.parametrize("name", ["kaiming_uniform_", "kaiming_normal_"])
def test_an_empty_tensor_is_left_alone_with_a_warning_as_in_torch(name):
    for module in (initialization, init):
        with pytest.warns(UserWarning, match=r"[Ii]nitializ"):
            assert getattr(module, name)(torch.empty(0, 3)).shape == (0, 3)
