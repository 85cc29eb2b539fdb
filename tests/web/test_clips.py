"""Clips that visitors show: painted in a process, one after the other, followed, fetched, forgotten."""

import json
import mmap
import re
import sys
import tempfile
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from threading import Thread

import pytest
from PIL import Image

from artlives import styles
from artlives.errors import ArtlivesError
from artlives.settings import Settings
from artlives.web import clips, tasks, uploads
from tests.video.conftest import decoded, packets, scene, write_clip
from tests.web.clip_processes import dying, endless, painted

PATIENCE = 20  # seconds
MP4 = b"\0\0\0\x18ftypmp42"


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """The folder in which temporary files are made: in the end, there are none."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir())


@pytest.fixture
def clip(tmp_path):
    """Ten frames, with sound."""
    return write_clip(tmp_path / "clip.mp4", [scene(i) for i in range(10)], sound="aac")


@pytest.fixture
def paints(monkeypatch):
    """Lets clips' processes do something else."""
    return lambda function: monkeypatch.setattr(clips, "_paint", function)


@pytest.fixture
def limit(monkeypatch):
    """Sets limits of clips."""
    limits = clips.Clips.limits
    return lambda **others: monkeypatch.setattr(clips.Clips, "limits", replace(limits, **others))


def show(client, data=MP4, **settings):
    return client.post("/api/clips", params={"style": "dots", **settings}, content=data)


def events(client, name):
    """The events of a clip until it is over."""
    text = client.get(f"/api/clips/{name}/events").text
    return [(kind, json.loads(data)) for kind, data in re.findall(r"event: (\w+)\ndata: (.+)\n\n", text)]


def is_gone(client, name):
    return client.get(f"/api/clips/{name}").status_code == 404


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def job(quick_style):
    return clips.Job(b"", ".mp4", styles.find(str(quick_style)), Settings(size=64), "mp4", "cpu")


@pytest.fixture
def work(job, temporary, monkeypatch):
    """Do what a clip's process does, in this one: what it sent in the end."""
    monkeypatch.setattr(clips, "give_way", lambda: None)

    class Connection:
        def __init__(self):
            self.sent = []

        def send(self, message):
            self.sent.append(message)

    def work(path, **changes):
        connection = Connection()
        folder = tempfile.TemporaryDirectory()
        with folder:
            data = path.read_bytes()
            clips._paint(
                connection,
                Path(folder.name),
                replace(job, data=data, suffix=clips._suffix(data), **changes),
            )
        return connection.sent

    return work


def test_a_clip_is_painted_with_its_sound(work, clip, tmp_path):
    sent = work(clip)
    assert [value[:2] for kind, value in sent[:-1]] == [(i, 10) for i in range(1, 11)]
    kind, data = sent[-1]
    assert kind == "painted"
    target = tmp_path / "painted.mp4"
    target.write_bytes(data)
    times, frames = decoded(target)
    assert times == [Fraction(i, 25) for i in range(10)]
    assert frames.shape == (10, 48, 64, 3)
    assert packets(target) == packets(clip)


def test_a_clip_becomes_a_gif_of_fewer_frames(work, clip, tmp_path):
    target = tmp_path / "painted.gif"
    target.write_bytes(work(clip, format="gif")[-1][1])
    with Image.open(target) as image:
        assert image.n_frames == 5
        assert image.info["duration"] == 80
        assert image.info["loop"] == 0


def test_more_frames_a_second_are_passed_over(work, tmp_path):
    path = write_clip(tmp_path / "quick.mp4", [scene(i) for i in range(20)], rate=Fraction(50))
    assert len(work(path)) - 1 == 10


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "SECONDS",
            -1,
            "The clip takes 0 s, of which -1 are painted here: cut it first, or let `artlives video` paint all of it.",
        ),
        (
            "PIXELS",
            3000,
            "The clip has 64x48 pixels, of which 0 million are painted: make it smaller first.",
        ),
        ("MOST_FRAMES", 3, "The clip has more than 3 frames: make it shorter first."),
    ],
)
def test_a_clip_that_is_too_large(work, clip, monkeypatch, name, value, sentence):
    monkeypatch.setattr(clips, name, value)
    assert work(clip)[-1] == ("failed", sentence)


def test_a_clip_that_is_cut_short(work, clip, tmp_path):
    path = tmp_path / "short.mp4"
    path.write_bytes(clip.read_bytes()[:1000])
    assert work(path)[-1] == ("failed", "The clip is not a video, or is damaged or cut short.")


def test_a_painted_file_may_not_be_larger_than_is_allowed(work, clip, monkeypatch):
    monkeypatch.setattr(clips, "FILE", 2000)
    kind, sentence = work(clip)[-1]
    assert kind == "failed"
    assert "cannot be written: File too large" in sentence


def test_when_the_service_is_killed_its_folder_is_removed(job, clip, temporary, monkeypatch):
    monkeypatch.setattr(clips, "give_way", lambda: None)

    class Broken:
        def send(self, message):
            raise BrokenPipeError

    folder = Path(tempfile.mkdtemp())
    clips._paint(Broken(), folder, replace(job, data=clip.read_bytes()))
    assert not folder.exists()


