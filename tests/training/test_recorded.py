"""A training step on CUDA is recorded once; what is recorded must not wait for the device."""

from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from artlives.training.perceptual import Perceptual
from artlives.training.photos import Photos
from artlives.training.recipe import Recipe
from artlives.training.recorded import Recorded
from artlives.training.trainer import Trainer

RECIPE = Recipe(steps=5, size=64, batch_size=2, style_size=80)
# What makes a tensor of values on the CPU, and what asks a tensor for its value.
WAITS = {"aten::lift_fresh", "aten::_local_scalar_dense", "aten::nonzero"}


@pytest.fixture
def new(painting, photos_folder, perceptual_file):
    def make(device, recipe=RECIPE):
        judge = Perceptual(perceptual_file, device)
        return Trainer(painting, Photos(photos_folder), recipe, judge, None, device)

    return make


class Names(TorchDispatchMode):
    """The operations that were dispatched."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        self.names.add(function.name().partition(".")[0])
        return function(*arguments, **(options or {}))


@pytest.mark.parametrize("cost", ["mse", "js"])
def test_losses_ask_for_no_value(new, cost):
    trainer = new("cpu", replace(RECIPE, style_cost=cost))
    # On the CPU, the network's own blocks hand their values to the compiled core.
    factor = torch.ones((), requires_grad=True)
    trainer._distributed = lambda windows: windows * factor
    inputs = trainer._inputs(trainer._batch(0))
    # The first time, constants are made.
    trainer._backward(inputs)
    with Names() as seen:
        trainer._backward(inputs)
    assert "aten::sort" in seen.names
    assert not seen.names & WAITS


def test_inputs_of_other_shapes_are_computed_at_once(new):
    trainer, computed = new("cpu"), []
    recorded = Recorded(lambda inputs: computed.append(len(inputs.crops)) or torch.zeros(1))
    for batch_size in (2, 1):
        trainer.recipe = replace(RECIPE, batch_size=batch_size)
        recorded(trainer._inputs(trainer._batch(0)))
    assert computed == [2, 1]


@pytest.mark.gpu
def test_recorded_steps_are_those_launched_one_by_one(new):
    trained = []
    for recorded in (True, False):
        trainer = new("cuda")
        if not recorded:
            trainer._compute = trainer._backward
        trainer.run(lambda progress: None)
        assert recorded == isinstance(trainer._compute, Recorded)
        trained.append(torch.cat([values.flatten() for values in trainer.network.parameters()]))
    assert torch.equal(*trained)
