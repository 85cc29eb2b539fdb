"""Raw frames of live mode: pixels as they are, which cost no time to encode and decode, where the way is short.

A frame is "RGBA", its width and height as uint32, little-endian, and 4 bytes for each pixel, row by row: red, green,
blue and one that is not looked at and comes back as 255.
"""

from __future__ import annotations

import struct

import numpy as np

from artlives.images import Photo
from artlives.web.problems import Problem

MAGIC = b"RGBA"
HEADER = struct.Struct("<4sII")
# Pixels of a side, at most.
SIDE = 1024
# Of a frame, which bounds the memory that it takes.
MAX_BYTES = HEADER.size + 4 * SIDE * SIDE


def is_raw(data: bytes) -> bool:
    """Whether this is a raw frame; files of pictures begin otherwise."""
    return data.startswith(MAGIC)


def read(data: bytes) -> Photo:
    """The picture in a raw frame.

    Raises:
        Problem: it has more than `SIDE` pixels a side, or others than its header says.
    """
    if len(data) < HEADER.size:
        raise Problem(422, f"A raw frame begins with {HEADER.size} bytes: RGBA, width, height.")
    _, width, height = HEADER.unpack_from(data)
    if max(width, height) > SIDE:
        raise Problem(413, f"A raw frame may have {SIDE} pixels a side.")
    length = HEADER.size + 4 * width * height
    if len(data) != length:
        raise Problem(422, f"A raw frame of {width}x{height} pixels has {length} bytes, not {len(data)}.")
    pixels = np.empty((height, width, 3), np.uint8)
    _copy(np.frombuffer(data, np.uint8, offset=HEADER.size).reshape(height, width, 4), pixels)
    return Photo(pixels)


def write(photo: Photo) -> bytes:
    """The raw frame of a picture of 8 bits."""
    height, width, _ = photo.pixels.shape
    data = bytearray(HEADER.size + 4 * width * height)
    HEADER.pack_into(data, 0, MAGIC, width, height)
    pixels = np.frombuffer(data, np.uint8, offset=HEADER.size).reshape(height, width, 4)
    _copy(photo.pixels, pixels)
    pixels[..., 3] = 255
    return bytes(data)


def _copy(pixels: np.ndarray, to: np.ndarray) -> None:
    """Copy red, green and blue, one after the other: NumPy takes six times as long for all three at once."""
    for channel in range(3):
        to[..., channel] = pixels[..., channel]
