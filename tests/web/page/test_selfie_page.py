"""The page in a real Chromium, with a camera that shows a face."""

import io
import json
import re
import time
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image, ImageChops

from artlives import Stylizer, images, styles

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
from axe_playwright_python.sync_playwright import Axe  # noqa: E402

from tests.web import browser as chromium  # noqa: E402
from tests.web.browser import FACE, PATIENCE, until, until_marked  # noqa: E402

pytestmark = pytest.mark.skipif(chromium.CHROMIUM is None, reason="Chromium is not installed")
STYLES = ["rain-princess", "scream", "shipwreck", "udnie", "wave"]


@pytest.fixture(scope="module")
def address():
    with chromium.service() as address:
        yield address


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    film = chromium.film(tmp_path_factory.mktemp("camera") / "face.mjpeg")
    arguments = [
        # Chromium runs as root, as in a container, with this alone.
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def complaints():
    """What went wrong in the page: errors in its console, and requests to other hosts."""
    return []


@pytest.fixture
def visit(browser, address, complaints):
    """Open the page; in the end, nothing may have gone wrong in it."""
    contexts = []

    def open_page(width=1200, height=900, permissions=("camera",), path="/", **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(PATIENCE * 1000)
        context.grant_permissions(list(permissions), origin=address)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: check_host(request.url))
        page.goto(address + path)
        if path == "/":
            # The styles are loaded.
            page.wait_for_selector(".chip", state="attached")
        return page

    def check_host(url):
        if not url.startswith((address, f"blob:{address}", address.replace("http", "ws"), "data:")):
            complaints.append(f"asked {url}")

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(visit):
    return visit()


@pytest.fixture
def asked(monkeypatch):
    """The settings of each painting that the page has the service paint, as they come."""
    asked = []
    variant = Stylizer.variant

    def noting(stylizer, settings):
        asked.append(asdict(settings))
        return variant(stylizer, settings)

    monkeypatch.setattr(Stylizer, "variant", noting)
    return asked


def choose_file(page, path=FACE):
    page.set_input_files("#file", path)
    until_marked(page, "previews")


def open_stage(page, style="wave"):
    page.click(f"[data-style={style}]")
    until_marked(page, "repaint")


def repaint(page, action):
    """What the stage shows after an action that has it painted anew, as an array."""
    page.evaluate("performance.clearMeasures()")
    action()
    until_marked(page, "repaint")
    return picture_in(page, "#after")


def picture_in(page, selector):
    """What an image of the page shows, as an array."""
    url = page.evaluate(
        """async (selector) => {
            const image = document.querySelector(selector);
            // A finer painting may take its place while it is decoded.
            for (let url = ""; url !== image.src; ) {
                url = image.src;
                await image.decode().catch((error) => { if (url === image.src) throw error; });
            }
            const canvas = document.createElement("canvas");
            canvas.width = 64;
            canvas.height = 64;
            canvas.getContext("2d").drawImage(image, 0, 0, 64, 64);
            return [...canvas.getContext("2d").getImageData(0, 0, 64, 64).data];
        }""",
        selector,
    )
    return np.array(url).reshape(64, 64, 4)[..., :3]


def difference(a, b):
    return np.abs(a.astype(float) - b).mean()


def downloaded(page, button):
    with page.expect_download() as download:
        page.click(button)
    return download.value.suggested_filename, Image.open(download.value.path())


def test_a_selfie_in_five_styles_chosen_compared_and_saved(page):
    page.click("#open-camera")
    page.wait_for_selector("#video")
    page.click("#shoot")
    assert page.inner_text("#count") == "3"
    until_marked(page, "previews")
    assert page.eval_on_selector_all("button.tile", "all => all.map((tile) => tile.dataset.style)") == STYLES
    labels = page.inner_text("#wall")
    for name in ("Katsushika Hokusai", "The Great Wave off Kanagawa", "Edvard Munch", "The Scream", "1913"):
        assert name in labels

    photo = picture_in(page, "#wall-photo")
    paintings = [picture_in(page, f"[data-style={style}] img") for style in STYLES]
    for i, painting in enumerate(paintings):
        assert difference(painting, photo) > 8
        assert all(difference(painting, other) > 5 for other in paintings[:i])

    open_stage(page)
    page.focus("#split")
    widths = set()
    for key in ("Home", "End", "ArrowLeft"):
        page.keyboard.press(key)
        widths.add(page.eval_on_selector("#after", "image => getComputedStyle(image).clipPath"))
    assert len(widths) == 3

    for button, format in (("#save-jpeg", "JPEG"), ("#save-png", "PNG")):
        name, picture = downloaded(page, button)
        assert name == f"selfie-wave.{'jpg' if format == 'JPEG' else 'png'}"
        assert (picture.format, picture.size) == (format, (640, 480))
        small = np.asarray(picture.convert("RGB").resize((64, 64)))
        assert difference(small, photo) > 8
    name, sheet = downloaded(page, "#save-sheet")
    assert name == "selfie-sheet.jpg"
    assert sheet.width > 3 * 600


def test_the_picture_is_the_mirror_image(page, browser):
    page.click("#open-camera")
    page.click("#shoot")
    until_marked(page, "previews")
    photo = picture_in(page, "#wall-photo")
    face = np.asarray(
        Image.open(FACE).convert("RGB").resize((680, 680)).crop((20, 10, 660, 490)).resize((64, 64))
    )
    assert difference(photo, face[:, ::-1]) < 0.7 * difference(photo, face)


def test_settings_repaint(page):
    choose_file(page)
    open_stage(page)
    before = picture_in(page, "#after")
    broader = repaint(page, lambda: page.locator("#brush").fill("2"))
    assert difference(before, broader) > 2
    photo = picture_in(page, "#before")
    colored = repaint(page, lambda: page.check("#keep-colors"))
    hue = [np.ptp(picture.astype(float), axis=2).mean() for picture in (photo, broader, colored)]
    assert abs(hue[2] - hue[0]) < abs(hue[1] - hue[0])

    page.locator("#strength").fill("0")
    assert page.eval_on_selector("#after", "image => getComputedStyle(image).opacity") == "0"
    _, picture = downloaded(page, "#save-png")
    assert picture.size == (512, 512)
    assert (
        ImageChops.difference(picture.convert("RGB"), Image.open(FACE))
        .convert("L")
        .resize((1, 1))
        .getpixel((0, 0))
        < 15
    )


def test_the_wall_is_painted_in_one_pass_and_the_stage_in_all(page, asked):
    choose_file(page)
    until_marked(page, "fine previews")
    assert [settings["one_pass"] for settings in asked] == [True] * 2 * len(STYLES)
    asked.clear()
    open_stage(page)
    assert [(settings["brush"], settings["one_pass"]) for settings in asked] == [("default", False)]


def test_the_brush_has_three_sizes(page, asked):
    choose_file(page)
    until_marked(page, "fine previews")
    open_stage(page)
    assert page.inner_text("#brush-value") == "default"
    page.focus("#brush")
    for key, name in (("ArrowLeft", "finer"), ("ArrowRight", "default"), ("ArrowRight", "broader")):
        repaint(page, lambda key=key: page.keyboard.press(key))
        assert asked[-1]["brush"] == page.inner_text("#brush-value") == name
        assert page.get_attribute("#brush", "aria-valuetext") == name
    for key, name in (("Home", "finer"), ("End", "broader")):
        page.keyboard.press(key)
        assert page.inner_text("#brush-value") == name


@pytest.mark.parametrize(("size", "saved"), [((1400, 700), (1400, 700)), ((8192, 821), (4096, 410))])
def test_a_saved_picture_is_painted_at_the_size_that_the_page_says(page, tmp_path, size, saved):
    path = tmp_path / "large.png"
    Image.open(FACE).convert("RGB").resize(size).save(path)
    choose_file(page, path)
    open_stage(page)
    repaint(page, lambda: page.locator("#brush").fill("2"))
    shown = page.evaluate(
        "[document.getElementById('after').naturalWidth, document.getElementById('after').naturalHeight]"
    )
    assert max(shown) == 1280
    said = page.inner_text("#dimensions")
    assert said.startswith("Saved at ")
    assert [int(number) for number in re.findall(r"\d+", said)] == list(saved)
    with page.expect_download() as download:
        page.click("#save-png")
        until(page, "document.getElementById('save-png').ariaBusy === 'true'")
    picture = Image.open(download.value.path())
    assert picture.size == saved
    painting = Stylizer("wave", device="cpu", size=4096, brush="broader")(images.load(path)).pixels
    assert np.array_equal(np.asarray(picture.convert("RGB")), painting)


def test_a_newer_request_cancels_the_older_one(page):
    choose_file(page)
    until_marked(page, "fine previews")
    open_stage(page)
    asked = []

    def hold_the_first(route):
        asked.append(route.request)
        if len(asked) > 1:
            route.continue_()

    failed = []
    page.on("requestfailed", lambda request: failed.append(request))
    page.route("**/api/stylize", hold_the_first)
    page.evaluate("performance.clearMeasures()")
    page.check("#keep-colors")
    while not asked:
        page.wait_for_timeout(20)
    page.uncheck("#keep-colors")
    until_marked(page, "repaint")
    assert failed == asked[:1]
    page.unroute("**/api/stylize")


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_photo_is_dropped_or_pasted(page, way):
    give = """([way, bytes]) => {
        const file = new File([new Uint8Array(bytes)], "me.jpg", { type: "image/jpeg" });
        const data = new DataTransfer();
        data.items.add(file);
        if (way === "paste") {
            window.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
            return;
        }
        for (const type of ["dragover", "drop"]) {
            window.dispatchEvent(new DragEvent(type, { dataTransfer: data, cancelable: true }));
        }
    }"""
    page.evaluate(give, [way, list(FACE.read_bytes())])
    until_marked(page, "previews")
    assert difference(picture_in(page, "#wall-photo"), picture_in(page, "[data-style=wave] img")) > 8


def test_a_sample_is_painted_for_who_has_no_photo(page):
    page.click("[data-sample=chelsea]")
    until_marked(page, "previews")
    assert page.is_visible("[data-style=scream]")


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


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [("notes.txt", b"words", "notes.txt is not a picture"), ("me.jpg", b"torn", "not a picture")],
)
def test_what_is_no_picture_is_said_to_be_none(page, complaints, name, content, sentence, tmp_path):
    (tmp_path / name).write_bytes(content)
    page.set_input_files("#file", tmp_path / name)
    page.wait_for_selector("#notice:not([hidden])")
    assert sentence in page.inner_text("#notice")
    # Chromium logs the status 415 itself.
    complaints[:] = [line for line in complaints if "415" not in line]


