import signal
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artlives import images
from artlives.batch import paint as batch
from artlives.batch.plan import Job, Outcome
from artlives.settings import Settings
from artlives.stylizer import Stylizer


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
    outcomes = list(batch.paint(stylizer, jobs, save=partial(images.save, quality=90)))
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
    small, unwritten, painted = batch.paint(Stylizer(style_file, device="cpu"), jobs)
    assert small.error.startswith(f"{jobs[0].source}: 9x9 pixels are too small")
    assert unwritten.error.startswith(f"{jobs[1].target} cannot be written")
    assert painted == Outcome(jobs[2])


def test_oddities_are_told(style_file, tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=b"rubbish")
    job = Job(str(tmp_path / "a.png"), str(tmp_path / "b.png"))
    (outcome,) = batch.paint(Stylizer(style_file, device="cpu"), [job])
    assert outcome.error is None
    assert "its colour profile was passed over" in outcome.notes[0]


class Slow:
    """A stylizer that waits, as long as it takes, until what should go on beside it does."""

    def __init__(self, wait, engine="torch", **settings):
        self.wait, self.engine, self.settings = wait, engine, Settings(**settings)

    def __call__(self, photo, report, threads):
        self.wait(threads)
        return photo


def test_the_next_is_decoded_and_the_last_is_written_while_the_network_paints(jobs, monkeypatch):
    monkeypatch.setattr(batch, "WORKERS", 2)
    changed, decoded, written = threading.Condition(), 0, 0

    def load(source, format):
        nonlocal decoded
        photo = images.load(source, target=format)
        with changed:
            decoded += 1
            changed.notify()
        return photo

    def save(photo, target):
        nonlocal written
        images.save(photo, target)
        with changed:
            written += 1
            changed.notify()

    turn = iter(range(4))

    def wait(threads):
        i = next(turn)
        with changed:
            assert changed.wait_for(lambda: decoded >= min(i + 2, 4) and written >= i, 30)

    assert not any(outcome.error for outcome in batch.paint(Slow(wait), jobs[1:5], load, save))


def test_small_pictures_are_painted_side_by_side_and_large_ones_one_by_one(jobs, monkeypatch):
    # Jobs from 06 on are larger.
    monkeypatch.setattr(batch, "MEGAPIXEL", 30 * 56)
    monkeypatch.setattr("artlives.core.default_threads", lambda: 2)
    monkeypatch.setattr(batch, "ROOM", 1)
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

    outcomes = batch.paint(Slow(wait, "compiled"), [*jobs[1:5], *jobs[7:11]])
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
    monkeypatch.setattr(batch, "ROOM", room)
    asked = []
    stylizer = Slow(asked.append, **slow)
    assert not any(outcome.error for outcome in batch.paint(stylizer, jobs[1 : 1 + count]))
    assert asked == [None] * count


def test_however_many_there_are_few_are_in_memory(photo_file, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "WORKERS", 2)
    lock, here, most = threading.Lock(), 0, 0

    def count(change):
        nonlocal here, most
        with lock:
            here += change
            most = max(most, here)

    def load(source, target):
        count(1)
        return images.load(source, target=target)

    def save(photo, target):
        # The disk is slower than the network.
        time.sleep(0.002)
        images.save(photo, target)
        count(-1)

    jobs = [Job(str(photo_file), str(tmp_path / "out.jpg")) for _ in range(60)]
    assert len(list(batch.paint(Slow(lambda threads: None), jobs, load, save))) == 60
    assert here == 0
    assert most <= batch.WORKERS + 1


def test_photos_wait_for_memory_and_one_is_painted_however_large(photo_file, tmp_path, monkeypatch):
    target = tmp_path / "out.jpg"
    needed = images.bytes_to_paint(photo_file, target, None)
    lock, here, most = threading.Lock(), 0, 0

    def load(source, format):
        nonlocal here, most
        with lock:
            here += 1
            most = max(most, here)
        return images.load(source, target=format)

    def save(photo, target):
        nonlocal here
        time.sleep(0.002)
        with lock:
            here -= 1

    jobs = [Job(str(photo_file), str(target)) for _ in range(20)]
    for free, expected in ((needed, 1), (6 * needed - 1, 1), (6 * needed, 2)):
        most = 0
        monkeypatch.setattr("artlives.memory.free", lambda free=free: free)
        outcomes = list(batch.paint(Slow(lambda threads: time.sleep(0.001)), jobs, load, save))
        assert not any(outcome.error for outcome in outcomes)
        assert most == expected
    monkeypatch.setattr("artlives.memory.free", lambda: 1)
    for outcome in batch.paint(Slow(lambda threads: None), jobs[:3], load, save):
        assert "does not fit in memory" in outcome.error


def test_when_the_reader_stops_so_does_the_work(jobs, style_file, tmp_path):
    before = set(threading.enumerate())
    outcomes = batch.paint(Stylizer(style_file, device="cpu"), jobs * 10)
    next(outcomes)
    assert set(threading.enumerate()) - before
    outcomes.close()
    assert not set(threading.enumerate()) - before
    assert not list(tmp_path.glob(".artlives-*"))


@pytest.fixture
def interrupts():
    """SIGINT raises KeyboardInterrupt, which a shell's background job would ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_an_interrupt_ends_what_is_painted_and_nothing_else_is_begun(jobs):
    before, begun = set(threading.enumerate()), []

    class Endless:
        engine, settings = "torch", Settings()

        def __call__(self, photo, report, threads):
            begun.append(photo)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            for _ in range(10_000):
                report(0.5)
                time.sleep(0.001)
            return photo

    with pytest.raises(KeyboardInterrupt):
        list(batch.paint(Endless(), jobs[1:5] * 10))
    assert len(begun) == 1
    assert not any(Path(job.target).exists() for job in jobs)
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
    assert not set(threading.enumerate()) - before
