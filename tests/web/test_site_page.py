"""The page as static files, on a plain web server, in a folder of it."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from artlives import Stylizer
from artlives.site import folder
from tests.web.browser import FACE, PATIENCE, files_served, until, until_marked
from tests.web.page.driver import STYLES, choose_file, downloaded, open_stage, picture_in

# Pixels a side.
SMALL = 128


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """What a web server holds: the page lies in a folder of it."""
    root = tmp_path_factory.mktemp("root")
    folder.write(root / "art")
    return root


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "face.png"
    Image.open(FACE).convert("RGB").resize((SMALL, SMALL * 3 // 4)).save(path)
    return path


@pytest.fixture
def visit(browser):
    """Open the page; in the end, nothing may have gone wrong in it, and nothing come from elsewhere."""
    contexts, complaints = [], []

    def open_page(address):
        context = browser.new_context(viewport={"width": 1200, "height": 900}, reduced_motion="reduce")
        context.set_default_timeout(PATIENCE * 1000)
        context.grant_permissions(["camera"], origin=address)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((f"{address}/art/", f"blob:{address}"))
                else complaints.append(request.url)
            ),
        )
        page.goto(f"{address}/art/")
        page.wait_for_selector(".tile[data-style]", state="attached")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.slow
def test_a_visit_and_one_without_a_connection(visit, root, photo):
    with files_served(root) as address:
        page = visit(address)
        page.set_input_files("#file", files=[{"name": "a.heic", "mimeType": "image/heic", "buffer": b"none"}])
        page.wait_for_selector("#notice:not([hidden])")
        assert "cannot read the picture" in page.inner_text("#notice-text")
        choose_file(page, photo)
        shown = [picture_in(page, f".tile[data-style={style}] img") for style in STYLES]
        assert all(np.abs(a.astype(int) - b).mean() > 5 for i, a in enumerate(shown) for b in shown[:i])
        open_stage(page, "wave")
        name, saved = downloaded(page, "#save-png")
        assert name == "face-wave.png"
        assert saved.size == (SMALL, SMALL * 3 // 4)
        wanted = np.asarray(Stylizer("wave", precision="fp32")(Image.open(photo))).astype(int)
        assert np.abs(np.asarray(saved.convert("RGB")) - wanted).max() <= 2
        assert not page.is_visible("#painting ~ label")
        until(page, "navigator.serviceWorker.controller !== null")
    page.context.set_offline(True)
    page.reload()
    choose_file(page, photo)
    assert np.array_equal(picture_in(page, ".tile[data-style=udnie] img"), shown[STYLES.index("udnie")])


@pytest.mark.slow
def test_a_selfie_live(visit, root):
    with files_served(root) as address:
        page = visit(address)
        page.click("#open-camera")
        until_marked(page, "strip painted")
        page.click(".chip:has(input[value=scream])")
        page.wait_for_selector("#rate:not([hidden])")
        live = picture_in_canvas(page)
        assert live.std() > 20
        page.click("#close-camera")
        page.wait_for_selector("#start:not([hidden])")


def picture_in_canvas(page):
    data = page.evaluate("document.querySelector('#live').toDataURL('image/png').split(',')[1]")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
