"""The camera's stream, painted: frames come and go over one WebSocket, and the newest wins.

The client sends its settings as JSON text, then frames as binary JPEG, PNG or WebP, each of which comes back painted as
binary JPEG, or as `raw` frames, which come back as such. One frame waits while another is painted; a newer one replaces
it, so that frames do not queue. What is wrong with settings or a frame is answered as JSON text, {"detail": ...}.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect

from artlives import styles
from artlives.errors import ArtlivesError, MissingPackage, needs
from artlives.images import Photo
from artlives.web import raw, uploads
from artlives.web.problems import Problem, of_picture
from artlives.web.requests import LiveSettings, json_object, parse
from artlives.web.studio import Job, Studio

if TYPE_CHECKING:
    from artlives.video.stream import Stream

# Sessions at a time. Each has one frame in the studio's queue at most, so this bounds how long a frame waits there.
MAX_SESSIONS = 8
# Of a frame that is no raw one, as it is sent: they bound the memory that a session takes.
MAX_FRAME_BYTES = 1_000_000
MAX_FRAME_PIXELS = 2_000_000
# Pixels of the longer side that a larger frame is reduced to, which bounds the time that it is painted in.
FRAME_SIDE = 1024
# Of JPEG, 1 to 100: less than `uploads.encode` takes for a picture that is kept.
QUALITY = 85
# Seconds without a message, after which a session is closed, so that others can have it.
IDLE_SECONDS = 60
# Seconds in which a client does not read what it is sent, after which its session is ended likewise.
SEND_SECONDS = 10
# WebSocket close codes of IANA's registry: going away, and try again later.
CLOSED_IDLE, CLOSED_FULL = 1001, 1013


T = TypeVar("T")


class Newest(Generic[T]):
    """A place for one value, of which the newest stays until it is taken."""

    def __init__(self) -> None:
        self._value: T | None = None
        self._is_there = asyncio.Event()

    def put(self, value: T) -> None:
        """Put a value there, in the place of one that nobody took."""
        self._value = value
        self._is_there.set()

    async def get(self) -> T:
        """Take the value as soon as there is one."""
        await self._is_there.wait()
        self._is_there.clear()
        value, self._value = self._value, None
        assert value is not None
        return value


class Frame(NamedTuple):
    """A frame that waits to be painted, and whether it came raw."""

    photo: Photo
    is_raw: bool


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
    """One client's stream, as a pipeline of tasks.

    One receives settings and frames; one reads the newest frame, and finds its motion while the frame before is
    painted; one has it painted and sends it.

    Args:
        socket: the client's, accepted.
        studio: what paints.

    Attributes:
        chosen: the style and the settings that frames are painted with; None before the client sent any.
        received: the newest frame as it came; of what waits, a newer one takes the place.
        read: the newest one that is not painted yet.
        painted: the photo that is painted now, or was painted last.
        stream: steadies the frames; None where OpenCV is missing.
    """

    def __init__(self, socket: WebSocket, studio: Studio) -> None:
        self.socket = socket
        self.studio = studio
        self.chosen: tuple[styles.Style, LiveSettings] | None = None
        self.received: Newest[bytes] = Newest()
        self.read: Newest[Frame] = Newest()
        self.painted: Photo | None = None
        self.stream = _stream()

    async def run(self) -> None:
        """Serve until the client disconnects, sends nothing for `IDLE_SECONDS` or reads nothing for `SEND_SECONDS`."""
        tasks = [asyncio.create_task(stage()) for stage in (self._receive, self._read, self._paint)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                # Raises the exception that ended the task.
                with suppress(WebSocketDisconnect):
                    task.result()
        finally:
            for task in tasks:
                task.cancel()

    async def _receive(self) -> None:
        while True:
            try:
                with anyio.fail_after(IDLE_SECONDS):
                    message = await self.socket.receive()
            except TimeoutError:
                await self._send(self.socket.close(CLOSED_IDLE, "No frame came for a minute."))
                return
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") is not None:
                await self._take_settings(message["text"])
            else:
                self.received.put(message["bytes"])

    async def _take_settings(self, text: str) -> None:
        """Paint the frames to come with these settings; if they are wrong, those before stay."""
        try:
            settings = parse(LiveSettings, json_object(text))
            self.chosen = self.studio.find(settings.style), settings
        except Problem as problem:
            await self._say(problem)

    async def _read(self) -> None:
        while True:
            data = await self.received.get()
            try:
                frame = await self._frame(data)
                if self.stream and self.painted:
                    await self.studio.in_file_pool(self.stream.look, frame.photo, self.painted)
                self.read.put(frame)
            except Problem as problem:
                await self._say(problem)

    async def _frame(self, data: bytes) -> Frame:
        if self.chosen is None:
            raise Problem(422, "Send the settings as JSON text before the first frame.")
        if raw.is_raw(data):
            return Frame(raw.read(data), is_raw=True)
        if len(data) > MAX_FRAME_BYTES:
            raise Problem(413, f"A frame may have {MAX_FRAME_BYTES // 1000} kB.")
        return Frame(await self.studio.decode(data, FRAME_SIDE, MAX_FRAME_PIXELS), is_raw=False)

    async def _paint(self) -> None:
        while True:
            frame = await self.read.get()
            try:
                await self._send(self.socket.send_bytes(await self._painting(frame)))
            except Problem as problem:
                await self._say(problem)

    async def _painting(self, frame: Frame) -> bytes:
        assert self.chosen
        style, settings = self.chosen
        self.painted = frame.photo
        try:
            job = Job(frame.photo, style, settings.of_painting(), self.stream)
            painting = await self.studio.paint(job)
        except ArtlivesError as error:
            raise of_picture(error) from None
        if frame.is_raw:
            return raw.write(painting)
        data, _ = await self.studio.in_file_pool(uploads.encode, painting, "jpeg", QUALITY)
        return data

    async def _say(self, problem: Problem) -> None:
        await self._send(self.socket.send_text(json.dumps({"detail": problem.detail})))

    async def _send(self, sending: Awaitable[None]) -> None:
        """Wait until it is sent.

        Raises:
            WebSocketDisconnect: the socket is closed, or the client has read nothing for `SEND_SECONDS`.
        """
        try:
            with anyio.fail_after(SEND_SECONDS):
                await sending
        except (TimeoutError, RuntimeError):
            # Starlette raises RuntimeError where this end has closed it.
            raise WebSocketDisconnect from None


def _stream() -> Stream | None:
    try:
        needs("a steady picture", "video", "cv2")
    except MissingPackage:
        return None
    from artlives.video.stream import Stream, one_thread

    one_thread()
    return Stream()
