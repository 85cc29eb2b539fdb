"""How fast the selfie page is, end to end in Chromium, and what it looks like.

    python -m benchmarks.page [--live 20] [--screenshots FOLDER]

Starts `artlives serve`, opens the page with a camera that shows a face at 1280 x 960, and prints the seconds
from the picture to all small previews, to all fine ones, to the chosen painting at 1280 pixels, and the rate of live
mode after so many seconds. Each is done once before it is measured. With --screenshots, the page is pictured at 360
and 1440 pixels, in light and in dark.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, Page, sync_playwright

from tests.web.browser import CHROMIUM, film, until_marked

ROUNDS = 5
STYLE = "wave"
SCREENS = [(360, 740), (740, 360), (768, 1024), (1440, 900), (2560, 1440)]


@contextmanager
def service() -> Iterator[str]:
    command = [sys.executable, "-u", "-m", "artlives", "serve", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def seconds(page: Page, start: str, end: str) -> float:
    """Between two of the page's own marks."""
    begun, ended = (
        page.evaluate("name => performance.getEntriesByName(name).at(-1).startTime", name)
        for name in (start, end)
    )
    return float(ended - begun) / 1000


def take_selfie(page: Page) -> None:
    page.click("#open-camera")
    page.click("#shoot")
    page.wait_for_selector("#gallery", timeout=60_000)
    until_marked(page, "fine previews")


def measure(browser: Browser, link: str, live: float) -> None:
    previews, fine, chosen = [], [], []
    for _ in range(ROUNDS + 1):
        page = open_page(browser, link, 1440, 900)
        take_selfie(page)
        previews.append(seconds(page, "taken", "previews"))
        fine.append(seconds(page, "taken", "fine previews"))
        page.click(f".tile[data-style={STYLE}]")
        until_marked(page, "repaint")
        chosen.append(page.evaluate("performance.getEntriesByName('repaint').at(-1).duration") / 1000)
        page.context.close()
    for name, times in (
        ("all small previews", previews),
        ("all fine previews", fine),
        ("chosen at 1280", chosen),
    ):
        print(f"{name:20} {median(times[1:]):.2f} s (worst of {ROUNDS}: {max(times[1:]):.2f} s)")

    page = open_page(browser, link, 1440, 900)
    page.click("#open-camera")
    page.click(f"#live-styles label:has([value={STYLE}])")
    page.wait_for_selector("#rate:not([hidden])")
    rates = []
    for _ in range(int(live)):
        page.wait_for_timeout(1000)
        rates.append(page.get_attribute("#rate", "title"))
    print("live mode, each second:", *dict.fromkeys(rates), sep="\n  ")
    page.context.close()


def open_page(browser: Browser, link: str, width: int, height: int, scheme: str = "light") -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
        permissions=["camera"],
    )
    page = context.new_page()
    page.goto(link)
    page.wait_for_selector(".tile[data-style]", state="attached")
    return page


def picture(browser: Browser, link: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for width, height in SCREENS:
        for scheme in ("light", "dark"):
            page = open_page(browser, link, width, height, scheme)

            def shot(view: str, page: Page = page, name: str = f"{width}x{height}-{scheme}") -> None:
                page.mouse.move(0, 0)
                page.wait_for_timeout(1500)  # the pictures fade in
                page.screenshot(path=folder / f"{view}-{name}.jpg", type="jpeg", quality=90)

            until_marked(page, "exhibited")
            shot("start")
            page.click("#open-camera")
            until_marked(page, "strip painted")
            page.click(f"#live-styles label:has([value={STYLE}])")
            page.wait_for_selector("#rate:not([hidden])")
            shot("live")
            page.click("#live-styles label:has([value=''])")
            page.click("#shoot")
            until_marked(page, "fine previews")
            shot("wall")
            page.click(f".tile[data-style={STYLE}]")
            until_marked(page, "repaint")
            shot("stage")
            page.context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="The selfie page's speed and looks, in Chromium.")
    parser.add_argument("--live", type=float, default=20, help="seconds of live mode")
    parser.add_argument(
        "--screenshots", metavar="FOLDER", type=Path, help="picture the page instead of measuring"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, service() as link, sync_playwright() as playwright:
        arguments = [
            "--no-sandbox",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={film(Path(folder) / 'face.mjpeg', (1280, 960))}",
        ]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        if options.screenshots:
            picture(browser, link, options.screenshots)
        else:
            measure(browser, link, options.live)
        browser.close()


if __name__ == "__main__":
    main()
