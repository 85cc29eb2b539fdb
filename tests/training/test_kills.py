import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot be forked here")
def test_a_training_killed_at_random_moments_goes_on(painting, photos_folder, perceptual_file):
    """`python -m benchmarks.kills` was run with 50; fewer are enough to notice that one day it no longer holds."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.kills",
        painting,
        photos_folder,
        "--perceptual",
        perceptual_file,
    ]
    result = subprocess.run(
        [*map(str, command), "--kills", "5"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.startswith("5 of 5 kills survived"), result.stderr
