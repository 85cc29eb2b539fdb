import urllib.error

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.models import VGG19_Weights, vgg19

from artlives.blocks.kernels import dispatch
from artlives.errors import ArtlivesError
from artlives.files import shipped_folder
from artlives.training import perceptual as perceptual_network
from artlives.training.objective import Objective
from artlives.training.perceptual import SHIPPED, TORCHVISION, Perceptual


def test_features_are_those_of_the_layers_asked_for(perceptual):
    features = perceptual(torch.rand(2, 3, 32, 40) * 255, ["conv1_1", "conv2_1", "conv3_3"])
    shapes = {layer: tuple(f.shape) for layer, f in features.items()}
    assert shapes == {"conv1_1": (2, 64, 32, 40), "conv2_1": (2, 128, 16, 20), "conv3_3": (2, 256, 8, 10)}
    assert all((f >= 0).all() for f in features.values())


def test_caffe_weights_see_blue_green_red_without_their_mean(perceptual, perceptual_file):
    x = torch.rand(1, 3, 16, 16) * 255
    state = load_file(perceptual_file)
    bgr = x.flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1)
    expected = nn.functional.conv2d(bgr, state["conv1_1.weight"], state["conv1_1.bias"], padding=1).relu()
    features = perceptual(x, ["conv1_1"])["conv1_1"].float()
    assert (features - expected).abs().max() <= 0.02 * expected.max()


def checkpoint(layers):
    """torchvision's, of random weights, without what comes after so many of its layers."""
    torch.manual_seed(0)
    with torch.device("meta"):
        shapes = {k: v.shape for k, v in vgg19().features.state_dict(prefix="features.").items()}
    return {k: torch.randn(shape) * 0.05 for k, shape in shapes.items() if int(k.split(".")[1]) < layers}


def test_torchvisions_checkpoint_is_read(tmp_path, monkeypatch):
    state = checkpoint(18)
    path = tmp_path / "vgg19.pth"
    torch.save(state, path)
    from_file = Perceptual(path)
    monkeypatch.setattr(VGG19_Weights, "get_state_dict", lambda self, **options: state)
    downloaded = Perceptual(TORCHVISION)
    x = torch.rand(1, 3, 16, 16) * 255
    rgb = (x / 255 - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]
    ).view(3, 1, 1)
    expected = nn.functional.conv2d(
        rgb, state["features.0.weight"], state["features.0.bias"], padding=1
    ).relu()
    for network in (from_file, downloaded):
        features = network(x, ["conv1_1"])["conv1_1"].float()
        assert (features - expected).abs().max() <= 0.02 * expected.max()


def test_a_recipe_may_ask_for_deeper_layers(tmp_path, painting, perceptual_file):
    torch.save(checkpoint(99), tmp_path / "whole.pth")
    whole = Perceptual(tmp_path / "whole.pth")
    features = whole(torch.rand(1, 3, 64, 48) * 255, ["conv4_1", "conv5_4"])
    assert {layer: tuple(f.shape) for layer, f in features.items()} == {
        "conv4_1": (1, 512, 8, 6),
        "conv5_4": (1, 512, 4, 3),
    }
    assert set(Objective(whole, painting, 64, style_layers=["conv1_1", "conv4_1"]).targets[0]) == {
        "conv1_1",
        "conv4_1",
    }
    with pytest.raises(
        ArtlivesError, match=r"ends at conv3_4, before conv4_1: give --perceptual torchvision"
    ):
        Objective(Perceptual(perceptual_file), painting, 64, style_layers=["conv1_1", "conv4_1"])


def test_its_own_weights_need_no_download():
    """The features that the style losses compare are those of a network that has seen the world: they differ."""
    features = Perceptual()(torch.rand(1, 3, 32, 32) * 255, ["conv3_4"])["conv3_4"]
    assert features.shape == (1, 256, 8, 8)
    assert 0.2 < (features > 0).float().mean() < 0.8
    metadata = safe_open(shipped_folder("models", "models") / SHIPPED, "pt").metadata()
    assert metadata["licence"] == "CC BY 4.0"


def test_no_network_is_said_clearly(monkeypatch):
    def offline(self, **options):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(VGG19_Weights, "get_state_dict", offline)
    with pytest.raises(ArtlivesError, match=r"no route to host.*--perceptual FILE"):
        Perceptual(TORCHVISION)


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
def test_a_file_of_something_else_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"something else")
    with pytest.raises(ArtlivesError, match=name):
        Perceptual(path)


@pytest.mark.parametrize("spoil", ["missing", "shape"])
def test_weights_of_another_network_are_refused(tmp_path, perceptual_file, spoil):
    state = load_file(perceptual_file)
    key = "conv2_2.weight"
    if spoil == "missing":
        del state[key]
    else:
        state[key] = state[key][:, :1].contiguous()
    path = tmp_path / "weights.safetensors"
    save_file(state, path)
    with pytest.raises(ArtlivesError, match=r"weights\.safetensors does not hold"):
        Perceptual(path)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_core_gives_torchs_features_and_gradients(perceptual_file, monkeypatch, dtype):
    monkeypatch.setattr(perceptual_network, "has_bf16", lambda device: dtype == torch.bfloat16)
    ours = Perceptual(perceptual_file)
    monkeypatch.setattr(dispatch, "packed", lambda *_, **options: None)
    theirs = Perceptual(perceptual_file)
    x = torch.rand(2, 3, 40, 28) * 255
    found = []
    for network in (ours, theirs):
        picture = x.clone().requires_grad_()
        features = network(picture, ["conv1_2", "conv3_4"])
        sum((f.float() ** 2).mean() for f in features.values()).backward()
        found.append((features["conv3_4"].float(), picture.grad))
    for mine, torchs in zip(*found, strict=True):
        assert (mine - torchs).norm() < (0.02 if dtype == torch.bfloat16 else 1e-4) * torchs.norm()
