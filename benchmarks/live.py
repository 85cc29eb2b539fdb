"""How fast live mode is, end to end in Chromium, and where a frame's time goes.

    python -m benchmarks.live [--seconds 15] [--side 480] [--camera 1280x960]

Opens the page with a camera that shows a face, is painted live for some seconds, and prints the frames that the page
drew a second, how even their intervals were, the milliseconds of each part of a frame, and the processor time of each
process for a frame. `--side` fixes the longer side of what is painted; else the page chooses it.

Chromium is talked to by its own protocol: Playwright has it pass on each message of a WebSocket, which takes
longer than what is measured.
"""

import argparse
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from websockets.sync.client import ClientConnection, connect

from tests.web.browser import CHROMIUM, film, service

STYLE = "wave"
# Seconds of live mode before the measured ones: the page has found its size by then.
WARM_UP = 6

# Notes what the page does for a frame, in milliseconds; what is called at once is also noted as it lasts.
NOTES = """
(() => {
    const notes = (window.notes = {});
    const note = (name, value) => (notes[name] ??= []).push(value);
    const timed = (name, object, method) => {
        const original = object[method];
        object[method] = function (...given) {
            const begun = performance.now();
            const result = original.apply(this, given);
            if (!(result instanceof Promise)) note(name, performance.now() - begun);
            else result.then(() => note(name, performance.now() - begun));
            return result;
        };
    };
    timed("page: bytes read from the canvas", CanvasRenderingContext2D.prototype, "getImageData");
    timed("page: painting decoded", window, "createImageBitmap");
    const { toBlob } = HTMLCanvasElement.prototype;
    HTMLCanvasElement.prototype.toBlob = function (done, ...given) {
        const begun = performance.now();
        toBlob.call(this, (blob) => { note("page: JPEG encoded", performance.now() - begun); done(blob); }, ...given);
    };
    const { send } = WebSocket.prototype;
    WebSocket.prototype.send = function (data) {
        if (typeof data !== "string") {
            this.waiting ??= [];
            this.waiting.push(performance.now());
            if (this.waiting.length === 1 && !this.isFollowed) {
                this.isFollowed = true;
                this.addEventListener("message", () =>
                    note("from sending to receiving", performance.now() - this.waiting.shift()));
            }
        }
        send.call(this, data);
    };
    const drawn = CanvasRenderingContext2D.prototype.drawImage;
    let last = 0;
    CanvasRenderingContext2D.prototype.drawImage = function (...given) {
        // The first thing that is drawn for a frame onto the canvas that is shown.
        if (this.canvas.id === "live" && this.globalCompositeOperation === "copy") {
            const now = performance.now();
            if (last) note("interval", now - last);
            last = now;
        }
        drawn.apply(this, given);
    };
})();
"""


class Page:
    """A page of Chromium's.

    Args:
        socket: its end of Chromium's protocol.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._count = 0

    def call(self, method: str, **parameters: Any) -> Any:
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._count:
                return answer["result"]

    def open(self, link: str) -> None:
        self.call("Page.enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=NOTES)
        self.call("Page.navigate", url=link)

    def evaluate(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, expression: str) -> None:
        while not self.evaluate(expression):
            time.sleep(0.1)

    def click(self, selector: str) -> None:
        self.until(f"Boolean(document.querySelector({selector!r}))")
        self.evaluate(f"document.querySelector({selector!r}).click()")


def serve(pipe: Connection, side: int | None) -> None:
    """What a process does: it serves the page, and notes how long the parts of each frame take."""
    from artlives.stylizer import Stylizer
    from artlives.video import stream
    from artlives.video.stream import Stream
    from artlives.web import app, uploads
    from artlives.web.studio import Studio

    notes: dict[str, list[float]] = defaultdict(list)

    def timed(name: str, owner: Any, method: str) -> None:
        original: Callable[..., Any] = getattr(owner, method)

        def noting(*given: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            result = original(*given, **named)
            notes[name].append(1000 * (time.perf_counter() - begun))
            return result

        setattr(owner, method, noting)

    def timed_coroutine(name: str, owner: Any, method: str) -> None:
        original: Callable[..., Any] = getattr(owner, method)

        async def noting(*given: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            result = await original(*given, **named)
            notes[name].append(1000 * (time.perf_counter() - begun))
            return result

        setattr(owner, method, noting)

    timed("service: optical flow", stream, "motion")
    timed("service: network", Stylizer, "__call__")
    timed("service: flow, network and mixing", Stream, "paint")
    timed("service: JPEG encoded", uploads, "encode")
    timed_coroutine("service: JPEG decoded, in a process of its own", Studio, "decode")
    timed_coroutine("service: queue and painting", Studio, "paint")
    with tempfile.TemporaryDirectory() as folder:
        if side:
            static = Path(shutil.copytree(app.STATIC, Path(folder) / "static"))
            pace = static / "pace.js"
            pace.write_text(re.sub(r"SIDES = \[.*?\]", f"SIDES = [{side}]", pace.read_text()))
            app.STATIC = static
        with service() as link:
            pipe.send(link)
            pipe.recv()
            notes.clear()
            pipe.recv()
            pipe.send(dict(notes))


@contextmanager
def served(side: int | None) -> Iterator[tuple[str, Connection, int]]:
    """A service's address, what its process is told by, and its id."""
    context = get_context("spawn")
    pipe, other = context.Pipe()
    process = context.Process(target=serve, args=(other, side))
    process.start()
    try:
        assert process.pid
        yield pipe.recv(), pipe, process.pid
    finally:
        process.terminate()
        process.join()


