"""Pictures of 16 bits, against tifffile."""

import io

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image

from artlives import images
from artlives.errors import ArtlivesError
from artlives.images import Metadata, Photo, deep, profiles
from tests.images.files import png, written


def values(channels, height=40, width=56):
    """All bytes of both halves, so that no half can be taken for the other."""
    rng = np.random.default_rng(channels)
    return rng.integers(0, 65536, (height, width, channels), dtype=np.uint16)


def png_of(array, kind, *chunks):
    height, width = array.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    return png(width, height, 16, kind, rows, *chunks)


def tiff_of(array, **options):
    file = io.BytesIO()
    extra = ["unassalpha"] if array.shape[2] == 4 else None
    if options.get("planarconfig") == "separate":
        array = np.ascontiguousarray(array.transpose(2, 0, 1))
    order = options.get("byteorder", "<")
    tifffile.imwrite(
        file, array.astype(f"{order}u2"), photometric="rgb", extrasamples=extra, metadata=None, **options
    )
    file.seek(0)
    return file


# Reading


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
@pytest.mark.parametrize("target", ["PNG", "TIFF", "JPEG", None])
def test_png_is_read_with_the_bits_that_the_target_holds(kind, channels, target):
    array = values(channels)
    photo = images.load(png_of(array, kind), target=target)
    colors, alpha = array, None
    if channels in (2, 4):
        colors, alpha = array[..., :-1], array[..., -1]
    if target in ("PNG", "TIFF"):
        assert photo.pixels.dtype == np.uint16
        assert np.array_equal(photo.pixels, np.broadcast_to(colors, (40, 56, 3)))
        assert alpha is None or np.array_equal(photo.alpha, alpha)
    else:
        assert photo.pixels.dtype == np.uint8
        assert np.abs(photo.pixels - colors / 257).max() <= 1
        assert alpha is None or photo.alpha.dtype == np.uint8
    assert photo.notes == ()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rowsperstrip": 16},
        {"tile": (32, 32)},
        {"compression": "zlib", "predictor": True},
        {"planarconfig": "separate"},
        {"planarconfig": "separate", "rowsperstrip": 16},
        {"planarconfig": "separate", "tile": (32, 32)},
    ],
    ids=str,
)
def test_tiff_is_read_however_it_is_laid_out(order, channels, options):
    array = values(channels)
    file = tiff_of(array, byteorder=order, **options)
    photo = images.load(file, target="TIFF")
    assert np.array_equal(photo.pixels, array[..., :3])
    assert (photo.alpha is None) == (channels == 3)
    assert photo.alpha is None or np.array_equal(photo.alpha, array[..., 3])
    file.seek(0)
    assert np.array_equal(images.load(file).pixels, array[..., :3] >> 8)


def test_of_compressed_planes_the_first_bytes_are_read_with_a_note():
    file = tiff_of(values(3), compression="zlib", planarconfig="separate")
    photo = images.load(file, "scan.tif", target="TIFF")
    assert np.array_equal(photo.pixels, values(3) >> 8)
    assert photo.notes == ("scan.tif: of its 16 bits 8 were read",)


@pytest.mark.parametrize("options", [{}, {"planarconfig": "separate"}], ids=str)
def test_they_are_turned(options):
    tag = (ExifTags.Base.Orientation, 3, 1, 6, True)
    photo = images.load(tiff_of(values(3), extratags=[tag], **options), target="TIFF")
    assert np.array_equal(photo.pixels, np.rot90(values(3), -1))


def test_planes_that_are_cut_short_are_refused():
    data = tiff_of(values(3), planarconfig="separate").getvalue()
    with pytest.raises(ArtlivesError, match="cut short"):
        images.load(io.BytesIO(data[:-100]))


@pytest.mark.parametrize(
    ("kind", "channels", "key"), [(0, 1, b"\x12\x34"), (2, 3, b"\x12\x34\x12\x35\x12\x36")]
)
def test_a_transparent_colour_is_one_of_16_bits(kind, channels, key):
    array = np.frombuffer(key, ">u2").reshape(1, 1, channels).repeat(2, 1).copy()
    array[0, 1, 0] += 1
    photo = images.load(png_of(array, kind, (b"tRNS", key)), target="PNG")
    assert photo.alpha.tolist() == [[0, 65535]]


def test_an_interlaced_png(tmp_path):
    """Pillow writes none: one pixel of each of Adam7's passes, in a picture of 8 x 8 (ISO 15948, section 8.2)."""
    array = values(3, 8, 8)
    passes = [
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ]
    rows = b"".join(
        b"\0" + row.astype(">u2").tobytes()
        for top, left, down, right in passes
        for row in array[top::down, left::right]
    )
    photo = images.load(png(8, 8, 16, 2, rows, interlaced=True), target="PNG")
    assert np.array_equal(photo.pixels, array)


# Colours


