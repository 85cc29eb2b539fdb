"""Our optimizers beside torch's: the same weights after every step, and the same state to go on from."""

import pytest
import torch
from torch import optim
from torch.utils._python_dispatch import TorchDispatchMode

from artlives.blocks import optimization

CASES = [
    ("SGD", {}),
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "eps": 1e-3}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.9, "eps": 1e-3}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.1, "rho": 0.95, "eps": 1e-3}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.99), "eps": 1e-3}),
]
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-13}


def weights(dtype):
    generator = torch.Generator().manual_seed(0)
    shapes = [(3, 4, 3, 3), (5,), ()]
    return [torch.randn(shape, generator=generator).to(dtype).requires_grad_() for shape in shapes]


def train(optimizer, parameters, steps, seed=0):
    """Follows gradients from 1e-3 to 1e3; the last parameter has none in every other step."""
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        optimizer.zero_grad()
        for parameter in parameters:
            scale = 10 ** torch.empty(parameter.shape).uniform_(-3, 3, generator=generator)
            parameter.grad = (parameter.detach() * scale).to(parameter.dtype)
        if step % 2:
            parameters[-1].grad = None
        optimizer.step()


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_moves_weights_as_torchs_does(name, arguments, dtype):
    ours, theirs = weights(dtype), weights(dtype)
    optimizer = getattr(optimization, name)(ours, **arguments)
    reference = getattr(optim, name)(theirs, **arguments)
    for step in range(20):
        train(optimizer, ours, 2, step)
        train(reference, theirs, 2, step)
        for mine, other in zip(ours, theirs, strict=True):
            assert (mine - other).abs().max() <= TOLERANCES[dtype] * other.abs().max()
            # Each step starts from the same values, so that its error alone is compared.
            other.data.copy_(mine)


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_goes_on_from_its_own_state_and_from_torchs(name, arguments):
    whole, parts, theirs = (weights(torch.float64) for _ in range(3))
    train(optimizer := getattr(optimization, name)(whole, **arguments), whole, 5)
    train(first := getattr(optimization, name)(parts, **arguments), parts, 5)
    train(reference := getattr(optim, name)(theirs, **arguments), theirs, 5)
    train(optimizer, whole, 5, seed=1)
    for parameters, state in ((parts, first.state_dict()), (theirs, reference.state_dict())):
        resumed = getattr(optimization, name)(parameters, **arguments)
        resumed.load_state_dict(state)
        train(resumed, parameters, 5, seed=1)
        for mine, other in zip(whole, parameters, strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)


class Counting(TorchDispatchMode):
    """Counts torch's operations, each of which a GPU would have to be told of."""

    count = 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        self.count += 1
        return function(*arguments, **(options or {}))


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_further_weights_take_no_further_operations(name, arguments):
    counts = []
    for copies in (1, 3):
        parameters = [weight for _ in range(copies) for weight in weights(torch.float32)]
        optimizer = getattr(optimization, name)(parameters, **arguments)
        train(optimizer, parameters, 1)
        with Counting() as counting:
            optimizer.step()
        counts.append(counting.count)
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("SGD", {"lr": -1.0}), ("SGD", {"momentum": -0.1}), ("Adam", {"betas": (0.9, 1.0)})],
)
def test_arguments_that_make_no_sense(name, arguments):
    with pytest.raises(ValueError, match="must be"):
        getattr(optimization, name)(weights(torch.float32), **arguments)
