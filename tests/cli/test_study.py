"""A painting's file given as a style: learnt once, with a word about it, whole or not at all."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artlives import studies
from artlives.cli import study as command
from artlives.training import study as training
from artlives.training.recipe import Recipe

SHORT = Recipe(steps=2, size=64, batch_size=2, style_size=64, start="mean")
# The command in a process of its own, with studies of so many steps as its first argument says.
PROCESS = """
import signal, sys
# A shell's background job would ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
from artlives import studies
from artlives.cli import study as command
from artlives.training import study as training
from artlives.training.recipe import Recipe
recipe = Recipe(steps=int(sys.argv.pop(1)), size=64, batch_size=2, style_size=64, start="mean")
for module in (studies, command, training):
    module.STUDY = recipe
from artlives.cli import main
main()
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own, for processes, too; and what is painted in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    rows = np.mgrid[:70, :90][0]
    stripes = np.stack([rows * 3, 255 - rows * 3, rows * 2], 2).astype(np.uint8)
    Image.fromarray(stripes).save("sunflowers.png")
    Image.fromarray(stripes[::-1]).save("photo.png")
    return tmp_path / "cache/artlives/studies"


@pytest.fixture
def short(monkeypatch):
    """Studies of two steps."""
    for module in (studies, command, training):
        monkeypatch.setattr(module, "STUDY", SHORT)


@pytest.mark.usefixtures("short")
def test_a_painting_is_learnt_once_and_said_to_be(run):
    first = run("stylize", "photo.png", "--style", "sunflowers.png", "--device", "cpu")
    assert first.exit_code == 0, first.output
    assert "learning how sunflowers.png is painted, once; it is remembered" in first.stderr
    assert first.stdout == "photo-sunflowers.png\n"
    painted = np.asarray(Image.open("photo-sunflowers.png"))
    again = run("stylize", "photo.png", "--style", "sunflowers.png", "--device", "cpu", "--overwrite")
    assert (again.exit_code, again.stderr) == (0, "")
    assert np.array_equal(np.asarray(Image.open("photo-sunflowers.png")), painted)
    assert "sunflowers" in run("styles").stdout
    assert run("styles", "--forget").stdout == "1 forgotten\n"
    assert "sunflowers" not in run("styles").stdout


@pytest.mark.usefixtures("short")
def test_in_folders_sheets_and_mixes(run):
    Path("photos").mkdir()
    for name in ("a.png", "b.png"):
        Path("photos", name).write_bytes(Path("photo.png").read_bytes())
    result = run("stylize", "photos", "--style", "sunflowers.png", "-o", "out", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert {path.name for path in Path("out").iterdir()} == {"a-sunflowers.png", "b-sunflowers.png"}
    mix = run("stylize", "photo.png", "--style", "wave:0.6,sunflowers.png:0.4", "--device", "cpu")
    assert (mix.stdout, mix.stderr) == ("photo-wave60-sunflowers40.png\n", "")
    sheet = run("sheet", "photo.png", "--styles", "wave,sunflowers.png", "--size", 64, "--device", "cpu")
    assert sheet.exit_code == 0, sheet.output


def test_a_mix_of_pictures_is_said_to_be_one(run, tmp_path, network, metadata):
    from artlives import styles

    own = {**metadata, "training": {"start": "none", "grain": 0}}
    styles.save(tmp_path / "own.safetensors", network.file_weights(), name="own", **own)
    result = run("stylize", "photo.png", "--style", "wave:0.5,own.safetensors:0.5", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "wave and own did not start from the same weights: their pictures are mixed" in result.stderr


def start(environment, steps, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(steps), *arguments],
        env={**environment, "XDG_CACHE_HOME": os.environ["XDG_CACHE_HOME"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


STYLIZE = ("stylize", "photo.png", "--style", "sunflowers.png", "--device", "cpu")


@pytest.mark.slow
def test_two_at_once(environment, cache):
    both = [start(environment, 2, *STYLIZE, "-o", name) for name in ("one.png", "two.png")]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert Path("one.png").read_bytes() == Path("two.png").read_bytes()
    assert len(list(cache.iterdir())) == 1


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT])
def test_stopped_in_the_middle_it_leaves_nothing(environment, cache, signum):
    process = start(environment, 100_000, *STYLIZE)
    assert process.stderr is not None
    # The bar is not drawn where no terminal is: the line before is all there is.
    assert "learning how" in process.stderr.readline()
    while not cache.exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signum)
    _, errors = process.communicate(timeout=60)
    assert list(cache.iterdir()) == []
    assert not Path("photo-sunflowers.png").exists()
    if signum == signal.SIGINT:
        assert process.returncode == 130
        assert "Traceback" not in errors


@pytest.mark.usefixtures("short")
def test_a_full_disk(run, cache, monkeypatch):
    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    result = run("stylize", "photo.png", "--style", "sunflowers.png", "--device", "cpu")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].endswith("cannot be written: No space left on device")
    assert list(cache.iterdir()) == []


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_a_training_goes_on_from_a_study(run, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    size = ["--steps", 1, "--size", 64, "--batch-size", 1, "--style-size", 64, "--device", "cpu"]
    result = run("train", "sunflowers.png", "--start-from", "sunflowers.png", "--name", "mine", *size)
    assert result.exit_code == 0, result.output
    assert "learning how sunflowers.png is painted" in result.stderr
    from artlives import styles

    training_card = styles.find("mine").training
    assert training_card["start"] == "sunflowers"
    assert [before["steps"] for before in training_card["before"]] == [2]
    assert str(tmp_path) not in str(training_card)
