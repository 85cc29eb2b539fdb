"""Training from Python: `train`."""

import re
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from artlives import Stylizer, styles
from artlives.architecture import Layer
from artlives.engines.network import StyleNetwork
from artlives.engines.torch import load
from artlives.errors import ArtlivesError
from artlives.training import Interrupted, Report, evaluation, photos, train
from artlives.training.evaluation import FIGURES
from artlives.training.recipe import Recipe

SMALL = {"steps": 3, "size": 64, "batch_size": 1, "style_size": 80, "start": "none"}


class Notes(Report):
    """What was told, in order."""

    def __init__(self):
        self.told = []

    def begin(self, trainer):
        self.trainer = trainer
        self.told.append(("begin", trainer.step))

    def step(self, progress):
        self.told.append(("step", progress.step))

    def warn(self, line):
        self.told.append(("warn", line))

    def end(self, style, figures):
        self.told.append(("end", style.name, figures))


class Stop(Notes):
    """Sends a signal after the second step."""

    def step(self, progress):
        if progress.step == 2:
            signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def where(tmp_path, monkeypatch):
    """In an empty folder and for a user without styles; measuring takes seconds and is left out."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(evaluation, "evaluate", lambda *_, **__: dict.fromkeys(FIGURES, 0.5))


@pytest.fixture
def go(painting, photos_folder, perceptual_file):
    """Train for three small steps."""

    def run(paintings=painting, photos=photos_folder, **options):
        return train(
            paintings, photos, **{"perceptual": perceptual_file, "device": "cpu", **SMALL, **options}
        )

    return run


def same(style, other):
    """Whether two styles' weights and trainings are equal, bit for bit."""
    weights, others = load_file(style.path), load_file(other.path)
    return style.training == other.training and all(torch.equal(weights[key], others[key]) for key in weights)


def test_one_line_trains_a_style_that_paints(go, tmp_path):
    style = go(name="waves")
    assert style == styles.find("waves")
    assert style.path == tmp_path / "data/artlives/styles/waves.safetensors"
    assert (style.painting, style.painter, style.year, style.licence) == ("waves", "", "", "")
    assert (style.training["steps"], style.training["photos"], style.measured) == (3, 4, {})
    assert style.training["losses"]["style"] > 0
    painted = Stylizer(style, device="cpu", one_pass=True)(Image.new("RGB", (64, 48), "red"))
    assert painted.size == (64, 48)


def test_the_card_and_where_the_style_goes(go, painting, tmp_path):
    card = {"title": "Waves", "painter": "Nobody", "year": "1900", "licence": "MIT"}
    style = go([str(painting), painting], target="own.safetensors", holdout=1, **card)
    assert (style.painting, style.painter, style.year, style.licence) == tuple(card.values())
    assert (style.name, style.path) == ("painting", Path("own.safetensors"))
    assert (style.training["photos"], style.measured) == (3, dict.fromkeys(FIGURES, 0.5))
    assert not (tmp_path / "data").exists()


def test_a_recipe_is_a_recipe_a_mapping_or_a_file(go, tmp_path):
    (tmp_path / "dots.toml").write_text("tv_weight = 2\nscale_weights = [1, 0.5]\nseed = 1\n")
    changes = {"tv_weight": 2, "scale_weights": [1.0, 0.5], "seed": 1}
    file = go(name="file", recipe="dots.toml", preset="standard")
    assert same(go(name="mapping", recipe=changes, preset="standard"), file)
    whole = Recipe(**{**SMALL, **changes, "steps": 9, "scale_weights": (1.0, 0.5)})
    assert same(go(name="whole", recipe=whole), file)
    assert not same(go(name="other", recipe=whole, seed=2), file)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"paintings": []}, ValueError, "no painting"),
        ({"name": "../up"}, ValueError, "unlike '../up'"),
        ({"name": "wave"}, ValueError, "wave comes with artlives"),
        ({"preset": "fast"}, ValueError, "preset must be one of quick, standard, best, not 'fast'"),
        ({"preset": "quick", "recipe": Recipe()}, ValueError, "leaves nothing to a preset"),
        ({"recipe": {"size": 3}}, ValueError, "size must be a whole number >= 64, not 3"),
        ({"recipe": Recipe(optimizer="sdg")}, ValueError, "optimizer must be one of sgd"),
        ({"steps": 0}, ValueError, "steps must be a whole number >= 1, not 0"),
        ({"stepz": 3}, ValueError, "there is no 'stepz' in a recipe"),
        ({"recipe": "none.toml"}, ArtlivesError, "none.toml cannot be read"),
        ({"start": "wav"}, ArtlivesError, "did you mean 'wave'"),
        ({"target": "none/waves.safetensors"}, ArtlivesError, "none/waves.safetensors cannot be written"),
    ],
)
def test_what_is_wrong_is_said_before_anything_begins(go, tmp_path, monkeypatch, options, error, message):
    # Called after all checks; None would raise TypeError.
    monkeypatch.setattr(photos, "Photos", None)
    with pytest.raises(error, match=re.escape(message)) as raised:
        go(**options)
    assert "\n" not in str(raised.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"paintings": "none.png"}, "none.png cannot be read"),
        ({"photos": "nowhere"}, "nowhere cannot be read"),
        ({"holdout": 9}, "holds no pictures to train on"),
        ({"perceptual": "none.safetensors"}, "none.safetensors"),
        ({"device": "cuda:99"}, "there is no device 'cuda:99'"),
    ],
)
def test_what_cannot_be_read(go, tmp_path, options, message):
    with pytest.raises(ArtlivesError, match=re.escape(message)):
        go(**options)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_an_interrupted_training_goes_on_to_the_very_same_style(go, tmp_path):
    whole = go(name="whole")
    with pytest.raises(Interrupted, match="stopped at step 2") as stop:
        go(name="parts", report=Stop())
    assert (stop.value.signum, stop.value.step) == (signal.SIGINT, 2)
    assert "parts" not in styles.files()
    with pytest.raises(ArtlivesError, match="runs/parts holds a training that is not finished"):
        go(name="parts")
    notes = Notes()
    assert same(go(name="parts", resume=True, report=notes), whole)
    assert notes.told[1:3] == [("begin", 2), ("step", 3)]
    with pytest.raises(ArtlivesError, match=r"whole\.safetensors is there already"):
        go(name="whole", resume=True)


