import errno
import io
import os
import stat
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, JpegImagePlugin

from artlives import images
from artlives.errors import ArtlivesError
from artlives.images import Photo

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


def written(image: Image.Image, format: str, **options) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, format, **options)
    file.seek(0)
    return file


def png(
    width: int, height: int, depth: int, color: int, data: bytes, *chunks: tuple[bytes, bytes]
) -> io.BytesIO:
    """A PNG file put together by hand, for what Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    body = b"\x89PNG\r\n\x1a\n"
    for kind, content in ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(data)), (b"IEND", b"")):
        body += struct.pack(">I", len(content)) + kind + content
        body += struct.pack(">I", zlib.crc32(kind + content))
    return io.BytesIO(body)


# Reading: formats and modes


@pytest.mark.parametrize("format", [*LOSSLESS, "JPEG", "WEBP"])
def test_formats(format, pixels):
    photo = images.load(written(Image.fromarray(pixels), format))
    assert photo.pixels.shape == pixels.shape
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.flags.writeable
    assert (photo.alpha, photo.format, photo.exif, photo.notes) == (None, format, None, ())
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


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "I;16", "I"])
def test_modes(mode, pixels):
    image = Image.fromarray(pixels)
    if mode.startswith("I"):
        values = np.asarray(image.convert("L")).astype(np.uint16 if mode == "I;16" else np.int32) * 257
        image = Image.fromarray(values)
        expected = np.asarray(Image.fromarray(pixels).convert("L").convert("RGB"))
    else:
        image = image.convert(mode)
        expected = np.asarray(image.convert("RGB"))
    photo = images.from_pil(image)
    assert np.abs(photo.pixels.astype(int) - expected).max() <= 1
    assert (photo.alpha is not None) == (mode in ("LA", "RGBA"))


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


@pytest.mark.parametrize("values", [np.ones((20, 20), np.float32), np.full((20, 20), 70_000, np.int32)])
def test_values_without_a_scale(values):
    with pytest.raises(ArtlivesError, match="8 or 16 bits"):
        images.load(written(Image.fromarray(values), "TIFF"))


def test_inverted_cmyk_of_adobe(pixels):
    """Pillow writes CMYK JPEG as Adobe does, inverted and marked."""
    file = written(Image.fromarray(pixels).convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in file.getvalue()
    assert np.abs(images.load(file).pixels.astype(int) - pixels).mean() < 6


# Transparency


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


# Orientation


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_orientation_is_applied(orientation, format, pixels):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}}.get(format, {})
    photo = images.load(written(Image.fromarray(pixels), format, exif=exif.tobytes(), **options))
    expected = ORIENTATIONS[orientation](pixels)
    assert photo.pixels.shape == expected.shape
    assert np.abs(photo.pixels.astype(int) - expected).mean() < (6 if format == "JPEG" else 1)
    assert photo.exif is None


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


# Colour profiles


def red_and_green_swapped() -> bytes:
    """The sRGB profile with the primaries of red and green exchanged."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert b"rXYZ" in profile
    return profile.replace(b"rXYZ", b"____").replace(b"gXYZ", b"rXYZ").replace(b"____", b"gXYZ")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_colour_profile_is_applied(format):
    photo = images.load(
        written(Image.new("RGB", (20, 20), (200, 40, 40)), format, icc_profile=red_and_green_swapped())
    )
    red, green, blue = photo.pixels[10, 10].astype(int)
    assert (abs(red - 40) < 12, abs(green - 200) < 12, abs(blue - 40) < 12) == (True, True, True)
    assert photo.notes == ()


def test_colour_profile_keeps_alpha():
    image = Image.new("RGBA", (20, 20), (200, 40, 40, 77))
    photo = images.load(written(image, "PNG", icc_profile=red_and_green_swapped()))
    assert photo.pixels[0, 0, 1] > 190
    assert set(photo.alpha.flat) == {77}


def test_profile_of_srgb_changes_nothing(pixels):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = images.load(written(Image.fromarray(pixels), "PNG", icc_profile=profile))
    assert np.abs(photo.pixels.astype(int) - pixels).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_profile_for_colours_on_any_picture_of_them(mode):
    photo = images.load(
        written(Image.new("RGB", (20, 20)).convert(mode), "PNG", icc_profile=red_and_green_swapped())
    )
    assert (photo.pixels.max(), photo.notes) == (0, ())


