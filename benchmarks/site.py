"""How fast the page of `artlives site` paints in Chromium, beside the compiled core.

    python -m benchmarks.site

Writes the page, opens it from a plain web server, and prints the milliseconds of one pass and of a whole painting, with
reading and writing the picture, by WebAssembly in the worker's one thread, and by WebGPU where Chromium has a GPU; of
the core in one thread and in all, without; and of live frames. Each is done once before it is measured. Where Chromium
computes WebGPU in software, which the page does not use, it says so and paints one small picture.
"""

import base64
import io
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from artlives import Stylizer
from artlives.core import default_threads
from artlives.site import folder
from tests.web.browser import CHROMIUM, FACE, TAKING_SOFTWARE, begin_worker, files_served

ROUNDS = 3
STYLE = "wave"
SIDES = (512, 1024)
FRAMES = [(320, 240), (480, 360)]
# Pixels a side of what a GPU in software paints, in a second.
SMALL = 128
ARGUMENTS = [
    "--no-sandbox",
    "--enable-unsafe-webgpu",
    "--enable-unsafe-swiftshader",
    "--enable-features=Vulkan",
]
WITHOUT_GPU = 'Object.defineProperty(WorkerNavigator.prototype, "gpu", { value: undefined });'
# What Chromium's GPU is called, and whether it is one in software; null without one.
ADAPTER = """async () => {
    const info = (await navigator.gpu?.requestAdapter())?.info;
    return info ? [info.description || info.vendor, info.isFallbackAdapter] : null;
}"""
# Milliseconds of a painting, and of a live frame, as the page's own modules ask for it.
PAINT = """async ([picture, settings]) => {
    const { stylize } = await import(new URL("static/api.js", document.baseURI));
    const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt());
    const start = performance.now();
    await stylize(new Blob([bytes], { type: "image/jpeg" }), settings);
    return performance.now() - start;
}"""
FRAME = """async ([width, height, style]) => {
    const { Stream } = await import(new URL("static/api.js", document.baseURI));
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    canvas.getContext("2d").fillRect(0, 0, width / 2, height);
    let painted;
    const stream = new Stream({ opened() {}, refused: console.error, painted: (bitmap) => painted(bitmap) });
    stream.settle(style);
    const start = performance.now();
    const done = new Promise((resolve) => (painted = resolve));
    await stream.send(canvas);
    (await done).close();
    stream.close();
    return performance.now() - start;
}"""


def typical(measure: Callable[[], float]) -> float:
    """The median of some rounds after a first one."""
    return median([measure() for _ in range(ROUNDS + 1)][1:])


def of_core(photo: np.ndarray, one_pass: bool, threads: int) -> float:
    stylizer = Stylizer(STYLE, precision="fp32", one_pass=one_pass)

    def measure() -> float:
        start = time.perf_counter()
        stylizer(photo, threads=threads)
        return 1000 * (time.perf_counter() - start)

    return typical(measure)


def of_page(page: Page, photo: np.ndarray, **settings: object) -> float:
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=95)
    given = [base64.b64encode(file.getvalue()).decode(), {"style": STYLE, **settings}]
    return typical(lambda: float(page.evaluate(PAINT, given)))


def of_frame(page: Page, width: int, height: int) -> float:
    return typical(lambda: float(page.evaluate(FRAME, [width, height, STYLE])))


def opened(browser: Browser, address: str, first_lines: str) -> Page:
    """A page beside the site's modules, whose worker begins with these lines."""
    context = browser.new_context(reduced_motion="reduce", service_workers="block")
    begin_worker(context, first_lines)
    page = context.new_page()
    page.goto(f"{address}/art/blank.html")
    return page


def main() -> None:
    with tempfile.TemporaryDirectory() as root, sync_playwright() as playwright:
        folder.write(Path(root, "art"))
        # The site's own page paints what its start shows.
        Path(root, "art/blank.html").write_text("<!doctype html><title>blank</title>")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        with files_served(root) as address:
            pages = {"WebAssembly, 1 thread": opened(browser, address, WITHOUT_GPU)}
            name, is_software = next(iter(pages.values())).evaluate(ADAPTER) or (None, False)
            if is_software:
                page = opened(browser, address, TAKING_SOFTWARE)
                took = of_page(page, photo_of(SMALL), one_pass=True)
                print(f"WebGPU in software ({name}), {SMALL} x {SMALL}, one pass: {took:.0f} ms\n")
            elif name:
                pages[f"WebGPU ({name})"] = opened(browser, address, "")
            compare(pages)
        browser.close()


def photo_of(side: int) -> np.ndarray:
    return np.asarray(Image.open(FACE).convert("RGB").resize((side, side)))


def compare(pages: dict[str, Page]) -> None:
    """Print the milliseconds of pages, by what paints in them, and of the core."""
    threads = default_threads()
    heads = ["pixels", "", *pages, "core, 1 thread", "core, default"]
    print(row(heads) + "\n| --- | --- |" + " --: |" * (len(heads) - 2))
    for side in SIDES:
        photo, pixels = photo_of(side), f"{side} x {side}"
        none = [of_page(page, photo, strength=0) for page in pages.values()]
        print(row([pixels, "read and written alone", *none, "", ""]))
        for name, one_pass in (("one pass", True), ("a painting", False)):
            there = [of_page(page, photo, one_pass=one_pass) for page in pages.values()]
            here = [of_core(photo, one_pass, count) for count in (1, threads)]
            print(row([pixels, name, *there, *here]), flush=True)
    for width, height in FRAMES:
        frames = [of_frame(page, width, height) for page in pages.values()]
        print(row([f"{width} x {height}", "a live frame", *frames, "", ""]))


def row(cells: Sequence[str | float]) -> str:
    return "| " + " | ".join(f"{cell:.0f}" if isinstance(cell, float) else cell for cell in cells) + " |"


if __name__ == "__main__":
    main()
