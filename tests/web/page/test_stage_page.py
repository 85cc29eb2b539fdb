"""The stage: the chosen painting, its settings, and what is saved."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

from artlives import Stylizer, images
from tests.web import browser as chromium
from tests.web.browser import FACE, until, until_marked
from tests.web.page.driver import choose_file, difference, downloaded, open_stage, picture_in, repaint, screen


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


def test_the_brush_has_three_sizes(still_page, asked):
    page = still_page
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


def clip(page):
    """How much of the painting the wipe hides."""
    return page.eval_on_selector("#painted", "painted => getComputedStyle(painted).clipPath")


def test_the_painting_is_seen_whole_and_can_be_wiped_from_edge_to_edge(page):
    choose_file(page)
    painting = open_stage(page)
    photo = picture_in(page, "#before")
    shown = Image.fromarray(screen(page, "#compare")).resize((64, 64))
    assert difference(np.asarray(shown), painting) < difference(np.asarray(shown), photo) / 3
    assert clip(page) == "inset(0px 0px 0px 0%)"
    page.focus("#split")
    page.keyboard.press("End")
    assert clip(page) == "inset(0px 0px 0px 100%)"
    page.keyboard.press("ArrowLeft")
    assert clip(page) == "inset(0px 0px 0px 99%)"
    # The handle is drawn with the pointer, too.
    page.keyboard.press("Home")
    box = page.locator("#compare").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 10, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 10, middle, steps=5)
    page.mouse.up()
    assert 45 <= float(page.input_value("#split")) <= 55


def test_the_photo_is_seen_while_the_painting_is_held(page):
    choose_file(page)
    painting = open_stage(page)
    photo = picture_in(page, "#before")

    def nearer(one, other):
        shown = np.asarray(Image.fromarray(screen(page, "#compare")).resize((64, 64)))
        return difference(shown, one) < difference(shown, other)

    for target in ("#compare", "#peek"):
        page.hover(target)
        page.mouse.down()
        page.wait_for_selector(".peeking")
        assert nearer(photo, painting)
        page.mouse.up()
        assert nearer(painting, photo)
    assert not page.is_visible("#viewer")


def test_full_screen_shows_the_very_file_that_is_saved(page, tmp_path):
    path = tmp_path / "large.png"
    Image.open(FACE).convert("RGB").resize((1600, 1200)).save(path)
    choose_file(page, path)
    open_stage(page)
    page.click("#compare")
    page.wait_for_selector("#viewer")
    until(page, "document.getElementById('viewer-picture').naturalWidth === 1600")
    assert re.findall(r"\d+", page.inner_text("#viewer-note")) == ["1600", "1200"]
    full = picture_in(page, "#viewer-picture", (200, 150))
    for key, scale in (("+", 1.5), ("+", 2.25), ("0", 1)):
        page.keyboard.press(key)
        style = page.get_attribute("#viewer-moved", "style")
        assert f"scale({scale})" in style
    page.keyboard.press("Escape")
    page.wait_for_selector("#viewer", state="hidden")
    assert page.is_visible("#stage")
    page.evaluate("document.exitFullscreen().catch(() => {})")
    with page.expect_download() as download:
        page.keyboard.press("s")
    saved = Image.open(download.value.path()).convert("RGB").resize((200, 150))
    assert page.inner_text("#toast") == "large-wave.jpg is saved."
    assert difference(np.asarray(saved), full) < 3


def test_settings_belong_to_their_picture(page):
    choose_file(page)
    open_stage(page)
    page.locator("#strength").fill("40")
    repaint(page, lambda: page.check("#keep-colors"))
    page.click("#close-stage")
    page.click("#again")
    choose_file(page, FACE.parent / "coffee.jpg")
    open_stage(page)
    assert page.input_value("#strength") == "100"
    assert not page.is_checked("#keep-colors")
    page.click("#close-stage")
    # The one before lies in the tray, with its settings and its style.
    repaint(page, lambda: page.click("#tray-pictures li:last-child button"))
    assert page.input_value("#strength") == "40"
    assert page.is_checked("#keep-colors")
    assert page.inner_text("#stage-title") == "The Great Wave off Kanagawa"


@pytest.mark.parametrize("strength", [100, 50])
def test_a_cut_out_is_shown_as_it_is_saved(page, tmp_path, strength):
    """What is transparent has the colour black, which must not show."""
    photo = np.asarray(Image.open(FACE).convert("RGB")).copy()
    rows, columns = np.mgrid[:512, :512] - 256
    alpha = np.clip(220 - np.hypot(rows, columns), 0, 40) / 40
    photo[alpha == 0] = 0
    cut = np.dstack([photo, np.round(255 * alpha)]).astype(np.uint8)
    path = tmp_path / "cut-out.png"
    Image.fromarray(cut).save(path)
    choose_file(page, path)
    open_stage(page)
    page.locator("#strength").fill(str(strength))
    page.mouse.move(0, 0)
    page.eval_on_selector("#compare", "compare => (compare.style.width = '512px')")
    shown = screen(page, "#compare").astype(float)
    for button in ("#save-jpeg", "#save-png"):
        _, saved = downloaded(page, button)
        whole = Image.new("RGBA", saved.size, "white")
        whole.alpha_composite(saved.convert("RGBA"))
        there = np.asarray(whole.convert("RGB")).astype(float)
        # The edges have handle and buttons; the middle is the picture alone.
        assert np.abs(there - shown)[60:400, 60:450].mean() < 3


def test_a_phone_takes_the_painting_with_a_code(browser):
    with chromium.service(origin="http://192.168.1.5:8000") as address:
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector(".tile[data-style]", state="attached")
        choose_file(page)
        open_stage(page)
        page.click("#to-phone")
        page.wait_for_selector("#phone[open]")
        link = page.inner_text("#phone-link")
        until(page, "document.getElementById('phone-code').naturalWidth > 20")
        page.set_viewport_size({"width": 740, "height": 360})
        box = page.locator("#phone button").bounding_box()
        assert box["y"] + box["height"] <= 360
        seen = page.request.get(link.replace("http://192.168.1.5:8000", address))
        with page.expect_download() as download:
            page.keyboard.press("Escape")
            page.keyboard.press("s")
        assert seen.body() == Path(download.value.path()).read_bytes()
        page.close()


def test_nobody_is_sent_to_a_phone_that_does_not_reach_the_service(page):
    choose_file(page)
    open_stage(page)
    assert not page.is_visible("#to-phone")
