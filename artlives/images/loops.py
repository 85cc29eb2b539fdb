"""How often animations are shown, which formats tell in different ways."""

from __future__ import annotations

from PIL import Image


def loops_of(image: Image.Image) -> int:
    """How often an animation is shown in all; 0 is without end."""
    if image.format == "GIF":
        # GIF says how often it is repeated, if it is.
        repeated = image.info.get("loop")
        return 1 if repeated is None else repeated and repeated + 1
    return int(image.info.get("loop", 0))


def loop_options(format: str, loops: int) -> dict[str, int]:
    """What Pillow is told to write an animation that is shown so often: the inverse of `loops_of`."""
    if format == "GIF":
        return {} if loops == 1 else {"loop": max(0, loops - 1)}
    return {} if format == "AVIF" else {"loop": loops}