def test_a_tiff_which_the_browser_cannot_show_is_painted(page, tmp_path):
    Image.open(FACE).save(tmp_path / "scan.tiff")
    choose_file(page, tmp_path / "scan.tiff")
    assert difference(picture_in(page, "#wall-photo"), picture_in(page, "[data-style=wave] img")) > 8


def test_live_mode_shows_painted_frames_and_their_rate(page):
    page.click("#open-camera")
    page.click("text=The Great Wave off Kanagawa")
    page.wait_for_selector("#rate:not([hidden])")
    assert "frames a second at" in page.inner_text("#rate")
    until(page, "document.getElementById('live').width >= 160")

    def shot():
        return np.asarray(
            Image.open(io.BytesIO(page.screenshot(clip=page.locator("#mirror").bounding_box()))).convert(
                "RGB"
            )
        )

    painted = shot()
    deadline = time.monotonic() + PATIENCE
    # Until the picture moves.
    while difference(painted, shot()) <= 0.2:
        assert time.monotonic() < deadline
    page.click("text=Just the mirror")
    page.wait_for_selector("#live", state="hidden")
    assert difference(painted, shot()) > 8
    page.click("#close-camera")
    assert page.evaluate("document.getElementById('video').srcObject") is None


def test_a_style_that_was_trained_meanwhile_appears(page, network, metadata):
    mine = styles.user_folder() / "mine.safetensors"
    mine.parent.mkdir(parents=True, exist_ok=True)
    styles.save(mine, network.file_weights(), name="mine", **metadata)
    try:
        choose_file(page)
        assert page.locator("button.tile").count() == 6
        assert "Nobody" in page.inner_text("[data-style=mine]")
        open_stage(page, "mine")
    finally:
        mine.unlink()


