"""The booth: the camera, live mode, one picture and four."""

import time

import numpy as np

from tests.web.browser import PATIENCE, until, until_marked
from tests.web.page.driver import STYLES, choose_file, difference, downloaded, open_stage, picture_in, screen


def test_a_denied_camera_is_explained_and_a_photo_can_be_chosen(visit):
    page = visit(permissions=())
    page.click("#open-camera")
    page.wait_for_selector("#notice:not([hidden])")
    assert "not allowed" in page.inner_text("#notice")
    choose_file(page)
    assert not page.is_visible("#notice")


def test_a_missing_camera_is_explained(page):
    page.evaluate(
        """() => {
            const none = async () => { throw new DOMException("", "NotFoundError"); };
            navigator.mediaDevices.getUserMedia = none;
        }"""
    )
    page.click("#open-camera")
    page.wait_for_selector("#notice:not([hidden])")
    assert "no camera" in page.inner_text("#notice")


def live_in(page, style):
    page.click(f"label.chip:has([value={style}])")
    page.wait_for_selector("#rate:not([hidden])")


def test_live_mode_shows_painted_frames(page):
    page.click("#open-camera")
    live_in(page, "wave")
    assert "frames a second at" in page.get_attribute("#rate", "title")
    assert page.evaluate("document.getElementById('live').width") >= 256
    painted = screen(page, "#count")
    deadline = time.monotonic() + PATIENCE
    # Until the picture moves.
    while difference(painted, screen(page, "#count")) <= 0.2:
        assert time.monotonic() < deadline
    page.click("label.chip:has([value=''])")
    page.wait_for_selector("#live", state="hidden")
    assert difference(painted, screen(page, "#count")) > 8
    page.click("#close-camera")
    page.wait_for_selector("#start")
    assert page.evaluate("document.getElementById('video').srcObject") is None


def test_the_strip_shows_the_person_in_every_style(page):
    page.click("#open-camera")
    until_marked(page, "strip painted")
    pictures = [picture_in(page, f"label.chip:has([value='{style}']) img") for style in ["", *STYLES]]
    for i, picture in enumerate(pictures):
        assert all(difference(picture, other) > 4 for other in pictures[:i])


def test_live_in_a_style_and_back(page):
    choose_file(page)
    until_marked(page, "fine previews")
    open_stage(page, "scream")
    painted = picture_in(page, "[data-style=udnie] > img")
    for back in (page.go_back, lambda: page.click("#close-camera"), lambda: page.keyboard.press("Escape")):
        page.click("#go-live")
        page.wait_for_selector("#rate:not([hidden])")
        assert page.is_checked("#live-styles [value=scream]")
        back()
        page.wait_for_selector("#stage")
        assert difference(picture_in(page, "[data-style=udnie] > img"), painted) == 0


def test_a_picture_that_is_taken_live_is_shown_in_that_style(page):
    page.click("#open-camera")
    live_in(page, "udnie")
    page.keyboard.press("Space")
    page.wait_for_selector("#stage")
    until_marked(page, "repaint")
    assert page.inner_text("#stage-title") == "Udnie"


def test_arrows_go_along_the_strip_while_live(page):
    page.click("#open-camera")
    page.wait_for_selector("#camera")
    for key, style in (("ArrowRight", STYLES[0]), ("ArrowRight", STYLES[1]), ("ArrowLeft", STYLES[0])):
        page.keyboard.press(key)
        assert page.is_checked(f"#live-styles [value={style}]")
        assert page.evaluate("document.activeElement.value") == style
    page.wait_for_selector("#rate:not([hidden])")


def routed(page):
    """The page's connections of live mode, so that they can be closed."""
    routes = []
    page.route_web_socket("**/api/live", lambda socket: routes.append((socket, socket.connect_to_server())))
    return routes


def test_a_lost_connection_comes_back_by_itself(page):
    routes = routed(page)
    page.click("#open-camera")
    live_in(page, "wave")
    routes[0][0].close(code=1011)
    page.wait_for_selector("#notice:not([hidden])")
    assert "Trying again" in page.inner_text("#notice")
    page.wait_for_selector("#notice", state="hidden")
    page.wait_for_selector("#live:not([hidden])")
    assert len(routes) == 2


def test_after_a_connection_that_does_not_come_back_every_style_starts_again(page):
    routes = routed(page)
    page.click("#open-camera")
    live_in(page, "wave")
    # A service that is gone: every connection is closed at once.
    page.evaluate(
        """() => {
            window.Working = WebSocket;
            window.WebSocket = function (url) {
                const socket = new Working(url);
                socket.close();
                return socket;
            };
        }"""
    )
    routes[0][0].close(code=1011)
    until(page, "document.getElementById('notice').innerText.includes('Choose a style to go on')")
    assert page.is_checked("#live-styles [value='']")
    page.evaluate("void (window.WebSocket = window.Working)")
    live_in(page, "wave")


