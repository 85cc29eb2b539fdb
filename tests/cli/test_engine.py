"""Where a command paints that is left the choice."""

import shutil

import pytest

from artlives import core, devices
from artlives.cli import engine
from artlives.cli.engine import device_for

pytestmark = pytest.mark.skipif(not core.instruction_sets(), reason="the compiled core was not built")


@pytest.fixture
def asked(monkeypatch):
    """The devices that were asked for; there is the CPU alone."""
    names = []
    monkeypatch.setattr(devices, "choose", lambda name="auto": names.append(name) or "cpu")
    return names


def test_one_photo_is_not_worth_a_gpu_unless_it_is_large(run, photo_file, style_file, asked, monkeypatch):
    arguments = ("stylize", photo_file, "--style", style_file, "--overwrite")
    for most, device in ((engine.WORTH_A_GPU, "cpu"), (40 * 56, "auto")):
        monkeypatch.setattr(engine, "WORTH_A_GPU", most)
        asked.clear()
        assert run(*arguments).exit_code == 0
        assert asked == [device]


def test_a_folder_is(run, photo_file, style_file, asked, tmp_path):
    shutil.copy(photo_file, tmp_path / "other.jpg")
    assert run("stylize", tmp_path, "--style", style_file).exit_code == 0
    assert asked == ["auto"]


@pytest.mark.usefixtures("shipped")
def test_a_sheet_is_not_unless_its_pictures_are_large(run, photo_file, asked, monkeypatch):
    for most, device in ((engine.WORTH_A_GPU, "cpu"), (2 * 40 * 56, "auto")):
        monkeypatch.setattr(engine, "WORTH_A_GPU", most)
        asked.clear()
        assert run("sheet", photo_file, "--overwrite").exit_code == 0
        assert asked == [device] * 2


def test_a_device_that_is_named_is_taken(monkeypatch):
    assert device_for("cuda", 1) == "cuda"
    assert device_for("auto", 1) == "cpu"
    monkeypatch.setattr(core, "instruction_sets", dict)
    assert device_for("auto", 1) == "auto"
