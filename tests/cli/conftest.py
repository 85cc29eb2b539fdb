import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import artlives
from artlives.cli import main


@pytest.fixture
def run():
    """Run a command in this process; an exception that is not an exit status fails the test."""

    def invoke(*arguments, **options):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments], **options)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """For processes of their own: artlives can be imported, and takes one thread."""
    root = str(Path(artlives.__file__).parent.parent)
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="session")
def python(environment):
    """Run Python in a process of its own, on the code or `-m module` that is given."""

    def start(*arguments, **options):
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(command, env=environment, capture_output=True, check=False, **options)

    return start
