"""Files appear whole or not at all, and what a killed process left is taken away."""

import os
import subprocess
import sys
import time

import pytest

from artlives.errors import ArtlivesError
from artlives.files import ABANDONED, HOST, TEMPORARY, replacing, sweep


def test_a_file_is_replaced_when_all_went_well(tmp_path):
    path = tmp_path / "file"
    path.write_text("before")
    with replacing(path) as temporary:
        temporary.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_text("before")

    def fail_half_way():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(ArtlivesError, match="file cannot be written: No space"):
        fail_half_way()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_sweep_takes_away_what_nobody_writes_any_more(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = tmp_path / f"{TEMPORARY}{HOST}-{ended.pid}-00"
    mine = tmp_path / f"{TEMPORARY}{HOST}-{os.getpid()}-00"
    new, old = tmp_path / f"{TEMPORARY}ffffff-1-00", tmp_path / f"{TEMPORARY}ffffff-1-01"
    other = tmp_path / "photo.jpg"
    for path in (left, mine, new, old, other):
        path.touch()
    os.utime(old, (time.time() - ABANDONED - 1,) * 2)
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([mine, new, other])
    sweep(tmp_path / "none")
