import threading

import pytest
from PIL import Image

from artlives.web import studio
from artlives.web.app import create_app
from artlives.web.decoder import Decoder
from tests.web.bombs import SHORT
from tests.web.connection import connect, picture_bytes


@pytest.fixture
def client(shipped):
    """A client of a service with the styles `dots` and `stripes`."""
    with connect(create_app(device="cpu")) as client:
        yield client


@pytest.fixture
def short_limits(monkeypatch):
    """Pictures may take little processor time: ask for it before `client`."""
    monkeypatch.setattr(studio, "Decoder", lambda: Decoder(SHORT))


@pytest.fixture(scope="session")
def png(pixels) -> bytes:
    return picture_bytes(Image.fromarray(pixels), "PNG")


@pytest.fixture(scope="session")
def jpeg(pixels) -> bytes:
    return picture_bytes(Image.fromarray(pixels), "JPEG")


@pytest.fixture
def fake_stylizer(monkeypatch):
    """In place of `Stylizer` in the studio: it waits until it is let paint, and notes what it painted and how."""
    fake_stylizer = FakeStylizer()
    monkeypatch.setattr(studio, "Stylizer", lambda style, device: fake_stylizer)
    yield fake_stylizer
    fake_stylizer.go.set()


class FakeStylizer:
    def __init__(self):
        self.go = threading.Event()
        self.started = threading.Semaphore(0)
        self.asked, self.painted, self.finished = [], [], []
        self.painter = None

    @property
    def settings(self):
        return self.asked[-1]

    def variant(self, settings=None, **options):
        if settings:
            self.asked.append(settings)
        return self

    def __call__(self, photo, report, carry=None):
        self.painted.append(photo.pixels.shape)
        self.started.release()
        assert self.go.wait(20)
        report(0.5)
        self.finished.append(photo.pixels.shape)
        return photo
