"""Paintings that visitors show: learnt in a process, one after the other, followed, kept, forgotten."""

import asyncio
import io
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Thread

import numpy as np
import pytest
from PIL import Image

from artlives import Stylizer, mixing, styles
from artlives.errors import ArtlivesError
from artlives.training.recipe import STUDY
from artlives.web import studies, studio, tasks
from artlives.web.app import create_app
from tests.web.bombs import gif_comments
from tests.web.connection import connect, picture_bytes
from tests.web.study_processes import (
    QUICK,
    STEPS,
    dying,
    failing,
    one_stage,
    quick,
    three_stages,
    weights_after,
)

PATIENCE = 20  # seconds


@pytest.fixture
def painting():
    rows = np.mgrid[:70, :90][0]
    pixels = np.stack([rows * 3, 255 - rows * 3, rows * 2], 2).astype(np.uint8)
    return picture_bytes(Image.fromarray(pixels), "PNG")


@pytest.fixture
def learns(monkeypatch):
    """Lets studies' processes do something else."""
    return lambda function: monkeypatch.setattr(studies, "_study", function)


@pytest.fixture
def limit(monkeypatch):
    """Sets limits of studies."""
    limits = studies.Studies.limits
    return lambda **others: monkeypatch.setattr(studies.Studies, "limits", replace(limits, **others))


def show(client, data, name="sun flowers.png"):
    return client.post("/api/styles", files={"painting": (name, data, "image/png")})


def events(client, name):
    """The events of a study until it is over."""
    text = client.get(f"/api/styles/{name}/events").text
    return [(kind, json.loads(data)) for kind, data in re.findall(r"event: (\w+)\ndata: (.+)\n\n", text)]


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def painted(client, png, style):
    answer = client.post(
        "/api/stylize", params={"style": style, "format": "png", "one_pass": True}, content=png
    )
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))


def test_a_painting_is_learnt_stage_by_stage(client, painting, learns):
    learns(three_stages)
    answer = show(client, painting)
    assert answer.status_code == 201
    told = answer.json()
    assert told["painting"] == "sun flowers.png"
    assert told["place"] == 0
    found = events(client, told["name"])
    assert [kind for kind, _ in found if kind != "waiting"][-1] == "learnt"
    assert found[-1][1] == {"version": 3}
    steps = [data for kind, data in found if kind == "learning" and data["step"]]
    assert all(data["steps"] == STUDY.steps for data in steps)
    assert "study" not in client.get("/api/styles").text


def test_what_ends_while_an_event_is_sent_is_told():
    async def told():
        all_studies = studies.Studies()
        study = all_studies.add(
            studies.Study(name="study", painting="", pixels=np.zeros((1, 1, 3), np.uint8))
        )
        study.note(state="learning")
        found = all_studies.events(study)
        first = await anext(found)
        study.note(state="learnt")
        return [first, *[event async for event in found]]

    # A thread of its own: in this one the browser's tests leave Playwright's loop running.
    with ThreadPoolExecutor() as pool:
        found = pool.submit(asyncio.run, told()).result()
    assert [re.match(r"event: (\w+)", event)[1] for event in found] == ["learning", "learnt"]


def test_what_is_learnt_paints_and_mixes(client, painting, png, pixels, learns, style_file):
    learns(three_stages)
    name = show(client, painting).json()["name"]
    events(client, name)
    weights = {key: value.astype(np.float32) for key, value in weights_after(STEPS[-1]).items()}
    style = styles.Style(
        "s", None, "", "", "", "", STUDY.layers, {"grain": 5.0, "start": "mean"}, {}, weights
    )
    expected = Stylizer(style, device="cpu", one_pass=True)(pixels)
    assert np.array_equal(painted(client, png, name), expected)
    dots = styles.find("dots")
    mix = mixing.averaged(mixing.mixture([(style, 0.25), (dots, 0.75)]))
    expected = Stylizer(mix, device="cpu", one_pass=True)(pixels)
    assert np.array_equal(painted(client, png, f"{name}:0.26,dots:0.74"), expected)


