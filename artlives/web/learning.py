"""The API's part for paintings that are shown to be learnt: start, follow, keep, forget."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from artlives import images, studies, styles
from artlives.errors import ArtlivesError
from artlives.web import uploads
from artlives.web.guard import is_loopback
from artlives.web.problems import Problem, of_picture
from artlives.web.requests import describe_json, describe_upload, described_errors
from artlives.web.studies import SIDE
from artlives.web.studio import Studio

# Characters of a painting's name that are kept.
MOST_OF_NAME = 80


class StyleInfo(BaseModel):
    """A style, and the painting it was learned from."""

    name: str
    painting: str
    painter: str
    year: str
    licence: str


class StudyInfo(BaseModel):
    """A painting that is learnt: its name is a style's as soon as there is a version of it."""

    name: str
    painting: str
    state: Literal["waiting", "learning", "learnt", "failed"]
    place: int


class KeepSettings(BaseModel):
    """What a style is kept as."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(description="Letters, digits, - and _.", max_length=60)]


class NoSettings(BaseModel):
    """A request that has none."""

    model_config = ConfigDict(extra="forbid")


class Learning:
    """The answers of these routes.

    Args:
        studio: what decodes, and holds the studies.
    """

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def add_routes(self, router: APIRouter) -> None:
        """Add the routes; the methods' docstrings are what OpenAPI says of them."""
        study = "/api/styles/{name}"
        missing = described_errors([("404", "There is no such painting.")])
        router.add_api_route(
            "/api/styles",
            self.learn_painting,
            tags=["styles"],
            summary="Learn a painting",
            methods=["POST"],
            status_code=201,
            openapi_extra=describe_upload("painting"),
        )
        router.add_api_route(
            f"{study}/events",
            self.follow_painting,
            tags=["styles"],
            summary="Follow how a painting is learnt",
            response_class=StreamingResponse,
            responses={200: {"content": {"text/event-stream": {}}}},
            openapi_extra={"responses": missing},
        )
        router.add_api_route(
            f"{study}/keep",
            self.keep_style,
            tags=["styles"],
            summary="Keep a painting's style",
            methods=["POST"],
            status_code=201,
            openapi_extra={"requestBody": describe_json(KeepSettings), "responses": missing},
        )
        router.add_api_route(
            study,
            self.forget_painting,
            tags=["styles"],
            summary="Forget a painting",
            methods=["DELETE"],
            status_code=204,
            response_class=Response,
            openapi_extra={"responses": missing},
        )

    async def learn_painting(self, request: Request) -> StudyInfo:
        """Learn a painting, when those before it are learnt; it is a style for this visit, kept in memory alone.

        A painting that nobody follows while it is learnt is given up.
        """
        with self.studio.slot() as slot:
            data, _, file_name = await uploads.read(request, slot, NoSettings, "painting")
            photo = await self.studio.decode(data, SIDE)
        height, width = photo.pixels.shape[:2]
        if min(height, width) < studies.SMALLEST:
            raise Problem(
                422,
                f"The painting has {width}x{height} pixels: {studies.SMALLEST} a side are needed to learn from it.",
            )
        pixels = np.asarray(await self.studio.in_file_pool(images.on_white, photo))
        painting = re.sub(r"\s+", " ", Path(file_name).name).strip()[:MOST_OF_NAME] or "a painting"
        study = self.studio.studies.start(pixels, painting)
        place = self.studio.studies.place(study)
        return StudyInfo(name=study.name, painting=painting, state="waiting", place=place)

    async def follow_painting(self, name: str) -> StreamingResponse:
        """How far a painting is learnt, as server-sent events: waiting, learning, learnt, failed."""
        return StreamingResponse(
            self.studio.studies.events(self.studio.studies.found(name)), media_type="text/event-stream"
        )

    async def keep_style(self, name: str, request: Request) -> StyleInfo:
        """Keep a painting that is learnt as one of the user's styles; from the same machine alone."""
        if request.client and not is_loopback(request.client.host):
            raise Problem(403, "Styles are kept by who sits at the machine that runs artlives.")
        settings = await uploads.read_settings(request, KeepSettings)
        study = self.studio.studies.found(name)
        if study.state != "learnt" or study.style is None:
            raise Problem(409, "The painting is not learnt yet.")
        if settings.name in styles.files():
            raise Problem(409, f"There is a style {settings.name!r} already: choose another name.")
        style = replace(study.style, name=settings.name)
        try:
            folder = styles.user_folder()
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{settings.name}.safetensors"
            await self.studio.in_file_pool(styles.write, style, path)
        except ValueError as error:
            raise Problem(422, f"{str(error)[0].upper()}{str(error)[1:]}.") from None
        except OSError as error:
            raise Problem(500, f"{folder} cannot be made: {error.strerror or error}.") from None
        except ArtlivesError as error:
            raise of_picture(error, 500) from None
        return StyleInfo.model_validate(style, from_attributes=True)

    async def forget_painting(self, name: str) -> Response:
        """Forget a painting; one that is being learnt is stopped."""
        self.studio.studies.found(name)
        self.studio.studies.remove(name)
        return Response(status_code=204)
