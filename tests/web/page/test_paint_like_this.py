"""Paint like this: a painting that is shown to the page is learnt, mixed, kept and forgotten."""

import re

import numpy as np
import pytest

from artlives import styles
from artlives.web import studies
from tests.web.browser import FACE, until, until_marked
from tests.web.page.driver import (
    STYLES,
    choose_file,
    difference,
    downloaded,
    open_stage,
    picture_in,
    repaint,
)
from tests.web.study_processes import QUICK, failing, one_stage, quick, slow_stages

PAINTING = FACE.parent / "gallery" / "lake-wave.jpg"
TILE = ".tile[data-style^=study]"


@pytest.fixture
def learns(monkeypatch):
    """Lets studies' processes do something else."""
    return lambda function: monkeypatch.setattr(studies, "_study", function)


def drop(page, path, zone):
    """Drop a file onto one half of the page."""
    page.evaluate(
        """([zone, name, bytes]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/jpeg" }));
            const event = (type) => new DragEvent(type, { dataTransfer: data, cancelable: true, bubbles: true });
            document.body.dispatchEvent(event("dragover"));
            document.getElementById(zone).dispatchEvent(event("drop"));
        }""",
        [zone, path.name, list(path.read_bytes())],
    )


def show_painting(page, count=1):
    page.set_input_files("#painting", PAINTING)
    until(page, f"document.querySelectorAll({TILE!r}).length === {count}")


def stages(page, selector, is_over):
    """The pictures that an image shows one after the other."""
    seen = []
    while not page.evaluate(is_over):
        shown = picture_in(page, selector)
        if not seen or difference(shown, seen[-1]) > 1:
            seen.append(shown)
        page.wait_for_timeout(100)
    return seen


@pytest.mark.slow
def test_a_dropped_painting_is_learnt_before_ones_eyes_chosen_mixed_and_saved(
    page, tmp_path, learns, monkeypatch
):
    monkeypatch.setattr(studies, "STUDY", QUICK)
    learns(quick)
    page.set_default_timeout(120_000)
    painting = tmp_path / "Sun Flowers.jpg"
    painting.write_bytes(PAINTING.read_bytes())
    choose_file(page)
    photo = picture_in(page, "#wall-photo")
    drop(page, painting, "drop-painting")
    page.wait_for_selector(f"{TILE}:not(:disabled)")
    assert "Sun Flowers" in page.inner_text(TILE)
    assert "Learning" in page.inner_text(f"{TILE} .note")
    seen = stages(page, f"{TILE} > img", f"document.querySelector('{TILE} progress').hidden")
    assert len(seen) >= 3
    assert difference(seen[-1], photo) > 8

    alone = repaint(page, lambda: page.click(TILE))
    wave = open_stage(page, "wave")
    repaint(page, lambda: page.click(TILE))
    repaint(page, lambda: page.select_option("#other", "wave"))
    mixed = repaint(page, lambda: page.locator("#mix").fill("40"))
    assert all(1 < difference(mixed, other) < difference(alone, wave) for other in (alone, wave))
    name, picture = downloaded(page, "#save-jpeg")
    assert name == "astronaut-sun-flowers60-wave40.jpg"
    assert difference(np.asarray(picture.convert("RGB").resize((64, 64))), mixed) < 6


def test_each_stage_is_painted_on_the_stage_until_it_is_a_style(page, learns):
    learns(slow_stages)
    choose_file(page)
    show_painting(page)
    page.click(TILE)
    assert re.search(r"Learning, \d+ s left", page.inner_text("#stage-painter"))
    seen = stages(page, "#after", "document.getElementById('stage-painter').textContent === ''")
    assert len(seen) >= 2
    assert difference(seen[-1], seen[0]) > 3
    page.click("#go-live")
    page.wait_for_selector("#rate:not([hidden])")
    assert page.locator("#live-styles label").count() == 1 + len(STYLES) + 1


def test_a_style_is_kept_under_a_name(page, learns, complaints):
    learns(slow_stages)
    choose_file(page)
    show_painting(page)
    page.click(TILE)
    page.wait_for_selector("#keep")
    assert page.input_value("#keep-name") == "lake-wave"
    page.fill("#keep-name", "wave")
    page.click("#keep-button")
    page.wait_for_selector("#notice:not([hidden])")
    assert "already" in page.inner_text("#notice")
    # Chromium logs the status 409 itself.
    complaints.clear()
    page.fill("#keep-name", "my-lake")
    try:
        repaint(page, lambda: page.click("#keep-button"))
        assert page.get_attribute(".tile[aria-pressed=true]", "data-style") == "my-lake"
        assert page.locator(TILE).count() == 0
        assert "my-lake" in styles.files()
    finally:
        (styles.user_folder() / "my-lake.safetensors").unlink()


