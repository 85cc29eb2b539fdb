"""The style network: sizes, its description, and equality with the same network of torch's modules."""

import numpy as np
import pytest
import torch

from artlives import grain, images, plan, styles
from artlives.architecture import ACTIVATIONS, STYLE_NETWORK, activated
from artlives.benchmark import torch_blocks
from artlives.engines.network import StyleNetwork, Upsampling
from artlives.engines.torch import load
from artlives.files import sample_photos


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return StyleNetwork()


@pytest.mark.parametrize("size", [(16, 16), (16, 90), (17, 31), (64, 64), (33, 40)])
def test_every_size_is_kept(network, size):
    y = network(torch.rand(2, 3, *size) * 255)
    assert y.shape == (2, 3, *size)
    assert y.isfinite().all()
    assert -22.5 <= y.min() <= y.max() <= 277.5


def test_computing_in_bf16_gives_nearly_the_same_picture_and_gradients():
    torch.manual_seed(0)
    network = StyleNetwork()
    x, slope = torch.rand(2, 3, 64, 64) * 255, torch.randn(2, 3, 64, 64)
    # What a residual block adds to a whole channel is taken away by the next normalization.
    weights = [p for name, p in network.named_parameters() if not name.endswith("second.norm.bias")]
    found = []
    for dtype in (None, torch.bfloat16):
        network.compute_dtype = dtype
        y = network(x)
        assert y.dtype == torch.float32
        found.append((y, *torch.autograd.grad(y, weights, slope)))
        assert all(gradient.dtype == torch.float32 for gradient in found[-1])
    assert 0 < (found[0][0] - found[1][0]).abs().mean() < 3
    # Of bf16's 8 bits; through 18 layers their rounding adds up.
    cosines = [torch.cosine_similarity(a.flatten(), b.flatten(), 0) for a, b in zip(*found, strict=True)]
    assert min(cosines) > 0.9


@pytest.mark.parametrize("shape", [(1, 3, 15, 64), (1, 3, 64, 15), (1, 1, 64, 64), (3, 64, 64)])
def test_what_is_no_picture_is_refused(network, shape):
    with pytest.raises(ValueError, match="at least 16 pixels"):
        network(torch.zeros(shape))


@pytest.mark.parametrize(("size", "activation"), [((48, 64), "relu"), *(((37, 50), a) for a in ACTIVATIONS)])
def test_equals_the_network_of_torchs_modules(size, activation):
    x = torch.rand(2, 3, *size, dtype=torch.float64) * 255
    layers = activated(STYLE_NETWORK, activation)
    ours = StyleNetwork(layers).double()
    theirs = StyleNetwork(layers, blocks=torch_blocks()).double()
    theirs.load_state_dict(ours.state_dict())
    expected = theirs(x)
    expected.square().mean().backward()
    y = ours(x)
    y.square().mean().backward()
    torch.testing.assert_close(y, expected)
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, msg=lambda text, name=name: f"{name}: {text}")


def test_a_batch_is_painted_as_its_pictures_are(network):
    x = torch.rand(3, 3, 32, 40) * 255
    alone = torch.cat([network(picture.unsqueeze(0)) for picture in x])
    torch.testing.assert_close(network(x), alone, atol=1e-3, rtol=1e-5)


def test_a_flat_picture_has_no_border_and_no_grid(network):
    """Reflection continues a flat picture as itself, so that nothing may tell the border from the middle."""
    y = network(torch.full((1, 3, 64, 64), 90.0))
    assert (y - y.mean((2, 3), keepdim=True)).abs().max() < 0.1


def test_upsampling_starts_without_a_checkerboard():
    layer = Upsampling(plan.lower(STYLE_NETWORK)[-2]._replace(inputs=4, outputs=2))
    y = layer.conv(torch.ones(1, 4, 8, 8))
    torch.testing.assert_close(y, y[:, :, :1, :1].expand_as(y))


def astronaut():
    return images.fit(images.load(sample_photos() / "astronaut.jpg"), 256).pixels


def sky():
    """A dark shape before hardly anything but noise, of which the normalization makes much."""
    y, x = np.mgrid[:256, :256]
    clouds = 10 * np.sin(x / 23 + 2 * np.sin(y / 17)) * np.sin(y / 31)
    pixels = (90 + y / 2 + clouds)[:, :, None] + np.random.default_rng(0).normal(0, 1.5, (256, 256, 3))
    pixels[100:140, 60:200] -= 130
    return pixels.round().clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("style", styles.shipped())
@pytest.mark.parametrize(("pixels", "most"), [(astronaut, 3), (sky, 6)])
def test_half_precision_paints_the_same_picture(pixels, most, style, dtype):
    found = styles.find(style)
    photo = torch.tensor(grain.added(pixels(), found.grain)).permute(2, 0, 1)[None].float()
    network = load(found)
    with torch.inference_mode():
        expected = network(photo).clamp(0, 255)
        painting = network.to(dtype)(photo.to(dtype)).float().clamp(0, 255)
    difference = (painting.round() - expected.round()).abs()
    assert difference.max() <= most
    assert difference.mean() <= 0.5