@pytest.mark.parametrize(
    "profile", [profiles.adobe_rgb(), profiles.srgb()[:-1] + b"\1"], ids=["Adobe", "sRGB"]
)
def test_16_bits_are_converted_as_8_are(profile, pixels):
    array = pixels.astype(np.uint16) * 257
    file = io.BytesIO()
    deep.write_tiff(file, array, {34675: profile})
    file.seek(0)
    photo = images.load(file, target="TIFF")
    assert photo.notes == ()
    expected = images.load(written(Image.fromarray(pixels), "PNG", icc_profile=profile)).pixels
    difference = np.abs(photo.pixels / 257 - expected)
    assert difference.max() < 1.2
    assert difference.mean() < 0.3


def test_a_curve_of_points_is_followed():
    """A gamma of 2.2 as a table of 1024 points is that of one exponent."""
    linear = (np.linspace(0, 1, 1024) ** 2.2 * 65535).round().astype(">u2")
    table = b"curv\0\0\0\0" + (1024).to_bytes(4, "big") + linear.tobytes()
    power = b"curv\0\0\0\0\0\0\0\1" + round(2.2 * 256).to_bytes(2, "big")
    assert np.abs(profiles._curve(table) - profiles._curve(power)).max() < 1e-3


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ([2.0], lambda x: x**2),
        ([2.0, 0.5, 0.25], lambda x: (0.5 * x + 0.25) ** 2),
        ([2.0, 0.5, 0.25, 0.125], lambda x: (0.5 * x + 0.25) ** 2 + 0.125),
        ([2.0, 1.0, 0.0, 0.5, 0.25], lambda x: np.where(x >= 0.25, x**2, 0.5 * x)),
        (
            [2.0, 1.0, 0.0, 0.5, 0.25, 0.125, 0.0625],
            lambda x: np.where(x >= 0.25, x**2 + 0.125, 0.5 * x + 0.0625),
        ),
    ],
)
def test_parametric_curves(parameters, expected):
    x = np.linspace(0, 1, 999)
    assert np.abs(profiles._parametric(x, parameters) - expected(x).clip(0, 1)).max() < 1e-6


def test_a_profile_of_tables_is_read_with_8_bits_and_a_note(pixels):
    profile = profiles.adobe_rgb().replace(b"cprt", b"A2B0")
    file = io.BytesIO()
    deep.write_tiff(file, pixels.astype(np.uint16) * 257, {34675: profile})
    file.seek(0)
    photo = images.load(file, target="TIFF")
    assert photo.pixels.dtype == np.uint8
    assert "tables" in photo.notes[0]


# Writing


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_are_written(suffix, channels, tmp_path):
    array = values(channels)
    alpha = array[..., 3] if channels == 4 else None
    photo = Photo(array[..., :3], alpha, metadata=Metadata(resolution=(300.0, 150.0)), painted_by="dots")
    path = tmp_path / f"out{suffix}"
    images.save(photo, path)
    again = images.load(path, target="PNG")
    assert np.array_equal(again.pixels, photo.pixels)
    assert (again.alpha is None) == (channels == 3)
    assert again.alpha is None or np.array_equal(again.alpha, photo.alpha)
    assert (again.notes, again.painted_by) == ((), "dots")
    assert again.metadata.resolution == pytest.approx((300, 150), abs=0.1)
    with Image.open(path) as image:
        assert image.info["icc_profile"] == profiles.srgb()
    if suffix == ".tif":
        assert np.array_equal(tifffile.imread(path), array)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".bmp", ".avif"])
def test_other_formats_get_8_bits(suffix, tmp_path, pixels):
    images.save(Photo(pixels.astype(np.uint16) * 257), tmp_path / f"a{suffix}", quality=95)
    images.save(Photo(pixels), tmp_path / f"b{suffix}", quality=95)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


# On the way


def test_fit_keeps_16_bits_as_pillow_keeps_8(pixels):
    alpha = np.linspace(64, 255, 40 * 56).reshape(40, 56).astype(np.uint8)
    for opacity in (None, alpha):
        deep_opacity = None if opacity is None else opacity.astype(np.uint16) * 257
        found = images.fit(Photo(pixels.astype(np.uint16) * 257, deep_opacity), 30)
        expected = images.fit(Photo(pixels, opacity), 30)
        assert found.pixels.dtype == np.uint16
        assert np.abs(found.pixels / 257 - expected.pixels).max() < 6
        assert np.abs(found.pixels / 257 - expected.pixels).mean() < 1
        assert opacity is None or np.abs(found.alpha / 257 - expected.alpha).max() < 1


def test_what_is_behind_transparent_parts_is_filled_with_16_bits():
    array = values(4)
    alpha = np.where(array[..., 3] > 40_000, 65535, 0).astype(np.uint16)
    found = images.filled(Photo(array[..., :3], alpha)).pixels
    assert np.array_equal(found[alpha > 0], array[..., :3][alpha > 0])
    black = np.where(alpha[..., None] > 0, array[..., :3], 0).astype(np.uint16)
    assert np.array_equal(images.filled(Photo(black, alpha)).pixels, found)
