"""What a video or an animation is made of, whatever file it was read from."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from artlives.images import Photo


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video or an animation.

    Attributes:
        photo: the picture, upright.
        time: seconds at which it is shown, by the file's clock.
        duration: seconds that it is shown; 0 where the file does not tell.
        origin: the time of the file's frame that it shows: another one where frames are shown at another rate.
        repeats: whether it shows the picture before once more, as in place of a frame that is broken.
    """

    photo: Photo
    time: Fraction
    duration: Fraction
    origin: Fraction
    repeats: bool = False


@dataclass(frozen=True)
class Color:
    """How the numbers of a video mean colours: codes of ITU-T H.273, 2 where the file does not tell.

    Attributes:
        matrix: from RGB to luminance and colour differences.
        primaries, transfer: of RGB itself.
        full: whether they go from 0 to 255 rather than from 16 to 235.
    """

    matrix: int = 1
    primaries: int = 2
    transfer: int = 2
    full: bool = False


@dataclass(frozen=True)
class Clip:
    """What is known of a file before its frames are read.

    Attributes:
        width, height: of its frames, upright, in pixels.
        step: seconds that all its times are multiples of.
        rate: frames a second, on average.
        duration: seconds from the first frame to the end of the last; 0 where the file does not tell.
        start: the time of the first frame.
        aspect: the width of a pixel through its height.
        color: how its numbers mean colours.
        loops: how many times it is played in all as an animation, 0 for ever.
        notes: a line for each oddity, naming the file.
    """

    width: int
    height: int
    step: Fraction
    rate: Fraction
    duration: Fraction
    start: Fraction = Fraction(0)
    aspect: Fraction = Fraction(1)
    color: Color = field(default_factory=Color)
    loops: int = 1
    notes: tuple[str, ...] = ()
