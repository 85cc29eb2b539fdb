"""A process that keeps freed memory touches few new pages; others are asked for them again and again."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource
import numpy as np
from artlives.training.memory import keep_freed_memory
if {kept}:
    keep_freed_memory()
def work():
    return sum(len(a) for a in [np.ones(1 << 25, np.uint8) for _ in range(4)])
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_freed_memory_is_used_again():
    kept, given_back = (
        int(
            subprocess.run(
                [sys.executable, "-c", SCRIPT.format(kept=kept)], check=True, capture_output=True
            ).stdout
        )
        for kept in (True, False)
    )
    # Page faults, of 5 * 32,768 pages.
    assert kept < 100
    assert given_back > 1000