@contextmanager
def opened(link: str, camera: tuple[int, int]) -> Iterator[Page]:
    """The page in a Chromium whose camera shows a face in that size."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        film(Path(folder) / "face.mjpeg", camera)
        process = subprocess.Popen(
            [
                str(CHROMIUM),
                "--headless",
                "--no-sandbox",
                "--window-size=1440,900",
                f"--user-data-dir={folder}/profile",
                "--remote-debugging-port=0",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-video-capture={folder}/face.mjpeg",
            ],
            stderr=subprocess.DEVNULL,
        )
        try:
            port, browser = _told(Path(folder) / "profile" / "DevToolsActivePort")
            with connect(f"ws://127.0.0.1:{port}{browser}") as socket:
                target = Page(socket).call("Target.createTarget", url="about:blank")["targetId"]
            address = f"ws://127.0.0.1:{port}/devtools/page/{target}"
            with connect(address, max_size=None) as socket:
                page = Page(socket)
                page.open(link)
                yield page
        finally:
            process.terminate()
            process.wait()


def _told(file: Path) -> list[str]:
    """The port and the path that Chromium writes down as soon as it can be talked to."""
    while not file.exists() or len(file.read_text().splitlines()) < 2:
        time.sleep(0.1)
    return file.read_text().splitlines()


def processor_seconds(service: int) -> dict[str, float]:
    """Of the service and its children, and of each kind of Chromium's processes."""
    used: dict[str, float] = defaultdict(float)
    for process in psutil.Process().children(recursive=True):
        line = " ".join(process.cmdline())
        kind = re.search(r"--(?:utility-sub-)?type=(?:utility .*?--utility-sub-type=)?([\w.-]+)", line)
        if process.pid == service:
            name = "service"
        elif "artlives.web.decoding" in line:
            name = "service: decoder"
        elif "chromium" in line:
            name = f"Chromium: {kind[1] if kind else 'browser'}"
        else:
            continue
        times = process.cpu_times()
        used[name] += times.user + times.system
    return used


def measure(page: Page, pipe: Connection, pid: int, seconds: float) -> None:
    page.until("Boolean(document.querySelector('.tile[data-style]'))")
    page.click("#open-camera")
    page.until("!document.getElementById('camera').hidden")
    page.click(f"#live-styles [value={STYLE}]")
    page.until("!document.getElementById('rate').hidden")
    time.sleep(WARM_UP)
    pipe.send("begin")
    page.evaluate("for (const name in notes) notes[name] = []")
    before = processor_seconds(pid)
    time.sleep(seconds)
    notes = page.evaluate("notes")
    after = processor_seconds(pid)
    pipe.send("end")
    notes |= pipe.recv()
    intervals = np.array(notes.pop("interval"))
    print(page.evaluate("document.getElementById('rate').title"), "by the page's own count")
    print(f"{1000 * len(intervals) / intervals.sum():.1f} frames a second; milliseconds between two frames:")
    for share in (5, 50, 95, 99):
        print(f"  {np.percentile(intervals, share):6.1f}  {share} % are shorter")
    print("milliseconds of the parts of a frame, median:")
    for name, values in notes.items():
        print(
            f"  {np.median(values) if values else 0:6.1f}  {name} ({len(values) / len(intervals):.1f} a frame)"
        )
    print("milliseconds of processor time for a frame:")
    for name, used in sorted(after.items()):
        print(f"  {1000 * (used - before.get(name, 0)) / len(intervals):6.1f}  {name}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Live mode's speed, and where a frame's time goes.")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--side", type=int, help="pixels of the longer side that is painted")
    parser.add_argument("--camera", default="1280x960", help="size of the camera's picture")
    options = parser.parse_args()
    width, height = map(int, options.camera.split("x"))
    with served(options.side) as (link, pipe, pid), opened(link, (width, height)) as page:
        measure(page, pipe, pid, options.seconds)


if __name__ == "__main__":
    main()
