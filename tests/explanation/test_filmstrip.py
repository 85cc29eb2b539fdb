import numpy as np
import pytest
import torch
from PIL import Image

from artlives.architecture import STYLE_NETWORK
from artlives.engines.network import StyleNetwork
from artlives.explanation.filmstrip import CHANNELS, false_colours, filmstrip, first_filters, without


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
        assert len(frame.channels) == CHANNELS
        pictures = [frame.picture, *(channel.picture for channel in frame.channels)]
        assert {picture.size for picture in pictures} == {(frame.width, frame.height)}


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
    assert [channel.number for channel in frame.channels] == order[:CHANNELS].tolist()
    second = np.asarray(frame.channels[1].picture).astype(float)
    assert (second.min(), second.max()) == (0, 255)
    assert np.corrcoef(second.ravel(), values[order[1]].numpy().ravel())[0, 1] > 0.99


def test_false_colours_are_principal_components():
    generator = torch.Generator().manual_seed(3)
    one, two, three = (
        torch.rand(3, 20, 30, generator=generator).pow(3) * torch.tensor([9.0, 4, 1])[:, None, None]
    )
    mixed = torch.stack([one, one, two, -two, three, torch.zeros_like(one)])
    picture, share = false_colours(mixed)
    assert share == pytest.approx(1, abs=1e-5)
    for band, source in zip(np.asarray(picture).transpose(2, 0, 1), (one, two, three), strict=True):
        assert np.corrcoef(band.ravel(), source.numpy().ravel())[0, 1] > 0.95
    _, less = false_colours(torch.cat([mixed, torch.rand(4, 20, 30, generator=generator)]))
    assert 0.5 < less < 0.999


def test_without_a_residual_block_its_input_goes_on(network, photo):
    with torch.no_grad():
        whole = network(photo)[0]
        second = network.modules_of_steps()[4]
        kept = second.norm.weight.clone(), second.norm.bias.clone()
        for values in (second.norm.weight, second.norm.bias):
            values.zero_()
        expected = network(photo)[0]
        for values, before in zip((second.norm.weight, second.norm.bias), kept, strict=True):
            values.copy_(before)
    found = without(network, 3, photo)
    torch.testing.assert_close(found, expected)
    assert not torch.allclose(found, whole)
    with torch.no_grad():
        assert torch.equal(network(photo)[0], whole)


def test_looking_leaves_the_network_as_it_was(network, photo):
    filmstrip(network, STYLE_NETWORK, photo)
    assert not any(block._forward_hooks for block in network.modules())


def test_filters_in_colour(network):
    filters = first_filters(network)
    assert len(filters) == 24
    assert filters[0].size == (7, 7)
    weights = network.modules_of_steps()[0].conv.weight.detach()
    tile = np.asarray(filters[9]).astype(float) - 127.5
    expected = weights[9].permute(1, 2, 0).numpy() / weights[9].abs().max().item() * 127.5
    assert np.abs(tile - expected).max() <= 0.51


def test_a_network_without_contrast_is_shown_too(network):
    frames = filmstrip(network, STYLE_NETWORK, torch.full((1, 3, 16, 16), 128.0))
    assert isinstance(frames[0].picture, Image.Image)
