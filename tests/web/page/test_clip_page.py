"""Clips on the page: dropped or recorded, painted, saved."""

import json

import numpy as np
import pytest

from artlives.errors import ArtlivesError
from artlives.web import clips, tasks
from tests.video.conftest import decoded, scene, write_clip
from tests.web.browser import until, until_marked
from tests.web.clip_processes import endless, painted


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "waves.mp4", [scene(i) for i in range(10)])


def missing(what, extra, *packages):
    raise ArtlivesError(f"{what} needs av")


@pytest.fixture
def paints(monkeypatch):
    """Lets clips' processes do something else."""
    return lambda function: monkeypatch.setattr(clips, "_paint", function)


def drop(page, path):
    page.evaluate(
        """([name, bytes]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], name, { type: "video/mp4" }));
            const event = (type) => new DragEvent(type, { dataTransfer: data, cancelable: true, bubbles: true });
            document.body.dispatchEvent(event("drop"));
        }""",
        [path.name, list(path.read_bytes())],
    )


def saved(page):
    with page.expect_download() as download:
        page.click("#save-clip")
    return download.value.suggested_filename, download.value.path()


@pytest.mark.slow
def test_a_dropped_clip_is_painted_and_saved(page, clip):
    until(page, "!document.getElementById('clip-offer').hidden")
    drop(page, clip)
    page.wait_for_selector("#clip-video")
    page.select_option("#clip-style", "udnie")
    page.click("#paint-mp4")
    until_marked(page, "clip painted")
    assert page.evaluate("document.activeElement.id") == "save-clip"
    until(page, "document.getElementById('clip-video').videoWidth === 64")
    name, path = saved(page)
    assert name == "waves-udnie.mp4"
    (times, frames), (expected_times, photos) = decoded(path), decoded(clip)
    assert times == expected_times
    assert 10 < np.abs(frames.astype(float) - photos).mean() < 120


@pytest.mark.slow
def test_seconds_are_recorded_with_the_camera(visit, paints, monkeypatch):
    monkeypatch.setattr(clips, "RECORDED", 1)
    paints(painted)
    page = visit()
    page.click("#open-camera")
    page.wait_for_selector("#record")
    assert page.inner_text("#record") == "Record 1 s"
    page.click("#record")
    page.wait_for_selector("#clip-video")
    page.click("#paint-mp4")
    until_marked(page, "clip painted")
    # What the process was given, which Chromium records.
    _, path = saved(page)
    times, frames = decoded(path)
    # On a busy machine, it records few of them.
    assert times[-1] < 2.5
    assert frames.std() > 20
    assert max(frames.shape[1:3]) == 640


def test_a_clip_is_cancelled_and_the_view_is_accessible(visit, clip, paints, monkeypatch):
    paints(endless)
    page = visit(360, 740)
    until(page, "!document.getElementById('clip-offer').hidden")
    page.set_input_files("#clip-file", clip)
    page.click("#paint-gif")
    until(page, "document.getElementById('clip-progress').textContent === 'Painting, 50 s left'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page).response["violations"]
    assert found == [], json.dumps(found, indent=1)[:3000]
    page.click("#cancel-clip")
    until(page, "document.getElementById('clip-work').hidden")
    assert not page.is_visible("#notice")
    assert page.is_enabled("#paint-gif")

    # Nor are clips offered where they are not painted.
    monkeypatch.setattr(tasks, "needs", missing)
    with page.expect_response("**/api/clips"):
        page.reload()
    page.wait_for_selector(".tile[data-style]", state="attached")
    assert not page.is_visible("#clip-offer")


# In place of the camera's pictures, each one a little lighter than the one before; and which of them are drawn on each
# canvas in their turn.
LIGHTENING = """() => {
    const draw = CanvasRenderingContext2D.prototype.drawImage;
    const levels = new Map();
    const drawn = new Map();
    window.longest = () => [...drawn.values()].reduce((one, other) => (other.length > one.length ? other : one), []);
    let level = 0;
    CanvasRenderingContext2D.prototype.drawImage = function (source, ...given) {
        if (source.id !== "video") {
            if (levels.has(source)) drawn.set(this.canvas, [...(drawn.get(this.canvas) ?? []), levels.get(source)]);
            return draw.call(this, source, ...given);
        }
        levels.set(this.canvas, ++level);
        this.fillStyle = `rgb(${[level, level, level]})`;
        this.fillRect(0, 0, this.canvas.width, this.canvas.height);
    };
}"""


@pytest.mark.slow
def test_a_boomerang_goes_there_and_back(page, paints):
    paints(painted)
    page.click("#open-camera")
    until_marked(page, "strip painted")
    page.evaluate(LIGHTENING)
    page.click("#boomerang")
    page.wait_for_selector("#clip:not([hidden])")
    page.click("#paint-mp4")
    until_marked(page, "clip painted")
    name, path = saved(page)
    assert name.startswith("boomerang-")
    assert len(decoded(path)[1])
    # What is drawn is looked at: of what is drawn, Chromium records less on a busy machine.
    drawn = page.evaluate("longest()")
    there = drawn[: len(drawn) // 2 + 1]
    assert len(there) > 5
    assert there == sorted(set(there))
    assert drawn[len(there) :] == there[-2:0:-1]
