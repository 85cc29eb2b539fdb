"""Image files, made in memory."""

import io
import struct
import zlib

from PIL import Image


def written(image: Image.Image, format: str, **options) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, format, **options)
    file.seek(0)
    return file


def png(
    width: int,
    height: int,
    depth: int,
    color: int,
    data: bytes,
    *chunks: tuple[bytes, bytes],
    interlaced: bool = False,
) -> io.BytesIO:
    """A PNG file put together by hand, for what Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    body = b"\x89PNG\r\n\x1a\n"
    for kind, content in ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(data)), (b"IEND", b"")):
        body += struct.pack(">I", len(content)) + kind + content
        body += struct.pack(">I", zlib.crc32(kind + content))
    return io.BytesIO(body)
