import pytest
import torch

from artlives.training.losses import (
    content_loss,
    gram_matrix,
    halved,
    steadiness_loss,
    style_loss,
    total_variation,
)


def test_content_is_relative_to_the_target():
    target = torch.randn(2, 4, 5, 6)
    assert content_loss(target, target) == 0
    assert content_loss(torch.zeros_like(target), target) == pytest.approx(1)
    assert content_loss(3 * target, target) == pytest.approx(4, rel=1e-5)


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


@pytest.mark.parametrize("shift", [(0, 0), (3, 5), (8, 0)])
def test_steadiness_compares_the_same_places(shift):
    picture = torch.rand(2, 3, 80, 90) * 255
    down, right = shift
    first, second = picture[:, :, :72, :72], picture[:, :, down : down + 72, right : right + 72]
    assert steadiness_loss(first, second, shift) == 0
    assert steadiness_loss(first, second, (shift[0], shift[1] + 1)) > 0.01
    assert steadiness_loss(first, second + 25.5, shift) == pytest.approx(0.01, rel=1e-4)
    framed = second.clone()
    framed[:, :, :8] += 25.5
    assert steadiness_loss(first, framed, shift) > 1.1 * (framed - second).square().mean() / 255**2


def test_total_variation():
    ramp = torch.arange(5.0).expand(1, 3, 4, 5)
    assert total_variation(ramp) == 1
    assert total_variation(torch.full((1, 3, 4, 5), 9.0)) == 0


def test_halved_averages_four_pixels():
    x = torch.rand(1, 2, 5, 6)
    y = halved(x)
    assert y.shape == (1, 2, 2, 3)
    torch.testing.assert_close(y[0, 1, 1, 2], x[0, 1, 2:4, 4:6].mean())
