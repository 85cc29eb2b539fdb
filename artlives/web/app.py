"""The service's routes. `create_app` makes the application that `server.serve` runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.middleware import Middleware

from artlives import __version__
from artlives.errors import ArtlivesError
from artlives.files import sample_photos
from artlives.images import Photo
from artlives.sheet import sheet_of
from artlives.web import problems, uploads
from artlives.web.guard import DOCS_CSP, Guard
from artlives.web.live import Live
from artlives.web.requests import SheetSettings, StylizeSettings, describe
from artlives.web.studio import PLACES, Full, Job, Studio, catalogue, find

STATIC = Path(__file__).parent / "static"
SAMPLES = ("astronaut", "chelsea", "coffee")
SECONDS = 120  # from the end of an upload to its painting


class StyleInfo(BaseModel):
    """A style, and the painting it was learned from."""

    name: str
    painting: str
    painter: str
    year: str
    licence: str


class Health(BaseModel):
    """That the service answers, and how many pictures it works on or has waiting."""

    status: str
    version: str
    pictures: int


def create_app(
    *,
    device: str = "auto",
    places: int = PLACES,
    names: frozenset[str] = frozenset(),
    public: bool = False,
    token: str | None = None,
) -> FastAPI:
    """The application.

    Args:
        device: where to paint, as `Stylizer` takes it.
        places: requests in work or waiting, beyond which others are answered 503.
        names, public, token: as `Guard` takes them.
    """
    studio = Studio(device, places)
    live = Live(studio)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with studio.open():
            yield

    app = FastAPI(
        title="Art Lives",
        version=__version__,
        description="Repaints photographs in the style of a painter, on this machine. The WebSocket /api/live takes "
        'settings as JSON text, such as {"style": "wave"}, then frames as binary JPEG, and answers with painted ones.',
        lifespan=lifespan,
        docs_url=None,  # our own page, below: FastAPI's takes its scripts from another host
        redoc_url=None,
        exception_handlers={**problems.HANDLERS, Full: _on_full},
        middleware=[Middleware(Guard, names=names, public=public, token=token)],
    )

    @app.get("/api/styles")
    async def list_styles() -> list[StyleInfo]:
        """The styles there are, those that the user trained among them."""
        return [StyleInfo.model_validate(style, from_attributes=True) for style in catalogue().values()]

    @app.post("/api/stylize", openapi_extra=describe(StylizeSettings), response_class=Response)
    async def stylize(request: Request) -> Response:
        """Repaint a picture in a style."""
        with studio.place():
            data, settings = await uploads.read(request, StylizeSettings)
            style = find(settings.style)

            async def work() -> Response:
                times = Times()
                photo = await studio.on_files(uploads.decode, data, settings.size)
                times.note("decode")
                job = Job(photo, style, settings.of_painting())
                painting = await _painted(studio, job)
                times.note("queue", job.started)
                times.note("paint", job.ended)
                body, media_type = await studio.on_files(uploads.encode, painting, settings.format)
                times.note("encode")
                return Response(body, media_type=media_type, headers=times.header())

            return await _while_there(request, work())

    @app.post("/api/sheet", openapi_extra=describe(SheetSettings), response_class=Response)
    async def sheet(request: Request) -> Response:
        """Repaint a picture in every style, side by side on one sheet, each named."""
        with studio.place():
            data, settings = await uploads.read(request, SheetSettings)

            async def work() -> Response:
                times = Times()
                photo = await studio.on_files(uploads.decode, data, settings.size)
                times.note("decode")
                paintings = []
                for style in catalogue().values():
                    painting = await _painted(studio, Job(photo, style, settings.of_painting()))
                    paintings.append((style, painting))
                times.note("paint")
                whole = await studio.on_files(sheet_of, photo, "", paintings, settings.columns)
                body, media_type = await studio.on_files(uploads.encode, whole, settings.format)
                times.note("encode")
                return Response(body, media_type=media_type, headers=times.header())

            return await _while_there(request, work())

    @app.websocket("/api/live")
    async def live_frames(socket: WebSocket) -> None:
        await live.serve(socket)

    @app.get("/healthz")
    async def healthz() -> Health:
        """Whether the service answers, and how busy it is."""
        return Health(status="ok", version=__version__, pictures=studio.taken)

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": DOCS_CSP}
        return FileResponse(STATIC / "docs.html", headers=headers)

    @app.get("/samples/{name}.jpg", include_in_schema=False)
    async def sample(name: str) -> FileResponse:
        if name not in SAMPLES:
            raise problems.Problem(404, f"There is no sample {name[:40]!r}.")
        return FileResponse(sample_photos() / f"{name}.jpg")

    app.mount("/static", StaticFiles(directory=STATIC))
    app.mount("/swagger", StaticFiles(directory=str(files("fastapi_offline") / "static")))
    return app


async def _on_full(request: Request, error: Full) -> Response:
    await uploads.discard(request)
    return error.response()


async def _painted(studio: Studio, job: Job) -> Photo:
    try:
        return await studio.paint(job)
    except ArtlivesError as error:
        raise problems.of_picture(error) from None


async def _while_there(request: Request, work: Coroutine[Any, Any, Response]) -> Response:
    """What `work` answers; it is cancelled when the client goes away or the time is over."""
    task = asyncio.create_task(work)
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({task, gone}, timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            return problems.gone()
        raise problems.Problem(
            503, f"It took longer than {SECONDS} seconds: try a smaller size.", {"Retry-After": "5"}
        )
    finally:
        task.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Times:
    """The seconds that the steps of an answer took, for its Server-Timing header."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._steps: list[str] = []

    def note(self, step: str, end: float | None = None) -> None:
        """`step` ended now, or at that time of `time.perf_counter`."""
        end = end or time.perf_counter()
        self._steps.append(f"{step};dur={(end - self._last) * 1000:.1f}")
        self._last = end

    def header(self) -> dict[str, str]:
        return {"Server-Timing": ", ".join(self._steps)}
