import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artlives import folders, images
from artlives.errors import ArtlivesError
from artlives.folders import Job, Outcome
from artlives.settings import Settings
from artlives.stylizer import Stylizer


def tree(folder, *paths):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


# Which pictures there are


def test_files_in_a_folder_and_its_subfolders(tmp_path):
    tree(
        tmp_path,
        "a.jpg",
        "notes.txt",
        "x/b.png",
        "x/y/c.jpg",
        ".cache/d.jpg",
        "out/a-dots.jpg",
        "x/out/e.jpg",
    )
    (tmp_path / "x" / "again").symlink_to(tmp_path)
    found = folders.files_in(tmp_path, without=tmp_path / "x" / ".." / "out")
    assert sorted(found) == ["a.jpg", "notes.txt", "x/b.png", "x/out/e.jpg", "x/y/c.jpg"]
    assert "out/a-dots.jpg" in folders.files_in(tmp_path)
    assert "a.jpg" in folders.files_in(tmp_path, without=tmp_path)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ArtlivesError, match="none cannot be read: No such file"):
        folders.files_in(tmp_path / "none")


def test_photos_are_pictures_that_were_not_painted():
    paths = [
        "b.jpg", "a.PNG", "a-dots.png", "a-stripes.webp", "a-other.png", "c-dots.jpg", "notes.txt", ".hidden.jpg",
        "x/a-dots.png", "x/.tmp/a.jpg", "phone.heic", "a-dots-dots.png",
    ]  # fmt: skip
    expected = ["a-other.png", "a.PNG", "b.jpg", "c-dots.jpg", "phone.heic", "x/a-dots.png"]
    assert folders.photos_among(paths, {"dots", "stripes"}) == expected


@pytest.mark.parametrize(
    ("photo", "painting"),
    [("a.jpg", "a-dots.jpg"), ("x/A.JPEG", "A-dots.JPEG"), ("a.gif", "a-dots.png"), ("a", "a-dots.png")],
)
def test_painting_name(photo, painting):
    assert folders.painting_name(photo, "dots") == painting


# Painting them


@pytest.fixture
def jobs(tmp_path, pixels):
    """Photos of several sizes and formats, and three files among them that are none."""
    made = []
    for i in range(12):
        name = f"{i:02}.{('jpg', 'png', 'webp')[i % 3]}"
        Image.fromarray(np.roll(pixels, i, 1)[: 24 + i]).save(tmp_path / name, quality=95)
        made.append(Job(str(tmp_path / name), str(tmp_path / f"out-{name}")))
    for i in (0, 5, 11):
        (tmp_path / f"{i:02}.{('jpg', 'png', 'webp')[i % 3]}").write_bytes(b"words")
    return made


def test_every_photo_is_painted_as_by_itself(jobs, style_file, tmp_path):
    stylizer = Stylizer(style_file, device="cpu", size=40)
    outcomes = list(folders.paint(stylizer, jobs, save=partial(images.save, quality=90)))
    assert [outcome.job for outcome in outcomes] == jobs
    assert [i for i, outcome in enumerate(outcomes) if outcome.error] == [0, 5, 11]
    for i, (job, outcome) in enumerate(zip(jobs, outcomes, strict=True)):
        if i in (0, 5, 11):
            assert outcome.error.startswith(f"{job.source} is not a picture")
            assert not Path(job.target).exists()
            continue
        expected = tmp_path / f"expected{job.target[-5:]}"
        images.save(stylizer(images.load(job.source)), expected, quality=90)
        assert Path(job.target).read_bytes() == expected.read_bytes()


def test_what_cannot_be_painted_or_written_fails_by_itself(style_file, photo_file, tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "dot.png")
    jobs = [
        Job(str(tmp_path / "dot.png"), str(tmp_path / "a.png")),
        Job(str(photo_file), str(tmp_path / "none" / "b.png")),
        Job(str(photo_file), str(tmp_path / "c.png")),
    ]
    small, unwritten, painted = folders.paint(Stylizer(style_file, device="cpu"), jobs)
    assert small.error.startswith(f"{jobs[0].source}: 9x9 pixels are too small")
    assert unwritten.error.startswith(f"{jobs[1].target} cannot be written")
    assert painted == Outcome(jobs[2])


