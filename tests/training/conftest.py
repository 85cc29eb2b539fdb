import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from artlives.training.perceptual import Perceptual
from artlives.training.recipe import PERCEPTUAL_LAYERS


@pytest.fixture(scope="session")
def perceptual_file(tmp_path_factory):
    """A perceptual network of VGG-19's shape with random weights, as `--perceptual` takes it."""
    generator = torch.Generator().manual_seed(1)
    channels = [3, 64, 64, 128, 128, 256, 256, 256, 256]
    state = {}
    for name, inputs, outputs in zip(PERCEPTUAL_LAYERS[:8], channels[:-1], channels[1:], strict=True):
        state[f"{name}.weight"] = (
            torch.randn(outputs, inputs, 3, 3, generator=generator) * (2 / 9 / inputs) ** 0.5
        )
        state[f"{name}.bias"] = torch.zeros(outputs)
    path = tmp_path_factory.mktemp("perceptual") / "vgg.safetensors"
    save_file(state, path)
    return path


@pytest.fixture(scope="session")
def perceptual(perceptual_file):
    return Perceptual(perceptual_file)


@pytest.fixture(scope="session")
def photos_folder(tmp_path_factory):
    """Four small photos, one of them in a folder of its own."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "more").mkdir()
    generator = np.random.default_rng(0)
    for name in ("a.jpg", "b.png", "c.jpg", "more/d.png"):
        coarse = generator.integers(0, 256, (6, 8, 3), np.uint8)
        Image.fromarray(coarse).resize((120, 90), Image.Resampling.BICUBIC).save(folder / name)
    return folder


@pytest.fixture(scope="session")
def painting(tmp_path_factory):
    path = tmp_path_factory.mktemp("painting") / "painting.png"
    rows, columns = np.mgrid[:64, :80]
    waves = 127 + 120 * np.sin(np.stack([rows / 3, columns / 4, (rows + columns) / 5], 2))
    Image.fromarray(waves.astype(np.uint8)).save(path)
    return path
