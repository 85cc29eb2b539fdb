import pytest
import torch

from artlives.explanation import reconstruction
from artlives.training.losses import content_loss, gram_matrix, style_loss


@pytest.fixture(scope="module")
def picture():
    coarse = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(2)) * 255
    return coarse.repeat_interleave(8, 2).repeat_interleave(8, 3)


@pytest.fixture(autouse=True)
def few_iterations(monkeypatch):
    monkeypatch.setattr(reconstruction, "ITERATIONS", 15)


def test_what_is_kept_of_content_lies_where_it_lay(perceptual, picture):
    kept = reconstruction.content_kept(perceptual, picture, "conv1_1")
    assert kept.shape == picture.shape
    features, target = (perceptual(x, ["conv1_1"])["conv1_1"] for x in (kept, picture))
    assert content_loss(features, target) < 0.05
    assert (kept - picture).abs().mean() < (127.5 - picture).abs().mean() / 2


def test_what_is_kept_of_style_lies_anywhere(perceptual, picture):
    kept = reconstruction.style_kept(perceptual, picture, "conv2_1")
    target = {"conv2_1": gram_matrix(perceptual(picture, ["conv2_1"])["conv2_1"])}
    assert style_loss(perceptual(kept, ["conv2_1"]), target) < 0.05
    assert (kept - picture).abs().mean() > 20


def test_the_same_every_time(perceptual, picture):
    first, second = (reconstruction.content_kept(perceptual, picture, "conv1_1") for _ in range(2))
    assert torch.equal(first, second)
