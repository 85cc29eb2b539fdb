"""The queue: what waits, in which order it is painted and answered, what is dropped."""

import asyncio
import threading
from functools import partial

import pytest
from PIL import Image

from artlives.web import api, app, uploads
from artlives.web.app import create_app
from artlives.web.studio import UPLOADS, Studio
from tests.web.connection import connect, picture_bytes, run

PATIENCE = 20  # seconds


def sized(width, height=40):
    return picture_bytes(Image.new("RGB", (width, height)), "PNG")


class Requests:
    """Requests that run side by side, each on a thread, against one service."""

    def __init__(self, client):
        self.client = client
        self.answers = []
        self.threads = []

    def post(self, data, style="dots", path="/api/stylize"):
        def ask():
            self.answers.append(self.client.post(path, params={"style": style}, content=data).status_code)

        self.threads.append(threading.Thread(target=ask))
        self.threads[-1].start()

    def finish(self):
        for thread in self.threads:
            thread.join(PATIENCE)
        return sorted(self.answers)


def until(condition):
    async def poll():
        while not condition():
            await asyncio.sleep(0.005)

    run(asyncio.wait_for(poll(), PATIENCE))


@pytest.fixture
def studio(shipped, fake_stylizer, monkeypatch):
    """The studio of the service in the fixture `busy`."""
    made = []
    monkeypatch.setattr(app, "Studio", lambda *arguments: made.append(Studio(*arguments)) or made[0])
    return made


@pytest.fixture
def busy(studio, fake_stylizer):
    """A service of four slots that is painting, until `fake_stylizer.go` is set, the picture of one request."""
    with connect(create_app(device="cpu", slots=4)) as client:
        requests = Requests(client)
        requests.post(sized(50))
        assert fake_stylizer.started.acquire(timeout=PATIENCE)
        yield requests
        fake_stylizer.go.set()
        requests.finish()


def waiting(studio):
    return studio[0]._jobs.qsize()


def test_a_full_queue_answers_503_and_when_to_come_back(busy, studio, fake_stylizer):
    for _ in range(3):
        busy.post(sized(50))
    until(lambda: waiting(studio) == 3)
    response = busy.client.post("/api/stylize", params={"style": "dots"}, content=sized(50))
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert response.headers["content-type"] == "application/problem+json"
    assert busy.client.get("/healthz").status_code == 200
    fake_stylizer.go.set()
    assert busy.finish() == [200] * 4
    assert busy.client.post("/api/stylize", params={"style": "dots"}, content=sized(50)).status_code == 200


def test_the_oldest_is_painted_first_and_answered_at_once(busy, studio, fake_stylizer, monkeypatch):
    painted, turns = [], threading.Semaphore(0)

    def paint(self, photo, report):
        assert turns.acquire(timeout=PATIENCE)
        painted.append(photo.pixels.shape[1])
        return photo

    for width in (60, 70, 60):
        busy.post(sized(width))
        until(lambda: waiting(studio) == len(busy.threads) - 1)
    monkeypatch.setattr(type(fake_stylizer), "__call__", paint)
    fake_stylizer.go.set()
    for count in (1, 2, 3):
        until(lambda count=count: len(busy.answers) == count)
        turns.release()
    assert busy.finish() == [200] * 4
    assert painted == [60, 70, 60]


def test_one_that_fails_leaves_the_rest(busy, studio, fake_stylizer, monkeypatch):
    for width in (20, 60, 60):
        busy.post(sized(width))
    until(lambda: waiting(studio) == 3)
    outcomes = iter([ValueError("no"), *[None] * 9])

    def paint(self, photo, report):
        if (error := next(outcomes)) is not None:
            raise error
        return photo

    monkeypatch.setattr(type(fake_stylizer), "__call__", paint)
    fake_stylizer.go.set()
    assert busy.finish() == [200, 200, 200, 500]


def test_whoever_goes_away_is_not_painted(busy, studio, fake_stylizer):
    answers = busy.client.portal.call(ask_and_leave, busy.client.app, sized(60), lambda: waiting(studio) == 1)
    assert [message.get("status") for message in answers[:1]] == [499]
    fake_stylizer.go.set()
    assert busy.finish() == [200]
    assert busy.client.post("/api/stylize", params={"style": "dots"}, content=sized(80)).status_code == 200
    assert [shape[1] for shape in fake_stylizer.painted] == [50, 80]