def test_the_real_process(client, painting, png, learns, monkeypatch, pixels):
    monkeypatch.setattr(studies, "STUDY", QUICK)
    learns(quick)
    name = show(client, painting).json()["name"]
    assert events(client, name)[-1][0] == "learnt"
    assert painted(client, png, name).shape == pixels.shape


def test_one_at_a_time_and_places_in_the_queue(client, painting, learns, png):
    learns(one_stage)
    first, second, third = (show(client, painting).json() for _ in range(3))
    assert (second["place"], third["place"]) == (1, 2)
    until(lambda: "409" not in str(client.post("/api/stylize", params={"style": first["name"]}, content=png)))
    waiting = client.post("/api/stylize", params={"style": second["name"]}, content=png)
    assert waiting.status_code == 409
    assert "Nothing of that painting is learnt yet" in waiting.json()["detail"]
    learns(three_stages)
    assert client.delete(f"/api/styles/{first['name']}").status_code == 204
    assert events(client, second["name"])[-1][0] == "learnt"
    assert events(client, third["name"])[-1][0] == "learnt"


def test_a_painting_that_is_forgotten(client, painting, learns, png):
    learns(one_stage)
    name = show(client, painting).json()["name"]
    followed = []
    thread = Thread(target=lambda: followed.extend(events(client, name)))
    thread.start()
    time.sleep(0.2)
    assert client.delete(f"/api/styles/{name}").status_code == 204
    thread.join(PATIENCE)
    assert followed[-1] == ("failed", {"detail": "It was cancelled."})
    assert client.delete(f"/api/styles/{name}").status_code == 404
    assert client.get(f"/api/styles/{name}/events").status_code == 404
    assert client.post("/api/stylize", params={"style": name}, content=png).status_code == 422


@pytest.mark.parametrize(
    ("function", "detail"), [(failing, "It cannot be learnt."), (dying, "the terminal may say why")]
)
def test_a_study_that_fails(client, painting, learns, function, detail):
    learns(function)
    kind, data = events(client, show(client, painting).json()["name"])[-1]
    assert kind == "failed"
    assert detail in data["detail"]
    learns(three_stages)
    assert events(client, show(client, painting).json()["name"])[-1][0] == "learnt"


def test_a_study_that_nobody_follows_is_given_up(client, painting, learns, limit):
    limit(patience=0.1, tick=0.05)
    learns(one_stage)
    name = show(client, painting).json()["name"]
    time.sleep(0.5)
    until(lambda: client.get(f"/api/styles/{name}/events").status_code == 404)


def test_a_study_that_takes_too_long(client, painting, learns, limit):
    limit(seconds=0, tick=0.05)
    learns(one_stage)
    name = show(client, painting).json()["name"]
    assert events(client, name)[-1] == ("failed", {"detail": "It took too long."})


def test_no_more_than_are_held(client, painting, learns, limit):
    limit(most=2)
    learns(three_stages)
    first, second = (show(client, painting).json()["name"] for _ in range(2))
    for name in (first, second):
        events(client, name)
    # The one that was used longest ago makes room.
    assert show(client, painting).status_code == 201
    assert client.get(f"/api/styles/{first}/events").status_code == 404
    learns(one_stage)
    show(client, painting)
    refused = show(client, painting)
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "30"


@pytest.mark.parametrize(
    ("picture", "status", "detail"),
    [
        (b"words", 415, "not a picture"),
        (gif_comments(), 422, "too much time or memory"),
        ((1, 1), 422, "1x1 pixels: 64 a side are needed"),
        ((900, 40), 422, "900x40 pixels"),
    ],
)
@pytest.mark.usefixtures("short_limits")
def test_what_cannot_be_learnt(client, picture, status, detail):
    data = picture if isinstance(picture, bytes) else picture_bytes(Image.new("RGB", picture), "PNG")
    answer = show(client, data)
    assert answer.status_code == status
    assert detail in answer.json()["detail"]


def test_a_form_without_a_painting(client, painting):
    answer = client.post("/api/styles", files={"file": ("a.png", painting)})
    assert answer.status_code == 422
    assert "'painting'" in answer.json()["detail"]


