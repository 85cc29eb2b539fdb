"""From the values that a file stores to pixels in sRGB."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from PIL import Image, ImageCms

from artlives.errors import ArtlivesError
from artlives.images import deep, profiles
from artlives.images.photo import in_eight_bits

if TYPE_CHECKING:
    import numpy as np


class Stored(NamedTuple):
    """The values of a file.

    Attributes:
        image: upright; of colours of 16 bits, the first bytes.
        low: their second bytes, where these were read.
        negative: whether 0 is white.
        has_16_bits: whether it is a TIFF file whose values have 16 bits.
    """

    image: Image.Image
    low: Image.Image | None
    negative: bool
    has_16_bits: bool


def sixteen_bits(
    stored: Stored, profile: bytes | None, name: str, notes: list[str]
) -> tuple[np.ndarray, np.ndarray | None] | None:
    """The pixels of an image of 16 bits in sRGB, and its alpha; None if it has 8, or what it has cannot be had."""
    image, low, negative, has_16_bits = stored
    if low is None and not image.mode.startswith("I;16"):
        if has_16_bits:
            notes.append(f"{name}: of its 16 bits 8 were read")
        return None
    pixels, alpha = deep.joined(image, low, negative)
    if profile:
        try:
            pixels = profiles.deep_to_srgb(pixels, profile, gray=low is None)
        except profiles.TablesError as error:
            notes.append(f"{name}: of its 16 bits 8 were read: {error}")
            return None
        except (OSError, ValueError) as error:
            notes.append(f"{name}: its colour profile was passed over: {error}")
    return pixels, alpha


def eight_bits(
    stored: Stored, profile: bytes | None, name: str, notes: list[str]
) -> tuple[np.ndarray, np.ndarray | None]:
    """The pixels of an image in sRGB and 8 bits, and its alpha.

    Raises:
        ArtlivesError: its values are floating-point numbers or integers of 32 bits.
    """
    import numpy as np

    image = stored.image
    if image.mode in ("F", "I"):
        raise ArtlivesError(f"{name} has values that are not of 8 or 16 bits: save it with 8 bits first")
    if image.mode.startswith("I;16"):
        values, opacity = deep.joined(image, None, stored.negative)
        image = Image.fromarray(in_eight_bits(values[:, :, 0]))
        if opacity is not None:
            image.putalpha(Image.fromarray(in_eight_bits(opacity)))
    if image.mode == "La":
        # Pillow turns it into no other mode.
        image = image.convert("LA")
    gray = Image.getmodebase(image.mode) == "L"
    alpha = None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = np.array(image.getchannel("A"))
        image = image.convert("RGB")
    if profile:
        try:
            image = profiles.to_srgb(image, profile, gray)
        except (ImageCms.PyCMSError, OSError, ValueError) as error:
            notes.append(f"{name}: its colour profile was passed over: {error}")
    return np.array(image if image.mode == "RGB" else image.convert("RGB")), alpha
