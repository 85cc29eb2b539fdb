"""Colour profiles (ICC.1:2022): from a picture's own colours to sRGB, and back."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from PIL import Image, ImageCms

if TYPE_CHECKING:
    import numpy as np

# XYZ of red, green and blue, column by column, adapted to D50: of sRGB (IEC 61966-2-1), and of Adobe RGB (1998).
SRGB_COLORANTS = (
    (0.43607, 0.38515, 0.14307),
    (0.22249, 0.71687, 0.06061),
    (0.01392, 0.09708, 0.71410),
)
ADOBE_COLORANTS = (
    (0.60974, 0.20528, 0.14919),
    (0.31111, 0.62567, 0.06322),
    (0.01947, 0.06087, 0.74457),
)
# The curves of their channels, by the parameters of ICC's parametric curves: of type 3, of type 0.
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
ADOBE_CURVE = (563 / 256,)
# How many parameters the types of parametric curves have.
PARAMETERS = [1, 3, 4, 5, 7]
# XYZ of the white of profiles.
D50 = (0.9642, 1.0, 0.8249)
# The matrices above, row by row.
Matrix = tuple[tuple[float, float, float], ...]
# Rows that are converted at a time, so that a huge picture takes little memory in fp32.
ROWS = 256


class TablesError(ValueError):
    """A profile is made of tables instead of curves and a matrix."""


@cache
def srgb() -> bytes:
    """A profile of sRGB that is small, and the same every time."""
    return _profile("sRGB", SRGB_COLORANTS, SRGB_CURVE)


@cache
def adobe_rgb() -> bytes:
    """A profile of Adobe RGB (1998), for photos that name it in their EXIF alone."""
    return _profile("Adobe RGB (1998) compatible", ADOBE_COLORANTS, ADOBE_CURVE)


def space_of(profile: bytes) -> str:
    """The colours that a profile is for, such as RGB, GRAY or CMYK.

    Raises:
        OSError: it is damaged.
    """
    return ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space.strip()


def to_srgb(image: Image.Image, profile: bytes, gray: bool) -> Image.Image:
    """The picture's colours by its ICC profile, as RGB in sRGB.

    Args:
        gray: whether the picture has no colours.

    Raises:
        OSError, ValueError, ImageCms.PyCMSError: the profile is damaged or not for such a picture.
    """
    mode = _mode_for(profile, gray, cmyk=image.mode == "CMYK")
    target = ImageCms.createProfile("sRGB")
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(source, target, mode, "RGB").apply(image.convert(mode))


def from_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """An RGB picture in sRGB, or RGBA, in the colours of an RGB profile."""
    target = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    source = ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(source, target, image.mode, image.mode).apply(image)


def is_written(profile: bytes) -> bool:
    """Whether a profile is one for RGB, to whose colours others can be converted."""
    try:
        from_srgb(Image.new("RGB", (1, 1)), profile)
        return space_of(profile) == "RGB"
    except (ImageCms.PyCMSError, OSError, ValueError):
        return False


def deep_to_srgb(pixels: np.ndarray, profile: bytes, gray: bool) -> np.ndarray:
    """Pixels (H, W, 3) of uint16 in the colours of a profile, in sRGB; Pillow converts 8 bits alone.

    Args:
        gray: whether the picture has no colours: its three channels are the same.

    Raises:
        OSError, ValueError: the profile is damaged, or not for such a picture.
        TablesError: it is made of tables.
    """
    import numpy as np

    _mode_for(profile, gray, cmyk=False)
    curves, matrix = _curves_and_matrix(profile)
    colors = np.linalg.solve(np.array(SRGB_COLORANTS), matrix)
    return _converted(
        pixels,
        lambda values: np.stack([curves[i][values[..., i]] for i in range(3)], 2),
        colors,
        lambda linear: _encoded(linear) * 65535,
    )


def deep_from_srgb(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    """Pixels (H, W, 3) of uint16 in sRGB, in the colours of an RGB profile.

    Raises:
        OSError, ValueError: as `deep_to_srgb` does.
    """
    import numpy as np

    curves, matrix = _curves_and_matrix(profile)
    decode = _parametric(np.arange(65536) / 65535, SRGB_CURVE)
    colors = np.linalg.solve(matrix, np.array(SRGB_COLORANTS))
    codes = np.arange(65536)
    return _converted(
        pixels,
        lambda values: decode[values],
        colors,
        lambda linear: np.stack([np.interp(linear[..., i], curves[i], codes) for i in range(3)], 2),
    )


def _converted(
    pixels: np.ndarray,
    decode: Callable[[np.ndarray], np.ndarray],
    colors: np.ndarray,
    encode: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Pixels decoded to linear light, multiplied by a matrix, limited to 0..1 and encoded again, band by band."""
    import numpy as np

    result = np.empty_like(pixels)
    for top in range(0, len(pixels), ROWS):
        linear = (decode(pixels[top : top + ROWS]) @ colors.T).clip(0, 1)
        result[top : top + ROWS] = encode(linear).round()
    return result


