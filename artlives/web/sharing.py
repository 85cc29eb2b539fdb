"""Pictures on their way to a phone: kept in memory for some minutes, each under an address that nobody can guess."""

from __future__ import annotations

import io
import secrets
import time
from collections import OrderedDict

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel

from artlives.web import uploads
from artlives.web.guard import SHARED
from artlives.web.learning import NoSettings
from artlives.web.problems import Problem
from artlives.web.requests import describe_upload, described_errors
from artlives.web.studio import Studio

# How JPEG files begin.
JPEG = b"\xff\xd8\xff"
# Pictures at a time, the latest ones: of 25 MB at most, they bound what visitors can take of the memory.
MOST = 12
# Seconds for which a picture is kept.
SECONDS = 600


class Shared(BaseModel):
    """Whether pictures can be taken to a phone."""

    possible: bool


class Share(BaseModel):
    """A picture's address for a phone in the same network, and its QR code as SVG."""

    link: str
    code: str


class Sharing:
    """The answers of these routes.

    Args:
        studio: it bounds uploads.
        origin: where other machines reach the service, such as "http://192.168.1.5:8000"; None where they do not.
    """

    def __init__(self, studio: Studio, origin: str | None) -> None:
        self.studio = studio
        self.origin = origin
        # By the secret: when it was shared, in seconds of `time.monotonic`, and its bytes.
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    def add_routes(self, router: APIRouter) -> None:
        """Add the routes; the methods' docstrings are what OpenAPI says of them."""
        router.add_api_route(
            "/api/shared", self.is_possible, tags=["pictures"], summary="Ask whether phones are reached"
        )
        router.add_api_route(
            "/api/shared",
            self.share,
            tags=["pictures"],
            summary="Share a picture",
            methods=["POST"],
            status_code=201,
            openapi_extra=describe_upload("file"),
        )
        router.add_api_route(
            SHARED + "{secret}",
            self.picture,
            tags=["pictures"],
            summary="See a shared picture",
            response_class=Response,
            responses={200: {"content": {"image/jpeg": {}}}},
            openapi_extra={"responses": described_errors([("404", "There is no such picture any more.")])},
        )

    async def is_possible(self) -> Shared:
        """Pictures are shared where the service listens to the network."""
        return Shared(possible=self.origin is not None)

    async def share(self, request: Request) -> Share:
        """Keep a JPEG in memory for ten minutes; whoever has its address can see it."""
        if self.origin is None:
            raise Problem(409, "Phones do not reach this computer: start artlives with --host 0.0.0.0.")
        with self.studio.slot() as slot:
            data, _, _ = await uploads.read(request, slot, NoSettings)
        if not data.startswith(JPEG):
            raise Problem(415, "A picture is shared as JPEG.")
        self._forget_old(MOST - 1)
        # The service starts without it.
        import qrcode
        from qrcode.image.svg import SvgPathImage

        secret = secrets.token_urlsafe(16)
        self._kept[secret] = time.monotonic(), data
        link = f"{self.origin}{SHARED}{secret}"
        code = io.BytesIO()
        qrcode.make(link, image_factory=SvgPathImage).save(code)
        return Share(link=link, code=code.getvalue().decode())

    async def picture(self, secret: str) -> Response:
        """A picture that was shared less than ten minutes ago."""
        self._forget_old(MOST)
        if secret not in self._kept:
            raise Problem(404, "That picture is no longer here: share it again.")
        return Response(self._kept[secret][1], media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    def _forget_old(self, most: int) -> None:
        while self._kept:
            since, _ = next(iter(self._kept.values()))
            if len(self._kept) <= most and time.monotonic() - since < SECONDS:
                return
            self._kept.popitem(last=False)
