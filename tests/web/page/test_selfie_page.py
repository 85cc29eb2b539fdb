"""From a picture to its paintings: wherever it comes from, and whatever it is."""

import numpy as np
import pytest
from PIL import Image

from artlives import styles
from tests.web import browser as chromium
from tests.web.browser import FACE, until, until_marked
from tests.web.page.driver import (
    STYLES,
    choose_file,
    difference,
    downloaded,
    open_stage,
    picture_in,
)


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
    paintings = [picture_in(page, f"[data-style={style}] > img") for style in STYLES]
    for i, painting in enumerate(paintings):
        assert difference(painting, photo) > 8
        assert all(difference(painting, other) > 5 for other in paintings[:i])

    open_stage(page)
    for button, format in (("#save-jpeg", "JPEG"), ("#save-png", "PNG")):
        name, picture = downloaded(page, button)
        assert name == f"selfie-wave.{'jpg' if format == 'JPEG' else 'png'}"
        assert (picture.format, picture.size) == (format, (640, 480))
        small = np.asarray(picture.convert("RGB").resize((64, 64)))
        assert difference(small, photo) > 8
    page.click("#close-stage")
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
    assert difference(picture_in(page, "#wall-photo"), picture_in(page, "[data-style=wave] > img")) > 8


def test_a_sample_is_painted_for_who_has_no_photo(page):
    page.click("[data-sample=chelsea]")
    until_marked(page, "previews")
    assert page.is_visible("[data-style=scream]")


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
    assert difference(picture_in(page, "#wall-photo"), picture_in(page, "[data-style=wave] > img")) > 8


def test_a_webp_on_its_side_is_shown_as_the_service_reads_it(page, tmp_path):
    """Some browsers ignore its orientation."""
    exif = Image.Exif()
    # Turned by 90 degrees.
    exif[0x0112] = 6
    Image.open(FACE).crop((0, 0, 512, 300)).save(tmp_path / "phone.webp", exif=exif)
    page.evaluate(
        """() => {
            const read = window.createImageBitmap;
            window.createImageBitmap = (file) => read(file, { imageOrientation: "none" });
        }"""
    )
    choose_file(page, tmp_path / "phone.webp")
    open_stage(page)
    sizes = page.evaluate(
        "['before', 'after'].map((id) => document.getElementById(id)).map((i) => [i.naturalWidth, i.naturalHeight])"
    )
    assert sizes == [[300, 512], [300, 512]]
    _, picture = downloaded(page, "#save-jpeg")
    assert picture.size == (300, 512)


def test_a_picture_that_is_too_small_is_refused_before_the_wall_is_shown(page, tmp_path):
    Image.new("RGB", (40, 12)).save(tmp_path / "tiny.png")
    page.set_input_files("#file", tmp_path / "tiny.png")
    page.wait_for_selector("#notice:not([hidden])")
    assert "too small" in page.inner_text("#notice")
    assert page.is_visible("#start")


def test_what_could_not_be_painted_can_be_tried_again(page, complaints):
    def refuse_one(route):
        if b'name="style"\r\n\r\nscream' in route.request.post_data_buffer:
            route.fulfill(status=500, json={"detail": "The brush broke."})
        else:
            route.continue_()

    page.route("**/api/stylize", refuse_one)
    page.set_input_files("#file", FACE)
    page.wait_for_selector("[data-style=scream].failed")
    page.wait_for_selector("#notice:not([hidden])")
    assert "The brush broke." in page.inner_text("#notice")
    assert page.locator("[aria-busy]").count() == 0
    assert "try again" in page.inner_text("[data-style=scream]")
    page.unroute_all()
    complaints.clear()
    page.click("[data-style=scream]")
    page.wait_for_selector("[data-style=scream]:not(.failed, [aria-busy])")
    photo = picture_in(page, "#wall-photo")
    assert difference(picture_in(page, "[data-style=scream] > img"), photo) > 8
    open_stage(page, "scream")


def test_the_start_page_hangs_paintings(still_page):
    page = still_page
    photo = np.asarray(Image.open(FACE).convert("RGB").resize((64, 64)))
    hung = picture_in(page, ".frame img.seen")
    assert difference(hung, photo) > 8
    thumbs = page.locator("#exhibit-styles img")
    assert thumbs.count() == len(STYLES)
    page.click("#exhibit-styles li:last-child button")
    until(page, "document.getElementById('exhibit-label').innerText.includes('Hokusai')")
    assert difference(picture_in(page, ".frame img.seen"), hung) > 5


def test_the_paintings_at_the_start_change_until_they_are_paused(page):
    page.clock.install()
    page.reload()
    until(page, "document.getElementById('exhibit-label').innerText !== ''")
    first = page.inner_text("#exhibit-label")
    page.clock.run_for(5000)
    until(page, f"document.getElementById('exhibit-label').innerText !== {first!r}")
    second = page.inner_text("#exhibit-label")
    page.click("#exhibit-pause")
    page.clock.run_for(11_000)
    page.wait_for_timeout(500)
    assert page.inner_text("#exhibit-label") == second
    assert page.inner_text("#exhibit-pause") == "Go on"


def test_pictures_of_this_visit_lie_in_the_tray_until_they_are_forgotten(page):
    for name in ("astronaut", "coffee"):
        choose_file(page, FACE.parent / f"{name}.jpg")
    open_stage(page)
    page.go_back()
    assert page.locator("#tray-pictures li").count() == 2
    page.click("[aria-label='Picture astronaut']")
    page.wait_for_selector("#gallery")
    page.click("#empty-tray")
    assert page.is_visible("#start")
    assert not page.is_visible("#tray")
    page.go_back()
    assert not page.is_visible("#gallery")


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


def test_the_wall_is_painted_in_one_pass_and_the_stage_in_all(still_page, asked):
    page = still_page
    choose_file(page)
    until_marked(page, "fine previews")
    assert [settings["one_pass"] for settings in asked] == [True] * 2 * len(STYLES)
    asked.clear()
    open_stage(page)
    assert [(settings["brush"], settings["one_pass"]) for settings in asked] == [("default", False)]


def test_the_browsers_back_goes_to_the_start(page):
    choose_file(page)
    page.go_back()
    assert page.is_visible("#start")
    page.go_forward()
    assert page.is_visible("#wall")


def test_the_link_with_its_token_opens_a_page_that_works(browser):
    with chromium.service(public=True, token="a-token-of-nobody") as address:
        context = browser.new_context(permissions=["camera"])
        page = context.new_page()
        assert page.goto(address).status == 401
        page.goto(f"{address}/?token=a-token-of-nobody")
        assert page.url == f"{address}/"
        page.wait_for_selector(".tile[data-style]", state="attached")
        page.click("#open-camera")
        page.click("label.chip:has([value=udnie])")
        page.wait_for_selector("#rate:not([hidden])")
        page.click("#shoot")
        until_marked(page, "repaint")
        context.close()


def test_the_docs_need_no_other_host(visit):
    page = visit(path="/docs")
    assert page.wait_for_selector("[data-path='/api/stylize']").is_visible()
