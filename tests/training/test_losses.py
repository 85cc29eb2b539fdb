import math

import pytest
import torch

from artlives.training import losses
from artlives.training.losses import (
    BINS,
    FRAME,
    content_loss,
    distributions,
    gram_matrix,
    halved,
    js_divergence,
    kl_divergence,
    overlap,
    palette,
    palette_loss,
    steadiness_loss,
    style_loss,
    style_target,
    tone_loss,
    tones,
    total_variation,
)


def test_content_is_relative_to_the_target():
    target = torch.randn(2, 4, 5, 6)
    assert content_loss(target, target) == 0
    assert content_loss(torch.zeros_like(target), target) == pytest.approx(1)
    assert content_loss(3 * target, target) == pytest.approx(4, rel=1e-5)
    assert content_loss(3 * target, target, "l1") == pytest.approx(2, rel=1e-5)


@pytest.mark.parametrize("cost", ["l1", "mse"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_contents_gradient_is_that_of_the_differences_powers(cost, dtype):
    features, target = (torch.randn(2, 4, 5, 6, dtype=dtype) for _ in range(2))
    channels_last = features.contiguous(memory_format=torch.channels_last).requires_grad_()
    content_loss(channels_last, target, cost).backward()
    exact = features.double().requires_grad_()
    size = torch.abs if cost == "l1" else torch.square
    (size(exact - target.double()).sum() / size(target.double()).sum()).backward()
    torch.testing.assert_close(
        channels_last.grad.double(), exact.grad, rtol=1e-5 if dtype == torch.float32 else 0.03, atol=1e-6
    )


@pytest.mark.parametrize("size", [(6, 8), (7, 5)])
def test_half_the_size_is_the_mean_of_four_pixels(size):
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    h, w = (side // 2 for side in size)
    expected = x[:, :, : 2 * h, : 2 * w].reshape(2, 3, h, 2, w, 2).mean((3, 5))
    torch.testing.assert_close(halved(x), expected)
    assert torch.autograd.gradcheck(halved, x)


def test_tones_of_an_evaluation_do_not_keep_a_training_from_its_gradients():
    losses._luma.cache_clear()
    with torch.inference_mode():
        tones(torch.rand(1, 3, 16, 16))
    painted = torch.rand(1, 3, 16, 16, requires_grad=True)
    tone_loss(painted, tones(torch.rand(1, 3, 16, 16))).backward()
    assert painted.grad.isfinite().all()


def test_gram_matrix_is_the_average_product_of_channels():
    features = torch.randn(2, 4, 5, 7)
    expected = torch.einsum("nchw,ndhw->ncd", features, features) / 35
    torch.testing.assert_close(gram_matrix(features), expected)


def test_gram_matrix_forgets_where():
    features = torch.randn(1, 4, 6, 6)
    shuffled = features.flatten(2)[:, :, torch.randperm(36)].view_as(features)
    torch.testing.assert_close(gram_matrix(shuffled), gram_matrix(features))


def test_style_is_relative_and_averaged_over_layers():
    features = {"one": torch.randn(1, 3, 8, 8), "two": torch.randn(1, 5, 4, 4)}
    targets = {layer: gram_matrix(f) for layer, f in features.items()}
    assert style_loss(features, targets) == 0
    assert style_loss({**features, "two": torch.zeros(1, 5, 4, 4)}, targets) == pytest.approx(0.5)


@pytest.mark.parametrize("cost", ["l1", "mse", "kl", "js"])
def test_every_style_cost_leads_to_the_painters_statistics(cost):
    """A picture of independent values follows the derivative to the painting's distance from itself."""
    torch.manual_seed(0)
    scale = torch.tensor([0.1, 1.0, 5.0, 20.0]).view(4, 1, 1)
    painting = torch.randn(1, 4, 16, 16).relu() * scale
    target = {"layer": style_target([painting], cost)}
    assert style_loss({"layer": painting}, target, cost) == pytest.approx(0, abs=1e-5)
    picture = torch.rand(1, 4, 16, 16).mul(3).requires_grad_()
    before = style_loss({"layer": picture * scale}, target, cost)
    optimizer = torch.optim.Adam([picture], lr=0.1)
    for _ in range(150):
        loss = style_loss({"layer": picture.relu() * scale}, target, cost)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.3 * before


@pytest.mark.parametrize("cost", ["mse", "kl"])
def test_several_paintings_are_averaged(cost):
    first, second = (torch.rand(1, 3, 8, 8) * top for top in (1, 2))
    target = style_target([first, second], cost)
    if cost == "mse":
        torch.testing.assert_close(target, (gram_matrix(first) + gram_matrix(second)) / 2)
    else:
        both = torch.cat([first, second], 3)
        torch.testing.assert_close(target.shares, distributions(both, target.typical)[0])
        torch.testing.assert_close(target.typical, both.square().mean((0, 2, 3)).sqrt())


def test_distributions_count_values_between_bins_in_parts():
    features = torch.tensor([0.0, 0.0, 2.0, 1e9]).view(1, 1, 1, 4)
    shares = distributions(features, torch.full((1,), 2.0))[0, 0] * 4
    expected = torch.zeros(BINS)
    middle = (BINS - 1) // 2
    expected[0], expected[middle], expected[middle + 1], expected[-1] = 2, 0.5, 0.5, 1
    torch.testing.assert_close(shares, expected)


def test_divergences():
    p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.0, 0.5, 0.5])
    assert kl_divergence(p, p) == js_divergence(q, q) == 0
    assert kl_divergence(p, q) > js_divergence(p, q) == js_divergence(q, p) > 0
    assert js_divergence(torch.eye(2)[0], torch.eye(2)[1]) == pytest.approx(math.log(2), rel=0.01)
    certain = torch.tensor([1.0, 0.0])
    assert kl_divergence(certain, torch.full((2,), 0.5)) == pytest.approx(math.log(2), rel=0.01)


def test_a_palette_is_what_colours_there_are_and_not_where():
    painting = torch.rand(1, 3, 40, 50) * 255
    target = palette([painting])
    shuffled = painting.flatten(2)[:, :, torch.randperm(2000)].view_as(painting)
    assert palette_loss(painting, target) == palette_loss(shuffled, target) < 1e-4
    # The number of pixels makes no difference.
    assert palette_loss(painting[:, :, ::2, ::2], target) < 0.01
    assert palette_loss(painting.flip(1) / 2, target) > 0.3
    # Along each direction the painting's spread is 1, whatever its colours.
    dull = 120 + (painting - 120) * torch.tensor([0.5, 0.3, 0.4]).view(3, 1, 1)
    for spread in palette([dull]).quantiles.var(1):
        assert spread == pytest.approx(1, rel=0.1)


def test_a_palette_is_that_of_all_paintings():
    dark, light = torch.full((1, 3, 8, 8), 20.0), torch.full((1, 3, 8, 8), 220.0)
    target = palette([dark, light])
    assert palette_loss(torch.cat([dark, light], 2), target) < 0.01 < palette_loss(light, target)


def test_the_palette_draws_single_hues_apart():
    """A tint has the painting's commonest colours, but not its spread across them."""
    painting = torch.rand(1, 3, 40, 40) * 255
    target = palette([painting])
    tint = painting.mean(1, keepdim=True) + (painting - painting.mean(1, keepdim=True)) * 0.1
    tint.requires_grad_()
    before = palette_loss(tint, target)
    before.backward()
    assert palette_loss(tint - tint.grad / tint.grad.abs().max() * 20, target) < before


@pytest.mark.parametrize("shift", [(0, 0), (3, 5), (8, 0)])
def test_steadiness_compares_the_same_places(shift):
    picture = torch.rand(2, 3, 80, 90) * 255
    down, right = shift
    first, second = picture[:, :, :72, :72], picture[:, :, down : down + 72, right : right + 72]
    shown = overlap(72, shift)
    assert shown.weights.sum() == pytest.approx(1)
    assert steadiness_loss(first, second, shown) == 0
    assert steadiness_loss(first, second, overlap(72, (shift[0], shift[1] + 1))) > 0.01
    assert steadiness_loss(first, second + 25.5, shown) == pytest.approx(0.01, rel=1e-4)
    framed = second.clone()
    framed[:, :, :8] += 25.5
    assert steadiness_loss(first, framed, shown) > 1.1 * (framed - second).square().mean() / 255**2


def test_steadiness_of_what_both_windows_show():
    """The mean over what both show, and over its outer pixels, in equal parts."""
    first, second = torch.rand(2, 3, 3, 96, 96) * 255
    error = ((first[:, :, 5:, 24:] - second[:, :, :-5, :-24]) / 255).square()
    inner = error[:, :, FRAME:-FRAME, FRAME:-FRAME]
    frame = (error.sum() - inner.sum()) / (error.numel() - inner.numel())
    expected = (error.mean() + frame) / 2
    torch.testing.assert_close(steadiness_loss(first, second, overlap(96, (5, 24))), expected)


def test_total_variation():
    ramp = torch.arange(5.0).expand(1, 3, 4, 5)
    assert total_variation(ramp) == 1
    assert total_variation(torch.full((1, 3, 4, 5), 9.0)) == 0


def test_halved_averages_four_pixels():
    x = torch.rand(1, 2, 5, 6)
    y = halved(x)
    assert y.shape == (1, 2, 2, 3)
    torch.testing.assert_close(y[0, 1, 1, 2], x[0, 1, 2:4, 4:6].mean())