def test_live_in_a_style_and_back(page):
    choose_file(page)
    until_marked(page, "fine previews")
    open_stage(page, "scream")
    painted = picture_in(page, "[data-style=udnie] img")
    page.click("#go-live")
    page.wait_for_selector("#rate:not([hidden])")
    assert page.is_checked("#live-styles [value=scream]")
    page.go_back()
    assert page.is_visible("#stage")
    assert difference(picture_in(page, "[data-style=udnie] img"), painted) == 0


def test_the_keyboard_alone_is_enough(page):
    def press_until(selector):
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"Tab does not reach {selector}")

    press_until("[data-sample=astronaut]")
    page.keyboard.press("Enter")
    until_marked(page, "previews")
    press_until("[data-style=udnie]")
    page.keyboard.press("Enter")
    until_marked(page, "repaint")
    assert page.evaluate("document.activeElement.id") == "stage-title"
    press_until("#split")
    press_until("#save-jpeg")
    page.keyboard.press("Escape")
    assert not page.is_visible("#stage")
    assert page.evaluate("document.activeElement.dataset.style") == "udnie"


def test_the_browsers_back_goes_to_the_start(page):
    choose_file(page)
    page.go_back()
    assert page.is_visible("#start")
    page.go_forward()
    assert page.is_visible("#wall")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_is_accessible(visit, scheme):
    page = visit(360, 740, color_scheme=scheme, reduced_motion="reduce")

    def check():
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        found = Axe().run(page).response["violations"]
        assert found == [], json.dumps(found, indent=1)[:3000]

    check()
    choose_file(page)
    check()
    open_stage(page)
    check()
    page.click("#go-live")
    page.wait_for_selector("#rate:not([hidden])")
    check()


