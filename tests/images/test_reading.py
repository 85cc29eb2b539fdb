import io
import os

import numpy as np
import pytest
from PIL import ExifTags, Image

from artlives import images
from artlives.errors import ArtlivesError
from tests.images.files import png, written

LOSSLESS = ["PNG", "TIFF", "BMP"]
# How to undo each, on (H, W, 3).
ORIENTATIONS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("format", [*LOSSLESS, "JPEG", "WEBP"])
def test_formats(format, pixels):
    photo = images.load(written(Image.fromarray(pixels), format))
    assert photo.pixels.shape == pixels.shape
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.flags.writeable
    assert (photo.alpha, photo.format, photo.metadata.exif, photo.notes) == (None, format, None, ())
    difference = np.abs(photo.pixels.astype(int) - pixels)
    assert difference.max() == 0 if format in LOSSLESS else difference.mean() < 6


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_of_several_pictures(format):
    first, second = Image.new("RGB", (20, 20), "red"), Image.new("RGB", (20, 20), "blue")
    file = written(first, format, save_all=True, append_images=[second])
    red, _, blue = images.load(file).pixels[10, 10]
    assert red > 200 > 50 > blue


def test_a_phone_that_writes_two_pictures_in_a_jpeg():
    photo = images.load(
        written(Image.new("RGB", (20, 20)), "MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))])
    )
    assert (photo.pixels.shape, photo.format) == ((20, 20, 3), "JPEG")


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "La", "P", "RGBA", "RGBa", "CMYK", "YCbCr", "HSV", "LAB", "I;16"]
)
def test_modes(mode, pixels):
    image = Image.fromarray(pixels)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
        expected = np.asarray(Image.fromarray(pixels).convert("L").convert("RGB"))
    else:
        image = image.convert("LA").convert("La") if mode == "La" else image.convert(mode)
        expected = np.asarray((image.convert("LA") if mode == "La" else image).convert("RGB"))
    photo = images.from_pil(image)
    assert np.abs(photo.pixels.astype(int) - expected).max() <= 1
    assert (photo.alpha is not None) == (mode in ("LA", "La", "RGBA", "RGBa"))


def test_16_bits_gray_are_scaled_not_clipped():
    values = np.linspace(0, 65535, 20 * 16).astype(">u2").reshape(16, 20)
    photo = images.load(png(20, 16, 16, 0, b"".join(b"\0" + row.tobytes() for row in values)))
    assert np.array_equal(photo.pixels[..., 0], np.round(values / 257))


def test_16_bits_colour_are_scaled_not_clipped():
    values = np.linspace(0, 65535, 20 * 16 * 3).astype(">u2").reshape(16, 60)
    photo = images.load(png(20, 16, 16, 2, b"".join(b"\0" + row.tobytes() for row in values)))
    assert np.abs(photo.pixels.reshape(16, 60) - values / 257.0).max() <= 1


def test_16_bits_in_tiff():
    values = np.linspace(0, 65535, 20 * 16).astype(np.uint16).reshape(16, 20)
    photo = images.load(written(Image.fromarray(values), "TIFF"))
    assert np.array_equal(photo.pixels[..., 1], np.round(values / 257))


@pytest.mark.parametrize("values", [np.ones((20, 20), np.float32), np.full((20, 20), 99, np.int32)])
def test_values_without_a_scale(values):
    with pytest.raises(ArtlivesError, match="8 or 16 bits"):
        images.load(written(Image.fromarray(values), "TIFF"))


def test_inverted_cmyk_of_adobe(pixels):
    """Pillow writes CMYK JPEG as Adobe does, inverted and marked."""
    file = written(Image.fromarray(pixels).convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in file.getvalue()
    assert np.abs(images.load(file).pixels.astype(int) - pixels).mean() < 6


def test_alpha_channel(pixels):
    alpha = pixels[..., 0].copy()
    image = Image.fromarray(np.dstack([pixels, alpha]))
    for format in ("PNG", "TIFF"):
        photo = images.load(written(image, format))
        assert np.array_equal(photo.pixels, pixels)
        assert np.array_equal(photo.alpha, alpha)
    assert np.array_equal(images.load(written(image, "WEBP")).alpha, alpha)


@pytest.mark.parametrize("transparency", [0, bytes([0, 128, 255])], ids=["index", "table"])
def test_palette_transparency(transparency):
    image = Image.new("P", (16, 16), 2)
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putpixel((0, 0), 0)
    image.putpixel((1, 0), 1)
    photo = images.load(written(image, "PNG", transparency=transparency))
    assert photo.alpha[0, :3].tolist() == ([0, 255, 255] if transparency == 0 else [0, 128, 255])
    assert photo.pixels[0, :3].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


@pytest.mark.parametrize(
    ("color", "key", "row"), [(0, b"\0\7", b"\7\x09"), (2, b"\0\1\0\2\0\3", b"\1\2\3\1\2\4")]
)
def test_transparent_colour(color, key, row):
    photo = images.load(png(2, 1, 8, color, b"\0" + row, (b"tRNS", key)))
    assert photo.alpha.tolist() == [[0, 255]]


def test_transparent_colour_of_16_bits():
    photo = images.load(png(2, 1, 16, 0, b"\0" + b"\x12\x34\x12\x35", (b"tRNS", b"\x12\x34")))
    assert photo.alpha.tolist() == [[0, 255]]
    assert photo.pixels[0, :, 0].tolist() == [18, 18]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_orientation_is_applied(orientation, format, pixels):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}}.get(format, {})
    photo = images.load(written(Image.fromarray(pixels), format, exif=exif.tobytes(), **options))
    expected = ORIENTATIONS[orientation](pixels)
    assert photo.pixels.shape == expected.shape
    assert np.abs(photo.pixels.astype(int) - expected).mean() < (6 if format in ("JPEG", "AVIF") else 1)
    assert photo.metadata.exif is None


