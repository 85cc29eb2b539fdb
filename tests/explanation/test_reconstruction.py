import re

import numpy as np
import pytest
import torch

from artlives.explanation import reconstruction
from artlives.images import LUMA, Photo
from artlives.training.losses import content_loss, gram_matrix, style_loss


@pytest.fixture(scope="module")
def picture():
    coarse = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(2)) * 255
    return coarse.repeat_interleave(8, 2).repeat_interleave(8, 3)


@pytest.fixture(autouse=True)
def few_iterations(monkeypatch):
    monkeypatch.setattr(reconstruction, "STEPS", 20)


def test_what_is_kept_of_content_lies_where_it_lay(perceptual, picture):
    kept, distance = reconstruction.content_kept(perceptual, picture, "conv1_1")
    assert kept.shape == picture.shape
    features, target = (perceptual(x.clamp(0, 255), ["conv1_1"])["conv1_1"] for x in (kept, picture))
    assert distance < 0.2
    assert distance == pytest.approx(content_loss(features, target).item() ** 0.5, rel=1e-3)
    assert (kept - picture).abs().mean() < (127.5 - picture).abs().mean() / 2


def test_what_is_kept_of_style_lies_anywhere(perceptual, picture):
    kept, distance = reconstruction.style_kept(perceptual, picture, "conv2_1")
    target = {"conv2_1": gram_matrix(perceptual(picture, ["conv2_1"])["conv2_1"])}
    assert distance < 0.2
    assert style_loss(perceptual(kept.clamp(0, 255), ["conv2_1"]), target) < 0.05
    assert (kept - picture).abs().mean() > 20


def test_it_ends_when_it_is_close_enough(perceptual, picture, monkeypatch):
    steps = []
    optimize = torch.optim.LBFGS.step
    monkeypatch.setattr(torch.optim.LBFGS, "step", lambda *some: steps.append(1) or optimize(*some))
    monkeypatch.setattr(reconstruction, "STEPS", 40)
    for goal, looks in ((0.0, 2), (1e9, 1)):
        monkeypatch.setitem(reconstruction.GOALS, "photo", goal)
        steps.clear()
        reconstruction.content_kept(perceptual, picture, "conv1_1")
        assert len(steps) == looks


def test_the_same_every_time(perceptual, picture):
    (first, _), (second, _) = (reconstruction.content_kept(perceptual, picture, "conv1_1") for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("layer", "field"), [("conv1_1", 3), ("conv2_1", 10), ("conv3_1", 24), ("conv3_4", 48)]
)
def test_receptive_fields_are_where_a_pixel_changes_features(perceptual, layer, field):
    """The features at the middle change with the pixels around it alone."""
    assert reconstruction.receptive_field(layer) == field
    picture = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1)) * 255
    picture.requires_grad_()
    features = perceptual(picture, [layer])[layer]
    middle = features.shape[3] // 2
    (gradient,) = torch.autograd.grad(features[0, :, middle, middle].square().sum(), picture)
    columns = gradient[0].abs().amax((0, 1)).nonzero()
    assert field - 4 <= columns.max() - columns.min() + 1 <= field


def test_what_is_said_is_measured(perceptual, picture):
    told = []
    made = list(
        reconstruction.kept(
            perceptual,
            Photo(picture[0].permute(1, 2, 0).byte().numpy()),
            None,
            torch.device("cpu"),
            lambda *some: told.append(some),
        )
    )
    assert [one.layer for one in made] == list(reconstruction.CONTENT_LAYERS)
    assert told[0] == ("what conv1_1 keeps of the photo", 0, 5)
    assert told[-1] == ("the page", 5, 5)
    numbers = [float(number) for number in re.findall(r"by (\d\.\d+)", made[0].sentence)]
    light, colour, _ = numbers
    pixels = torch.from_numpy(np.array(made[0].picture)).float()
    wanted = picture[0].permute(1, 2, 0)
    luminance = [(x * torch.tensor(LUMA)).sum(2) for x in (pixels, wanted)]
    assert light == pytest.approx(np.corrcoef(*(x.ravel() for x in luminance))[0, 1], abs=0.02)
    chroma = [x - y[..., None] for x, y in zip((pixels, wanted), luminance, strict=True)]
    assert colour == pytest.approx(np.corrcoef(*(x.ravel() for x in chroma))[0, 1], abs=0.05)
