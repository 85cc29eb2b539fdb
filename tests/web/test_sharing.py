"""Pictures that a phone takes with it."""

from xml.etree import ElementTree

import pytest

from artlives.web import sharing
from artlives.web.app import create_app
from tests.web.connection import connect

ORIGIN = "http://192.168.1.5:8000"
TOKEN = "a-token-of-nobody"


@pytest.fixture
def client(shipped):
    with connect(create_app(device="cpu", public=True, token=TOKEN, origin=ORIGIN)) as client:
        client.headers["authorization"] = f"Bearer {TOKEN}"
        yield client


def shared(client, picture):
    answer = client.post("/api/shared", content=picture)
    assert answer.status_code == 201
    return answer.json()["link"].removeprefix(ORIGIN)


def test_a_picture_is_seen_by_who_has_its_address_and_no_token(client, jpeg):
    path = shared(client, jpeg)
    del client.headers["authorization"]
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (200, jpeg)
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("image/jpeg", "no-store")
    assert client.get("/shared/another").status_code == 404
    assert client.post("/api/shared", content=jpeg).status_code == 401


def test_its_code_is_a_drawing(client, jpeg):
    code = client.post("/api/shared", content=jpeg).json()["code"]
    assert ElementTree.fromstring(code).tag.endswith("svg")


def test_pictures_are_forgotten_the_oldest_first(client, jpeg, monkeypatch):
    monkeypatch.setattr(sharing, "MOST", 2)
    first, second, third = (shared(client, jpeg) for _ in range(3))
    assert [client.get(path).status_code for path in (first, second, third)] == [404, 200, 200]
    monkeypatch.setattr(sharing, "SECONDS", 0)
    assert client.get(third).status_code == 404


def test_what_is_no_jpeg_is_not_shared(client, png):
    assert client.post("/api/shared", content=png).status_code == 415


def test_where_nobody_reaches_the_service_nothing_is_shared(shipped, jpeg):
    with connect(create_app(device="cpu")) as client:
        assert client.get("/api/shared").json() == {"possible": False}
        answer = client.post("/api/shared", content=jpeg)
        assert answer.status_code == 409
        assert "--host" in answer.json()["detail"]
