import numpy as np
import pytest
import torch
from PIL import Image

from artlives.architecture import STYLE_NETWORK
from artlives.engines.network import StyleNetwork
from artlives.explanation.filmstrip import CHANNELS, filmstrip, first_filters


@pytest.fixture(scope="module")
def network() -> StyleNetwork:
    torch.manual_seed(0)
    return StyleNetwork().eval()


@pytest.fixture(scope="module")
def photo() -> torch.Tensor:
    return torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0)) * 255


def test_a_frame_for_every_block_at_its_resolution(network, photo):
    frames = filmstrip(network, STYLE_NETWORK, photo)
    assert tuple(frame.layer for frame in frames) == STYLE_NETWORK
    sides = [24, 12, 6, 6, 6, 6, 12, 12, 12, 24, 48, 48]
    assert [frame.height for frame in frames] == sides
    assert [frame.width for frame in frames] == [side * 4 // 3 for side in sides]
    for frame in frames[:-1]:
        gap = max(1, frame.width // 24)
        assert frame.picture.size == (CHANNELS * (frame.width + gap) - gap, frame.height)


def test_the_last_frame_is_the_painting(network, photo):
    last = filmstrip(network, STYLE_NETWORK, photo)[-1]
    with torch.no_grad():
        expected = network(photo)[0].clamp(0, 255).round().byte().permute(1, 2, 0).numpy()
    assert last.channels == ()
    assert np.array_equal(np.asarray(last.picture), expected)


def test_the_channels_are_those_that_vary_most_each_in_its_own_range(network, photo):
    frame = filmstrip(network, STYLE_NETWORK, photo)[0]
    with torch.no_grad():
        values = network.modules_of_steps()[0]((photo - 127.5) / 128)[0]
    order = values.std((1, 2)).argsort(descending=True)
    assert list(frame.channels) == order[:CHANNELS].tolist()
    second = np.asarray(frame.picture.convert("L").crop((33, 0, 65, 24))).astype(float)
    assert (second.min(), second.max()) == (0, 255)
    channel = values[frame.channels[1]].numpy()
    assert np.corrcoef(second.ravel(), channel.ravel())[0, 1] > 0.99


def test_looking_leaves_the_network_as_it_was(network, photo):
    filmstrip(network, STYLE_NETWORK, photo)
    assert not any(block._forward_hooks for block in network.modules())


def test_filters_in_colour(network):
    filters = first_filters(network)
    assert filters.size == (8 * 8 - 1, 3 * 8 - 1)
    pixels = np.asarray(filters)
    weights = network.modules_of_steps()[0].conv.weight.detach()
    # The tenth filter, second in the second row.
    tile = pixels[8:15, 8:15, :3].astype(float) - 127.5
    expected = weights[9].permute(1, 2, 0).numpy() / weights[9].abs().max().item() * 127.5
    assert np.abs(tile - expected).max() <= 0.51
    # A gap between tiles.
    assert not pixels[7, :, 3].any()


def test_a_network_without_contrast_is_shown_too(network):
    frames = filmstrip(network, STYLE_NETWORK, torch.full((1, 3, 16, 16), 128.0))
    assert isinstance(frames[0].picture, Image.Image)
