import json
import signal
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from artlives import styles
from artlives.cli import main, remembered
from artlives.cli import train as command
from artlives.engines.torch import load
from artlives.training import evaluation, photos, session
from artlives.training.evaluation import FIGURES, evaluate


@pytest.fixture
def train(tmp_path, monkeypatch, perceptual_file):
    """Run `artlives train` for three small steps, in an empty folder and for a user without any settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    # The real one takes seconds.
    monkeypatch.setattr(evaluation, "evaluate", lambda *_, **__: dict.fromkeys(FIGURES, 0.5))

    def run(*arguments):
        small = ["--steps", 3, "--size", 64, "--batch-size", 1, "--device", "cpu"]
        parts = ["train", "--perceptual", perceptual_file, *small, *arguments]
        return CliRunner().invoke(main, [str(part) for part in parts])

    return run


@pytest.mark.slow
def test_all_it_takes_is_a_painting(train, painting, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "evaluate", evaluate)
    monkeypatch.setattr(session, "JUDGED", 1)
    result = train(painting)
    assert result.exit_code == 0, result.output
    assert "warning: learning on the 9 sample photos" in result.stderr
    assert "measured on photos that it was trained on" in result.stderr
    assert [line.split()[0] for line in result.stdout.splitlines()[: len(FIGURES)]] == list(FIGURES)
    assert result.stdout.endswith("artlives stylize PHOTO --style painting\n")
    style = styles.find("painting")
    assert style.path == tmp_path / "data/artlives/styles/painting.safetensors"
    assert (style.training["steps"], style.training["photos"], style.measured) == (3, 9, {})
    assert load(style)(torch.rand(1, 3, 32, 32) * 255).isfinite().all()
    for picture in ("preview-00003.jpg", "previews.jpg", "losses.png"):
        with Image.open(tmp_path / "runs/painting" / picture) as image:
            assert image.width > 100


@pytest.mark.slow
def test_the_photos_are_remembered(train, painting, photos_folder, tmp_path):
    assert train(painting, "--photos", photos_folder, "--name", "one").exit_code == 0
    assert remembered.settings_file().is_relative_to(tmp_path)
    result = train(painting, "--name", "two")
    assert result.exit_code == 0
    assert f"on 4 photos in {photos_folder}" in result.stderr
    assert f"warning: 4 photos in {photos_folder} are few" in result.stderr
    assert styles.find("two").training["photos"] == 4

    remembered.settings_file().write_text(json.dumps({"photos": str(tmp_path / "gone")}))
    gone = train(painting, "--name", "three")
    assert (gone.exit_code, gone.stderr.count("\n")) == (1, 1)
    assert "gone, named last time" in gone.stderr
    remembered.settings_file().write_text("rubbish")
    assert "settings.json cannot be read: remove it" in train(painting, "--name", "three").stderr
    assert train(painting, "--name", "three", "--photos", photos_folder).exit_code == 0


@pytest.mark.slow
def test_a_style_or_training_that_is_there_is_not_replaced_by_accident(
    train, painting, photos_folder, tmp_path
):
    arguments = (painting, "--photos", photos_folder, "--name", "waves", "-o", "waves.safetensors")
    assert train(*arguments).exit_code == 0
    style = tmp_path / "waves.safetensors"
    assert styles.read(style).name == "waves"
    before = style.read_bytes()
    again = train(*arguments, "--seed", 1)
    assert (again.exit_code, "waves.safetensors is there already" in again.stderr) == (1, True)
    assert style.read_bytes() == before
    assert train(*arguments, "--seed", 1, "--overwrite").exit_code == 0
    assert style.read_bytes() != before

    style.unlink()
    # The training is finished, the style is not written.
    assert train(*arguments, "--seed", 1, "--resume").exit_code == 0
    checkpoint = tmp_path / "runs/waves/checkpoint.pt"
    state = torch.load(checkpoint)
    torch.save({**state, "step": 2}, checkpoint)
    style.unlink()
    unfinished = train(*arguments)
    assert (unfinished.exit_code, "go on with --resume" in unfinished.stderr) == (1, True)
    assert train(*arguments, "--overwrite").exit_code == 0


def test_what_cannot_be_written_is_told_at_the_start(train, painting, photos_folder, tmp_path, monkeypatch):
    # Called after all checks; None would raise TypeError.
    monkeypatch.setattr(photos, "Photos", None)
    for target in ("none/style.safetensors", "file/style.safetensors"):
        (tmp_path / "file").touch()
        result = train(painting, "--photos", photos_folder, "-o", target)
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
        assert f"{target} cannot be written" in result.stderr
    (tmp_path / "data").touch()
    assert "cannot be written" in train(painting, "--photos", photos_folder).stderr


def test_several_paintings_are_one_style(train, painting, photos_folder, tmp_path):
    Image.open(painting).transpose(Image.Transpose.ROTATE_90).convert("L").save(tmp_path / "grey.png")
    result = train(painting, tmp_path / "grey.png", "--photos", photos_folder)
    assert result.exit_code == 0, result.output
    assert styles.find("painting").training["losses"]["style"] > 0


def test_a_file_that_is_no_painting(train, photos_folder, tmp_path):
    (tmp_path / "words.png").write_text("words")
    result = train(tmp_path / "words.png", "--photos", photos_folder)
    assert (result.exit_code, "words.png" in result.stderr, result.stderr.count("\n")) == (1, True, 1)


def test_the_figures_of_photos_held_out_are_kept(train, painting, photos_folder):
    assert train(painting, "--photos", photos_folder, "--holdout", 1).exit_code == 0
    style = styles.find("painting")
    assert (style.training["photos"], style.measured) == (3, dict.fromkeys(FIGURES, 0.5))


def test_a_style_that_cannot_be_measured_is_written_all_the_same(train, painting, photos_folder, monkeypatch):
    monkeypatch.setattr(evaluation, "evaluate", evaluate)
    monkeypatch.setattr(evaluation, "SMALLEST", 10_000)
    result = train(painting, "--photos", photos_folder, "--holdout", 1)
    assert (result.exit_code, "not measured" in result.stderr) == (0, True)
    assert styles.find("painting").measured == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--name", "../up"], "--name"),
        (["--steps", "0"], "--steps"),
        (["--photos", "nowhere"], "--photos"),
        (["--name", "wave"], "wave comes with artlives"),
        (["--optimizer", "sdg"], "adadelta"),
        (["--preset", "fast"], "standard"),
        (["nowhere.jpg"], "nowhere.jpg"),
    ],
)
def test_usage_errors(train, painting, arguments, message):
    result = train(painting, *arguments)
    assert (result.exit_code, message in result.stderr) == (2, True)


def test_a_painting_without_letters_needs_a_name(train, painting, tmp_path):
    nameless = tmp_path / "---.png"
    nameless.write_bytes(Path(painting).read_bytes())
    assert "--name" in train("--", nameless).stderr


def test_ctrl_c_says_how_to_go_on(train, painting, photos_folder, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(command._Console, "step", lambda *_: signal.raise_signal(signal.SIGINT))
        result = train(painting, "--photos", photos_folder)
    assert result.exit_code == 128 + signal.SIGINT
    assert result.stderr.endswith("stopped at step 1; the same command with --resume goes on from there\n")
    assert not list((tmp_path / "data").rglob("*.safetensors"))
    assert train(painting, "--photos", photos_folder, "--resume").exit_code == 0


def test_tensorboard_is_an_extra(train, painting, photos_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    result = train(painting, "--photos", photos_folder, "--tensorboard")
    assert (result.exit_code, "pip install 'artlives[tensorboard]'" in result.stderr) == (1, True)


def test_tensorboard(train, painting, photos_folder, tmp_path):
    assert train(painting, "--photos", photos_folder, "--tensorboard").exit_code == 0
    events = EventAccumulator(str(tmp_path / "runs/painting/tensorboard")).Reload()
    assert [scalar.step for scalar in events.Scalars("style")] == [1, 2, 3]