def test_the_real_process(client, clip):
    name = show(client, clip.read_bytes(), size=64).json()["name"]
    followed = events(client, name)
    assert [kind for kind, _ in followed if kind != "waiting"][-1] == "painted"
    answer = client.get(f"/api/clips/{name}")
    assert answer.headers["content-type"] == "video/mp4"
    assert followed[-1][1] == {"bytes": len(answer.content)}
    assert client.delete(f"/api/clips/{name}").status_code == 204
    assert is_gone(client, name)


def test_one_at_a_time_and_places_in_the_queue(client, paints):
    paints(endless)
    first, second = (show(client).json() for _ in range(2))
    assert (first["place"], second["place"]) == (0, 1)
    assert client.get(f"/api/clips/{second['name']}").status_code == 409
    paints(painted)
    assert client.delete(f"/api/clips/{first['name']}").status_code == 204
    assert events(client, second["name"])[-1] == ("painted", {"bytes": len(MP4)})
    assert client.get(f"/api/clips/{second['name']}").content == MP4


def test_a_clip_that_is_forgotten_is_stopped(client, paints):
    paints(endless)
    name = show(client).json()["name"]
    followed = []
    thread = Thread(target=lambda: followed.extend(events(client, name)))
    thread.start()
    time.sleep(0.2)
    client.delete(f"/api/clips/{name}")
    thread.join(PATIENCE)
    assert followed[-1] == ("failed", {"detail": "It was cancelled."})
    for answer in (client.delete(f"/api/clips/{name}"), client.get(f"/api/clips/{name}/events")):
        assert answer.status_code == 404


def test_a_clip_that_nobody_follows_is_given_up(client, paints, limit):
    limit(patience=0.1, tick=0.05)
    paints(endless)
    name = show(client).json()["name"]
    time.sleep(0.5)
    until(lambda: is_gone(client, name))


def test_a_clip_that_takes_too_long(client, paints, limit):
    limit(seconds=0, tick=0.05)
    paints(endless)
    assert events(client, show(client).json()["name"])[-1] == ("failed", {"detail": "It took too long."})


def test_a_process_that_is_ended(client, paints):
    paints(dying)
    kind, data = events(client, show(client).json()["name"])[-1]
    assert kind == "failed"
    assert "too much time or memory" in data["detail"]


def test_no_more_than_are_held(client, paints, limit):
    limit(most=1)
    paints(endless)
    show(client)
    refused = show(client)
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "30"


@pytest.mark.parametrize(
    ("data", "settings", "status", "detail"),
    [
        (b"words", {}, 415, "The file is not a clip"),
        (b"#EXTM3U\nAVI ", {}, 415, "The file is not a clip"),
        (b"", {}, 422, "There is no clip: send it in the form's field 'clip'"),
        (MP4, {"style": "nowhere"}, 422, "There is no style 'nowhere'"),
        (MP4, {"format": "webm"}, 422, "Settings are wrong: format"),
        (MP4, {"size": 4096}, 422, "Settings are wrong: size"),
    ],
)
def test_what_is_refused(client, paints, data, settings, status, detail):
    paints(painted)
    answer = show(client, data, **settings)
    assert answer.status_code == status
    assert answer.json()["detail"].startswith(detail)


def test_a_clip_of_too_many_bytes(client, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_BYTES", 10)
    answer = show(client, MP4)
    assert answer.status_code == 413
    assert answer.json()["detail"].startswith("The clip is larger than")


def test_without_what_decodes_clips(client, monkeypatch):
    def missing(what, extra, *packages):
        raise ArtlivesError(f"{what} needs av: pip install 'artlives[{extra}]'")

    assert client.get("/api/clips").json() == {
        "seconds": 10,
        "bytes": 25_000_000,
        "recorded": 5,
        "missing": "",
    }
    monkeypatch.setattr(tasks, "needs", missing)
    sentence = "A painted clip needs av: pip install 'artlives[video]'."
    assert client.get("/api/clips").json()["missing"] == sentence
    answer = show(client)
    assert (answer.status_code, answer.json()["detail"]) == (501, sentence)


@pytest.mark.usefixtures("shipped")
def test_a_gif_is_smaller():
    clip = clips.Clips("cpu").start(b"GIF89a", styles.find("dots"), Settings(size=1280), "gif")
    assert clip.job.settings.size == clips.GIF_SIDE


def test_what_may_be_written_and_held_is_as_before_afterwards(work, clip):
    resource = pytest.importorskip("resource")
    before = [resource.getrlimit(kind) for kind in (resource.RLIMIT_DATA, resource.RLIMIT_FSIZE)]
    work(clip)
    assert before == [resource.getrlimit(kind) for kind in (resource.RLIMIT_DATA, resource.RLIMIT_FSIZE)]


@pytest.mark.skipif(sys.platform != "linux", reason="the system has no such limit")
def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(clips, "MEMORY", 100_000_000)
    # Of the system: NumPy may be given memory that a training in this process freed, and kept.
    with clips._bounded(), pytest.raises(OSError, match="Cannot allocate memory"):
        mmap.mmap(-1, 400_000_000, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
