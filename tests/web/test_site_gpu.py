"""The page's paintings by WebGPU, on a GPU that Chromium computes in software, against Python's."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from artlives import Stylizer
from artlives.site import folder
from tests.web.browser import CHROMIUM, FACE, PATIENCE, TAKING_SOFTWARE, begin_worker, files_served

ARGUMENTS = ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]
# The worker counts how often it has the GPU do something.
COUNTING = """
    self.submitted = 0;
    const { submit } = GPUQueue.prototype;
    GPUQueue.prototype.submit = function (...given) {
        self.submitted++;
        submit.apply(this, given);
    };
"""
# Of a photo: as the page's modules paint it, as they paint a frame, and what comes of it when it is ended.
PAINT = """async ([photo, style]) => {
    const { stylize } = await import(new URL("static/api.js", document.baseURI));
    const picture = await (await fetch(photo)).blob();
    const painting = await stylize(picture, { style, one_pass: true, format: "png" });
    return btoa(String.fromCharCode(...new Uint8Array(await painting.arrayBuffer())));
}"""
PAINT_LIVE = """async ([photo, style]) => {
    const { Stream } = await import(new URL("static/api.js", document.baseURI));
    const picture = await createImageBitmap(await (await fetch(photo)).blob());
    const { width, height } = picture;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    const painting = await new Promise((painted, refused) => {
        const stream = new Stream({ opened() {}, painted, refused });
        stream.settle(style);
        stream.send(canvas);
    });
    context.drawImage(painting, 0, 0);
    return canvas.toDataURL("image/png").split(",")[1];
}"""
END = """async ([photo, style]) => {
    const { stylize } = await import(new URL("static/api.js", document.baseURI));
    const picture = await (await fetch(photo)).blob();
    const ending = new AbortController();
    setTimeout(() => ending.abort(), 0);
    const painting = stylize(picture, { style, one_pass: true, format: "png" }, ending.signal);
    return painting.catch((error) => error.name);
}"""


@pytest.fixture(scope="module")
def open_page(browser, tmp_path_factory):
    """Open a page beside the page's modules, whose worker begins with some lines."""
    root = tmp_path_factory.mktemp("root")
    folder.write(root)
    (root / "blank.html").write_text("<!doctype html><title>blank</title>")
    software = browser.browser_type.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    with files_served(root) as address:

        def open_page(hook=""):
            context = software.new_context(service_workers="block")
            context.set_default_timeout(PATIENCE * 1000)
            begin_worker(context, TAKING_SOFTWARE + COUNTING + hook)
            page = context.new_page()
            page.goto(f"{address}/blank.html")
            return page

        yield open_page
        software.close()


@pytest.fixture(scope="module")
def page(open_page):
    """One for all paintings, since software takes ten seconds to compile the kernels."""
    return open_page()


def photo_of(width, height):
    return np.asarray(Image.open(FACE).convert("RGB").resize((width, height)))


def run(page, script, photo, style):
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "PNG")
    return page.evaluate(
        script, ["data:image/png;base64," + base64.b64encode(file.getvalue()).decode(), style]
    )


def error(page, photo, style, script=PAINT):
    """How far the page's painting of a photo is from Python's at most."""
    data = base64.b64decode(run(page, script, photo, style))
    painting = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    shares = dict(part.split(":") for part in style.split(",") if ":" in part)
    mix = {name: float(share) for name, share in shares.items()}
    return np.abs(painting - Stylizer(mix or style, precision="fp32", one_pass=True)(photo)).max()


def submitted(page):
    return page.workers[0].evaluate("submitted")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("style", "photo", "script"),
    [
        ("wave", photo_of(61, 83), PAINT),
        ("scream", photo_of(150, 101), PAINT),
        ("rain-princess:0.25,shipwreck:0.75", photo_of(64, 48), PAINT),
        # Nothing but the grain varies in it: normalization enlarges what is wrong with it.
        ("udnie", np.full((56, 40, 3), 128, np.uint8), PAINT),
        ("udnie", photo_of(64, 48), PAINT_LIVE),
    ],
    ids=["odd", "tiles", "mixed", "flat", "live"],
)
def test_paintings_are_those_of_python(page, style, photo, script):
    assert error(page, photo, style, script) <= 2
    assert submitted(page) > 0


@pytest.mark.slow
def test_a_painting_that_is_ended_leaves_the_gpu_in_use(page):
    photo = photo_of(61, 83)
    assert error(page, photo, "wave") <= 2
    assert run(page, END, photo, "wave") == "AbortError"
    before = submitted(page)
    assert error(page, photo, "wave") <= 2
    assert submitted(page) > before


@pytest.mark.slow
@pytest.mark.parametrize(
    "hook",
    [
        "const { requestDevice } = GPUAdapter.prototype; GPUAdapter.prototype.requestDevice = async function () { "
        "const device = await requestDevice.apply(this); device.destroy(); return device; };",
        "GPUDevice.prototype.createComputePipelineAsync = async () => { throw new Error('no compiler'); };",
        "const { createShaderModule } = GPUDevice.prototype; "
        "GPUDevice.prototype.createShaderModule = function ({ code }) { "
        "return createShaderModule.call(this, { code: code.replaceAll('sqrt(', 'abs(') }); };",
    ],
    ids=["lost", "without a compiler", "wrong"],
)
def test_webassembly_paints_for_a_gpu_that_fails(open_page, hook):
    page = open_page(hook)
    photo = photo_of(61, 83)
    assert error(page, photo, "wave") <= 2
    tried = submitted(page)
    assert error(page, photo, "scream") <= 2
    assert submitted(page) == tried
