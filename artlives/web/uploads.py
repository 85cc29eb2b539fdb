"""A request's picture and settings: read into memory, never to disk, and refused before it can cost anything."""

from __future__ import annotations

import io
import warnings
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import replace

import anyio
from PIL import Image, UnidentifiedImageError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from artlives import images
from artlives.errors import ArtlivesError
from artlives.images import Photo
from artlives.web.problems import Problem, of_picture
from artlives.web.requests import AnySettings, parse

# Bytes of a request's body: a bound on memory, since nothing is written to disk.
MAX_BYTES = 25_000_000
# Bytes after which a body that is too large is no longer read to its end: until then, it is read so that the client,
# which reads no answer while it sends, gets one.
ABANDONED_BYTES = 4 * MAX_BYTES
# Pixels of a picture, checked before it is decoded: a bound on memory, of which each takes 3 bytes or more.
MAX_PIXELS = 50_000_000
# Seconds for the whole upload.
SECONDS = 60


class InMemoryParser(MultiPartParser):
    """Starlette's parser, which would write what is larger than 1 MB to a temporary file."""

    spool_max_size = MAX_BYTES + 1


async def read(
    request: Request, model: type[AnySettings], field: str = "file"
) -> tuple[bytes, AnySettings, str]:
    """The bytes of a request's picture, its settings of the kind `model`, and the name of the picture's file.

    A multipart form has the picture in `field` and settings in the other fields; any other body is the picture, without
    a name. Settings may stand in the query in both.

    Raises:
        Problem: the body is too large or too slow, holds no picture, or a setting is wrong.
    """
    given = {name: value for name, value in request.query_params.items() if name != "token"}
    file_name = ""
    try:
        with anyio.fail_after(SECONDS):
            if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
                data, fields, file_name = await _form(request, field)
                given |= fields
            else:
                data = b"".join([chunk async for chunk in _limited(request.stream())])
    except TimeoutError:
        raise Problem(408, f"The upload took longer than {SECONDS} seconds.") from None
    if not data:
        raise Problem(422, f"There is no picture: send it in the form's field {field!r}, or as the body.")
    return data, parse(model, given), file_name


async def _form(request: Request, field: str) -> tuple[bytes, dict[str, str], str]:
    parser = InMemoryParser(request.headers, _limited(request.stream()), max_files=1, max_fields=20)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Problem(422, f"The form cannot be read: {error.message}") from None
    try:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        file = form.get(field)
        if not isinstance(file, UploadFile):
            return b"", fields, ""
        return await file.read(), fields, file.filename or ""
    finally:
        await form.close()


async def _limited(stream: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The chunks of a body. Of one that is too large, the rest is read and dropped, up to `ABANDONED_BYTES`.

    Raises:
        Problem: it is larger than `MAX_BYTES`; raised after it was read, since a client that sends reads no answer.
    """
    length = 0
    async for chunk in stream:
        length += len(chunk)
        if length > ABANDONED_BYTES:
            break
        if length <= MAX_BYTES:
            yield chunk
    if length > MAX_BYTES:
        raise Problem(413, f"The picture is larger than {MAX_BYTES // 10**6} MB: make it smaller first.")


async def discard(request: Request) -> None:
    """Read a request's body and throw it away, as far as its length and time are within limits."""
    with anyio.move_on_after(SECONDS), suppress(Problem):
        async for _ in _limited(request.stream()):
            pass


def decode(data: bytes, size: int, max_pixels: int = MAX_PIXELS) -> Photo:
    """The picture in `data`, its longer side reduced to `size` pixels.

    Its header is looked at first: a picture of more than `max_pixels` is never decoded.

    Raises:
        Problem: it is no picture, too large, damaged or cut short.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=images.READ) as image:
                width, height = image.size
    except Image.DecompressionBombError:
        raise _too_many(max_pixels) from None
    except Exception:
        # A damaged file may raise any exception; `load` below raises one with a message.
        width = height = 0
    if width * height > max_pixels:
        raise _too_many(max_pixels)
    try:
        return images.fit(images.load(io.BytesIO(data)), size)
    except ArtlivesError as error:
        foreign = error.__cause__ is None or isinstance(error.__cause__, UnidentifiedImageError)
        raise of_picture(error, 415 if foreign else 422) from None


def _too_many(max_pixels: int) -> Problem:
    return Problem(
        413, f"The picture has more than {max_pixels // 10**6} million pixels: make it smaller first."
    )


def encode(photo: Photo, format: str, quality: int = 92) -> tuple[bytes, str]:
    """A picture's bytes in that format, and their media type."""
    kind = "JPEG" if format == "jpg" else format.upper()
    buffer = io.BytesIO()
    images.save(replace(photo, format=kind), buffer, quality=quality)
    return buffer.getvalue(), f"image/{kind.lower()}"
