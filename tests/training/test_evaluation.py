import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from artlives import styles
from artlives.architecture import STYLE_NETWORK
from artlives.cli.evaluate import evaluate as command
from artlives.engines.network import StyleNetwork
from artlives.errors import ArtlivesError
from artlives.training.evaluation import FIGURES, evaluate, psnr
from artlives.training.objective import Objective


class Copy(torch.nn.Module):
    """Paints nothing: the photo as it is, or with a grid or a frame of its own."""

    def __init__(self, grid=0.0, frame=0.0):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.grid, self.frame = grid, frame

    def forward(self, x):
        y = x * 0.8 + 20
        y[:, :, ::8] += self.grid
        y[:, :, :4] += self.frame
        return y


@pytest.fixture(scope="module")
def objective(perceptual, painting):
    return Objective(perceptual, painting, style_size=80)


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("evaluation") / "photo.png"
    coarse = np.random.default_rng(3).integers(20, 230, (8, 9, 3), np.uint8)
    Image.fromarray(coarse).resize((288, 256), Image.Resampling.BICUBIC).save(path)
    return path


def figures_of(network, objective, photo):
    return evaluate(network, objective, [photo], size=288, amplitude=0)


def test_figures_show_a_grid_and_a_frame(objective, photo):
    plain = figures_of(Copy(), objective, photo)
    grid = figures_of(Copy(grid=40.0), objective, photo)
    frame = figures_of(Copy(frame=40.0), objective, photo)
    assert plain.keys() == FIGURES.keys()
    assert plain["shift"] == plain["border"] == 100
    assert 40 < plain["flicker"] < 60
    assert grid["shift"] < 30
    assert frame["border"] < 30
    assert frame["shift"] > 90
    assert figures_of(Copy(grid=150.0), objective, photo)["content"] > plain["content"]


def test_the_painting_itself_has_no_style_distance(objective, painting):
    pixels = torch.tensor(np.asarray(Image.open(painting))).permute(2, 0, 1)[None].float()
    distances = objective.distances(pixels, objective.content_of(pixels))
    assert distances.content == 0
    assert distances.style < 1e-3
    # Compared with the painting at half its size.
    assert distances.palette < 0.01
    assert distances.tone < 1e-5


def test_psnr():
    a = torch.zeros(4)
    assert psnr(a, a + 25.5) == pytest.approx(20, abs=1e-4)
    assert psnr(a, a) == 100


def test_a_photo_too_narrow_to_measure_is_named(objective, tmp_path):
    Image.new("RGB", (300, 100)).save(tmp_path / "narrow.png")
    with pytest.raises(ArtlivesError, match=r"narrow\.png is too narrow"):
        figures_of(Copy(), objective, tmp_path / "narrow.png")


def test_the_command_prints_every_figure(photo, painting, perceptual_file, tmp_path):
    file = tmp_path / "waves.safetensors"
    styles.save(
        file,
        StyleNetwork().file_weights(),
        name="waves",
        painting="Waves",
        painter="Nobody",
        year="2026",
        licence="MIT",
        layers=STYLE_NETWORK,
        training={"style_size": 80},
    )
    arguments = [
        file,
        photo,
        "--painting",
        painting,
        "--perceptual",
        perceptual_file,
        "--size",
        288,
        "--device",
        "cpu",
    ]
    table = CliRunner().invoke(command, [str(a) for a in arguments])
    assert table.exit_code == 0, table.output
    assert [line.split()[0] for line in table.output.splitlines()] == list(FIGURES)
    shipped = [styles.read(path).measured["style"] for path in styles.shipped().values()]
    assert f"shipped styles: {min(shipped):.3g} to {max(shipped):.3g}" in table.output.splitlines()[0]
    assert "shipped" not in table.output.splitlines()[-1]
    as_json = CliRunner().invoke(command, [str(a) for a in [*arguments, "--json", "--painting", photo]])
    figures = json.loads(as_json.output)
    assert figures.keys() == FIGURES.keys()
    # Compared with two paintings now.
    assert figures["style"] != pytest.approx(float(table.output.split()[1]), abs=0.01)
