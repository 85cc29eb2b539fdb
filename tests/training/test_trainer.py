import errno
import signal
from dataclasses import replace

import pytest
import torch

from artlives.errors import ArtlivesError
from artlives.training import memory
from artlives.training import trainer as module
from artlives.training.checkpoint import is_unfinished
from artlives.training.photos import Photos
from artlives.training.recipe import CHOICES, LEARNING_RATES, Recipe
from artlives.training.signals import Interrupted
from artlives.training.trainer import Trainer, one_cycle

RECIPE = Recipe(steps=6, size=64, batch_size=2, style_size=80)


@pytest.fixture
def new(painting, photos_folder, perceptual, tmp_path):
    def make(folder="run", recipe=RECIPE):
        return Trainer(painting, Photos(photos_folder), recipe, perceptual, tmp_path / folder)

    return make


def losses_of(trainer, reports=None):
    reports = [] if reports is None else reports
    trainer.run(reports.append)
    return [report.losses()["loss"] for report in reports]


@pytest.mark.slow
def test_training_lowers_the_loss(new):
    losses = losses_of(new(recipe=replace(RECIPE, steps=30)))
    assert len(losses) == 30
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_the_network_computes_in_bf16_where_that_is_quick(new, monkeypatch):
    for quick, dtype in ((True, torch.bfloat16), (False, None)):
        monkeypatch.setattr(module, "quick_in_bf16", lambda device, quick=quick: quick)
        trainer = new()
        assert trainer.network.compute_dtype == dtype
        assert trainer.average.compute_dtype is None
        assert {parameter.dtype for parameter in trainer.network.parameters()} == {torch.float32}


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


def test_the_device_is_waited_for_where_losses_are_logged_alone(new, monkeypatch):
    trainer, asked = new(recipe=replace(RECIPE, steps=12)), []
    for name in ("item", "tolist", "__bool__"):
        plain = getattr(torch.Tensor, name)

        def noted(self, *arguments, plain=plain, **options):
            asked.append(trainer.step)
            return plain(self, *arguments, **options)

        monkeypatch.setattr(torch.Tensor, name, noted)
    # Previews and checkpoints are written now and then.
    monkeypatch.setattr(module, "preview", lambda *arguments: torch.zeros(8, 8, 3).numpy())
    monkeypatch.setattr(trainer.record, "add_preview", lambda *arguments: None)
    monkeypatch.setattr(trainer, "save", lambda: None)
    monkeypatch.setattr(trainer, "_expect_memory", lambda: None)
    trainer.run(lambda report: None)
    assert set(asked) == {10, 12}


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(new, monkeypatch):
    trainer = new()
    trainer.save()
    monkeypatch.setattr(module, "total_variation", lambda x: x.sum() * float("nan"))
    before = trainer.checkpoint.read_bytes()
    with pytest.raises(ArtlivesError, match=r"no longer finite.*checkpoint\.pt"):
        trainer.run(lambda report: None)
    assert trainer.checkpoint.read_bytes() == before


def test_resuming_needs_a_checkpoint_of_the_same_recipe(new):
    with pytest.raises(ArtlivesError, match="start without --resume"):
        new().resume()
    new().run(lambda report: None)
    with pytest.raises(ArtlivesError, match="style_weight"):
        new(recipe=replace(RECIPE, style_weight=2.0)).resume()
    new().checkpoint.write_bytes(b"half a checkpoint")
    with pytest.raises(ArtlivesError, match="cannot be read"):
        new().resume()


def test_a_new_training_forgets_the_old_one(new):
    trainer = new()
    assert not is_unfinished(trainer.checkpoint)
    trainer.save()
    assert is_unfinished(trainer.checkpoint)
    trainer.run(lambda report: None)
    assert not is_unfinished(trainer.checkpoint)
    (trainer.folder / ".artlives-of-a-killed-process").touch()
    again = new(recipe=replace(RECIPE, seed=1))
    again.restart()
    assert [path.name for path in again.folder.iterdir()] == ["log.jsonl"]
    assert again.record.entries() == []


