"""Pictures of 16 bits, which Pillow reads with 8 bits as soon as they have colours, and does not write.

A decoder of Pillow takes one byte of each value of 16 bits: the first or the second, as the byte order asks for. So a
file is read a second time in the other order.
"""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from PIL import Image, ImageFile
from PIL.ExifTags import Base

from artlives.images import tiff
from artlives.images.opening import opened

if TYPE_CHECKING:
    import numpy as np

# What names of byte orders end in, and that of the other one: big-endian, little-endian, and the machine's own.
OTHER_ORDER = {
    ";16B": ";16L",
    ";16L": ";16B",
    ";16N": ";16B" if sys.byteorder == "little" else ";16L",
}
# Rows that are compressed at a time.
ROWS = 64
# Of zlib: level 6, its default, takes three times as long and saves little on brush strokes.
COMPRESS_LEVEL = 3
# How Pillow names the unpacking of gray with alpha, and of four bytes, by which it can be had whole.
GRAY_WITH_ALPHA, FOUR_BYTES = "LA;16B", "RGBA"


def low_bytes(image: ImageFile.ImageFile, file: IO[bytes]) -> Image.Image | None:
    """The second bytes of the values of an image in colours, of which Pillow reads the first.

    Args:
        image: from `opened(file)`, before it is loaded.

    Returns:
        an image of the same size and mode; None where the values have 8 bits, or their second bytes cannot be had:
        in planes that are compressed, and of CMYK.
    """
    unpacking = {_unpacking(tile) for tile in image.tile}
    if image.mode not in ("RGB", "RGBA") or len(unpacking) != 1:
        return None
    name = unpacking.pop()
    planes = image.format == "TIFF" and tiff.in_planes(image)
    if planes or name[-4:] not in OTHER_ORDER or name.startswith("RGBa"):
        return None
    again = opened(file)
    again.seek(image.tell())
    if name == GRAY_WITH_ALPHA:
        again.tile = [_with_unpacking(tile, FOUR_BYTES) for tile in again.tile]
        _, gray, _, alpha = again.split()
        low = Image.merge("RGBA", (gray, gray, gray, alpha))
        low.info = again.info
        return low
    again.tile = [_with_unpacking(tile, name[:-4] + OTHER_ORDER[name[-4:]]) for tile in again.tile]
    again.load()
    return again


def joined(
    high: Image.Image, low: Image.Image | None, negative: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels (H, W, 3) and alpha (H, W), or None, of uint16.

    Args:
        high: gray of 16 bits, or the first bytes of the values.
        low: their second bytes, for colours.
        negative: white is 0.
    """
    import numpy as np

    values = np.asarray(high).astype(np.uint16)
    if low is not None:
        values = values << 8 | np.asarray(low)
    if negative:
        values = 65535 - values
    key = high.info.get("transparency")
    if values.ndim == 2:
        alpha = None if key is None else (values != key) * np.uint16(65535)
        return values[:, :, None].repeat(3, 2), alpha
    if values.shape[2] == 4:
        return np.ascontiguousarray(values[:, :, :3]), np.ascontiguousarray(values[:, :, 3])
    return values, None if key is None else (values != key).any(2) * np.uint16(65535)


def _unpacking(tile: ImageFile._Tile) -> str:
    """How Pillow names the unpacking of a tile's pixels."""
    return str(tile.args[0] if isinstance(tile.args, tuple) else tile.args)


def _with_unpacking(tile: ImageFile._Tile, name: str) -> ImageFile._Tile:
    return tile._replace(args=(name, *tile.args[1:]) if isinstance(tile.args, tuple) else name)


# Writing


def write_png(file: IO[bytes], values: np.ndarray, chunks: Sequence[tuple[bytes, bytes]]) -> None:
    """Write a PNG file (ISO 15948) of 16 bits.

    Args:
        values: (H, W, 3 or 4) uint16.
        chunks: kinds and contents of those that come before the pixels.

    Raises:
        OSError: it cannot be written.
    """
    import numpy as np
    from PIL.PngImagePlugin import putchunk

    height, width, channels = values.shape
    kind = {3: 2, 4: 6}[channels]
    file.write(b"\x89PNG\r\n\x1a\n")
    putchunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
    for name, content in chunks:
        putchunk(file, name, content)
    compressor = zlib.compressobj(COMPRESS_LEVEL)
    above = np.zeros((1, width * channels * 2), np.uint8)
    for top in range(0, height, ROWS):
        rows = values[top : top + ROWS].astype(">u2").view(np.uint8).reshape(-1, width * channels * 2)
        # Filter 2, Up: each byte less the one above it.
        filtered = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
        filtered[:, 0] = 2
        filtered[:, 1:] = rows - np.concatenate([above, rows[:-1]])
        above = rows[-1:]
        putchunk(file, b"IDAT", compressor.compress(filtered.tobytes()))
    putchunk(file, b"IDAT", compressor.flush())
    putchunk(file, b"IEND")


def write_tiff(file: IO[bytes], values: np.ndarray, tags: Mapping[int, Any]) -> None:
    """Write a TIFF file of 16 bits, without compression, as Pillow writes those of 8 bits.

    Args:
        values: (H, W, 3 or 4) uint16.
        tags: what is said of the picture besides its layout.

    Raises:
        OSError: it cannot be written.
    """
    import numpy as np
    from PIL import TiffImagePlugin

    height, width, channels = values.shape
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory[tag] = value
    directory[Base.ImageWidth], directory[Base.ImageLength] = width, height
    directory[Base.BitsPerSample] = (16,) * channels
    directory[Base.Compression] = 1
    directory[Base.PhotometricInterpretation] = 2
    directory[Base.SamplesPerPixel] = channels
    if channels == 4:
        # Alpha, by which the colours are not multiplied.
        directory[Base.ExtraSamples] = 2
    directory[Base.RowsPerStrip] = height
    directory[Base.StripByteCounts] = values.nbytes
    # Pillow adds where the directory ends.
    directory[Base.StripOffsets] = 0
    directory.save(file)
    file.write(np.ascontiguousarray(values, "<u2").data)
