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
from artlives.folders import Job
from artlives.stylizer import Stylizer

ray = pytest.importorskip("ray", reason="needs the package ray")
pytest.importorskip("ray.data", reason="needs the package ray[data]")

from artlives import ray_engine, storage  # noqa: E402

SETTINGS = {"device": "cpu", "size": None, "strength": 1.0, "keep_colors": False}


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
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import this file
    yield
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
    import psutil  # comes with ray

    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.name().startswith("ray::") and "Map" in " ".join([process.name(), *process.cmdline()]):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def planned(photos, output, style, overwrite=False):
    source, target = storage.Folder(str(photos)), storage.Folder(str(output))
    plan = ray_engine.plan(source, target, style, overwrite)
    return plan, source, target


def test_plan(photos, style, tmp_path, pixels):
    out = photos / "out"
    Image.fromarray(pixels).save(photos / "01.gif")  # would be written to where 01.png is
    plan, *_ = planned(photos, out, style)
    assert len(plan.jobs) == 41
    assert plan.there == 0
    assert Job(f"{photos}/sub/00.png", f"{out}/sub/00-dots.png") in plan.jobs
    (clash,) = plan.failed
    assert str(photos / "01.gif") in clash.error
    (out / "sub").mkdir(parents=True)
    for path in ("sub/00-dots.png", "05-dots.png"):
        (out / path).touch()
    plan, *_ = planned(photos, out, style)
    assert (len(plan.jobs), plan.there) == (39, 2)
    plan, *_ = planned(photos, out, style, overwrite=True)
    assert (len(plan.jobs), plan.there) == (41, 0)


@pytest.mark.usefixtures("cluster")
def test_with_a_worker_killed_in_the_middle_nothing_is_lost_or_doubled(photos, style, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_engine, "BLOCK", 2)
    plan, source, target = planned(photos, tmp_path / "out", style)
    outcomes, killed = [], None
    for outcome in ray_engine.paint(plan.jobs, source, target, style, 92, **SETTINGS):
        outcomes.append(outcome)
        if killed is None:
            killed = workers()[0]
            os.kill(killed, signal.SIGKILL)
            assert len(list((tmp_path / "out").rglob("*-dots.png"))) < 40
    assert killed not in workers()
    assert sorted(outcome.job for outcome in outcomes) == sorted(plan.jobs)
    (failed,) = [outcome for outcome in outcomes if outcome.error]
    assert failed.error.startswith(f"{photos}/bad.jpg is not a picture")
    painted = {str(path) for path in (tmp_path / "out").rglob("*-dots.png")}
    assert painted == {job.target for job in plan.jobs if not job.source.endswith("bad.jpg")}
    stylizer = Stylizer(style, device="cpu")
    for job in plan.jobs:
        if job.target in painted:
            difference = images.load(job.target).pixels.astype(int) - stylizer(images.load(job.source)).pixels
            assert np.abs(difference).max() <= 1  # threads add up in another order
    plan, *_ = planned(photos, tmp_path / "out", style)
    assert ([job.source for job in plan.jobs], plan.there) == ([f"{photos}/bad.jpg"], 40)


class Fragile(ray_engine.Painter):
    """Dies of one of the photos."""

    def __call__(self, block):
        if any(source.endswith("07.png") for source in block["source"]):
            os._exit(1)
        return super().__call__(block)


@pytest.mark.usefixtures("cluster")
def test_a_photo_that_workers_die_of_takes_no_others_with_it(photos, style, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_engine, "BLOCK", 8)
    monkeypatch.setattr(ray_engine, "ATTEMPTS", 2)
    monkeypatch.setattr(ray_engine, "Painter", Fragile)
    plan, source, target = planned(photos, tmp_path / "out", style)
    outcomes = list(ray_engine.paint(plan.jobs, source, target, style, 92, **SETTINGS))
    assert sorted(outcome.job for outcome in outcomes) == sorted(plan.jobs)
    died = [outcome for outcome in outcomes if outcome.error and "07.png" in outcome.job.source]
    assert [outcome.error for outcome in died] == [
        f"{photos}/07.png: the workers that painted it died, every time"
    ]
    assert len(list((tmp_path / "out").rglob("*-dots.png"))) == 39


@pytest.mark.usefixtures("cluster")
def test_from_and_to_uris_with_settings(photos, style, tmp_path):
    source, target = storage.Folder(f"file://{photos}/sub"), storage.Folder(f"local://{tmp_path}/out")
    plan = ray_engine.plan(source, target, style, overwrite=False)
    outcomes = list(ray_engine.paint(plan.jobs, source, target, style, 92, **{**SETTINGS, "size": 64}))
    assert [outcome.error for outcome in outcomes] == [None] * 10
    painting = images.load(tmp_path / "out" / "00-dots.png")
    expected = Stylizer(style, device="cpu", size=64)(images.load(photos / "sub" / "00.png"))
    assert painting.pixels.shape == expected.pixels.shape
    assert np.abs(painting.pixels.astype(int) - expected.pixels).max() <= 1
