"""Two processes, started as torchrun starts them, train as one does."""

import os
import signal
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
import torch

import artlives
from artlives import styles
from artlives.errors import ArtlivesError
from artlives.training.photos import Photos
from artlives.training.processes import Processes, joined
from artlives.training.recipe import Recipe
from artlives.training.signals import Interrupted
from artlives.training.trainer import Trainer

# Adam would make much of a rounding error: it divides each gradient by its size, however small that is.
RECIPE = Recipe(
    steps=6, size=64, batch_size=5, style_size=80, palette_weight=1.0, optimizer="sgd", learning_rate=0.1
)
OPTIONS = {
    "steps": 6,
    "size": 64,
    "batch-size": 5,
    "style-size": 80,
    "optimizer": "sgd",
    "learning-rate": 0.1,
    "start-from": "none",
}


@pytest.fixture
def started(tmp_path):
    """Runs `torchrun` with two processes in an empty folder, and returns what they print."""

    def run(*arguments):
        paths = os.pathsep.join([str(Path(artlives.__file__).parent.parent), *sys.path])
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2]
        result = subprocess.run(
            [str(part) for part in (*command, *arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


@pytest.fixture
def two_processes(started, painting, photos_folder, perceptual_file, tmp_path):
    """Runs `torchrun ... artlives train` and returns the losses of all steps."""

    def run(*arguments):
        options = {
            **OPTIONS,
            "photos": photos_folder,
            "name": "waves",
            "perceptual": perceptual_file,
            "steadiness-weight": RECIPE.steadiness_weight,
            "palette-weight": RECIPE.palette_weight,
            "holdout": 1,
            "device": "cpu",
            "output": tmp_path / "waves.safetensors",
        }
        parts = [part for name, value in options.items() for part in (f"--{name}", value)]
        assert started("-m", "artlives", "train", painting, *parts, *arguments).count("wrote") == 1
        return torch.load(tmp_path / "runs/waves/checkpoint.pt")["recent"]

    return run


@pytest.fixture
def one_process(painting, photos_folder, perceptual, tmp_path):
    def make(folder):
        return Trainer(painting, Photos(photos_folder, 1), RECIPE, perceptual, tmp_path / "runs" / folder)

    return make


def assert_same(losses, expected):
    assert len(losses) == len(expected) == RECIPE.steps
    # The sums of the first step differ in fp32's last digits. Where the network computes in bf16, those decide how some
    # weights are rounded, by 1/256, in the steps after it.
    for some, rtol in ((slice(1), 2e-3), (slice(1, None), 2e-2)):
        torch.testing.assert_close(
            torch.stack(losses[some]), torch.stack(expected[some]), rtol=rtol, atol=1e-3
        )


@pytest.mark.slow
def test_two_processes_train_as_one_does_and_go_on_from_it(two_processes, one_process):
    whole = one_process("whole")
    whole.run(lambda report: None)
    assert_same(two_processes(), whole.recent)

    part = one_process("waves")
    with pytest.raises(Interrupted):
        part.run(lambda report: signal.raise_signal(signal.SIGTERM) if report.step == 3 else None)
    (part.folder.parent.parent / "waves.safetensors").unlink()
    assert_same(two_processes("--resume"), whole.recent)

    alone = one_process("waves")
    alone.resume()
    assert alone.step == RECIPE.steps
    torch.testing.assert_close(alone.network.state_dict(), whole.network.state_dict(), rtol=1e-2, atol=1e-3)


@pytest.mark.slow
def test_both_processes_return_the_style(started, painting, photos_folder, perceptual_file, tmp_path):
    (tmp_path / "script.py").write_text(f"""
import os
from pathlib import Path
from artlives.training import session
session.JUDGED, session.JUDGED_SIZE = 1, 256  # to be quick
style = session.train(
    {str(painting)!r}, {str(photos_folder)!r}, target="waves.safetensors", perceptual={str(perceptual_file)!r},
    device="cpu", steps=1, size=64, batch_size=2, style_size=80, start="none",
)
Path("rank-" + os.environ["RANK"]).write_text(repr(style))
""")
    started("script.py")
    style = repr(styles.read(tmp_path / "waves.safetensors")).replace(f"{tmp_path}/", "")
    assert [(tmp_path / f"rank-{rank}").read_text() for rank in (0, 1)] == [style, style]


def test_shares_are_disjoint_and_whole():
    shares = [range(7)[Processes(rank, 3).share(7)] for rank in range(3)]
    assert sorted(chain(*shares)) == list(range(7))


def test_more_processes_than_crops_are_refused(painting, photos_folder, perceptual, tmp_path):
    with pytest.raises(ArtlivesError, match="3 processes are too many for --batch-size 2"):
        Trainer(
            painting,
            Photos(photos_folder),
            Recipe(size=96, batch_size=2),
            perceptual,
            tmp_path,
            processes=Processes(0, 3),
        )


def test_a_device_that_processes_cannot_share(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ArtlivesError, match="give --device cpu or cuda"), joined(torch.device("mps")):
        pass
