"""Animations (GIF, WebP, PNG) <-> frames, by Pillow: with durations, transparency, and how often they are played."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from artlives import images
from artlives.errors import ArtlivesError
from artlives.files import replacing
from artlives.images import Photo
from artlives.video.frame import Clip, Frame

FORMATS = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG", ".apng": "PNG"}
MILLISECOND = Fraction(1, 1000)
# What viewers take for a GIF's frame that has no duration.
NO_DURATION = 100
# Frames that a GIF's colours are chosen from, at most. All frames share them: with colours of its own, each would
# differ a little from the one before, all over.
PALETTE_FRAMES = 16
# Colours of a GIF, besides transparency.
COLORS = 255


def is_animation(path: str | Path) -> bool:
    """Whether a file is an animation, or becomes one, by its name."""
    return Path(path).suffix.lower() in FORMATS


def look(path: str | Path) -> Clip:
    """What an animation tells of itself.

    Raises:
        ArtlivesError: it cannot be read, or is a single picture.
    """
    try:
        with Image.open(path, formats=tuple(FORMATS.values())) as image:
            count = getattr(image, "n_frames", 1)
            if count < 2:
                raise ArtlivesError(f"{path} is a single picture: `artlives stylize` paints it")
            width, height = image.size
            loops = images.loops_of(image)
            length = sum(_duration(image, i) for i in range(count))
    except OSError as error:
        raise ArtlivesError(f"{path} cannot be read: {error.strerror or error}") from error
    length = max(1, length)
    return Clip(width, height, MILLISECOND, Fraction(1000 * count, length), length * MILLISECOND, loops=loops)


def read(path: str | Path, since: Fraction | None = None) -> Iterator[Frame]:
    """The frames of an animation, from the time `since` on, each as it is shown.

    Raises:
        ArtlivesError: it cannot be read, or is damaged or cut short.
    """
    time = 0
    try:
        with Image.open(path, formats=tuple(FORMATS.values())) as image:
            # A PNG file's default picture is shown by programs alone that know no animations.
            first = 1 if image.info.get("default_image") else 0
            for i in range(first, getattr(image, "n_frames", 1)):
                length = _duration(image, i)
                if since is None or time * MILLISECOND >= since:
                    shown = images.from_pil(image.copy(), str(path))
                    begin = time * MILLISECOND
                    yield Frame(shown, begin, length * MILLISECOND, begin)
                time += length
    except (OSError, EOFError, SyntaxError, ValueError) as error:
        raise ArtlivesError(f"{path} is damaged or cut short: {error}") from error


def save(frames: list[Frame], target: str | Path, loops: int, quality: int) -> None:
    """Write an animation, which appears whole or not at all.

    Args:
        loops: how many times it is played in all, 0 for ever.
        quality: of WebP, 1 to 100.

    Raises:
        ArtlivesError: it cannot be written.
    """
    format = FORMATS[Path(target).suffix.lower()]
    transparent = any(frame.photo.alpha is not None for frame in frames)
    options: dict[str, Any] = {"duration": _durations(frames, 10 if format == "GIF" else 1)}
    if format == "GIF":
        pictures = _with_one_palette([frame.photo for frame in frames])
        options |= {"optimize": False, "disposal": 2 if transparent else 1}
        options |= {"transparency": COLORS} if transparent else {}
    else:
        pictures = [images.to_pil(_opaque_too(frame.photo, transparent)) for frame in frames]
        options |= {"quality": quality} if format == "WEBP" else {"compress_level": 3}
    with replacing(target) as temporary, temporary.open("wb") as file:
        images.write_animation(pictures, file, format, loops, **options)


def _duration(image: Image.Image, i: int) -> int:
    """Milliseconds of frame i, to which `image` is turned."""
    image.seek(i)
    # WebP tells of a frame's duration once it is decoded.
    image.load()
    return int(image.info.get("duration", 0)) or NO_DURATION


def _durations(frames: list[Frame], unit: int) -> list[int]:
    """Milliseconds of each frame, whole numbers of units that end as near to the frames' ends as they can."""
    ends = [round(1000 * (frame.time + frame.duration - frames[0].time) / unit) for frame in frames]
    return [max(1, end - begin) * unit for begin, end in zip([0, *ends], ends, strict=False)]


def _opaque_too(photo: Photo, transparent: bool) -> Photo:
    """The photo with an alpha channel, where the animation has one."""
    if photo.alpha is not None or not transparent:
        return photo
    return Photo(photo.pixels, np.full(photo.pixels.shape[:2], 255, np.uint8))


def _with_one_palette(photos: list[Photo]) -> list[Image.Image]:
    """The pictures in `COLORS` colours that all share, and one more for what is transparent."""
    some = photos[:: -(-len(photos) // PALETTE_FRAMES)]
    palette = Image.fromarray(np.concatenate([photo.pixels for photo in some])).quantize(COLORS)
    pictures = []
    for photo in photos:
        picture = Image.fromarray(photo.pixels).quantize(palette=palette, dither=Image.Dither.NONE)
        if photo.alpha is not None:
            indices = np.array(picture)
            indices[photo.alpha < 128] = COLORS
            transparent = Image.fromarray(indices, "L")
            transparent.putpalette(picture.getpalette() or [])
            picture = transparent
        pictures.append(picture)
    return pictures
