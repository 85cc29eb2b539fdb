"""The API's part for moving pictures: have a clip painted, follow that, fetch it, forget it."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel

from artlives.web import clips, uploads
from artlives.web.problems import Problem
from artlives.web.requests import ClipSettings, describe_clip, described_errors
from artlives.web.studio import Studio

MEDIA_TYPES = {"mp4": "video/mp4", "gif": "image/gif"}


class ClipLimits(BaseModel):
    """What clips are painted: seconds at most, bytes of a file, and seconds that the page records; why none are."""

    seconds: float
    bytes: int
    recorded: float
    missing: str


class ClipInfo(BaseModel):
    """A clip that is painted."""

    name: str
    state: Literal["waiting", "painting", "painted", "failed"]
    place: int


class Moving:
    """The answers of these routes.

    Args:
        studio: what holds the clips.
    """

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def add_routes(self, router: APIRouter) -> None:
        """Add the routes; the methods' docstrings are what OpenAPI says of them."""
        clip = "/api/clips/{name}"
        missing = described_errors([("404", "There is no such clip.")])
        router.add_api_route("/api/clips", self.limits, tags=["clips"], summary="Ask what clips are painted")
        router.add_api_route(
            "/api/clips",
            self.paint_clip,
            tags=["clips"],
            summary="Paint a clip",
            methods=["POST"],
            status_code=201,
            openapi_extra=describe_clip(ClipSettings),
        )
        router.add_api_route(
            f"{clip}/events",
            self.follow_clip,
            tags=["clips"],
            summary="Follow how a clip is painted",
            response_class=StreamingResponse,
            responses={200: {"content": {"text/event-stream": {}}}},
            openapi_extra={"responses": missing},
        )
        router.add_api_route(
            clip,
            self.fetch_clip,
            tags=["clips"],
            summary="Fetch a painted clip",
            response_class=Response,
            responses={200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}}},
            openapi_extra={
                "responses": missing | described_errors([("409", "The clip is not painted yet.")])
            },
        )
        router.add_api_route(
            clip,
            self.forget_clip,
            tags=["clips"],
            summary="Forget a clip",
            methods=["DELETE"],
            status_code=204,
            response_class=Response,
            openapi_extra={"responses": missing},
        )

    async def limits(self) -> ClipLimits:
        """How long and how large clips may be; `missing` says what is not installed, and is empty otherwise."""
        missing = ""
        try:
            self.studio.clips.check()
        except Problem as problem:
            missing = problem.detail
        return ClipLimits(
            seconds=clips.SECONDS, bytes=uploads.MAX_BYTES, recorded=clips.RECORDED, missing=missing
        )

    async def paint_clip(self, request: Request) -> ClipInfo:
        """Paint a video or an animation of some seconds, when those before it are painted.

        A clip that nobody follows while it is painted is given up.
        """
        self.studio.clips.check()
        with self.studio.slot() as slot:
            data, settings, _ = await uploads.read(request, slot, ClipSettings, "clip")
            style = self.studio.find(settings.style)
            clip = self.studio.clips.start(data, style, settings.of_painting(), settings.format)
        return ClipInfo(name=clip.name, state="waiting", place=self.studio.clips.place(clip))

    async def follow_clip(self, name: str) -> StreamingResponse:
        """How far a clip is painted, as server-sent events: waiting, painting, painted, failed."""
        events = self.studio.clips.events(self.studio.clips.found(name))
        return StreamingResponse(events, media_type="text/event-stream")

    async def fetch_clip(self, name: str) -> Response:
        """A painted clip's file."""
        clip = self.studio.clips.found(name)
        if clip.state != "painted":
            raise Problem(409, "The clip is not painted yet.")
        return Response(clip.painted, media_type=MEDIA_TYPES[clip.format])

    async def forget_clip(self, name: str) -> Response:
        """Forget a clip; one that is being painted is stopped."""
        self.studio.clips.found(name)
        self.studio.clips.remove(name)
        return Response(status_code=204)