def test_overwrite_starts_again(go):
    first = go(name="waves")
    before = first.path.read_bytes()
    with pytest.raises(Interrupted):
        go(name="waves", seed=1, overwrite=True, report=Stop())
    assert first.path.read_bytes() == before
    notes = Notes()
    again = go(name="waves", overwrite=True, report=notes)
    assert notes.told[1] == ("begin", 0)
    assert same(again, first)


@pytest.mark.parametrize("moment", ["begin", "step", "measured"])
def test_a_training_that_fails_leaves_no_style(go, tmp_path, monkeypatch, moment):
    def fail(*_):
        raise RuntimeError("no more")

    notes = Notes()
    if moment == "measured":
        monkeypatch.setattr(evaluation, "evaluate", fail)
    else:
        monkeypatch.setattr(notes, moment, fail)
    with pytest.raises(RuntimeError, match="no more"):
        go(name="waves", report=notes)
    assert not list((tmp_path / "data/artlives/styles").iterdir())
    assert "end" not in [told[0] for told in notes.told]


def test_a_report_is_told_how_it_goes(go, tmp_path):
    notes = Notes()
    style = go(name="waves", report=notes)
    assert notes.told == [
        (
            "warn",
            f"4 photos in {notes.trainer.photos.folder} are few: with a thousand the style suits any photo",
        ),
        ("begin", 0),
        *[("step", step) for step in (1, 2, 3)],
        ("end", "waves", dict.fromkeys(FIGURES, 0.5)),
    ]
    assert notes.trainer.folder.resolve() == tmp_path / "runs" / style.name
    for picture in ("previews.jpg", "losses.png"):
        with Image.open(notes.trainer.folder / picture) as image:
            assert image.width > 100


def test_without_a_report_warnings_are_logged(go, caplog):
    style = go(photos=None)
    assert style.training["photos"] == 9
    assert "learning on the 9 sample photos alone" in caplog.text


def test_training_outside_the_main_thread(go):
    """Python hands signals to the main thread alone, which may go on with other things."""
    before = signal.getsignal(signal.SIGINT)
    with ThreadPoolExecutor(1) as executor:
        in_thread = executor.submit(lambda: (threading.current_thread(), go(name="waves")))
    thread, style = in_thread.result()
    assert thread is not threading.main_thread()
    assert style.path.is_file()
    assert signal.getsignal(signal.SIGINT) == before


class Weights(Report):
    """The weights that a training begins with, and their average."""

    def begin(self, trainer):
        networks = trainer.network, trainer.average
        self.found = [{k: v.clone() for k, v in network.file_weights().items()} for network in networks]


def assert_begins_with(expected, report):
    for found in report.found:
        # What is learned of a kernel that the file holds in half precision is not exactly even.
        torch.testing.assert_close({key: found[key] for key in expected}, expected, atol=1e-3, rtol=1e-3)


def test_a_training_can_start_from_a_style(go, style_file):
    report = Weights()
    style = go(name="waves", start=str(style_file), report=report)
    assert_begins_with(dict(load(styles.read(style_file)).state_dict()), report)
    assert style.training["before"] == [{"steps": 0}]
    again = go(name="more", start="waves")
    before = again.training["before"]
    assert [card["steps"] for card in before] == [0, 3]
    assert "before" not in before[1]


def test_a_training_can_start_from_the_mean_of_all_shipped_styles(
    go, models, metadata, tmp_path, monkeypatch
):
    torch.manual_seed(1)
    other = StyleNetwork()
    (tmp_path / "models").mkdir()
    (tmp_path / "models/dots.safetensors").write_bytes((models / "dots.safetensors").read_bytes())
    styles.save(tmp_path / "models/lines.safetensors", other.file_weights(), name="lines", **metadata)
    monkeypatch.setattr(styles, "models_folder", lambda: tmp_path / "models")
    states = [load(style).state_dict() for style in styles.available()]
    report = Weights()
    style = go(name="waves", start="mean", report=report)
    assert len(states) == 2
    assert_begins_with({key: (states[0][key] + states[1][key]) / 2 for key in states[0]}, report)
    assert style.training["before"] == []


def test_a_style_of_another_shape_is_no_start(go, metadata, tmp_path):
    layers = (Layer("output", 3, 3, kernel=5),)
    weights = StyleNetwork(layers).file_weights()
    styles.save(tmp_path / "other.safetensors", weights, name="other", **{**metadata, "layers": layers})
    with pytest.raises(ArtlivesError, match="another shape"):
        go(name="waves", start="other.safetensors")