def test_whoever_goes_away_while_it_is_painted_ends_the_painting(studio, fake_stylizer):
    with connect(create_app(device="cpu")) as client:
        painting = partial(fake_stylizer.started.acquire, blocking=False)
        answers = client.portal.call(ask_and_leave, client.app, sized(60), painting)
        assert [message.get("status") for message in answers[:1]] == [499]
        fake_stylizer.go.set()
        assert client.post("/api/stylize", params={"style": "dots"}, content=sized(80)).status_code == 200
    assert [shape[1] for shape in fake_stylizer.painted] == [60, 80]
    assert [shape[1] for shape in fake_stylizer.finished] == [80]


async def ask_and_leave(app, body, is_time):
    """Send a request, and close the connection when it is time; what was answered into the void."""

    async def messages():
        yield {"type": "http.request", "body": body, "more_body": False}
        while not is_time():
            await asyncio.sleep(0.005)
        yield {"type": "http.disconnect"}

    return await ask(app, messages())


async def ask(app, messages):
    """What the application answers to these messages of the server that runs it."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/stylize",
        "query_string": b"style=dots",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "scheme": "http",
    }
    answers = []

    async def send(message):
        answers.append(message)

    await asyncio.wait_for(app(scope, lambda: anext(messages), send), PATIENCE)
    return answers


def test_whoever_goes_away_while_uploading_gives_the_slot_back(busy, studio):
    async def messages():
        yield {"type": "http.request", "body": b"half of a pic", "more_body": True}
        yield {"type": "http.disconnect"}

    busy.client.portal.call(ask, busy.client.app, messages())
    assert studio[0].in_flight == 1


def test_who_sends_slowly_takes_no_slot(busy, studio, fake_stylizer):
    finish = threading.Event()

    async def messages():
        yield {"type": "http.request", "body": sized(60)[:20], "more_body": True}
        while not finish.is_set():
            await asyncio.sleep(0.005)
        yield {"type": "http.request", "body": sized(60)[20:], "more_body": False}
        await asyncio.sleep(PATIENCE)

    free = studio[0].free_bytes
    senders = [busy.client.portal.start_task_soon(ask, busy.client.app, messages()) for _ in range(200)]
    until(lambda: studio[0].free_bytes == free - 200 * 20)
    assert studio[0].in_flight == 1
    fake_stylizer.go.set()
    assert busy.client.post("/api/stylize?style=dots", content=sized(50)).status_code == 200
    finish.set()
    statuses = {sender.result(PATIENCE)[0]["status"] for sender in senders}
    assert statuses == {200, 503}
    assert studio[0].free_bytes == UPLOADS
    assert studio[0].in_flight == 0


def test_uploads_take_no_more_memory_than_there_is_for_them(busy, studio, fake_stylizer):
    studio[0].free_bytes = 1000
    response = busy.client.post("/api/stylize", params={"style": "dots"}, content=bytes(1001))
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert studio[0].free_bytes == 1000
    fake_stylizer.go.set()
    assert busy.client.post("/api/stylize?style=dots", content=sized(50)).status_code == 200


def test_a_slow_upload_is_given_up(busy, studio, monkeypatch):
    async def messages():
        yield {"type": "http.request", "body": b"half of a pic", "more_body": True}
        await asyncio.sleep(PATIENCE)

    monkeypatch.setattr(uploads, "SECONDS", 0.05)
    answers = busy.client.portal.call(ask, busy.client.app, messages())
    assert answers[0]["status"] == 408
    assert studio[0].in_flight == 1


def test_what_takes_too_long_is_given_up(busy, studio, monkeypatch):
    monkeypatch.setattr(api, "SECONDS", 0.05)
    response = busy.client.post("/api/stylize", params={"style": "dots"}, content=sized(60))
    assert response.status_code == 503
    assert "smaller size" in response.json()["detail"]


def test_the_event_loop_answers_while_it_paints(busy):
    assert busy.client.get("/healthz").status_code == 200
    assert len(busy.client.get("/api/styles").json()) == 2
    assert busy.answers == []
