"""A painting that is interrupted, by a signal or by what its `report` raises, harms nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import artlives
from artlives.core import instruction_sets

pytestmark = pytest.mark.skipif(not instruction_sets(), reason="the compiled core was not built")

# Interrupted again and again at random moments, by several signals each time, in a process of its own: what goes wrong
# there is a crash.
CODE = """
import random, signal, sys
import numpy as np
from artlives import Stylizer, passes
from artlives.engines import strips
from artlives.engines.buffers import BUFFERS
from artlives.engines.painter import Way

style, how, way, kind = sys.argv[1:]
if kind == "torch":
    import torch
    torch.set_num_threads(2)
passes.choose_way = lambda *_: Way[way]
strips.BAND_BYTES = 1 << 20
stylizer = Stylizer(style, device="cpu")
pixels = np.random.default_rng(0).integers(0, 255, (400, 600, 3), np.uint8)
expected = stylizer(pixels, threads=2)

class Stop(Exception):
    pass

def stop(*_):
    raise Stop

def report(done):
    if how == "report" and random.random() < 0.05:
        raise Stop

def paint():
    try:
        if how == "signal":
            signal.setitimer(signal.ITIMER_REAL, random.uniform(0.001, 0.15), 0.001)
        stylizer(pixels, report, threads=2)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)

signal.signal(signal.SIGALRM, stop)
stopped = 0
while stopped < 30:
    try:
        paint()
    except Stop:
        stopped += 1
assert len({array.ctypes.data for array in BUFFERS.free}) == len(BUFFERS.free)
assert np.array_equal(stylizer(pixels, threads=2), expected)
print("painted")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no such timer")
@pytest.mark.parametrize("way", ["WHOLE", "STRIPS"])
@pytest.mark.parametrize(("how", "kind"), [("signal", "alone"), ("report", "alone"), ("signal", "torch")])
def test_thirty_times_at_random_moments(style_file, how, way, kind):
    root = str(Path(artlives.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", CODE, style_file, how, way, kind],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout == "painted\n", done.stderr
