"""Files <-> pictures in NumPy, and everything that is odd about image files.

Reading ends in a `Photo`: sRGB, upright, its transparency and metadata beside it. Writing goes the other way, by the
ending of the file's name. NumPy is imported when pixels are made, so that asking what can be written costs nothing.
"""

from artlives.images.animations import loops_of, write_animation
from artlives.images.formats import READ, SUFFIXES, WRITTEN, format_of
from artlives.images.metadata import Metadata
from artlives.images.needs import bytes_to_paint
from artlives.images.opening import opened
from artlives.images.photo import LUMA, Animation, Photo, fit, fitted, on_white, to_pil
from artlives.images.reading import DEFAULT, OWN, Reading, from_pil, is_animated, is_painting, load
from artlives.images.transparency import filled
from artlives.images.writing import check, save

__all__ = [
    "DEFAULT",
    "LUMA",
    "OWN",
    "READ",
    "SUFFIXES",
    "WRITTEN",
    "Animation",
    "Metadata",
    "Photo",
    "Reading",
    "bytes_to_paint",
    "check",
    "filled",
    "fit",
    "fitted",
    "format_of",
    "from_pil",
    "is_animated",
    "is_painting",
    "load",
    "loops_of",
    "on_white",
    "opened",
    "save",
    "to_pil",
    "write_animation",
]
