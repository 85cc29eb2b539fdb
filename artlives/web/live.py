"""The camera's stream, painted: frames come and go over one WebSocket, and the newest wins.

The client sends its settings as JSON text, then frames as binary JPEG, PNG or WebP; each painted frame
comes back as binary JPEG. While one is painted, a newer frame takes the place of one that waits: none
pile up. What is wrong with settings or a frame is answered as JSON text, {"detail": ...}.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect

from artlives import styles
from artlives.errors import ArtlivesError
from artlives.web import uploads
from artlives.web.problems import Problem, of_picture
from artlives.web.requests import LiveSettings, parse
from artlives.web.studio import Job, Studio, find

MAX_SESSIONS = 8
MAX_FRAME_BYTES = 1_000_000
MAX_FRAME_PIXELS = 2_000_000
FRAME_SIDE = 1024  # pixels of the longer side; a larger frame is reduced
QUALITY = 85
IDLE_SECONDS = 60
CLOSED_IDLE, CLOSED_FULL = 1001, 1013


class Live:
    """The live sessions of a studio."""

    def __init__(self, studio: Studio, sessions: int = MAX_SESSIONS) -> None:
        self.studio = studio
        self.free = sessions

    async def serve(self, socket: WebSocket) -> None:
        """One session, from its handshake to its end."""
        await socket.accept()
        if not self.free:
            await socket.close(CLOSED_FULL, "Too many live sessions: try again later.")
            return
        self.free -= 1
        try:
            await Session(socket, self.studio).run()
        finally:
            self.free += 1


class Session:
    def __init__(self, socket: WebSocket, studio: Studio) -> None:
        self.socket = socket
        self.studio = studio
        self.chosen: tuple[styles.Style, LiveSettings] | None = None
        self.frame: bytes | None = None  # the newest that is not painted yet
        self.arrived = asyncio.Event()

    async def run(self) -> None:
        tasks = [asyncio.create_task(self._receive()), asyncio.create_task(self._paint())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # raises what ended it
        finally:
            for task in tasks:
                task.cancel()

    async def _receive(self) -> None:
        while True:
            try:
                with anyio.fail_after(IDLE_SECONDS):
                    message = await self.socket.receive()
            except TimeoutError:
                await self.socket.close(CLOSED_IDLE, "No frame came for a minute.")
                return
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") is not None:
                await self._take_settings(message["text"])
            else:
                self.frame = message["bytes"]
                self.arrived.set()

    async def _take_settings(self, text: str) -> None:
        try:
            settings = parse(LiveSettings, _json_object(text))
            self.chosen = find(settings.style), settings
        except Problem as problem:
            await self._say(problem)

    async def _paint(self) -> None:
        while True:
            await self.arrived.wait()
            self.arrived.clear()
            frame, self.frame = self.frame, None
            try:
                painted = await self._painted(frame or b"")
                await self.socket.send_bytes(painted)
            except Problem as problem:
                await self._say(problem)
            except (WebSocketDisconnect, RuntimeError):  # it closed while its frame was painted
                return

    async def _painted(self, frame: bytes) -> bytes:
        if self.chosen is None:
            raise Problem(422, "Send the settings as JSON text before the first frame.")
        if len(frame) > MAX_FRAME_BYTES:
            raise Problem(413, f"A frame may have {MAX_FRAME_BYTES // 1000} kB.")
        (style, settings), in_file_pool = self.chosen, self.studio.in_file_pool
        photo = await in_file_pool(uploads.decode, frame, FRAME_SIDE, MAX_FRAME_PIXELS)
        job = Job(photo, style, settings.of_painting())
        try:
            painting = await self.studio.paint(job)
        except ArtlivesError as error:
            raise of_picture(error) from None
        data, _ = await in_file_pool(uploads.encode, painting, "jpeg", QUALITY)
        return data

    async def _say(self, problem: Problem) -> None:
        await self.socket.send_text(json.dumps({"detail": problem.detail}))


def _json_object(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise Problem(422, "Settings are a JSON object.")
    return given