def test_resuming_forgets_what_came_after_the_checkpoint(new):
    trainer = new()
    trainer.save()
    trainer.run(lambda report: None)
    again = new("other")
    again.save()
    again.checkpoint.replace(trainer.checkpoint)
    new().resume()
    assert not trainer.record.previews()
    assert not trainer.record.entries()


def test_a_full_disk_is_one_line_and_keeps_the_checkpoint(new, monkeypatch):
    trainer = new()
    trainer.save()
    before = trainer.checkpoint.read_bytes()

    def full(path, data):
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(ArtlivesError, match=r"checkpoint\.pt cannot be written: No space left"):
        trainer.save()
    assert trainer.checkpoint.read_bytes() == before
    assert [path.name for path in trainer.folder.iterdir()] == ["checkpoint.pt"]


@pytest.mark.parametrize(("fitting", "advice"), [(3, "--batch-size 2 fits"), (0, "smaller --size")])
def test_too_little_memory_is_answered_by_the_batch_size_that_fits(new, monkeypatch, fitting, advice):
    trainer = new(recipe=replace(RECIPE, size=96, batch_size=8))
    content_of = trainer.objective.content_of

    def limited(photos):
        # A crop may have a few more pixels than 96 * 96.
        if photos[:, 0].numel() > fitting * 96 * 96 * 1.2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return content_of(photos)

    monkeypatch.setattr(trainer.objective, "content_of", limited)
    with pytest.raises(ArtlivesError, match=rf"^8 crops of 96 px .*{advice}$"):
        trainer.run(lambda report: None)


@pytest.mark.parametrize(
    ("free", "advice"), [(399, None), (398, "--batch-size 4 fits"), (0, "--batch-size 2 fits")]
)
def test_a_step_that_a_container_has_no_memory_for_is_not_begun(new, monkeypatch, free, advice):
    trainer = new(recipe=replace(RECIPE, steps=1, batch_size=8))
    # Two crops take 133.
    monkeypatch.setattr(memory, "_resident", iter([1000, 1133]).__next__)
    monkeypatch.setattr(memory, "free", lambda: free)
    if advice is None:
        assert trainer.run(lambda report: None)
        return
    with pytest.raises(ArtlivesError, match=rf"^8 crops of 64 px .*{advice}$"):
        trainer.run(lambda report: None)
    assert trainer.step == 0


def test_other_errors_are_not_taken_for_a_lack_of_memory(new, monkeypatch):
    trainer = new()
    monkeypatch.setattr(trainer.objective, "content_of", lambda photos: photos @ photos.new_zeros(1))
    with pytest.raises(RuntimeError, match="size"):
        trainer.run(lambda report: None)


CHOSEN = [
    (field, name)
    for field, names in CHOICES.items()
    for name in names
    # The defaults are tried once, as the optimizer adam.
    if (field, name) == ("optimizer", "adam") or name != getattr(Recipe, field)
]


@pytest.mark.slow
@pytest.mark.parametrize(("field", "name"), CHOSEN)
def test_every_choice_of_the_lectures_trains(new, field, name):
    rate = LEARNING_RATES[name] if field == "optimizer" else 3e-3
    trainer = new(recipe=replace(RECIPE, steps=8, learning_rate=rate, steadiness_weight=1.0, **{field: name}))
    losses = losses_of(trainer)
    assert sum(losses[-3:]) < sum(losses[:3])


def test_learning_rate_rises_and_falls():
    rates = [one_cycle(step / 100) for step in range(100)]
    assert max(rates) == rates[10] == 1
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[0] < 0.1
    assert 0 < rates[-1] < 0.01


@pytest.mark.smoke
def test_the_log_holds_the_losses(new):
    trainer = new(recipe=replace(RECIPE, steps=10))
    trainer.run(lambda report: None)
    entry = trainer.record.entries()[-1]
    assert entry["step"] == 10
    assert {"style", "content", "steadiness", "loss"} <= entry.keys()
