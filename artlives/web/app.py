"""The application: the API and the page. `create_app` makes what `server.serve` runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.middleware import Middleware

from artlives import __version__
from artlives.files import sample_photos
from artlives.web import problems, uploads
from artlives.web.api import Api
from artlives.web.guard import DOCS_CSP, Guard
from artlives.web.studio import SLOTS, Full, Studio

# The page's files.
STATIC = Path(__file__).parent / "static"
# The photos that the page offers to try it with, by their names in `sample_photos`.
SAMPLES = ("astronaut", "chelsea", "coffee")

pages = APIRouter(include_in_schema=False)


def create_app(
    *,
    device: str = "auto",
    slots: int = SLOTS,
    names: frozenset[str] = frozenset(),
    public: bool = False,
    token: str | None = None,
) -> FastAPI:
    """The application.

    Args:
        device: where to paint, as `Stylizer` takes it.
        slots: requests in work or waiting, beyond which others are answered 503.
        names, public, token: as `Guard` takes them.
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
        'settings as JSON text, such as {"style": "wave"}, then frames as binary JPEG, and answers with painted ones.',
        lifespan=lifespan,
        # `docs` takes their place: FastAPI's own pages load scripts from another host.
        docs_url=None,
        redoc_url=None,
        exception_handlers={**problems.HANDLERS, Full: _on_full},
        middleware=[Middleware(Guard, names=names, public=public, token=token)],
    )
    app.include_router(Api(studio).router())
    app.include_router(pages)
    app.mount("/static", StaticFiles(directory=STATIC))
    app.mount("/swagger", StaticFiles(directory=str(files("fastapi_offline") / "static")))
    return app


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


async def _on_full(request: Request, error: Full) -> Response:
    # The body is read first: a client that is still sending does not read the answer.
    await uploads.discard(request)
    return error.response()
