"""Folders are listed, files appear whole or not at all, and what a killed process left is taken away."""

import os
import socket
import subprocess
import sys
import time

import pytest

from artlives.errors import ArtlivesError
from artlives.files import ABANDONED, HOST, TEMPORARY, check_file, files_in, remove_abandoned, replacing


def test_files_in_a_folder_and_its_subfolders(tmp_path):
    for path in (
        "a.jpg",
        "notes.txt",
        "x/b.png",
        "x/y/c.jpg",
        ".cache/d.jpg",
        "out/a-dots.jpg",
        "x/out/e.jpg",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "x" / "again").symlink_to(tmp_path)
    found = files_in(tmp_path, without=tmp_path / "x" / ".." / "out")
    assert sorted(found) == ["a.jpg", "notes.txt", "x/b.png", "x/out/e.jpg", "x/y/c.jpg"]
    assert "out/a-dots.jpg" in files_in(tmp_path)
    assert "a.jpg" in files_in(tmp_path, without=tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="files of POSIX")
def test_what_is_no_regular_file_is_left_out(tmp_path):
    (tmp_path / "photo.jpg").touch()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    (tmp_path / "link.jpg").symlink_to("photo.jpg")
    (tmp_path / "broken.jpg").symlink_to("none.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.jpg"))
        assert sorted(files_in(tmp_path)) == ["broken.jpg", "link.jpg", "photo.jpg"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_names_that_cannot_be_written_are_known_at_once(tmp_path, overwrite):
    with pytest.raises(ArtlivesError, match="xx cannot be written: File name too long"):
        check_file(tmp_path / ("x" * 300), overwrite)
    (tmp_path / "link").symlink_to("none")
    check_file(tmp_path / "link", overwrite)


@pytest.mark.skipif(os.name != "posix", reason="files of POSIX")
def test_a_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ArtlivesError, match="pipe is not a regular file"):
        check_file(tmp_path / "pipe", overwrite=True)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ArtlivesError, match="none cannot be read: No such file"):
        files_in(tmp_path / "none")


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
    remove_abandoned(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([mine, new, other])
    remove_abandoned(tmp_path / "none")