def test_the_link_with_its_token_opens_a_page_that_works(browser):
    with chromium.service(public=True, token="a-token-of-nobody") as address:
        context = browser.new_context(permissions=["camera"])
        page = context.new_page()
        assert page.goto(address).status == 401
        page.goto(f"{address}/?token=a-token-of-nobody")
        assert page.url == f"{address}/"
        page.wait_for_selector(".chip", state="attached")
        page.click("#open-camera")
        page.click("text=Udnie")
        page.wait_for_selector("#rate:not([hidden])")
        page.click("#shoot")
        until_marked(page, "previews")
        context.close()


def test_the_docs_need_no_other_host(visit):
    page = visit(path="/docs")
    assert page.wait_for_selector("[data-path='/api/stylize']").is_visible()


def test_the_pace_finds_the_largest_size_that_is_fast_enough(page):
    """At 800,000 pixels a second, that is 320 x 240."""
    sides = page.evaluate(
        """async (pixels) => {
            const { Pace } = await import("/static/pace.js");
            const settled = [];
            for (const speed of pixels) {
                const pace = new Pace(0);
                for (let now = 0; now < 60_000; pace.count(now)) {
                    const painting = (1000 * pace.side * pace.side * 0.75) / speed;
                    now += Math.max(painting, 1000 / 30); // the camera's own pace
                }
                settled.push(pace.side);
            }
            return settled;
        }""",
        [800_000, 2_000_000, 100_000_000, 10_000],
    )
    assert sides == [320, 448, 960, 160]