def test_alpha_is_turned_with_the_colours(pixels):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    image = Image.fromarray(np.dstack([pixels, pixels[..., 1]]))
    photo = images.load(written(image, "PNG", exif=exif.tobytes()))
    assert np.array_equal(photo.alpha, photo.pixels[..., 1])


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientation_that_is_none(orientation, pixels):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    assert np.array_equal(
        images.load(written(Image.fromarray(pixels), "PNG", exif=exif.tobytes())).pixels, pixels
    )


def truncated(format: str, part: float) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = written(Image.fromarray(noise), format).getvalue()
    return data[: int(len(data) * part)]


@pytest.mark.parametrize("part", [0.01, 0.5, 0.98])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_truncated_files(format, part, tmp_path):
    path = tmp_path / "cut.jpg"
    path.write_bytes(truncated(format, part))
    with pytest.raises(ArtlivesError, match=r"cut\.jpg is .*(damaged|not a picture)"):
        images.load(path)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [1, 2, 200, 1000])
def test_a_jpeg_that_lacks_its_last_bytes_is_read_as_far_as_it_goes(missing, progressive):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = written(Image.fromarray(noise), "JPEG", progressive=progressive).getvalue()
    cut = io.BytesIO(whole[:-missing])
    with pytest.raises(ArtlivesError, match="cut short"):
        images.load(cut, "cut.jpg")
    cut.seek(0)
    photo = images.load(cut, "cut.jpg", reading=images.Reading(strict=False))
    assert photo.notes == ("cut.jpg is cut short: it is painted as far as it goes",)
    difference = np.abs(photo.pixels.astype(int) - images.load(io.BytesIO(whole)).pixels)
    assert difference[:24].max() == 0 or progressive
    assert difference.max() == 0 or missing > 2


@pytest.mark.parametrize("content", [b"\xff\xd8\xff" + b"rubbish" * 100, b"\xff\xd8\xff\xe0\0\x10JFIF"])
def test_what_has_no_pixels_is_refused_all_the_same(content):
    with pytest.raises(ArtlivesError, match=r"cut short|is not a picture"):
        images.load(io.BytesIO(content), reading=images.Reading(strict=False))


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_other_formats_that_are_cut_are_refused_all_the_same(format):
    with pytest.raises(ArtlivesError, match=r"damaged|not a picture"):
        images.load(io.BytesIO(truncated(format, 0.5)), reading=images.Reading(strict=False))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"Dear diary, today I took no picture.", "is not a picture"),
        (b"\xff\xd8\xff" + b"rubbish" * 100, "is not a picture|damaged"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a picture"),
        (b"\0\0\0\x18ftypheic" + bytes(100), "damaged"),
        (b"\0\0\0\x18ftypavif" + bytes(100), "is not a picture, or is damaged"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "is a video"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(100), "is a video"),
        (b"\0\0\0\x08wide" + bytes(100), "is a video"),
        (b"\x1a\x45\xdf\xa3" + bytes(100), "is a video"),
        (b"RIFF\0\0\0\0AVI LIST" + bytes(100), "is a video"),
    ],
    ids=[
        "empty",
        "text",
        "rubbish",
        "svg",
        "postscript",
        "heic",
        "avif",
        "mp4",
        "mov",
        "quicktime",
        "webm",
        "avi",
    ],
)
def test_files_that_are_no_pictures(content, message, tmp_path):
    # Whatever it is called.
    path = tmp_path / "photo.heic"
    path.write_bytes(content)
    with pytest.raises(ArtlivesError, match=message) as info:
        images.load(path)
    assert str(path) in str(info.value)
    assert "\n" not in str(info.value)


def test_a_picture_that_does_not_fit_in_memory_is_refused_by_its_header(tmp_path, monkeypatch):
    path = tmp_path / "bomb.png"
    path.write_bytes(png(50_000, 50_000, 8, 2, bytes(100_000)).getvalue())
    monkeypatch.setattr("artlives.memory.free", lambda: 10**9)
    with pytest.raises(
        ArtlivesError, match=r"bomb\.png does not fit in memory \(50000x50000 pixels take 37\.5 GB"
    ):
        images.load(path)


def test_a_picture_that_fits_in_memory_is_read_however_large(monkeypatch, pixels):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for format in ("PNG", "JPEG", "TIFF", "BMP", "AVIF", "GIF"):
        assert images.load(written(Image.fromarray(pixels), format)).pixels.shape == pixels.shape
    # Its decoder looks at the limit by itself.
    with pytest.raises(ArtlivesError, match="the picture has more pixels than Pillow reads"):
        images.load(written(Image.fromarray(pixels), "WEBP"))
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.parametrize("name", ["none.jpg", ".", "photo.jpg/none.jpg", "x" * 300 + ".jpg"])
def test_files_that_cannot_be_opened(name, photo_file):
    path = photo_file.parent / name
    with pytest.raises(ArtlivesError, match="cannot be read") as info:
        images.load(path)
    assert str(path) in str(info.value)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_file_without_permission(photo_file):
    photo_file.chmod(0)
    with pytest.raises(ArtlivesError, match="Permission denied"):
        images.load(photo_file)
