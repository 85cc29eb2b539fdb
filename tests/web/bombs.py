"""Small files that would take a decoder seconds, and in the size that an upload may have minutes.

Each function makes one of a few pixels, of which nothing but the work in it is odd.
"""

import struct
import zlib

from PIL import Image, ImageCms

from artlives.web.decoding import Limits
from tests.web.connection import picture_bytes

# A fifth of the time that the quickest of these takes, or less, and many times what an ordinary picture takes.
SHORT = Limits(header_seconds=0.1, seconds=0.15, seconds_per_megapixel=0.0)


def tiny(format, mode="RGB", **options):
    return picture_bytes(Image.new(mode, (16, 16)), format, **options)


def segments(segment, count):
    """A JPEG with so many segments before its own."""
    jpeg = tiny("JPEG")
    return jpeg[:2] + segment * count + jpeg[2:]


def application_segments():
    return segments(b"\xff\xe5\0\2", 500_000)


def comment_segments():
    return segments(b"\xff\xfe\0\2", 500_000)


def exif_segments():
    return segments(b"\xff\xe1\0\x09Exif\0\0x", 300_000)


def huffman_tables():
    return segments(b"\xff\xc4\0\x13\0" + bytes(16), 800_000)


def fill_bytes():
    return segments(b"\xff", 4_000_000)


def scans():
    """A progressive JPEG whose last scan, a refinement, comes a thousand times."""
    jpeg = picture_bytes(Image.new("L", (2048, 2048)), "JPEG", progressive=True)
    return jpeg[:-2] + jpeg[jpeg.rindex(b"\xff\xda") : -2] * 1000 + jpeg[-2:]


def gif(block, count):
    data = tiny("GIF", "P")
    image = data.index(b",")
    return data[:image] + block * count + data[image:]


def gif_comments():
    return gif(b"!\xfe\1x\0", 1_500_000)


def gif_extensions():
    return gif(b"!\xff\1x\0", 1_000_000)


def colour_profile():
    """A profile whose one step to the device-independent space has 20,000 elements, each a matrix."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    matrix = b"matf\0\0\0\0" + struct.pack(">HH12f", 3, 3, *[1, 0, 0] * 4)
    count = 20_000
    step = b"mpet\0\0\0\0" + struct.pack(">HHI", 3, 3, count)
    step += struct.pack(">II", len(step) + 8 * count, len(matrix)) * count + matrix
    (tags,) = struct.unpack(">I", profile[128:132])
    table = [struct.unpack(">4sII", profile[132 + 12 * i : 144 + 12 * i]) for i in range(tags)]
    data = {name: profile[start : start + length] for name, start, length in table}
    data |= dict.fromkeys((b"D2B0", b"D2B1", b"D2B2", b"D2B3"), step)
    entries, blob, start = b"", b"", 132 + 12 * len(data)
    for name, content in data.items():
        entries += struct.pack(">4sII", name, start + len(blob), len(content))
        blob += content + bytes(-len(content) % 4)
    # Elements came with version 4.3.
    head = profile[4:8] + b"\4\x30\0\0" + profile[12:128]
    return picture_bytes(
        Image.effect_noise((64, 64), 50).convert("RGB"),
        "PNG",
        icc_profile=struct.pack(">I", start + len(blob))
        + head
        + struct.pack(">I", len(data))
        + entries
        + blob,
    )


def png(kind, content, count, before=b"IDAT"):
    """A PNG with so many chunks of a kind before another."""
    data = tiny("PNG")
    place = data.index(before) - 4
    chunk = struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return data[:place] + chunk * count + data[place:]


def png_texts():
    return png(b"tEXt", b"a\0", 500_000)


def png_unknown_chunks():
    return png(b"abCd", b"", 500_000)


def png_texts_after_the_image():
    return png(b"tEXt", b"a\0", 1_000_000, b"IEND")


def tiff_strips():
    """A TIFF of 300,000 rows, each a strip; they are one and the same."""
    rows, start = 300_000, 8 + 2 + 12 * 9 + 4
    tags = [
        (256, 4, 1, 8),
        (257, 4, 1, rows),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, rows, start),
        (277, 3, 1, 1),
        (278, 4, 1, 1),
        (279, 4, rows, start + 4 * rows),
    ]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return b"II*\0\x08\0\0\0" + directory + struct.pack("<I", 8) * 2 * rows


def bmp_moves():
    """A run-length encoded BMP of nothing but moves by no pixel."""
    moves = b"\0\2\0\0" * 1_500_000
    start = 14 + 40 + 1024
    header = struct.pack("<IHHI", start + len(moves), 0, 0, start)
    header += struct.pack("<IiiHHIIiiII", 40, 16, 16, 1, 8, 1, len(moves), 0, 0, 256, 0)
    return b"BM" + header + bytes(1024) + moves


BOMBS = (
    application_segments,
    comment_segments,
    exif_segments,
    huffman_tables,
    fill_bytes,
    scans,
    gif_comments,
    gif_extensions,
    colour_profile,
    png_texts,
    png_unknown_chunks,
    png_texts_after_the_image,
    tiff_strips,
    bmp_moves,
)
