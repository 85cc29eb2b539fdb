"""The service's API: styles, paintings to learn, single pictures, sheets, the camera's stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from fastapi import APIRouter, Request, WebSocket
from fastapi.responses import Response
from pydantic import BaseModel

from artlives import __version__
from artlives.errors import ArtlivesError
from artlives.images import Photo
from artlives.sheet import sheet_of
from artlives.styles import Style
from artlives.web import problems, uploads
from artlives.web.learning import Learning, StyleInfo
from artlives.web.live import Live
from artlives.web.moving import Moving
from artlives.web.requests import SheetSettings, StylizeSettings, describe
from artlives.web.sharing import Sharing
from artlives.web.studio import Job, Studio, catalogue

# Seconds from the end of an upload to its painting, after which the request is answered 503.
SECONDS = 120


class Health(BaseModel):
    """That the service answers, and how many pictures it works on or has waiting."""

    status: str
    version: str
    pictures: int


class Api:
    """The answers of the API's routes.

    Args:
        studio: what paints; it is open while requests are answered.
        origin: as `Sharing` takes it.
    """

    def __init__(self, studio: Studio, origin: str | None) -> None:
        self.studio = studio
        self.live = Live(studio)
        self.learning = Learning(studio)
        self.moving = Moving(studio)
        self.sharing = Sharing(studio, origin)

    def router(self) -> APIRouter:
        """The routes; the methods' docstrings are what OpenAPI says of them."""
        router = APIRouter()
        router.add_api_route("/api/styles", self.list_styles, tags=["styles"], summary="List the styles")
        self.learning.add_routes(router)
        router.add_api_route(
            "/api/stylize",
            self.stylize,
            methods=["POST"],
            tags=["pictures"],
            summary="Repaint a picture",
            openapi_extra=describe(StylizeSettings),
            response_class=Response,
        )
        router.add_api_route(
            "/api/sheet",
            self.sheet,
            methods=["POST"],
            tags=["pictures"],
            summary="Repaint a picture in every style",
            openapi_extra=describe(SheetSettings),
            response_class=Response,
        )
        self.moving.add_routes(router)
        self.sharing.add_routes(router)
        router.add_api_websocket_route("/api/live", self.live_frames)
        router.add_api_route("/healthz", self.healthz, tags=["service"], summary="Ask whether it answers")
        return router

    async def list_styles(self) -> list[StyleInfo]:
        """The styles there are, those that the user trained among them."""
        return [StyleInfo.model_validate(style, from_attributes=True) for style in catalogue().values()]

    async def stylize(self, request: Request) -> Response:
        """Repaint a picture in a style."""
        with self.studio.slot() as slot:
            data, settings, _ = await uploads.read(request, slot, StylizeSettings)
            style = self.studio.find(settings.style)
            return await _while_connected(request, self._stylized(data, style, settings))

    async def sheet(self, request: Request) -> Response:
        """Repaint a picture in every style, side by side on one sheet, each named."""
        with self.studio.slot() as slot:
            data, settings, _ = await uploads.read(request, slot, SheetSettings)
            return await _while_connected(request, self._sheet(data, settings))

    async def live_frames(self, socket: WebSocket) -> None:
        """Paint the camera's frames; see `Live`."""
        await self.live.serve(socket)

    async def healthz(self) -> Health:
        """Whether the service answers, and how busy it is."""
        return Health(status="ok", version=__version__, pictures=self.studio.in_flight)

    async def _stylized(self, data: bytes, style: Style, settings: StylizeSettings) -> Response:
        times = Times()
        photo = await self.studio.decode(data, settings.size)
        times.note("decode")
        job = Job(photo, style, settings.of_painting())
        painting = await self._painted(job)
        times.note("queue", job.started)
        times.note("paint", job.ended)
        return await self._encoded(painting, settings.format, times)

    async def _sheet(self, data: bytes, settings: SheetSettings) -> Response:
        times = Times()
        photo = await self.studio.decode(data, settings.size)
        times.note("decode")
        paintings = []
        for style in catalogue().values():
            painting = await self._painted(Job(photo, style, settings.of_painting()))
            paintings.append((style, painting))
        times.note("paint")
        sheet = await self.studio.in_file_pool(sheet_of, photo, "", paintings, settings.columns)
        return await self._encoded(sheet, settings.format, times)

    async def _painted(self, job: Job) -> Photo:
        try:
            return await self.studio.paint(job)
        except ArtlivesError as error:
            raise problems.of_picture(error) from None

    async def _encoded(self, picture: Photo, format: str, times: Times) -> Response:
        body, media_type = await self.studio.in_file_pool(uploads.encode, picture, format)
        times.note("encode")
        return Response(body, media_type=media_type, headers=times.header())


async def _while_connected(request: Request, work: Coroutine[Any, Any, Response]) -> Response:
    """The response that `work` returns; it is cancelled when the client disconnects or after `SECONDS`."""
    task = asyncio.create_task(work)
    disconnected = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({task, disconnected}, timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if disconnected.done():
            return problems.gone()
        raise problems.Problem(
            503, f"It took longer than {SECONDS} seconds: try a smaller size.", {"Retry-After": "5"}
        )
    finally:
        task.cancel()
        disconnected.cancel()


async def _disconnected(request: Request) -> None:
    """Return when the client disconnects."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Times:
    """The seconds that the stages of an answer took, for its Server-Timing header."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._stages: list[str] = []

    def note(self, stage: str, end: float | None = None) -> None:
        """`stage` ended now, or at that time of `time.perf_counter`."""
        end = end or time.perf_counter()
        self._stages.append(f"{stage};dur={(end - self._last) * 1000:.1f}")
        self._last = end

    def header(self) -> dict[str, str]:
        """The header's name and value."""
        return {"Server-Timing": ", ".join(self._stages)}