def _mode_for(profile: bytes, gray: bool, cmyk: bool) -> str:
    """The mode in which a picture is converted by a profile.

    Raises:
        OSError, ValueError: the profile is damaged, or not for such a picture.
    """
    space = space_of(profile)
    mode = {"GRAY": "L", "CMYK": "CMYK", "RGB": "RGB"}.get(space)
    if mode is None or (mode == "CMYK") != cmyk or (mode == "L" and not gray):
        kind = "CMYK" if cmyk else "gray" if gray else "RGB"
        raise ValueError(f"it is for {space}, the picture is {kind}")
    return mode


def _curves_and_matrix(profile: bytes) -> tuple[list[np.ndarray], np.ndarray]:
    """The linear light of each value of the channels, three arrays (65536,) in 0..1, and XYZ of the three, (3, 3)."""
    import numpy as np

    try:
        tags = _tags(profile)
        if "A2B0" in tags:
            raise TablesError("its colour profile is made of tables")
        if "kTRC" in tags:
            return [_curve(tags["kTRC"])] * 3, np.array(SRGB_COLORANTS)
        columns = [struct.unpack(">3i", tags[f"{color}XYZ"][8:20]) for color in "rgb"]
        return [_curve(tags[f"{color}TRC"]) for color in "rgb"], np.array(columns).T / 65536
    except (KeyError, IndexError, ZeroDivisionError, struct.error) as error:
        raise ValueError(f"it is damaged: {error}") from error


def _tags(profile: bytes) -> dict[str, bytes]:
    """What the table of a profile lists (section 7.3)."""
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * i) for i in range(count))
    return {name.decode("latin-1"): profile[start : start + length] for name, start, length in entries}


def _curve(tag: bytes) -> np.ndarray:
    """The linear light of each of 65536 values by a curve (sections 10.6 and 10.18), in fp32."""
    import numpy as np

    values = np.arange(65536) / 65535
    if tag[:4] == b"para":
        count = PARAMETERS[struct.unpack_from(">H", tag, 8)[0]]
        return _parametric(values, [number / 65536 for number in struct.unpack_from(f">{count}i", tag, 12)])
    (count,) = struct.unpack_from(">I", tag, 8)
    points = np.array(struct.unpack_from(f">{count}H", tag, 12))
    if count > 1:
        return np.interp(values, np.linspace(0, 1, count), points / 65535).astype(np.float32)
    # One number is an exponent; none stands for 1.
    return _parametric(values, [points[0] / 256 if count else 1.0])


def _parametric(values: np.ndarray, parameters: Sequence[float]) -> np.ndarray:
    """ICC's parametric curve with the parameters g, a, b, c, d, e, f, as many as its type has, in fp32."""
    import numpy as np

    g, a, b, *others = (*parameters, 1.0, 0.0)[:3] if len(parameters) < 3 else parameters
    # Below d a line of slope c that begins at f; above it a power, raised by e.
    c, d, e, f = {
        0: (0.0, -b / a, 0.0, 0.0),
        1: (0.0, -b / a, *others, *others),
        2: (*others, 0.0, 0.0),
        4: tuple(others),
    }[len(others)]
    power = np.maximum(a * values + b, 0) ** g + e
    return np.where(values >= d, power, c * values + f).clip(0, 1).astype(np.float32)


def _encoded(linear: np.ndarray) -> np.ndarray:
    """Linear light in 0..1 in sRGB, 0..1 (IEC 61966-2-1)."""
    import numpy as np

    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def _profile(name: str, colorants: Matrix, curve: Sequence[float]) -> bytes:
    """A profile of version 4 for a display, with one curve for red, green and blue."""

    def text(words: str) -> bytes:
        return struct.pack(">4s4xII2s2sII", b"mluc", 1, 12, b"en", b"US", 2 * len(words), 28) + words.encode(
            "utf-16-be"
        )

    def fixed(kind: bytes, *numbers: float) -> bytes:
        return struct.pack(f">4s4x{len(numbers)}i", kind, *(round(number * 65536) for number in numbers))

    kind = PARAMETERS.index(len(curve))
    shared = struct.pack(">4s4xHxx", b"para", kind) + fixed(b"", *curve)[8:]
    contents = {
        b"desc": text(name),
        b"cprt": text("CC0"),
        b"wtpt": fixed(b"XYZ ", *D50),
        **{
            f"{color}XYZ".encode(): fixed(b"XYZ ", *(row[i] for row in colorants))
            for i, color in enumerate("rgb")
        },
        **{f"{color}TRC".encode(): shared for color in "rgb"},
    }
    # The three curves are stored once.
    data, starts = b"", {}
    for content in dict.fromkeys(contents.values()):
        starts[content] = 132 + 12 * len(contents) + len(data)
        data += content + bytes(-len(content) % 4)
    table = struct.pack(">I", len(contents)) + b"".join(
        struct.pack(">4sII", tag, starts[content], len(content)) for tag, content in contents.items()
    )
    size = 128 + len(table) + len(data)
    white = fixed(b"", *D50)[8:]
    header = struct.pack(
        ">I4xI4s4s4s6H4s28x12s48x",
        size,
        0x04400000,
        b"mntr",
        b"RGB ",
        b"XYZ ",
        2026,
        1,
        1,
        0,
        0,
        0,
        b"acsp",
        white,
    )
    return header + table + data
