"""A request's file and settings: read into memory, never to disk, and refused before it can cost anything."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator, AsyncIterator

import anyio
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from artlives import images
from artlives.images import Photo
from artlives.web.problems import Problem
from artlives.web.requests import AnySettings, json_object, parse
from artlives.web.studio import Full, Slot

# Bytes of a request's body: a bound on memory, since nothing is written to disk.
MAX_BYTES = 25_000_000
# Bytes of a body that holds settings alone.
MAX_SETTINGS = 10_000
# Bytes after which a body that is too large is no longer read to its end: until then, it is read so that the client,
# which reads no answer while it sends, gets one.
ABANDONED_BYTES = 4 * MAX_BYTES
# Seconds for the whole upload.
SECONDS = 60
# What a file is called, by the form's field that it is in.
NOUNS = {"file": "picture", "painting": "painting", "clip": "clip"}


class InMemoryParser(MultiPartParser):
    """Starlette's parser, which would write what is larger than 1 MB to a temporary file."""

    spool_max_size = MAX_BYTES + 1


async def read(
    request: Request, slot: Slot, model: type[AnySettings], field: str = "file"
) -> tuple[bytes, AnySettings, str]:
    """The bytes of a request's file, its settings of the kind `model`, and the file's name.

    A multipart form has the file in `field` and settings in the other fields; any other body is the file, without a
    name. Settings may stand in the query in both. The request holds its bytes while they come, and then the slot.

    Raises:
        Problem: the body is too large or too slow, holds no file, or a setting is wrong.
        Full: there is no memory for it, or no slot.
    """
    given = {name: value for name, value in request.query_params.items() if name != "token"}
    file_name = ""
    try:
        with anyio.fail_after(SECONDS):
            if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
                data, fields, file_name = await _form(request, slot, field)
                given |= fields
            else:
                data = b"".join([chunk async for chunk in _limited(request.stream(), slot, field)])
    except TimeoutError:
        raise Problem(408, f"The upload took longer than {SECONDS} seconds.") from None
    if not data:
        raise Problem(
            422, f"There is no {NOUNS[field]}: send it in the form's field {field!r}, or as the body."
        )
    settings = parse(model, given)
    slot.take()
    return data, settings, file_name


async def read_settings(request: Request, model: type[AnySettings]) -> AnySettings:
    """The settings of the kind `model` in a request's body, which is JSON.

    Raises:
        Problem: the body is too large or too slow, or a setting is wrong.
    """
    body = b""
    try:
        with anyio.fail_after(SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_SETTINGS:
                    raise Problem(413, f"Settings may have {MAX_SETTINGS // 1000} kB.")
    except TimeoutError:
        raise Problem(408, f"The settings took longer than {SECONDS} seconds.") from None
    return parse(model, json_object(body))


async def _form(request: Request, slot: Slot, field: str) -> tuple[bytes, dict[str, str], str]:
    parser = InMemoryParser(
        request.headers, _limited(request.stream(), slot, field), max_files=1, max_fields=20
    )
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


async def _limited(stream: AsyncIterator[bytes], slot: Slot, field: str) -> AsyncGenerator[bytes, None]:
    """The chunks of a body. Of one that is too large, the rest is read and dropped, up to `ABANDONED_BYTES`.

    Raises:
        Problem: it is larger than `MAX_BYTES`; raised after it was read, since a client that sends reads no answer.
        Full: likewise, there is no memory for it.
    """
    length, fits = 0, True
    async for chunk in stream:
        length += len(chunk)
        if length > ABANDONED_BYTES:
            break
        fits = fits and length <= MAX_BYTES and slot.hold(len(chunk))
        if fits:
            yield chunk
    if length > MAX_BYTES:
        raise Problem(
            413, f"The {NOUNS[field]} is larger than {MAX_BYTES // 10**6} MB: make it smaller first."
        )
    if not fits:
        raise Full()


def encode(photo: Photo, format: str, quality: int = 92) -> tuple[bytes, str]:
    """A picture's bytes in that format, and their media type."""
    kind = "JPEG" if format == "jpg" else format.upper()
    buffer = io.BytesIO()
    images.save(photo, buffer, format=kind, quality=quality)
    return buffer.getvalue(), f"image/{kind.lower()}"
