"""On a cluster of two processors on this machine."""

import logging
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import artlives
from artlives import images, styles
from artlives.settings import Settings
from artlives.stylizer import Stylizer

ray = pytest.importorskip("ray", reason="needs the package ray")
pytest.importorskip("ray.data", reason="needs the package ray[data]")

from artlives.batch import ray as engine  # noqa: E402
from artlives.batch.plan import jobs_in, plan  # noqa: E402
from artlives.batch.remote import Folder  # noqa: E402

# Ray sets options of its own that it calls deprecated.
pytestmark = pytest.mark.filterwarnings(r"ignore::DeprecationWarning:ray\..*")

SETTINGS = Settings(), "cpu"


@pytest.fixture(scope="module")
def cluster():
    paths = os.pathsep.join(
        filter(None, [str(Path(artlives.__file__).parent.parent), os.environ.get("PYTHONPATH")])
    )
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=100_000_000,
        logging_level=logging.ERROR,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": paths}},
    )
    # Workers cannot import this file.
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    # As the command does: pytest keeps what is logged, with tracebacks that would keep workers from ending.
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)
    ray.shutdown()


@pytest.fixture
def photos(tmp_path, pixels):
    """Forty photos, some in a subfolder, and one file that is none."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for i in range(40):
        place = folder / "sub" if i % 4 == 0 else folder
        Image.fromarray(np.roll(pixels, i, 1)).resize((160 + i % 3, 120)).save(place / f"{i:02}.png")
    (folder / "bad.jpg").write_bytes(b"words")
    return folder


@pytest.fixture
def style(style_file):
    return styles.read(style_file)


def workers():
    """The processes of this cluster that hold the model."""
    # psutil comes with ray.
    import psutil

    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.name().startswith("ray::") and "Map" in " ".join([process.name(), *process.cmdline()]):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def planned(photos, output, style):
    source, target = Folder(str(photos)), Folder(str(output))
    return plan(jobs_in(source, style, target), source, target), source, target


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_with_a_worker_killed_in_the_middle_nothing_is_lost_or_doubled(photos, style, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "BLOCK", 2)
    todo, source, target = planned(photos, tmp_path / "out", style)
    outcomes, killed = [], None
    for outcome in engine.paint(todo.jobs, source, target, style, 92, *SETTINGS):
        outcomes.append(outcome)
        if killed is None:
            killed = workers()[0]
            os.kill(killed, signal.SIGKILL)
            assert len(list((tmp_path / "out").rglob("*-dots.png"))) < 40
    assert killed not in workers()
    assert sorted(outcome.job for outcome in outcomes) == sorted(todo.jobs)
    (failed,) = [outcome for outcome in outcomes if outcome.error]
    assert failed.error.startswith(f"{photos}/bad.jpg is not a picture")
    painted = {str(path) for path in (tmp_path / "out").rglob("*-dots.png")}
    assert painted == {job.target for job in todo.jobs if not job.source.endswith("bad.jpg")}
    stylizer = Stylizer(style, device="cpu")
    for job in todo.jobs:
        if job.target in painted:
            difference = images.load(job.target).pixels.astype(int) - stylizer(images.load(job.source)).pixels
            # Several threads add up in another order than one.
            assert np.abs(difference).max() <= 1
    todo, *_ = planned(photos, tmp_path / "out", style)
    assert ([job.source for job in todo.jobs], todo.there) == ([f"{photos}/bad.jpg"], 40)


class Fragile(engine.Painter):
    """Dies of one of the photos."""

    def __call__(self, block):
        if any(source.endswith("07.png") for source in block["source"]):
            os._exit(1)
        return super().__call__(block)


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_photo_that_workers_die_of_takes_no_others_with_it(photos, style, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "BLOCK", 8)
    monkeypatch.setattr(engine, "ATTEMPTS", 1)
    monkeypatch.setattr(engine, "Painter", Fragile)
    todo, source, target = planned(photos, tmp_path / "out", style)
    outcomes = list(engine.paint(todo.jobs, source, target, style, 92, *SETTINGS))
    assert sorted(outcome.job for outcome in outcomes) == sorted(todo.jobs)
    died = [outcome for outcome in outcomes if outcome.error and "07.png" in outcome.job.source]
    assert [outcome.error for outcome in died] == [
        f"{photos}/07.png: the workers that painted it died, every time"
    ]
    assert len(list((tmp_path / "out").rglob("*-dots.png"))) == 39


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_from_and_to_uris_with_settings(photos, style, tmp_path):
    todo, source, target = planned(f"file://{photos}/sub", f"local://{tmp_path}/out", style)
    outcomes = list(engine.paint(todo.jobs, source, target, style, 92, Settings(size=64), "cpu"))
    assert [outcome.error for outcome in outcomes] == [None] * 10
    painting = images.load(tmp_path / "out" / "00-dots.png")
    expected = Stylizer(style, device="cpu", size=64)(images.load(photos / "sub" / "00.png"))
    assert painting.pixels.shape == expected.pixels.shape
    assert np.abs(painting.pixels.astype(int) - expected.pixels).max() <= 1
