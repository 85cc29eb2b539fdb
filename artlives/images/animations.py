"""Animations as Pillow reads and writes them: how often they are shown, and what is transparent."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import IO, Any

from PIL import Image

# Of WebP's extended header: where it stands in a file, where its flags do, and the one that something is transparent;
# RFC 9649, section 2.7.1.
EXTENDED, FLAGS, TRANSPARENT = 12, 20, 0x10


def loops_of(image: Image.Image) -> int:
    """How often an animation is shown in all; 0 is without end."""
    if image.format == "GIF":
        # GIF says how often it is repeated, if it is.
        repeated = image.info.get("loop")
        return 1 if repeated is None else repeated and repeated + 1
    return int(image.info.get("loop", 0))


def write_animation(
    pictures: Sequence[Image.Image], file: IO[bytes], format: str, loops: int, **options: Any
) -> None:
    """Write an animation that is shown `loops` times in all, 0 without end.

    Args:
        pictures: in their order, of one size.
        options: of `Image.save`, such as `duration`.
    """
    options |= {"save_all": True, "append_images": pictures[1:], **_loop_options(format, loops)}
    if format != "WEBP":
        pictures[0].save(file, format, **options)
        return
    buffer = io.BytesIO()
    pictures[0].save(buffer, format, **options)
    data = buffer.getbuffer()
    # libwebp cuts off transparent borders, and where nothing else is transparent, it says that nothing is.
    if pictures[0].mode == "RGBA" and bytes(data[EXTENDED : EXTENDED + 4]) == b"VP8X":
        data[FLAGS] |= TRANSPARENT
    file.write(data)


def _loop_options(format: str, loops: int) -> dict[str, int]:
    if format == "GIF":
        return {} if loops == 1 else {"loop": max(0, loops - 1)}
    return {} if format == "AVIF" else {"loop": loops}
