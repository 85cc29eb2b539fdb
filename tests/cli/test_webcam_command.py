"""`artlives webcam`, with a camera and a virtual camera that are none."""

import os
import signal
import sys
import time
from importlib.machinery import ModuleSpec
from types import ModuleType

import cv2
import numpy as np
import pytest

from artlives import Stylizer
from artlives.video import webcam
from tests.video.conftest import scene

FRAMES = 3


class FakeCamera:
    """Gives one of `FRAMES` frames every hundredth of a second, until it is unplugged after so many."""

    plugged = 1000

    def __init__(self, number):
        self.number, self.count = number, 0

    def isOpened(self):
        return self.number == 0

    def read(self):
        time.sleep(0.01)
        self.count += 1
        if self.count > self.plugged:
            return False, None
        return True, scene(self.count % FRAMES, (49, 65))[..., ::-1]

    def release(self):
        pass


class FakeVirtualCamera:
    def __init__(self, width, height, rate):
        self.size, self.device = (height, width, 3), "a fake"

    def send(self, frame):
        assert frame.shape == self.size
        assert frame.flags["C_CONTIGUOUS"]
        self.shown.append(frame)
        if len(self.shown) == self.stop_after:
            os.kill(os.getpid(), signal.SIGINT)

    def close(self):
        self.shown.append("closed")


@pytest.fixture
def virtual(monkeypatch):
    """A module in place of pyvirtualcam, with a camera whose frames are noted in `shown`."""
    module = ModuleType("pyvirtualcam")
    module.__spec__ = ModuleSpec("pyvirtualcam", None)
    module.Camera = type("Camera", (FakeVirtualCamera,), {"shown": [], "stop_after": None})
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    return module.Camera


def test_frames_are_painted_until_a_signal_comes(run, quick_style, virtual):
    virtual.stop_after = 1
    result = run("webcam", "--style", quick_style, "--steady", "0")
    assert result.exit_code == 130
    painting, closed = virtual.shown
    assert closed == "closed"
    assert painting.shape == (48, 64, 3)
    stylizer = Stylizer(quick_style, device="cpu", one_pass=True)
    # Any of the camera's frames was the newest one; each is even in height and width.
    paintings = [stylizer(scene(i, (49, 65)))[:48, :64] for i in range(FRAMES)]
    assert any(np.array_equal(painting, other) for other in paintings)


def test_a_camera_that_is_unplugged(run, quick_style, virtual, monkeypatch):
    monkeypatch.setattr(FakeCamera, "plugged", 3)
    result = run("webcam", "--style", quick_style)
    assert (result.exit_code, result.stderr) == (
        1,
        "artlives: camera 0 gives no more pictures: is it still connected?\n",
    )
    assert virtual.shown[-1:] in (["closed"], [])


def test_no_such_camera(run, quick_style, virtual):
    result = run("webcam", "--style", quick_style, "--camera", "1")
    sentence = "artlives: camera 1 cannot be opened: give the number of another with --camera\n"
    assert (result.exit_code, result.stderr) == (1, sentence)


def test_no_virtual_camera(run, quick_style, virtual, monkeypatch):
    def none(*arguments):
        raise RuntimeError("no device")

    monkeypatch.setattr(sys.modules["pyvirtualcam"], "Camera", none)
    result = run("webcam", "--style", quick_style)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert webcam.DRIVERS[sys.platform] in line
    assert "artlives selfie" in line


def test_without_pyvirtualcam(run, quick_style, monkeypatch):
    def missing(name):
        return None if name == "pyvirtualcam" else ModuleSpec(name, None)

    monkeypatch.setattr("artlives.errors.find_spec", missing)
    result = run("webcam", "--style", quick_style)
    assert (result.exit_code, result.stderr) == (
        1,
        "artlives: artlives webcam needs pyvirtualcam, which is not installed: pip install 'artlives[webcam]'; "
        "`artlives selfie` paints live on a page\n",
    )
