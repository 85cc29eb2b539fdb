"""What is said of blocks is true of their weights and pictures."""

import pytest
import torch
from PIL import Image

from artlives.architecture import STYLE_NETWORK, Layer
from artlives.engines.network import StyleNetwork
from artlives.explanation import words
from artlives.explanation.filmstrip import Frame
from artlives.explanation.likeness import Likeness
from artlives.plan import lower


def frame_of(layer):
    return Frame(layer, 20, 30, (), Image.new("L", (30, 20)), 1.0, None)


def test_receptive_fields_are_where_a_pixel_changes_values():
    """Convolutions alone, without normalization, which lets all pixels change all values."""
    network = StyleNetwork(even=False)
    fields = words.receptive_fields(lower(STYLE_NETWORK))
    assert fields[:3] == [7, 11, 19]
    for count, field in ((1, fields[0]), (3, fields[2]), (5, fields[3])):
        x = torch.rand(1, 3, 96, 96, dtype=torch.float64, requires_grad=True)
        y = x
        for module in network.double().modules_of_steps()[:count]:
            y = module.conv(y)
        middle = y.shape[3] // 2
        (gradient,) = torch.autograd.grad(y[0, :, middle, middle].sum(), x)
        columns = gradient[0].abs().amax((0, 1)).nonzero()
        assert columns.max() - columns.min() + 1 == field


@pytest.mark.parametrize("even", [True, False])
def test_a_grid_is_told_where_weights_are_uneven(even):
    network = StyleNetwork(even=even)
    steps = network.steps
    index = next(i for i, step in enumerate(steps) if step.transposed)
    layer, convolution = STYLE_NETWORK[steps[index].layer], network.modules_of_steps()[index].conv
    weight = convolution.weight.detach()
    uneven = words.unevenness(weight, layer.stride)
    # An even area stays even, but for the border.
    area = convolution(torch.ones(1, layer.inputs, 12, 12)).detach()[:, :, 8:-8, 8:-8]
    assert (area.std((2, 3)).max() < 1e-4) == even
    assert (uneven < 1e-4) == even
    assert ("no grid" in words.of_upsampling(frame_of(layer), weight, None)) == even


def test_unevenness_is_what_lies_over_an_even_area():
    weight = torch.tensor([[[[1.0, 3.0], [1.0, 3.0]]]])
    assert words.unevenness(weight, 2) == pytest.approx(0.5)
    assert "unevenly, by 50%" in words.of_upsampling(frame_of(Layer("upsampling", 1, 1, 2, 2)), weight, None)


def test_what_a_painting_loses():
    painting = torch.full((3, 32, 32), 100.0)
    coarse, fine = painting.clone(), painting.clone()
    coarse[:, :16] += 20
    fine[:, ::2] += 20
    assert words.loss(painting, coarse) == pytest.approx((10, 0), abs=1e-5)
    assert words.loss(painting, fine) == pytest.approx((10, 0.5), abs=1e-5)
    assert words.loss(painting, painting) == (0, 0)
    assert "shapes larger than 8" in words.of_residual(0.4, words.loss(painting, coarse))
    assert "differ by 10 grey levels" in words.of_residual(0.4, words.loss(painting, fine))


def test_what_is_cut_off_is_counted():
    painting = torch.tensor([-5.0, 0, 128, 256]).repeat(3, 1, 1)
    assert "50.0% that lie beyond" in words.of_output(STYLE_NETWORK[-1], painting)


def test_a_channel_is_called_after_what_it_follows():
    assert "where it is red" in words.of_convolution(9, Likeness("where it is red", 0.912))
    assert "0.91" in words.of_convolution(9, Likeness("where it is red", 0.912))
    assert "9 x 9 pixels" in words.of_convolution(9, None)
    assert "nothing as simple" in words.of_convolution(9, None)
