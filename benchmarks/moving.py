"""Paints the README's moving picture.

    python -m benchmarks.moving

The camera moves over a sample photo for a few seconds, forth and back, so that the loop has no seam; each frame of it
is painted by `artlives video`'s own pipeline.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from artlives import Stylizer, images
from artlives.files import sample_photos
from artlives.images import Photo
from artlives.video import animation
from artlives.video.frame import Frame
from artlives.video.pipeline import STEADY, Pipeline

TARGET = Path(__file__).parents[1] / "images" / "readme" / "moving.webp"
# Height and width in pixels, frames, and seconds that each is shown: three seconds in half a megabyte.
SIZE, COUNT, STEP = (234, 416), 30, Fraction(1, 10)
PHOTO, STYLE = "otters", "wave"
# Of WebP, 1 to 100.
QUALITY = 30


def camera() -> list[Photo]:
    """What a camera sees that moves over the photo and comes nearer, and goes back."""
    picture = images.to_pil(images.load(sample_photos() / f"{PHOTO}.jpg"))
    frames = []
    for i in range(COUNT):
        part = (1 - np.cos(2 * np.pi * i / COUNT)) / 2
        width = picture.width * (0.9 - 0.25 * part)
        height = width * SIZE[0] / SIZE[1]
        left, top = (picture.width - width) * (0.2 + 0.6 * part), (picture.height - height) * 0.5
        box = left, top, left + width, top + height
        frame = picture.resize(SIZE[::-1], Image.Resampling.LANCZOS, box)
        frames.append(Photo(np.array(frame)))
    return frames


def main() -> None:
    photos = camera()
    # Once round before, so that the last frame's strokes go on in the first.
    frames = [Frame(photo, i * STEP, STEP, i * STEP) for i, photo in enumerate(2 * photos)]
    work = Pipeline(Stylizer(STYLE), STEADY)
    painted = [one.frames[0] for one in work.paint(frames, SIZE[0] * SIZE[1])][COUNT:]
    animation.save(painted, TARGET, 0, QUALITY)
    print(f"{TARGET}: {TARGET.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
