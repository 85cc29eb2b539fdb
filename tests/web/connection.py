"""How tests connect to an application, and what they send it."""

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor

from starlette.testclient import TestClient

HERE = "http://127.0.0.1:8000"


def connect(app, **options):
    defaults = {"base_url": HERE, "client": ("127.0.0.1", 50000), "raise_server_exceptions": False}
    return TestClient(app, **(defaults | options))


def picture_bytes(image, format, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def live(client, query="", **options):
    """A WebSocket to the client's service; by itself `TestClient` asks for one at another host."""
    return client.websocket_connect(f"ws://{client.base_url.netloc.decode()}/api/live{query}", **options)


def run(coroutine):
    """What a coroutine returns; in a thread of its own, since Playwright's loop runs in the tests' thread."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, coroutine).result()
