"""What comes into a folder is painted once it is whole. Time does not pass here but by `sleep`."""

import os
from itertools import islice

import pytest

from artlives.batch import watch
from artlives.batch.plan import Job


@pytest.fixture
def clock(monkeypatch):
    """Seconds that the looks were apart; a look itself takes no time."""
    now = [0.0]
    monkeypatch.setattr(watch.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(watch.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


@pytest.fixture
def looks(tmp_path, clock):
    """The names that are taken at each look, of the files in a folder."""

    def look():
        return [Job(str(path), f"{path}.out") for path in sorted(tmp_path.glob("*.jpg"))]

    taken = watch.arrivals(look)
    return lambda: [job.source.rpartition("/")[2] for job in next(taken)]


def test_what_is_there_and_what_comes_is_taken_once(looks, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"a")
    assert [looks() for _ in range(4)] == [[], [], ["a.jpg"], []]
    (tmp_path / "b.jpg").write_bytes(b"b")
    assert [looks() for _ in range(6)] == [[], [], ["b.jpg"], [], [], []]


def test_a_file_that_grows_is_waited_for(looks, tmp_path):
    with (tmp_path / "a.jpg").open("wb") as file:
        for _ in range(5):
            file.write(b"part")
            file.flush()
            assert looks() == []
            assert looks() == []
    assert looks() == ["a.jpg"]
    # One that was not complete, after all.
    (tmp_path / "a.jpg").write_bytes(b"all of it")
    assert [looks() for _ in range(4)] == [[], [], ["a.jpg"], []]


def test_a_file_of_the_same_size_that_is_written_again(looks, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"a")
    assert [looks() for _ in range(3)][-1] == ["a.jpg"]
    os.utime(tmp_path / "a.jpg", ns=(1, 1))
    assert [looks() for _ in range(3)][-1] == ["a.jpg"]


def test_a_file_that_vanishes(looks, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"a")
    looks()
    (tmp_path / "a.jpg").unlink()
    assert [looks() for _ in range(3)] == [[], [], []]


def test_large_folders_are_looked_at_less_often(clock):
    def look():
        clock[0] += 3
        return []

    times = [clock[0] for _ in islice(watch.arrivals(look), 3)]
    assert times == [3, 36, 69]
