import pytest
from starlette.websockets import WebSocketDisconnect

from artlives.web import guard
from artlives.web.app import create_app
from tests.web.connection import HERE, connect, live

TOKEN = "a-token-of-nobody"


@pytest.fixture
def public(shipped):
    """A client of a service that other machines reach, from one of those."""
    app = create_app(device="cpu", names=frozenset({"studio.local"}), public=True, token=TOKEN)
    with connect(app, base_url="http://192.0.2.7:8000", client=("192.0.2.99", 1)) as client:
        yield client


def status(client, path="/api/styles", method="GET", **headers):
    return client.request(
        method, path, headers={k.replace("_", "-"): v for k, v in headers.items()}
    ).status_code


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:9", "[::1]:8000", "127.0.0.2"])
def test_names_of_this_machine_are_answered(client, host):
    assert status(client, host=host) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "192.0.2.7", "127.0.0.1.nip.io", "", "[::1", "a:b:c"]
)
def test_other_names_are_refused(client, host):
    response = client.get("/api/styles", headers={"host": host})
    assert response.status_code == 421
    assert response.headers["content-type"] == "application/problem+json"
    assert status(client, "/", host=host) == 421


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:9", "127.0.0.1:8000", ""]
)
def test_other_origins_are_refused(client, origin):
    for method in ("GET", "POST", "OPTIONS"):
        assert status(client, "/api/stylize", method, origin=origin) == 403
    with (
        pytest.raises(WebSocketDisconnect),
        live(client, headers={"origin": origin}),
    ):
        pass


def test_the_page_itself_may_ask(client):
    assert status(client, origin=HERE, sec_fetch_site="same-origin", sec_fetch_mode="cors") == 200
    with live(client, headers={"origin": HERE}):
        pass


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_browser_marks_as_foreign_must_be_a_visit(client, site):
    assert status(client, sec_fetch_site=site, sec_fetch_mode="no-cors") == 403
    assert status(client, "/", sec_fetch_site=site, sec_fetch_mode="navigate") == 200
    assert status(client, "/api/stylize", "POST", sec_fetch_site=site, sec_fetch_mode="navigate") == 403


def test_no_answer_allows_other_sites_to_read_it(client):
    for path in ("/", "/api/styles", "/api/none"):
        headers = client.get(path, headers={"origin": HERE}).headers
        assert not [name for name in headers if name.startswith("access-control")]
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
    assert client.get("/api/styles").headers["cache-control"] == "no-store"


def test_a_token_is_asked_for_from_all_but_the_health_check(public):
    for path in ("/", "/docs", "/api/styles", "/static/index.html", "/samples/coffee.jpg", "/openapi.json"):
        response = public.get(path)
        assert response.status_code == 401
        assert "token" in response.json()["detail"]
        assert TOKEN not in response.text
    assert status(public, "/healthz") == 200
    assert status(public, "/api/styles?token=wrong") == 401
    assert status(public, authorization="Bearer wrong") == 401
    with pytest.raises(WebSocketDisconnect), live(public):
        pass


def test_scripts_give_the_token_in_the_query_or_as_bearer(public):
    assert status(public, f"/api/styles?token={TOKEN}") == 200
    assert status(public, authorization=f"Bearer {TOKEN}") == 200
    with live(public, f"?token={TOKEN}"):
        pass
    response = public.post(f"/api/stylize?style=dots&token={TOKEN}", content=b"no picture")
    # The token is not taken for a setting, which would be answered 422.
    assert response.status_code == 415


def test_the_link_lets_the_page_in_by_a_cookie(public):
    response = public.get(f"/?token={TOKEN}", follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (303, "/")
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert status(public, "/") == 200
    assert status(public, "/api/styles") == 200
    with live(public):
        pass


def test_a_public_service_answers_to_its_addresses_and_names(public):
    for host in ("192.0.2.7", "10.0.0.1:8000", "studio.local:8000", "[2001:db8::1]:8000"):
        assert status(public, "/healthz", host=host) == 200
    assert status(public, "/healthz", host="evil.example") == 421


def test_the_rate_of_each_other_machine_is_limited(public, monkeypatch):
    now = 0.0
    monkeypatch.setattr(guard.time, "monotonic", lambda: now)

    def post():
        return public.post("/api/sheet", headers={"authorization": f"Bearer {TOKEN}"}).status_code

    assert [post() for _ in range(guard.BURST + 1)] == [422] * guard.BURST + [429]
    now += 2 / guard.RATE
    assert [post() for _ in range(3)] == [422, 422, 429]


def test_the_person_at_this_machine_is_limited_by_the_queue_alone(client):
    assert {status(client, "/api/sheet", "POST") for _ in range(guard.BURST + 20)} == {422}
