import pytest
import torch

from artlives.network import StyleNetwork
from artlives.training.choices import initialize


def weights(init):
    torch.manual_seed(0)
    network = StyleNetwork()
    initialize(network, init)
    return network.state_dict()


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
    profile = torch.tensor([0.25, 0.75, 0.75, 0.25])
    amplitude = weight[:, :, 1, 1] / 0.75**2
    torch.testing.assert_close(weight, amplitude[:, :, None, None] * profile * profile[:, None])
    assert amplitude.std() == pytest.approx(
        {"uniform": 0.05 / 3**0.5, "kaiming": (2 / 96) ** 0.5}[init], rel=0.05
    )


def test_the_picture_starts_grey():
    weight = weights("normal")["layers.11_output.conv.weight"]
    assert weight.std() == pytest.approx(0.01, rel=0.1)