def test_without_torch(client, painting, monkeypatch):
    def missing(what, extra, *packages):
        raise ArtlivesError(f"{what} needs torch: pip install 'artlives[{extra}]'")

    monkeypatch.setattr(tasks, "needs", missing)
    answer = show(client, painting)
    assert answer.status_code == 501
    assert answer.json()["detail"] == "A painting as a style needs torch: pip install 'artlives[train]'."


@pytest.fixture
def own(tmp_path, monkeypatch):
    """An empty folder of the user's styles, which is not there yet."""
    monkeypatch.setattr(styles, "user_folder", lambda: tmp_path / "own")
    return tmp_path / "own"


def keep(client, study_name, name):
    return client.post(f"/api/styles/{study_name}/keep", json={"name": name})


def test_a_style_is_kept(client, painting, png, learns, own):
    learns(three_stages)
    name = show(client, painting).json()["name"]
    events(client, name)
    assert not own.exists()
    kept = keep(client, name, "sunflowers")
    assert (kept.status_code, kept.json()["name"]) == (201, "sunflowers")
    assert [path.name for path in own.iterdir()] == ["sunflowers.safetensors"]
    assert np.array_equal(painted(client, png, "sunflowers"), painted(client, png, name))
    taken = keep(client, name, "sunflowers")
    assert taken.status_code == 409
    assert "already" in taken.json()["detail"]


@pytest.mark.parametrize("name", ["../up", "a b", "", "x" * 61, "dots"])
def test_names_that_no_style_can_have(client, painting, learns, own, name):
    learns(three_stages)
    study_name = show(client, painting).json()["name"]
    events(client, study_name)
    assert keep(client, study_name, name).status_code in (409, 422)
    assert not list(own.parent.rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"words", 422, "Settings are a JSON object."),
        (b"{}", 422, "Settings are wrong: name: field required."),
        (b'{"name": 3}', 422, "Settings are wrong: name"),
        (b'{"name": "' + b"x" * 20_000 + b'"}', 413, "Settings may have 10 kB."),
    ],
)
def test_settings_that_are_none(client, painting, learns, own, body, status, detail):
    learns(three_stages)
    study_name = show(client, painting).json()["name"]
    answer = client.post(f"/api/styles/{study_name}/keep", content=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith(detail)


def test_a_style_is_not_kept_before_it_is_learnt(client, painting, learns, own):
    learns(one_stage)
    assert keep(client, show(client, painting).json()["name"], "early").status_code == 409
    assert keep(client, "study-none", "early").status_code == 404


@pytest.mark.usefixtures("shipped")
def test_others_do_not_keep_styles_here(painting, learns, own):
    learns(three_stages)
    app = create_app(device="cpu", public=True, names=frozenset({"booth.local"}))
    with connect(app, base_url="http://booth.local", client=("192.168.0.7", 5000)) as client:
        name = show(client, painting).json()["name"]
        events(client, name)
        assert keep(client, name, "mine").status_code == 403
        assert not own.exists()


def test_no_painting_touches_the_disk(client, painting, learns, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    learns(three_stages)
    events(client, show(client, painting).json()["name"])
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("style", "detail"),
    [
        ("dots:2,nowhere:1", "There is no style 'nowhere'"),
        ("dots:-1,stripes:2", "no mix"),
        ("dots:x,stripes:2", "not a style and its share"),
        ("dots+dots", "twice"),
        ("/etc/passwd", "There is no style"),
    ],
)
def test_mixes_that_are_none(client, png, style, detail):
    answer = client.post("/api/stylize", params={"style": style}, content=png)
    assert answer.status_code == 422
    assert detail in answer.json()["detail"]


def test_whether_there_is_a_file_of_that_name_makes_no_difference(client, png, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mix = "dots:0.5,stripes:0.5"
    (tmp_path / mix).touch()
    painted(client, png, mix)


def test_stylizers_of_mixes_are_bounded(client, png, monkeypatch):
    made = []

    def stylizer(style, device):
        made.append(style.name)
        return Stylizer(style, device=device)

    monkeypatch.setattr(studio, "Stylizer", stylizer)
    for share in (0.501, 0.502, 0.7, 0.5):
        painted(client, png, f"dots:{share},stripes:{1 - share}")
    assert made.count("dots50-stripes50") == 1