def profile_for_gray() -> bytes:
    """The sRGB profile's curve alone."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"RGB XYZ ", b"GRAYXYZ ").replace(b"rTRC", b"kTRC")


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_profile_for_gray(mode):
    photo = images.load(
        written(Image.new("L", (20, 20), 99).convert(mode), "PNG", icc_profile=profile_for_gray())
    )
    assert photo.notes == ()
    assert np.ptp(photo.pixels, axis=2).max() == 0


def test_profile_for_gray_takes_no_colours_away(pixels):
    photo = images.load(written(Image.fromarray(pixels), "PNG", icc_profile=profile_for_gray()))
    assert np.array_equal(photo.pixels, pixels)
    assert len(photo.notes) == 1


@pytest.mark.parametrize("profile", [b"rubbish", red_and_green_swapped()[:200]], ids=["rubbish", "cut"])
def test_broken_profile_is_passed_over_with_a_note(profile, tmp_path, pixels):
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path, icc_profile=profile)
    photo = images.load(path)
    assert np.array_equal(photo.pixels, pixels)
    assert [str(path) in note and "profile" in note for note in photo.notes] == [True]


def test_profile_for_another_kind_of_picture_is_passed_over():
    photo = images.load(written(Image.new("CMYK", (20, 20)), "TIFF", icc_profile=red_and_green_swapped()))
    assert photo.pixels.min() == 255
    assert len(photo.notes) == 1


# Metadata


def exif_of_a_phone() -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Camera & Co"
    exif[ExifTags.Base.Copyright] = "somebody"
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.IFD.Exif] = {
        ExifTags.Base.DateTimeOriginal: "2020:01:02 03:04:05",
        ExifTags.Base.ExposureTime: 0.02,
        ExifTags.Base.ColorSpace: 65535,
        ExifTags.Base.ExifImageWidth: 56,
        ExifTags.Base.ExifImageHeight: 40,
        ExifTags.Base.MakerNote: b"SECRET preview",
    }
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (48.0, 51.0, 24.0), 29: "2020:01:02"}
    return exif.tobytes()


@pytest.mark.parametrize("source", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_metadata_is_carried_over_without_the_place(source, suffix, tmp_path, pixels):
    photo = images.load(written(Image.fromarray(pixels), source, exif=exif_of_a_phone()))
    path = tmp_path / f"out{suffix}"
    images.save(photo, path)
    assert b"SECRET" not in path.read_bytes()
    with Image.open(path) as image:
        exif = image.getexif()
        assert exif[ExifTags.Base.Make] == "Camera & Co"
        assert exif[ExifTags.Base.Copyright] == "somebody"
        assert exif.get(ExifTags.Base.Orientation, 1) == 1
        assert ExifTags.IFD.GPSInfo not in exif
        details = exif.get_ifd(ExifTags.IFD.Exif)
        assert details[ExifTags.Base.DateTimeOriginal] == "2020:01:02 03:04:05"
        assert float(details[ExifTags.Base.ExposureTime]) == pytest.approx(0.02)
        assert details[ExifTags.Base.ColorSpace] == 1
        assert image.size == (40, 56)
        assert (details[ExifTags.Base.ExifImageWidth], details[ExifTags.Base.ExifImageHeight]) == image.size


def test_thumbnail_of_the_unpainted_photo_is_dropped(tmp_path, pixels):
    make = struct.pack("<HHII", 0x010F, 2, 3, int.from_bytes(b"Me\0\0", "little"))
    start, length = struct.pack("<HHII", 0x0201, 4, 1, 56), struct.pack("<HHII", 0x0202, 4, 1, 9)
    tiff = b"II*\0\x08\0\0\0" + b"\1\0" + make + struct.pack("<I", 26)
    tiff += b"\2\0" + start + length + bytes(4) + b"THUMBNAIL"
    file = written(Image.fromarray(pixels), "JPEG", exif=b"Exif\0\0" + tiff)
    assert Image.open(file).getexif().get_ifd(ExifTags.IFD.IFD1)[0x0202] == 9
    file.seek(0)
    images.save(images.load(file), tmp_path / "out.jpg")
    assert b"THUMBNAIL" not in (tmp_path / "out.jpg").read_bytes()
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.getexif()[ExifTags.Base.Make] == "Me"


@pytest.mark.parametrize("exif", [b"Exif\0\0rubbish", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0"])
def test_broken_metadata_does_not_hinder(exif, pixels):
    photo = images.load(written(Image.fromarray(pixels), "JPEG", exif=exif))
    assert photo.pixels.shape == pixels.shape
    assert photo.exif is None


def test_metadata_too_long_for_a_jpeg_is_left_out_with_a_note(pixels):
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "me" * 40_000
    photo = images.load(written(Image.fromarray(pixels), "PNG", exif=exif.tobytes()), "long.png")
    assert photo.exif is None
    assert "long.png" in photo.notes[0]


# The mark of paintings


@pytest.mark.parametrize("exif", [None, exif_of_a_phone()], ids=["plain", "of a phone"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_a_painting_is_known_whatever_it_is_called(suffix, exif, tmp_path, pixels):
    path = tmp_path / f"photo{suffix}"
    options = {"exif": exif} if exif else {}
    Image.fromarray(pixels).save(path, **options)
    assert not images.is_painting(path)
    photo = images.load(path)
    assert photo.painted_by is None
    images.save(photo, path)
    assert not images.is_painting(path)
    images.save(replace(photo, painted_by="rain-princess"), path)
    assert images.is_painting(path)
    assert images.load(path).painted_by == "rain-princess"
    with Image.open(path) as image:
        assert image.getexif().get(ExifTags.Base.Make) == (exif and "Camera & Co")


def test_a_painting_is_known_without_decoding(tmp_path, pixels):
    path = tmp_path / "photo.jpg"
    images.save(Photo(pixels, painted_by="wave"), path)
    path.write_bytes(path.read_bytes()[:-9])
    assert images.is_painting(path)


@pytest.mark.parametrize("content", [None, b"", b"artlives wave", b"\xff\xd8\xff" + b"rubbish" * 100])
def test_what_cannot_be_read_is_no_painting(content, tmp_path):
    path = tmp_path / "photo.jpg"
    if content is not None:
        path.write_bytes(content)
    assert not images.is_painting(path)


# Files that cannot be read


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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"Dear diary, today I took no picture.", "is not a picture"),
        (b"\xff\xd8\xff" + b"rubbish" * 100, "is not a picture|damaged"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a picture"),
        (b"\0\0\0\x18ftypheic" + bytes(100), "HEIC.*save it as JPEG"),
        (b"\0\0\0\x18ftypavif" + bytes(100), "AVIF.*save it as JPEG"),
    ],
    ids=["empty", "text", "rubbish", "svg", "postscript", "heic", "avif"],
)
def test_files_that_are_no_pictures(content, message, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(ArtlivesError, match=message) as info:
        images.load(path)
    assert str(path) in str(info.value)
    assert "\n" not in str(info.value)


def test_bomb_is_refused_by_its_header(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png(50_000, 50_000, 8, 2, bytes(100_000)).getvalue())
    with pytest.raises(ArtlivesError, match=r"bomb\.png is too large.*2500000000"):
        images.load(path)


@pytest.mark.filterwarnings("error")
def test_large_photo_below_the_limit_is_read_in_silence(monkeypatch, photo_file):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40 * 56 - 1)
    assert images.load(photo_file).pixels.shape == (40, 56, 3)


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


# Writing


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF", ".bmp"])
def test_lossless_formats_return_what_was_written(suffix, tmp_path, pixels):
    images.save(Photo(pixels), tmp_path / f"out{suffix}")
    assert np.array_equal(images.load(tmp_path / f"out{suffix}").pixels, pixels)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_alpha_is_written(suffix, tmp_path, pixels):
    images.save(Photo(pixels, pixels[..., 0].copy()), tmp_path / f"out{suffix}")
    assert np.array_equal(images.load(tmp_path / f"out{suffix}").alpha, pixels[..., 0])


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_alpha_is_laid_on_white_where_a_format_has_none(suffix, tmp_path):
    alpha = np.repeat(np.uint8([0, 255]), 16)[None].repeat(32, 0)
    images.save(Photo(np.zeros((32, 32, 3), np.uint8), alpha), tmp_path / f"out{suffix}")
    photo = images.load(tmp_path / f"out{suffix}")
    assert photo.alpha is None
    assert photo.pixels[:, :8].min() > 250
    assert photo.pixels[:, 24:].max() < 5


def test_quality(tmp_path, pixels):
    for quality, sampling in ((92, 0), (50, 2)):
        images.save(Photo(pixels), tmp_path / f"{quality}.jpg", quality=quality)
        with Image.open(tmp_path / f"{quality}.jpg") as image:
            assert JpegImagePlugin.get_sampling(image) == sampling
        images.save(Photo(pixels), tmp_path / f"{quality}.webp", quality=quality)
    for suffix in (".jpg", ".webp"):
        assert (tmp_path / f"50{suffix}").stat().st_size < (tmp_path / f"92{suffix}").stat().st_size


@pytest.mark.parametrize(("format", "written"), [("WEBP", "WEBP"), ("GIF", "PNG"), (None, "PNG")])
def test_a_stream_gets_the_photos_own_format(format, written, pixels):
    stream = io.BytesIO()
    images.save(Photo(pixels, format=format), stream)
    assert Image.open(stream).format == written


@pytest.mark.parametrize("name", ["out.gif", "out", "out.heic", ".jpg"])
def test_endings_that_are_not_written(name, tmp_path, pixels):
    with pytest.raises(ArtlivesError, match=r"\.jpg \.jpeg"):
        images.save(Photo(pixels), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_picture_that_a_format_cannot_hold(tmp_path):
    with pytest.raises(ArtlivesError, match="WEBP"):
        images.save(Photo(np.zeros((1, 17_000, 3), np.uint8)), tmp_path / "out.webp")
    assert not list(tmp_path.iterdir())


def test_full_disk_leaves_the_old_file_and_no_other(tmp_path, pixels, monkeypatch):
    path = tmp_path / "out.png"
    path.write_bytes(b"old")

    def half(photo, file, *_):
        file.write(b"half a picture")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(images, "_encode", half)
    with pytest.raises(ArtlivesError, match=r"out\.png cannot be written: No space left"):
        images.save(Photo(pixels), path)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("out.png", b"old")]


def test_folders_that_cannot_be_written(photo_file, pixels):
    for folder in ("none", photo_file.name):
        with pytest.raises(ArtlivesError, match="cannot be written"):
            images.save(Photo(pixels), photo_file.parent / folder / "out.jpg")


@pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
def test_mode_links_and_what_is_no_file(tmp_path, pixels):
    before = os.umask(0o027)
    try:
        images.save(Photo(pixels), tmp_path / "out.png")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.png").stat().st_mode) == 0o640

    (tmp_path / "link.png").symlink_to("out.png")
    images.save(Photo(255 - pixels), tmp_path / "link.png")
    assert (tmp_path / "link.png").is_symlink()
    assert np.array_equal(images.load(tmp_path / "out.png").pixels, 255 - pixels)

    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ArtlivesError, match="not a regular file"):
        images.save(Photo(pixels), tmp_path / "pipe.png")
    assert (tmp_path / "pipe.png").is_fifo()


# Size


@pytest.mark.parametrize(("size", "shape"), [(28, (20, 28)), (56, (40, 56)), (999, (40, 56)), (1, (1, 1))])
def test_fit(size, shape, pixels):
    photo = images.fit(Photo(pixels, pixels[..., 0].copy(), "PNG", b"exif"), size)
    assert photo.pixels.shape == (*shape, 3)
    assert photo.alpha.shape == shape
    assert (photo.format, photo.exif) == ("PNG", b"exif")


def test_fit_takes_no_colour_from_what_is_transparent():
    pixels, alpha = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
    pixels[20:], alpha[20:] = 255, 255
    small = images.fit(Photo(pixels, alpha), 24)
    assert small.pixels[small.alpha > 8].min() > 240


# What is behind transparent parts


def cut_out(height, width, seed=0):
    rng = np.random.default_rng(seed)
    alpha = (rng.random((height, width)) < 0.3).astype(np.uint8) * 255
    return images.Photo(rng.integers(0, 256, (height, width, 3), np.uint8), alpha)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (31, 2), (64, 64), (53, 99)])
def test_transparent_parts_are_filled_from_what_is_visible(size):
    photo = cut_out(*size)
    found = images.filled(photo)
    visible = photo.alpha > 0
    assert np.array_equal(found.pixels[visible], photo.pixels[visible])
    other = photo.pixels.copy()
    other[~visible] = 77
    assert np.array_equal(images.filled(replace(photo, pixels=other)).pixels, found.pixels)
    if visible.any():
        low, high = photo.pixels[visible].min(0), photo.pixels[visible].max(0)
        assert (found.pixels >= low.astype(int) - 1).all()
        assert (found.pixels <= high.astype(int) + 1).all()


def test_they_are_filled_from_nearby():
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, :8], pixels[:, -8:] = (200, 0, 0), (0, 0, 200)
    alpha = np.zeros((64, 64), np.uint8)
    alpha[:, :8] = alpha[:, -8:] = 255
    found = images.filled(images.Photo(pixels, alpha)).pixels
    assert (found[:, 8:16] == (200, 0, 0)).all()
    assert (found[:, -16:-8] == (0, 0, 200)).all()


def test_in_bands_they_are_filled_as_at_once(monkeypatch):
    photo = cut_out(75, 40)
    expected = images.filled(photo).pixels
    monkeypatch.setattr(images, "FILLED_ROWS", 6)
    assert np.array_equal(images.filled(photo).pixels, expected)


def test_what_is_opaque_stays_and_what_is_nowhere_visible_is_grey():
    opaque = images.Photo(cut_out(8, 9).pixels)
    assert images.filled(opaque) is opaque
    nothing = images.filled(images.Photo(opaque.pixels, np.zeros((8, 9), np.uint8)))
    assert (nothing.pixels == 128).all()