def test_styles_are_kept_from_this_machine_alone(visit, address, learns):
    learns(slow_stages)
    page = visit()
    page.evaluate("document.documentElement.classList.add('elsewhere')")
    choose_file(page)
    show_painting(page)
    page.click(TILE)
    until(page, "document.getElementById('stage-painter').textContent === ''")
    assert not page.is_visible("#keep")


def test_a_study_that_is_removed_is_forgotten_and_so_is_one_whose_page_goes_away(
    visit, page, learns, complaints
):
    learns(one_stage)
    choose_file(page)
    names = []
    for _ in range(2):
        show_painting(page)
        names.append(page.get_attribute(TILE, "data-style"))
        if len(names) == 1:
            page.click(".remove")
            page.wait_for_selector(TILE, state="detached")
    page.goto("about:blank")
    other = visit()
    for name in names:
        until(other, f"fetch('/api/styles/{name}/events').then((answer) => answer.status === 404)")
    # Chromium logs the status 404 itself.
    complaints.clear()


def test_others_in_the_queue_are_told_their_place(page, learns):
    learns(one_stage)
    choose_file(page)
    for count in (1, 2):
        show_painting(page, count)
    until(page, "document.getElementById('wall').innerText.includes('one painting is before it')")
    # The first one can be painted with; the second one waits.
    page.wait_for_selector(f"{TILE}:not(:disabled)")
    assert page.locator(f"{TILE}:disabled").count() == 1


def test_a_study_that_fails_says_why(page, learns):
    learns(failing)
    choose_file(page)
    show_painting(page)
    page.wait_for_selector(f"{TILE}.failed")
    assert "cannot be learnt" in page.inner_text(TILE)


@pytest.mark.parametrize("answer", ["photo", "painting", ""])
def test_the_page_asks_what_a_pasted_picture_is(page, learns, answer):
    learns(one_stage)
    choose_file(page)
    page.evaluate("performance.clearMarks()")
    page.evaluate(
        """(bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "image.jpg", { type: "image/jpeg" }));
            window.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
        }""",
        list((FACE.parent / "coffee.jpg").read_bytes()),
    )
    page.click(f"#which button[value='{answer}']")
    if answer == "photo":
        until_marked(page, "previews")
    if answer == "painting":
        page.wait_for_selector(TILE)
    assert page.locator("#tray-pictures li").count() == (2 if answer == "photo" else 1)
    assert page.locator(TILE).count() == (answer == "painting")


def test_before_there_is_a_photo_every_picture_is_one(page):
    page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(["x"], "me.jpg", { type: "image/jpeg" }));
            document.body.dispatchEvent(new DragEvent("dragover", { dataTransfer: data, bubbles: true }));
        }"""
    )
    assert page.is_visible("#drop-photo")
    assert not page.is_visible("#drop-painting")


def test_a_broken_painting_is_refused_in_a_sentence(page, tmp_path, complaints):
    (tmp_path / "torn.jpg").write_bytes(b"half of")
    choose_file(page)
    page.set_input_files("#painting", tmp_path / "torn.jpg")
    page.wait_for_selector("#notice:not([hidden])")
    assert "not a picture" in page.inner_text("#notice")
    assert page.locator(TILE).count() == 0
    complaints.clear()


def test_a_mix_is_repainted_small_while_its_slider_moves(page, asked):
    choose_file(page)
    until_marked(page, "fine previews")
    open_stage(page, "wave")
    repaint(page, lambda: page.select_option("#other", "udnie"))
    asked.clear()
    moved = repaint(
        page,
        lambda: page.evaluate(
            """async () => {
                const slider = document.getElementById("mix");
                for (let value = 50; value <= 90; value += 5) {
                    slider.value = value;
                    slider.dispatchEvent(new Event("input"));
                    await new Promise((resolve) => setTimeout(resolve, 60));
                }
            }"""
        ),
    )
    passes = [settings["one_pass"] for settings in asked]
    assert passes[-1] is False
    assert True in passes
    assert page.inner_text("#mix-value") == "10 % The Great Wave off Kanagawa, 90 % Udnie"
    udnie = open_stage(page, "udnie")
    assert difference(moved, udnie) < 8
    assert not page.is_visible("#mix")


def test_a_surprise_is_a_mix(page):
    choose_file(page)
    repaint(page, lambda: page.click("#surprise"))
    assert page.input_value("#other") in STYLES
    assert " and " in page.inner_text("#stage-title")
    name, _ = downloaded(page, "#save-jpeg")
    shares = re.fullmatch(r"astronaut-[a-z-]+(\d\d)-[a-z-]+(\d\d)\.jpg", name)
    assert sum(map(int, shares.groups())) == 100
