"""The page for everybody: by keyboard, on small screens, in dark, to assistive technology."""

import json

import pytest

from tests.web.browser import FACE, until_marked
from tests.web.page.driver import choose_file, open_stage


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_is_accessible(visit, scheme):
    page = visit(360, 740, color_scheme=scheme, reduced_motion="reduce")

    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def check():
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        found = axe.run(page).response["violations"]
        assert found == [], json.dumps(found, indent=1)[:3000]

    check()
    choose_file(page)
    check()
    open_stage(page)
    check()
    page.click("#go-live")
    page.wait_for_selector("#rate:not([hidden])")
    check()


def rectangle(page, selector):
    """(left, top, right, bottom) of an element in the window, as shares of it."""
    return page.evaluate(
        """(selector) => {
            const { left, top, right, bottom } = document.querySelector(selector).getBoundingClientRect();
            return [left / innerWidth, top / innerHeight, right / innerWidth, bottom / innerHeight];
        }""",
        selector,
    )


@pytest.mark.parametrize("size", [(360, 740), (740, 360), (768, 1024), (1366, 768), (1440, 900)])
@pytest.mark.parametrize("photo", ["hopper.jpg", "lake.jpg"])
def test_painting_and_strip_are_on_the_screen_after_a_tap_and_stay_there(visit, size, photo):
    page = visit(*size)
    choose_file(page, FACE.parent / photo)
    until_marked(page, "fine previews")
    page.locator("[data-style=wave]").scroll_into_view_if_needed()
    open_stage(page)
    # As far as it goes.
    for scroll in (0, 300):
        page.evaluate("top => window.scrollTo({ top, behavior: 'instant' })", scroll)
        for selector in ("#compare", ".tile[aria-pressed=true]"):
            left, top, right, bottom = rectangle(page, selector)
            assert (left, top) >= (0, 0), selector
            assert right <= 1.001, selector
            assert bottom <= 1.001, selector
    left, top, right, bottom = rectangle(page, "#compare")
    assert max(right - left, bottom - top) > 0.4


@pytest.mark.parametrize("size", [(360, 740), (740, 360), (1440, 900)])
def test_the_booth_fits_on_the_screen(visit, size):
    page = visit(*size)
    page.click("#open-camera")
    until_marked(page, "strip painted")
    for selector in ("#mirror", "#shoot", "#close-camera", "#burst", "#live-styles"):
        left, top, right, bottom = rectangle(page, selector)
        assert min(left, top) >= 0, selector
        assert max(right, bottom) <= 1.001, selector


def test_arrows_go_along_the_strip_of_styles(page):
    choose_file(page)
    open_stage(page, "udnie")
    for key, style in (("ArrowRight", "wave"), ("ArrowRight", "rain-princess"), ("ArrowLeft", "wave")):
        page.keyboard.press(key)
        assert page.get_attribute("[aria-pressed=true].tile", "data-style") == style
    page.focus("#strength")
    page.keyboard.press("ArrowLeft")
    assert page.get_attribute("[aria-pressed=true].tile", "data-style") == "wave"
    assert page.input_value("#strength") == "95"


def test_a_kiosk_has_no_files_and_starts_again_when_nobody_is_there(visit):
    page = visit(path="/#kiosk")
    page.clock.install()
    page.reload()
    page.wait_for_selector(".tile[data-style]", state="attached")
    assert not page.is_visible("label[for=file]")
    page.click("[data-sample=astronaut]")
    page.click(".tile[data-style=wave]:not([aria-busy])")
    page.wait_for_selector("#stage")
    assert not page.is_visible("label[for=painting]")
    for selector in ("#save-jpeg", "#save-png", "#copy", "#save-sheet"):
        assert not page.is_visible(selector)
    page.keyboard.press("s")
    page.clock.run_for(59_000)
    assert page.is_visible("#stage")
    page.clock.run_for(2000)
    assert page.is_visible("#start")
    assert page.locator("#tray-pictures li").count() == 0
