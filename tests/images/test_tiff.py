"""TIFF files of kinds that Pillow reads wrongly, or not at all."""

import io
import struct

import numpy as np
import pytest
import tifffile

from artlives import images
from artlives.errors import ArtlivesError


def file_of(array, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, array, metadata=None, **options)
    file.seek(0)
    return file


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"rowsperstrip": 8}], ids=str)
@pytest.mark.parametrize("target", ["TIFF", "JPEG"])
def test_grays_with_white_as_0(options, target):
    gray = np.linspace(0, 65535, 40 * 56).astype(np.uint16).reshape(40, 56)
    photo = images.load(file_of(65535 - gray, photometric="miniswhite", **options), target=target)
    if target == "TIFF":
        assert np.array_equal(photo.pixels[..., 0], gray)
    else:
        assert np.array_equal(photo.pixels[..., 2], np.round(gray / 257))


@pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True)])
@pytest.mark.parametrize(
    ("shape", "dtype", "options", "kind"),
    [
        ((9, 8, 3), "f4", {"photometric": "rgb"}, "3 x 32 bits floating-point, RGB"),
        (
            (9, 8, 2),
            "u2",
            {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": ["unassalpha"]},
            "2 x 16 bits, gray,",
        ),
        ((9, 8, 5), "u1", {"photometric": "separated", "extrasamples": ["unassalpha"]}, "5 x 8 bits, CMYK"),
        ((9, 8, 3), "u4", {"photometric": "rgb"}, "3 x 32 bits, RGB"),
    ],
    ids=["float", "gray with alpha", "CMYK with alpha", "32 bits"],
)
def test_sound_files_of_kinds_that_are_not_read(order, big, shape, dtype, options, kind):
    file = file_of(np.ones(shape, order + dtype), byteorder=order, bigtiff=big, **options)
    with pytest.raises(ArtlivesError) as info:
        images.load(file, "scan.tif")
    message = str(info.value)
    assert message.startswith("scan.tif is a TIFF file of a kind that is not read (")
    assert kind in message
    assert "save it as PNG" in message


def test_a_compression_that_is_not_known():
    data = bytearray(file_of(np.ones((9, 8, 3), np.uint8), photometric="rgb", byteorder="<").getvalue())
    tag = data.index(struct.pack("<HHI", 259, 3, 1))
    data[tag + 8 : tag + 10] = struct.pack("<H", 33003)
    with pytest.raises(ArtlivesError, match="compression 33003"):
        images.load(io.BytesIO(data))


@pytest.mark.parametrize(
    "content", [b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\0\x01", b"II+\0" + bytes(60)]
)
def test_damaged_ones_are_not_called_sound(content):
    with pytest.raises(ArtlivesError, match=r"is not a picture, or is damaged|cut short"):
        images.load(io.BytesIO(content))
