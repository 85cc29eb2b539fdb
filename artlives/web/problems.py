"""Errors as `application/problem+json` (RFC 9457): a status, and a sentence for people."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from artlives.errors import ArtlivesError


class Problem(HTTPException):
    """An answer that is an error: `detail` is one sentence that says what to do about it."""

    def response(self) -> Response:
        """The problem as a response."""
        content = {
            "type": "about:blank",
            "title": HTTPStatus(self.status_code).phrase,
            "status": self.status_code,
            "detail": self.detail,
        }
        return JSONResponse(content, self.status_code, self.headers, media_type="application/problem+json")


def of_picture(error: ArtlivesError, status: int = 422) -> Problem:
    """The problem of a picture that cannot be read or painted."""
    message = str(error)
    return Problem(status, message[0].upper() + message[1:] + ".")


def gone() -> Response:
    """The response to a client that has disconnected: nobody reads it. 499 is nginx's status for that."""
    return Response(status_code=499)


# The sentence for a status that a framework raises, instead of its phrase.
SENTENCES = {
    404: "There is nothing here: the page is at /, the service is described at /docs.",
    405: "This address answers to another method: see /docs.",
}


async def on_http(request: Request, error: HTTPException) -> Response:
    """A `Problem` as it is, and any other error of HTTP as one."""
    if isinstance(error, Problem):
        return error.response()
    headers: Mapping[str, str] | None = error.headers
    return Problem(error.status_code, SENTENCES.get(error.status_code, str(error.detail)), headers).response()


async def on_gone(request: Request, error: Exception) -> Response:
    """The client disconnected while its request was read."""
    return gone()


async def on_failure(request: Request, error: Exception) -> Response:
    """An error of ours: the traceback goes to the terminal, not to the client."""
    return Problem(500, "Something went wrong here; the terminal that runs artlives says what.").response()


# By the exception that they answer, as Starlette takes them.
HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    HTTPException: on_http,
    ClientDisconnect: on_gone,
    Exception: on_failure,
}
