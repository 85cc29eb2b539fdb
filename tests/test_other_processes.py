"""A stylizer in other processes: forked ones, and those that it is sent to."""

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import artlives
from artlives import Settings, Stylizer

# The parent paints in several threads, so that there are threads that the child does not have.
FORK = """
import multiprocessing, sys
import numpy as np
{imports}
from artlives import Stylizer

stylizer = Stylizer({style!r}, device="cpu")
{engine}
pixels = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
expected = stylizer(pixels, threads=2)

def paint(_):
    return np.abs(stylizer(pixels, threads=2).astype(int) - expected).max() <= 1

with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map_async(paint, range(2)).get(60) == [True, True]
print("painted")
"""

# Children that are forked while other threads paint, so that any lock may be held.
CHILDREN = """
import os, sys, threading, time
import numpy as np
{imports}
from artlives import Stylizer

stylizer = Stylizer({style!r}, device="cpu", one_pass=True)
pixels = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
expected = stylizer(pixels, threads=2)
ended = threading.Event()

def paint():
    while not ended.is_set():
        stylizer(pixels, threads=2)

threads = [threading.Thread(target=paint) for _ in range(2)]
for thread in threads:
    thread.start()
children = []
for _ in range(50):
    child = os.fork()
    if child == 0:
        try:
            os._exit(int(np.abs(stylizer(pixels, threads=2).astype(int) - expected).max() > 1))
        finally:
            os._exit(2)
    children.append(child)
ended.set()
for thread in threads:
    thread.join()
end, left, codes = time.monotonic() + 60, set(children), set()
while left and time.monotonic() < end:
    for child in sorted(left):
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            left.remove(child)
            codes.add(status)
    time.sleep(0.01)
for child in left:
    os.kill(child, 9)
print(len(left), "hang,", codes)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes are not forked")
@pytest.mark.parametrize("imports", ["", "import torch"], ids=["alone", "beside torch"])
def test_fifty_children_paint_that_were_forked_while_threads_painted(style_file, imports):
    assert in_python(CHILDREN.format(imports=imports, style=str(style_file))) == "0 hang, {0}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes are not forked")
@pytest.mark.parametrize(
    ("imports", "engine"),
    [
        ("", ""),
        ("import torch", ""),
        ("import torch; from artlives.engines.torch import TorchPainter", "torch"),
    ],
    ids=["alone", "beside torch", "by torch"],
)
def test_a_forked_child_paints_after_its_parent(style_file, imports, engine):
    by_torch = "stylizer.painter = TorchPainter(stylizer.style)" if engine else ""
    code = FORK.format(imports=imports, style=str(style_file), engine=by_torch)
    assert in_python(code) == "painted\n"


def in_python(code):
    """What a process prints that runs the code, and may use all processors."""
    root = str(Path(artlives.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    environment.pop("OMP_NUM_THREADS", None)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
    )
    return done.stdout or done.stderr


def test_it_is_pickled_and_copied_as_style_and_settings(style_file, pixels):
    stylizer = Stylizer(style_file, Settings(strength=0.5), device="cpu")
    for other in (pickle.loads(pickle.dumps(stylizer)), copy.deepcopy(stylizer)):
        assert (other.style, other.settings, other.device) == (stylizer.style, stylizer.settings, "cpu")
        assert np.array_equal(other(pixels), stylizer(pixels))


def test_a_pool_of_new_processes_maps_it(style_file, pixels):
    stylizer = Stylizer(style_file, device="cpu", one_pass=True)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (painting,) = pool.map(stylizer, [pixels])
    assert np.array_equal(painting, stylizer(pixels))
