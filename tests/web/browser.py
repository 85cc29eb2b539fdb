"""A real Chromium, a camera that shows a face, and a service for the page to talk to."""

import shutil
import socket
import threading
import time
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from PIL import Image

from artlives.site import folder
from artlives.web.app import create_app
from artlives.web.server import configuration

FACE = Path(__file__).parents[2] / "images" / "astronaut.jpg"
# Seconds, on a busy machine.
PATIENCE = 60
SITE_WORKER = Path(folder.__file__).parent / "static/worker.js"
# Before the static page's worker looks for a GPU: one in software passes for one then.
TAKING_SOFTWARE = 'Object.defineProperty(GPUAdapterInfo.prototype, "isFallbackAdapter", { value: false });'
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def service(**options):
    """The address of a service that runs on a thread, with the styles that come with artlives."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(configuration(create_app(device="cpu", **options)))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(PATIENCE)


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def files_served(directory):
    """The address of a web server that knows nothing but files."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=directory))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)


def begin_worker(context: Any, lines: str) -> None:
    """Let the worker of `artlives site` begin with some lines of JavaScript, in pages that the context opens."""
    body = lines + SITE_WORKER.read_text()
    context.route("**/worker.js", lambda route: route.fulfill(body=body, content_type="text/javascript"))


def film(path, size=(640, 480), frames=30):
    """A motion JPEG of a face that sways, with the noise of a camera; what Chromium takes for its camera's picture."""
    width, height = size
    # The face sways this far.
    room = width // 16
    face = Image.open(FACE).convert("RGB").resize((width + room, width + room), Image.Resampling.BICUBIC)
    noise = np.random.default_rng(0)
    with path.open("wb") as file:
        for i in range(frames):
            left = round(room / 2 * (1 + np.sin(2 * np.pi * i / frames)))
            frame = np.asarray(face.crop((left, 10, left + width, 10 + height))).astype(float)
            frame = (frame + noise.normal(0, 3, frame.shape)).clip(0, 255).astype(np.uint8)
            Image.fromarray(frame).save(file, "JPEG", quality=90)
    return path


def until(page, expression):
    """Wait until an expression is true in the page; Playwright's own way is barred by the page's policy."""
    end = time.monotonic() + PATIENCE
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"in vain waited for {expression}"
        page.wait_for_timeout(30)


def until_marked(page, name):
    until(page, f"performance.getEntriesByName({name!r}).length > 0")
