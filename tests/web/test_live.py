import asyncio
import io
import json

import numpy as np
import pytest
from PIL import Image
from starlette.websockets import WebSocket, WebSocketDisconnect

from artlives import Stylizer, images, styles
from artlives.errors import MissingPackage
from artlives.web import live as live_sessions
from artlives.web import raw
from artlives.web.live import CLOSED_FULL, CLOSED_IDLE, MAX_FRAME_BYTES, MAX_SESSIONS, Live
from artlives.web.studio import Studio
from tests.web.connection import live, picture_bytes, run

PATIENCE = 20  # seconds


def frame(width, height=40):
    return picture_bytes(Image.new("RGB", (width, height), "teal"), "JPEG")


def settings(**values):
    return json.dumps({"style": "dots", **values})


def test_frames_come_back_painted(client, jpeg, style_file):
    expected = Stylizer(style_file, device="cpu", one_pass=True)(images.load(io.BytesIO(jpeg)).pixels)
    with live(client) as socket:
        socket.send_text(settings())
        for _ in range(3):
            socket.send_bytes(jpeg)
            painted = np.asarray(Image.open(io.BytesIO(socket.receive_bytes())))
            assert painted.shape == (40, 56, 3)
            assert np.abs(painted.astype(int) - expected).mean() < 12


def test_raw_frames_come_back_raw_and_painted_alike(client, pixels, style_file):
    expected = Stylizer(style_file, device="cpu", one_pass=True)(pixels)
    with live(client) as socket:
        socket.send_text(settings())
        socket.send_bytes(raw.HEADER.pack(b"RGBA", 56, 40) + np.dstack([pixels, pixels[..., 0]]).tobytes())
        data = socket.receive_bytes()
    assert data[:12] == raw.HEADER.pack(b"RGBA", 56, 40)
    painted = np.frombuffer(data, np.uint8, offset=12).reshape(40, 56, 4)
    assert np.array_equal(painted[..., :3], expected)
    assert (painted[..., 3] == 255).all()


def test_frames_are_painted_in_one_pass(fake_stylizer, client, jpeg):
    fake_stylizer.go.set()
    with live(client) as socket:
        socket.send_text(settings())
        socket.send_bytes(jpeg)
        socket.receive_bytes()
    assert fake_stylizer.asked[0].one_pass is True


def test_styles_are_read_when_settings_come_not_for_each_frame(client, jpeg, monkeypatch):
    with live(client) as socket:
        socket.send_text(settings())
        socket.send_bytes(jpeg)
        painting = socket.receive_bytes()
        monkeypatch.setattr(styles, "read", None)
        socket.send_bytes(jpeg)
        assert socket.receive_bytes() == painting


def test_a_style_that_is_removed_on_the_way_is_said_to_be_gone(client, jpeg, models, network, metadata):
    passing = models / "passing.safetensors"
    styles.save(passing, network.file_weights(), name="passing", **metadata)
    with live(client) as socket:
        socket.send_text(settings(style="passing"))
        socket.send_bytes(jpeg)
        socket.receive_bytes()
        passing.unlink()
        socket.send_bytes(jpeg)
        assert socket.receive_json()["detail"] == "The style 'passing' is no longer there: choose another."
        socket.send_text(settings())
        socket.send_bytes(jpeg)
        socket.receive_bytes()


def test_settings_change_on_the_way(client, jpeg):
    with live(client) as socket:
        frames = []
        for strength in (0, 1):
            socket.send_text(settings(strength=strength))
            socket.send_bytes(jpeg)
            frames.append(np.asarray(Image.open(io.BytesIO(socket.receive_bytes()))).astype(int))
    photo = np.asarray(Image.open(io.BytesIO(jpeg)))
    assert np.abs(frames[0] - photo).mean() < 5
    assert np.abs(frames[1] - photo).mean() > 10


def test_the_newest_frame_wins_and_none_pile_up(shipped, fake_stylizer, client):
    with live(client) as socket:
        socket.send_text(settings())
        socket.send_bytes(frame(50))
        assert fake_stylizer.started.acquire(timeout=20)
        for width in range(60, 100):
            socket.send_bytes(frame(width))
        socket.send_text("no settings")
        # The answer comes after the frames before it have arrived.
        assert "JSON object" in socket.receive_json()["detail"]
        fake_stylizer.go.set()
        sizes = [50]
        while sizes[-1] < 99:
            sizes.append(Image.open(io.BytesIO(socket.receive_bytes())).width)
    # One was painted, one was read, and one was being read.
    assert len(sizes) <= 4 + 1
    assert [shape[1] for shape in fake_stylizer.painted] == sizes[1:]


