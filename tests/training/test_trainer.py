import json
import signal
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from artlives import styles
from artlives.architecture import Layer
from artlives.cli.train import train
from artlives.errors import ArtlivesError
from artlives.network import StyleNetwork
from artlives.training import trainer as module
from artlives.training.photos import Photos
from artlives.training.trainer import Interrupted, Recipe, Trainer, one_cycle

RECIPE = Recipe(steps=6, size=64, batch_size=2, style_size=80)


@pytest.fixture
def new(painting, photos_folder, perceptual, tmp_path):
    def make(folder="run", recipe=RECIPE):
        return Trainer(painting, Photos(photos_folder), recipe, perceptual, tmp_path / folder)

    return make


def losses_of(trainer, reports=None):
    reports = [] if reports is None else reports
    trainer.run(reports.append)
    return [report.losses["loss"] for report in reports]


def test_training_lowers_the_loss(new):
    losses = losses_of(new(recipe=replace(RECIPE, steps=30)))
    assert len(losses) == 30
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_goes_on_bit_for_bit(new, signum):
    whole = losses_of(new("whole"))
    reports = []

    def interrupt(report):
        reports.append(report)
        if report.step == 3:
            signal.raise_signal(signum)

    before = signal.getsignal(signum)
    with pytest.raises(Interrupted) as stop:
        new("parts").run(interrupt)
    assert stop.value.signum == signum
    assert signal.getsignal(signum) == before
    again = new("parts")
    again.resume()
    assert again.step == stop.value.step == 3
    assert losses_of(again, reports) == whole


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(new, monkeypatch):
    trainer = new()
    trainer.save()
    monkeypatch.setattr(module, "total_variation", lambda x: x.sum() * float("nan"))
    before = trainer.checkpoint.read_bytes()
    with pytest.raises(ArtlivesError, match=r"no longer finite.*checkpoint\.pt"):
        trainer.run(lambda report: None)
    assert trainer.checkpoint.read_bytes() == before
    assert all(p.isfinite().all() for p in trainer.network.parameters())


def test_resuming_needs_a_checkpoint_of_the_same_recipe(new):
    with pytest.raises(ArtlivesError, match="start without --resume"):
        new().resume()
    new().run(lambda report: None)
    with pytest.raises(ArtlivesError, match="style_weight"):
        new(recipe=replace(RECIPE, style_weight=2.0)).resume()
    new().checkpoint.write_bytes(b"half a checkpoint")
    with pytest.raises(ArtlivesError, match="cannot be read"):
        new().resume()


def test_learning_rate_rises_and_falls():
    rates = [one_cycle(step / 100) for step in range(100)]
    assert max(rates) == rates[10] == 1
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[0] < 0.1
    assert 0 < rates[-1] < 0.01


def test_the_command_writes_a_style_that_paints(
    painting, photos_folder, perceptual_file, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    arguments = [painting, "--photos", photos_folder, "--name", "waves", "--perceptual", perceptual_file]
    options = ["--steps", 3, "--size", 64, "--batch-size", 1, "--painter", "Nobody", "--device", "cpu"]
    result = CliRunner().invoke(train, [str(a) for a in arguments + options])
    assert result.exit_code == 0, result.output
    style = styles.read(tmp_path / "waves.safetensors")
    assert (style.name, style.painter, style.training["steps"]) == ("waves", "Nobody", 3)
    assert style.training["photos"] == 4
    network = styles.load_network(style)
    assert network(torch.rand(1, 3, 32, 32) * 255).isfinite().all()
    assert Image.open(tmp_path / "runs/waves/preview-00003.jpg").size[0] > 100

    resumed = CliRunner().invoke(train, [str(a) for a in [*arguments, *options, "--resume"]])
    assert resumed.exit_code == 0, resumed.output


def test_the_log_holds_the_losses(new):
    trainer = new(recipe=replace(RECIPE, steps=10))
    trainer.run(lambda report: None)
    entry = json.loads((trainer.folder / "log.jsonl").read_text().splitlines()[-1])
    assert entry["step"] == 10
    assert {"style", "content", "steadiness", "loss"} <= entry.keys()


@pytest.mark.parametrize("options", [["--name", "../up"], ["--steps", "0"], ["--photos", "nowhere"], []])
def test_usage_errors(painting, photos_folder, options):
    defaults = {"--photos": str(photos_folder), "--name": "waves"}
    given = dict(zip(options[::2], options[1::2], strict=True))
    if not options:
        defaults.pop("--photos")
    arguments = [part for pair in {**defaults, **given}.items() for part in pair]
    result = CliRunner().invoke(train, [str(painting), *arguments])
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_training_can_start_from_a_style(new, style_file, metadata, tmp_path):
    trainer = new(recipe=replace(RECIPE, start=str(style_file)))
    weights = styles.load_network(styles.read(style_file)).state_dict()
    for network in (trainer.network, trainer.average):
        torch.testing.assert_close(dict(network.state_dict()), dict(weights))

    other = StyleNetwork((Layer("output", 3, 3, kernel=5),))
    path = tmp_path / "other.safetensors"
    styles.save(
        path, other.state_dict(), name="other", **{**metadata, "layers": (Layer("output", 3, 3, kernel=5),)}
    )
    with pytest.raises(ArtlivesError, match="another shape"):
        new(recipe=replace(RECIPE, start=str(path)))
