"""What is printed goes nowhere: onto a full disk, or to a program that has read enough."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FULL = b"artlives: standard output cannot be written: No space left on device\n"


@pytest.fixture(params=["buffered", "unbuffered"])
def errors(request, environment):
    """What a command says on standard error, beside its exit status, when standard output is this."""

    def errors(stdout, *arguments):
        unbuffered = {"PYTHONUNBUFFERED": "1" if request.param == "unbuffered" else ""}
        done = subprocess.run(
            [sys.executable, "-m", "artlives", *map(str, arguments)],
            env=environment | unbuffered,
            stdout=stdout,
            stderr=subprocess.PIPE,
            check=False,
        )
        return done.returncode, done.stderr

    return errors


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", [["--help"], ["styles"]])
def test_a_full_disk_is_told_in_a_line(errors, command):
    with Path("/dev/full").open("wb") as full:
        assert errors(full, *command) == (1, FULL)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_painting_is_there_whose_name_cannot_be_told(errors, photo_file, style_file):
    painting = photo_file.with_name("painting.png")
    with Path("/dev/full").open("wb") as full:
        assert errors(full, photo_file, "--style", style_file, "-o", painting) == (1, FULL)
    assert painting.stat().st_size


@pytest.mark.skipif(os.name != "posix", reason="elsewhere a pipe's end is another error")
@pytest.mark.parametrize("command", [["--version"], ["styles"]])
def test_who_has_read_enough_is_told_nothing(errors, command):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert errors(writing, *command) == (1, b"")
    finally:
        os.close(writing)