def test_oddities_are_told(style_file, tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=b"rubbish")
    job = Job(str(tmp_path / "a.png"), str(tmp_path / "b.png"))
    (outcome,) = folders.paint(Stylizer(style_file, device="cpu"), [job])
    assert outcome.error is None
    assert "its colour profile was passed over" in outcome.notes[0]


class Slow:
    """A stylizer that waits, as long as it takes, until what should go on beside it does."""

    def __init__(self, wait, engine="torch", **settings):
        self.wait, self.engine, self.settings = wait, engine, Settings(**settings)

    def __call__(self, photo, threads):
        self.wait(threads)
        return photo


def test_the_next_is_decoded_and_the_last_is_written_while_the_network_paints(jobs, monkeypatch):
    monkeypatch.setattr(folders, "WORKERS", 2)
    jobs = jobs[1:5]
    decoded = [threading.Event() for _ in jobs]
    written = [threading.Event() for _ in jobs]

    def load(source):
        photo = images.load(source)
        decoded[[job.source for job in jobs].index(source)].set()
        return photo

    def save(photo, target):
        images.save(photo, target)
        written[[job.target for job in jobs].index(target)].set()

    turn = iter(range(4))

    def wait(threads):
        i = next(turn)
        if i < 3:
            assert decoded[i + 1].wait(30)
        if i > 0:
            assert written[i - 1].wait(30)

    assert not any(outcome.error for outcome in folders.paint(Slow(wait), jobs, load, save))


def test_small_pictures_are_painted_side_by_side_and_large_ones_one_by_one(jobs, monkeypatch):
    monkeypatch.setattr(folders, "MEGAPIXEL", 30 * 56)  # jobs from 06 on are larger
    monkeypatch.setattr("artlives.core.default_threads", lambda: 2)
    monkeypatch.setattr(folders, "ROOM", 1)
    together = threading.Barrier(2, timeout=30)
    alone = threading.Lock()

    def wait(threads):
        if threads == 1:
            together.wait()
            return
        assert threads is None
        assert alone.acquire(blocking=False)
        time.sleep(0.01)
        alone.release()

    outcomes = folders.paint(Slow(wait, "compiled"), [*jobs[1:5], *jobs[7:11]])
    assert not any(outcome.error for outcome in outcomes)


@pytest.mark.parametrize(
    ("slow", "count", "room"),
    [
        ({"engine": "torch"}, 4, 1),
        ({"engine": "compiled", "memory": 10**9}, 4, 1),
        ({"engine": "compiled"}, 1, 1),
        ({"engine": "compiled"}, 4, 1 << 60),
    ],
    ids=["another engine", "given memory", "one picture", "no room"],
)
def test_where_they_are_painted_one_by_one(jobs, monkeypatch, slow, count, room):
    monkeypatch.setattr("artlives.core.default_threads", lambda: 4)
    monkeypatch.setattr(folders, "ROOM", room)
    asked = []
    stylizer = Slow(asked.append, **slow)
    assert not any(outcome.error for outcome in folders.paint(stylizer, jobs[1 : 1 + count]))
    assert asked == [None] * count


def test_however_many_there_are_few_are_in_memory(photo_file, tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "WORKERS", 2)
    lock, here, most = threading.Lock(), 0, 0

    def count(change):
        nonlocal here, most
        with lock:
            here += change
            most = max(most, here)

    def load(source):
        count(1)
        return images.load(source)

    def save(photo, target):
        time.sleep(0.002)  # the disk is slower than the network
        images.save(photo, target)
        count(-1)

    jobs = [Job(str(photo_file), str(tmp_path / "out.jpg")) for _ in range(60)]
    assert len(list(folders.paint(Slow(lambda threads: None), jobs, load, save))) == 60
    assert here == 0
    assert most <= 2 * (folders.WORKERS + 1) + 3


def test_when_the_reader_stops_so_does_the_work(jobs, style_file, tmp_path):
    outcomes = folders.paint(Stylizer(style_file, device="cpu"), jobs * 10)
    next(outcomes)
    outcomes.close()
    assert not list(tmp_path.glob(".artlives-*"))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("files", "painters"))]


# What is left by those that were killed
