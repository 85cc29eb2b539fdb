"""Every block against torch's, over the grid of `artlives check`."""

import pytest
import torch

from artlives.validation import BLOCKS, TOLERANCES, Block, Errors, arrange, differentiates, draw, measure
from tests.blocks.against_torch import assert_agree

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")


def rows(attribute):
    return [
        pytest.param(block, case, id=f"{block.name} {case}")
        for block in BLOCKS.values()
        for case in getattr(block, attribute)
    ]


@pytest.mark.parametrize(("block", "case"), rows("cases"))
def test_outputs_and_gradients_agree_with_torch(block, case, device):
    assert_agree(block, case, device)


@pytest.mark.parametrize(("block", "case"), rows("small"))
def test_first_and_second_derivatives_agree_with_finite_differences(block, case, device):
    assert differentiates(block, case, device)


FORMATS = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_memory_format_is_kept(block, layout, device):
    for case in block.cases:
        tensors = {name: value.to(device) for name, value in draw(case).items()}
        x = tensors["input"] = arrange(tensors["input"], layout)
        if x.ndim == 4 and [x.is_contiguous(memory_format=f) for f in FORMATS.values()].count(True) == 1:
            y = block.ours(**tensors, **case.options)
            assert y.is_contiguous(memory_format=FORMATS[layout]), case


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_inputs_are_left_as_they_were(block):
    for case in [case for case in block.cases if "running_mean" not in case.tensors][::5]:
        tensors = {name: value.requires_grad_() for name, value in draw(case).items()}
        before = {name: value.detach().clone() for name, value in tensors.items()}
        block.ours(**tensors, **case.options).sum().backward()
        assert all(torch.equal(before[name], value) for name, value in tensors.items()), case


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_without_gradients_the_result_is_the_same_and_keeps_no_graph(block):
    for case in block.cases[::5]:
        tensors = draw(case)
        y = block.ours(**tensors, **case.options)
        assert not y.requires_grad
        tensors["input"].requires_grad_()
        assert torch.equal(block.ours(**{**draw(case), "input": tensors["input"]}, **case.options), y), case


@pytest.mark.smoke
def test_the_measure_sees_a_wrong_block():
    """One wrong value in the output or in one gradient, another shape, another dtype, NaN."""
    right = BLOCKS["conv2d"]
    case = right.cases[0]

    def spoiled(change):
        return Block("spoiled", lambda **arguments: change(right.ours(**arguments)), right.reference, [], [])

    def with_wrong_gradient(y):
        # The same values, but a gradient that is off.
        return y + (y.detach() - y) * 1e-3

    zeros_but_one = torch.zeros(2, 8, 11, 15, dtype=torch.float64)
    zeros_but_one[1, 7, 10, 14] = 1e-3
    assert max(measure(right, case, torch.float64)) < 1e-13
    assert 1e-5 < measure(spoiled(lambda y: y + zeros_but_one), case, torch.float64).forward < 1e-3
    assert measure(spoiled(with_wrong_gradient), case, torch.float64) == pytest.approx((0, 1e-3), abs=1e-6)
    for change in (torch.Tensor.double, lambda y: y[..., :-1], lambda y: y * torch.nan):
        assert measure(spoiled(change), case, torch.float32).forward == float("inf")


def test_tolerances_are_what_the_project_promises():
    assert TOLERANCES[torch.float32] == Errors(1e-5, 1e-4)
