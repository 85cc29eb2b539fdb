"""The application: the API and the page. `create_app` makes what `server.serve` runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from artlives import __version__
from artlives.files import sample_photos
from artlives.web import problems
from artlives.web.api import Api
from artlives.web.guard import DOCS_CSP, Guard
from artlives.web.studio import SLOTS, Studio

# The page's files.
STATIC = Path(__file__).parent / "static"
# The photos that the page offers to try it with, by their names in `sample_photos`.
SAMPLES = ("astronaut", "chelsea", "coffee")

# The groups of operations in the API's description.
TAGS = {
    "pictures": "Photos, repainted.",
    "clips": "Short moving pictures, repainted.",
    "styles": "The styles there are, and paintings that are learnt to become styles.",
    "service": "The service itself.",
}

pages = APIRouter(include_in_schema=False)


def create_app(
    *,
    device: str = "auto",
    slots: int = SLOTS,
    names: frozenset[str] = frozenset(),
    public: bool = False,
    token: str | None = None,
    origin: str | None = None,
) -> FastAPI:
    """The application.

    Args:
        device: where to paint, as `Stylizer` takes it.
        slots: requests in work or waiting, beyond which others are answered 503.
        names, public, token: as `Guard` takes them.
        origin: where other machines reach it, as `sharing.Sharing` takes it.
    """
    studio = Studio(device, slots)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with studio.open():
            yield

    app = FastAPI(
        title="Art Lives",
        version=__version__,
        description="Repaints photographs in the style of a painter, on this machine. The WebSocket /api/live takes "
        'settings as JSON text, such as {"style": "wave"}, then frames as binary JPEG or raw, and answers with '
        "painted ones.",
        lifespan=lifespan,
        # `docs` takes their place: FastAPI's own pages load scripts from another host.
        docs_url=None,
        redoc_url=None,
        exception_handlers=problems.HANDLERS,
        openapi_tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        middleware=[Middleware(Guard, names=names, public=public, token=token), Middleware(Heads)],
    )
    app.include_router(Api(studio, origin).router())
    app.include_router(pages)
    app.mount("/static", StaticFiles(directory=STATIC))
    app.mount("/swagger", StaticFiles(directory=str(files("fastapi_offline") / "static")))
    return app


class Heads:
    """ASGI middleware: HEAD is answered as GET, without the body (RFC 9110, section 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of HEAD as one of GET, and pass on any other."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            return await self.app(scope, receive, send)

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self.app({**scope, "method": "GET"}, receive, send_head)


@pages.get("/")
async def page() -> FileResponse:
    """The selfie page."""
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


@pages.get("/docs")
async def docs() -> FileResponse:
    """Swagger's page, which describes the API."""
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": DOCS_CSP}
    return FileResponse(STATIC / "docs.html", headers=headers)


@pages.get("/samples/{name}.jpg")
async def sample(name: str) -> FileResponse:
    """One of the sample photos."""
    if name not in SAMPLES:
        raise problems.Problem(404, f"There is no sample {name[:40]!r}.")
    return FileResponse(sample_photos() / f"{name}.jpg")