def test_another_camera_can_be_chosen(page):
    """Chromium shows a film in one camera alone; a second one is pretended."""
    page.evaluate(
        """() => {
            const devices = navigator.mediaDevices;
            const open = devices.getUserMedia.bind(devices);
            const settings = MediaStreamTrack.prototype.getSettings;
            let which = "front";
            devices.enumerateDevices = async () =>
                ["front", "back"].map((deviceId) => ({ kind: "videoinput", deviceId, label: `The ${deviceId} one` }));
            devices.getUserMedia = ({ video }) => {
                which = video.deviceId?.exact ?? "front";
                return open({ video: true });
            };
            MediaStreamTrack.prototype.getSettings = function () {
                return { ...settings.call(this), deviceId: which };
            };
        }"""
    )
    page.click("#open-camera")
    page.wait_for_selector("#switch-camera")
    camera = "document.getElementById('video').srcObject?.getVideoTracks()[0].getSettings().deviceId"
    assert page.evaluate(camera) == "front"
    live_in(page, "wave")
    page.click("#switch-camera")
    until(page, f"{camera} === 'back'")
    page.wait_for_selector("#toast")
    assert page.inner_text("#toast") == "The back one"
    assert page.is_checked("#live-styles [value=wave]")
    page.click("#close-camera")
    # It is remembered for this visit.
    page.click("#open-camera")
    page.wait_for_selector("#camera")
    assert page.evaluate(camera) == "back"


def test_four_in_a_row_make_a_strip(page):
    page.click("#open-camera")
    page.click("#burst")
    until_marked(page, "strip")
    name, strip = downloaded(page, "#save-strip")
    assert name == "selfie-four.jpg"
    # Four pictures of 640 x 480, at their own size.
    assert strip.width == 640 + 2 * 32
    assert strip.height > 4 * 480
    rows = [np.asarray(strip.crop((32, top, 672, top + 480))) for top in range(32, 32 + 4 * 512, 512)]
    assert all(difference(row, other) > 5 for i, row in enumerate(rows) for other in rows[:i])
    assert page.locator("#tray-pictures li").count() == 4
    # On a phone on its side, the buttons are beside the strip.
    page.set_viewport_size({"width": 740, "height": 360})
    box = page.locator("#close-strip").bounding_box()
    assert box["y"] + box["height"] <= 360


def test_the_pace_finds_the_largest_size_that_is_fast_enough(page):
    """At 2,000,000 pixels a second, that is 320 x 240."""
    sides = page.evaluate(
        """async (pixels) => {
            const { Pace } = await import("/static/pace.js");
            const settled = [];
            for (const speed of pixels) {
                const pace = new Pace(0);
                for (let now = 0, painting = 0; now < 60_000; pace.count(now, painting)) {
                    painting = (1000 * pace.side * pace.side * 0.75) / speed;
                    now += Math.max(painting, 1000 / 30); // the camera's own pace
                }
                settled.push(pace.side);
            }
            return settled;
        }""",
        [800_000, 2_000_000, 100_000_000, 10_000],
    )
    assert sides == [256, 320, 960, 256]


def test_pictures_go_as_jpeg_and_raw_in_turns_until_one_has_proved_quicker(still_page):
    sent, sizes, best = still_page.evaluate(
        """async () => {
            const { Stream } = await import("/static/api.js");
            const { Trial } = await import("/static/trial.js");
            const canvas = new OffscreenCanvas(64, 48);
            canvas.toBlob = (done, type, quality) => canvas.convertToBlob({ type, quality }).then(done);
            canvas.getContext("2d").fillRect(0, 0, 32, 48);
            const sent = [];
            const sizes = [];
            let stream, arrived;
            await new Promise((opened) => {
                const painted = async (picture) => arrived(await picture);
                stream = new Stream({ opened, painted, refused: console.error, closed: console.error });
            });
            stream.trial = new Trial(["jpeg", "raw"]);
            const send = stream.socket.send.bind(stream.socket);
            stream.socket.send = (data) => (sent.push(data instanceof Blob ? "jpeg" : "raw"), send(data));
            stream.settle("wave");
            sent.length = 0;
            while (!stream.trial.isOver) {
                const shown = new Promise((resolve) => (arrived = resolve));
                await stream.send(canvas);
                const { width, height } = await shown;
                sizes.push([width, height]);
            }
            stream.close();
            return [sent, sizes, stream.trial.way];
        }"""
    )
    assert sent == (["jpeg"] * 6 + ["raw"] * 6) * 2
    assert sizes == [[64, 48]] * 24
    assert best in ("jpeg", "raw")


def test_a_trial_takes_the_way_whose_median_is_the_least(still_page):
    best = still_page.evaluate(
        """async () => {
            const { Trial } = await import("/static/trial.js");
            const trial = new Trial(["jpeg", "raw"]);
            // The first one takes longest, as while a style is loaded.
            for (let i = 0; !trial.isOver; i++) {
                trial.note(trial.way, trial.way === "raw" ? 30 : i ? 21 : 900);
            }
            return trial.way;
        }"""
    )
    assert best == "jpeg"
