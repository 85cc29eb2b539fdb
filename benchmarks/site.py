"""How fast the page of `artlives site` paints in Chromium, beside the compiled core.

    python -m benchmarks.site

Writes the page, opens it from a plain web server, and prints the milliseconds of one pass and of a whole painting, with
reading and writing the picture, in the worker's one thread; of the core in one thread and in all, without; and of live
frames. Each is done once before it is measured.
"""

import base64
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from artlives import Stylizer
from artlives.core import default_threads
from artlives.site import folder
from tests.web.browser import CHROMIUM, FACE, files_served

ROUNDS = 3
STYLE = "wave"
SIDES = (512, 1024)
FRAMES = [(320, 240), (480, 360)]
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


def main() -> None:
    with tempfile.TemporaryDirectory() as root, sync_playwright() as playwright:
        folder.write(Path(root, "art"))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with files_served(root) as address:
            page = browser.new_page(reduced_motion="reduce")
            page.goto(f"{address}/art/")
            page.wait_for_selector(".tile[data-style]", state="attached")
            # Behind what the start page has painted.
            of_page(page, np.zeros((16, 16, 3), np.uint8), one_pass=True)
            threads = default_threads()
            print(
                "| pixels | | WebAssembly, 1 thread | core, 1 thread | core, default |\n| --- | --- | --: | --: | --: |"
            )
            for side in SIDES:
                photo = np.asarray(Image.open(FACE).convert("RGB").resize((side, side)))
                none = of_page(page, photo, strength=0)
                print(f"| {side} x {side} | read and written alone | {none:.0f} | | |")
                for name, one_pass in (("one pass", True), ("a painting", False)):
                    there = of_page(page, photo, one_pass=one_pass)
                    one, more = (of_core(photo, one_pass, count) for count in (1, threads))
                    print(f"| {side} x {side} | {name} | {there:.0f} | {one:.0f} | {more:.0f} |", flush=True)
            for width, height in FRAMES:
                took = typical(lambda size=(width, height): float(page.evaluate(FRAME, [*size, STYLE])))  # type: ignore[misc]
                print(f"live, {width} x {height}: {took:.0f} ms a frame")
        browser.close()


if __name__ == "__main__":
    main()