@pytest.mark.parametrize(
    ("text", "data", "sentence"),
    [
        (None, "frame", "settings"),
        ("[1]", None, "JSON object"),
        ("[" * 5000, None, "JSON object"),
        (settings(strength=3), None, "strength"),
        (settings(style="../dots"), None, "no style"),
        (settings(size=3), None, "no 'size'"),
        (settings(), b"no picture", "not a picture"),
        (settings(), b"", "empty"),
        (settings(), bytes(MAX_FRAME_BYTES + 1), "kB"),
        (settings(), "tiny", "too small"),
        (settings(), "large", "million pixels"),
        (settings(), b"RGBA", "12 bytes"),
        (settings(), raw.HEADER.pack(b"RGBA", 50, 40), "8012 bytes"),
        (settings(), raw.HEADER.pack(b"RGBA", 3, 3) + bytes(36), "too small"),
        (settings(), raw.HEADER.pack(b"RGBA", 0, 2**31), "pixels a side"),
    ],
)
def test_what_is_wrong_is_said_and_the_session_goes_on(client, text, data, sentence):
    large = picture_bytes(Image.new("1", (2000, 2000)), "PNG")
    data = {"frame": frame(50), "tiny": frame(3, 3), "large": large}.get(data, data)
    with live(client) as socket:
        if text is not None:
            socket.send_text(text)
        if data is not None:
            socket.send_bytes(data)
        assert sentence in socket.receive_json()["detail"]
        socket.send_text(settings())
        socket.send_bytes(frame(50))
        assert Image.open(io.BytesIO(socket.receive_bytes())).width == 50


def test_sessions_are_few(client):
    sockets = [live(client) for _ in range(MAX_SESSIONS)]
    for socket in sockets:
        socket.__enter__()
    with live(client) as socket, pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_text()
    assert closed.value.code == CLOSED_FULL
    for socket in sockets:
        socket.close()
        socket.__exit__(None, None, None)
    with live(client) as socket:
        socket.send_text("{}")
        assert "style" in socket.receive_json()["detail"]


def test_a_session_without_frames_ends(client, monkeypatch):
    monkeypatch.setattr("artlives.web.live.IDLE_SECONDS", 0.05)
    with live(client) as socket, pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_text()
    assert closed.value.code == CLOSED_IDLE


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("stays", ["sending frames", "silent"])
def test_a_session_whose_client_does_not_read_ends(fake_stylizer, jpeg, monkeypatch, stays):
    fake_stylizer.go.set()
    monkeypatch.setattr("artlives.web.live.IDLE_SECONDS", 0.1)
    monkeypatch.setattr("artlives.web.live.SEND_SECONDS", 0.1)
    unread = []

    async def messages():
        yield {"type": "websocket.connect"}
        yield {"type": "websocket.receive", "text": settings()}
        while stays == "sending frames":
            yield {"type": "websocket.receive", "bytes": jpeg}
            await asyncio.sleep(0.01)
        await asyncio.sleep(PATIENCE)

    async def send(message):
        unread.append(message)
        # As a server does whose buffer is full.
        await asyncio.sleep(0 if message["type"] == "websocket.accept" else PATIENCE)

    async def serve():
        incoming, studio = messages(), Studio("cpu")
        async with studio.open():
            live = Live(studio, sessions=1)
            socket = WebSocket({"type": "websocket"}, lambda: anext(incoming), send)
            await asyncio.wait_for(live.serve(socket), PATIENCE / 2)
            assert live.free == 1

    run(serve())
    # No answer is waiting behind the one that was not read.
    assert len(unread) == 2


def test_leaving_while_a_frame_is_painted_harms_nobody(fake_stylizer, client, jpeg):
    with live(client) as socket:
        socket.send_text(settings())
        socket.send_bytes(jpeg)
        assert fake_stylizer.started.acquire(timeout=20)
    fake_stylizer.go.set()
    assert client.post("/api/stylize?style=dots", content=jpeg).status_code == 200


def noisy(i):
    """A scene that stands still, seen by a sensor with noise."""
    rng = np.random.default_rng(i)
    y, x = np.mgrid[0:96, 0:128]
    scene = np.stack([x * 2, y * 2, 90 + 40 * ((x // 16 + y // 16) % 2)], -1)
    noise = rng.normal(0, 4, scene.shape)
    return picture_bytes(Image.fromarray((scene + noise).clip(0, 255).astype(np.uint8)), "PNG")


def unsteadiness(client, frames):
    """The mean difference of successive paintings, in grey levels."""
    paintings = []
    with live(client) as socket:
        socket.send_text(settings())
        for data in frames:
            socket.send_bytes(data)
            paintings.append(np.asarray(Image.open(io.BytesIO(socket.receive_bytes()))).astype(int))
    return np.abs(np.diff(paintings, axis=0)).mean()


def test_frames_are_steadied_as_films_are(client, monkeypatch):
    frames = [noisy(i) for i in range(4)]
    steadied = unsteadiness(client, frames)
    monkeypatch.setattr(live_sessions, "_stream", lambda: None)
    assert steadied < 0.5 * unsteadiness(client, frames)


def test_frames_are_painted_by_themselves_without_opencv(client, jpeg, monkeypatch):
    def missing(what, extra, *packages):
        raise MissingPackage

    monkeypatch.setattr(live_sessions, "needs", missing)
    with live(client) as socket:
        socket.send_text(settings())
        socket.send_bytes(jpeg)
        socket.receive_bytes()
