import pytest
import torch

from artlives.engines.network import StyleNetwork
from artlives.training.choices import initialize


def weights(init):
    torch.manual_seed(0)
    network = StyleNetwork()
    initialize(network, init)
    return network.file_weights()


@pytest.mark.parametrize(
    ("init", "std", "largest"),
    [
        ("uniform", 0.05 / 3**0.5, 0.05),
        ("normal", 0.05, 1),
        ("truncated-normal", 0.05 * 0.88, 0.1),
        ("xavier", (2 / (96 * 9 + 96 * 9)) ** 0.5, 1),
        ("kaiming", (2 / (96 * 9)) ** 0.5, 1),
    ],
)
def test_weights_are_drawn_as_asked(init, std, largest):
    weight = weights(init)["layers.3_residual.second.conv.weight"]
    assert weight.std() == pytest.approx(std, rel=0.02)
    assert weight.mean().abs() < 0.01 * std
    assert weight.abs().max() <= largest


@pytest.mark.parametrize("init", ["uniform", "kaiming"])
def test_transposed_convolutions_start_without_a_grid(init):
    weight = weights(init)["layers.6_upsampling.conv.weight"]  # (inputs, outputs, 4, 4)
    # The sum of each phase.
    phases = weight.unfold(2, 2, 2).unfold(3, 2, 2).sum((2, 3)).flatten(2)
    torch.testing.assert_close(phases, phases[:, :, :1].expand_as(phases))
    # Whatever was drawn, its scale is that which keeps a signal's: 0.7 * sqrt(2 / inputs).
    assert phases[:, :, 0].std() == pytest.approx(0.7 * (2 / 96) ** 0.5, rel=0.25)


def test_the_picture_starts_grey():
    weight = weights("normal")["layers.11_output.conv.weight"]
    assert weight.std() == pytest.approx(0.01, rel=0.1)
