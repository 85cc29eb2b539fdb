import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

import artlives
from artlives import images, styles
from artlives.blend import WEIGHTS as LUMA
from artlives.blend import blend, with_colors_of
from artlives.engines import strips
from artlives.engines.torch import load
from artlives.errors import ArtlivesError
from artlives.images import Metadata, Photo
from artlives.settings import Settings
from artlives.stylizer import Stylizer


@pytest.fixture(scope="module")
def stylizer(style_file) -> Stylizer:
    return Stylizer(style_file, device="cpu")


@pytest.fixture(scope="module")
def painted(stylizer, pixels) -> np.ndarray:
    return stylizer(pixels)


@pytest.fixture
def x(pixels) -> torch.Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None]


def test_it_is_what_the_package_offers():
    assert artlives.Stylizer is Stylizer


@pytest.mark.smoke
def test_one_pass_is_what_the_network_makes_of_the_photo(stylizer, painted, style_file, pixels, x):
    expected = load(styles.find(style_file))(x.float()).clamp(0, 255).round()[0]
    once = stylizer.variant(one_pass=True, precision="fp32")(pixels)
    assert np.abs(once.astype(int) - expected.permute(1, 2, 0).int().numpy()).max() <= 1
    assert (once != pixels).mean() > 0.9
    assert (painted != once).mean() > 0.5


def test_a_style_is_given_by_name_path_or_style(shipped, style_file, pixels, painted):
    for style in ("dots", style_file, str(style_file), styles.find(style_file)):
        assert np.array_equal(Stylizer(style, device="cpu")(pixels), painted)


def test_every_kind_of_picture_is_painted_alike(stylizer, painted, pixels, x):
    image = stylizer(Image.fromarray(pixels))
    assert (image.mode, image.size) == ("RGB", (56, 40))
    assert np.array_equal(np.asarray(image), painted)
    assert np.array_equal(stylizer(Photo(pixels)).pixels, painted)
    assert np.array_equal(stylizer(x)[0].permute(1, 2, 0).numpy(), painted)
    assert np.array_equal(stylizer(np.asfortranarray(pixels)), painted)
    assert stylizer(pixels[::-1]).shape == pixels.shape


def test_what_goes_in_is_left_alone(stylizer, pixels, x):
    before = pixels.copy()
    stylizer(pixels)
    stylizer(x)
    assert np.array_equal(pixels, before)
    assert torch.equal(x[0].permute(1, 2, 0), torch.from_numpy(before))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_floats_from_0_to_1(stylizer, x, dtype):
    x = (x / 255).to(dtype)
    out = stylizer(x)
    assert (out.dtype, out.shape) == (dtype, x.shape)
    assert out.min() >= 0
    assert out.max() <= 1
    assert torch.equal(out, stylizer(x.float()).to(dtype))


def test_floats_and_bytes_are_painted_alike(stylizer, x):
    once = stylizer.variant(one_pass=True)
    assert (once(x / 255) * 255 - once(x)).abs().max() < 0.51


def test_what_comes_out_can_be_trained_through(stylizer, x):
    out = stylizer(x / 255)
    assert not out.is_inference()
    assert not out.requires_grad


def test_pictures_of_a_batch_do_not_meet(stylizer, x):
    batch = torch.cat([x, 255 - x])
    apart = torch.cat([stylizer(x), stylizer(255 - x)])
    assert (stylizer(batch).int() - apart.int()).abs().max() <= 1
    assert stylizer(batch[:0]).shape == (0, 3, 40, 56)
    assert stylizer.variant(size=28)(batch[:0]).shape == (0, 3, 20, 28)


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (16, 200), (63, 60)])
def test_any_size_from_16(stylizer, size):
    assert stylizer(np.zeros((*size, 3), np.uint8)).shape == (*size, 3)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "I;16", "LA", "RGBA"])
def test_modes(stylizer, mode, pixels):
    image = Image.new("I;16", (20, 20)) if mode == "I;16" else Image.fromarray(pixels).convert(mode)
    out = stylizer(image)
    assert out.size == image.size
    assert out.mode == ("RGBA" if mode.endswith("A") else "RGB")


def test_transparency_stays(stylizer, pixels):
    out = np.asarray(stylizer(Image.fromarray(np.dstack([pixels, pixels[..., 0]]))))
    assert np.array_equal(out[..., :3], stylizer(images.filled(Photo(pixels, pixels[..., 0])).pixels))
    assert np.array_equal(out[..., 3], pixels[..., 0])


def test_a_photo_on_its_side_comes_out_upright(stylizer, tmp_path, pixels):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(pixels).save(tmp_path / "photo.png", exif=exif.tobytes())
    stylizer(Image.open(tmp_path / "photo.png")).save(tmp_path / "out.png")
    out = Image.open(tmp_path / "out.png")
    assert (out.size, out.getexif().get(ExifTags.Base.Orientation, 1)) == ((40, 56), 1)


def test_metadata_stays_beside_the_picture(stylizer, pixels):
    photo = stylizer(Photo(pixels, None, "PNG", Metadata(b"exif"), ("a note",)))
    assert (photo.format, photo.metadata.exif, photo.notes) == ("PNG", b"exif", ("a note",))
    assert photo.painted_by == stylizer.style.name


# Size


@pytest.mark.parametrize(("size", "expected"), [(28, (20, 28)), (56, (40, 56)), (1000, (40, 56))])
def test_size(style_file, stylizer, pixels, x, size, expected):
    small = Stylizer(style_file, device="cpu", size=size)
    photo = images.fit(Photo(pixels), size)
    assert small(pixels).shape == (*expected, 3)
    assert np.array_equal(small(pixels), stylizer(photo.pixels))
    assert small(x).shape == small(x / 255).shape == (1, 3, *expected)
    assert np.abs(small(x)[0].permute(1, 2, 0).numpy().astype(int) - small(pixels)).mean() < 4
    assert (small(x) / 255 - small(x / 255)).abs().mean() < 0.02


# Strength


def test_strength_0_is_the_photo(style_file, pixels, x):
    none = Stylizer(style_file, device="cpu", strength=0)
    assert np.array_equal(none(pixels), pixels)
    assert torch.equal(none(x), x)
    assert torch.equal(none(x / 255), x / 255)


def test_strength_blends(style_file, pixels, painted):
    half = Stylizer(style_file, device="cpu", strength=0.5)(pixels).astype(int)
    assert np.abs(half - (pixels.astype(int) + painted) / 2).max() <= 1


# Colours


def luminance(x: np.ndarray) -> np.ndarray:
    return (x * LUMA).sum(2, keepdims=True)


def test_keep_colors_takes_luminance_of_the_painting_and_hue_of_the_photo():
    photo, painting = np.random.default_rng(0).uniform(0, 255, (2, 30, 30, 3)).astype(np.float32)
    out = with_colors_of(photo, painting)
    assert out.min() >= -1e-3
    assert out.max() <= 255 + 1e-3
    np.testing.assert_allclose(luminance(out), luminance(painting), atol=1e-2)
    before, after = photo - luminance(photo), out - luminance(out)
    scale = (after * before).sum(2, keepdims=True) / (before * before).sum(2, keepdims=True)
    np.testing.assert_allclose(after, before * scale, atol=1e-2)
    assert scale.min() >= 0
    assert scale.max() <= 1 + 1e-4


def test_keep_colors_at_the_ends():
    photo = np.broadcast_to(np.array([0, 255, 128], np.float32), (2, 2, 3))
    assert np.array_equal(with_colors_of(photo, np.zeros_like(photo)), np.zeros((2, 2, 3)))
    np.testing.assert_allclose(with_colors_of(photo, np.full_like(photo, 255)), 255, rtol=1e-5)
    np.testing.assert_allclose(with_colors_of(photo, photo), photo, atol=1e-3)


def test_keep_colors_gives_the_painting_the_photos_light():
    photo, painting = np.random.default_rng(0).uniform(0, 1, (2, 300, 40, 3)).astype(np.float32)
    photo, painting = photo * 150 + 20, painting * 60 + 150
    before = luminance(photo)
    blend(photo, painting, 1.0, keep_colors=True)
    after = luminance(painting)
    assert abs(after.mean() - before.mean()) < 0.5
    # The painting has 0.4 times the photo's contrast, which is doubled at most.
    assert after.std() / before.std() == pytest.approx(0.8, abs=0.02)


def test_keep_colors_leaves_the_strokes_of_an_even_photo():
    photo = np.full((40, 50, 3), [200, 120, 60], np.float32)
    painting = np.random.default_rng(0).uniform(60, 120, (40, 50, 3)).astype(np.float32)
    strokes = luminance(painting)
    blend(photo, painting, 1.0, keep_colors=True)
    np.testing.assert_allclose(luminance(painting) - luminance(photo), strokes - strokes.mean(), atol=1e-2)


def test_keep_colors_of_a_gray_photo_is_gray(style_file, pixels):
    gray = np.repeat(pixels[..., :1], 3, axis=2)
    out = Stylizer(style_file, device="cpu", keep_colors=True)(gray).astype(int)
    assert np.ptp(out, axis=2).max() == 0
    assert np.ptp(out) > 0


# Errors


@pytest.mark.parametrize(
    "options", [{}, {"strength": 0.5}, {"keep_colors": True}, {"size": 28}, {"strength": 0}], ids=str
)
def test_16_bits_are_painted_as_8_are_but_not_rounded_to_them(stylizer, pixels, options):
    deep, once = pixels.astype(np.uint16) * 257, stylizer.variant(one_pass=True, **options)
    found = once(Photo(deep)).pixels
    assert found.dtype == np.uint16
    difference = np.abs(found / 257 - once(Photo(pixels)).pixels)
    # 8 bits are rounded by the network and by what blends, which may double a painting's contrast beside the photo's
    # colours; and in between, when a picture is reduced.
    assert difference.max() < (12 if "size" in options else 2.6 if "keep_colors" in options else 1.1)
    assert difference.mean() < (3 if "size" in options else 0.6)
    assert (len(np.unique(found)) > 256) == (options.get("strength") != 0)


def test_16_bits_are_painted_coarse_to_fine(stylizer, pixels, painted):
    deep = pixels.astype(np.uint16) * 257
    assert np.abs(stylizer(Photo(deep)).pixels / 257 - painted).mean() < 8
    assert np.array_equal(stylizer.variant(strength=0)(Photo(deep + 1)).pixels, deep + 1)


def test_a_tensor_that_was_resampled_may_be_a_little_outside_0_and_1(stylizer, x):
    floats = x / 255
    overshot = floats.clone()
    overshot[..., 0, :] -= 0.1
    assert stylizer(overshot).shape == floats.shape


@pytest.mark.parametrize(
    ("picture", "error", "message"),
    [
        ("photo.jpg", TypeError, "got str"),
        (np.zeros((20, 20, 3)), TypeError, "uint8, but got float64"),
        (np.zeros((20, 20), np.uint8), ValueError, r"\(H, W, 3\), but got \(20, 20\)"),
        (np.zeros((20, 20, 4), np.uint8), ValueError, r"\(20, 20, 4\)"),
        (np.zeros((1, 20, 20, 3), np.uint8), ValueError, r"\(1, 20, 20, 3\)"),
        (torch.zeros(3, 20, 20), ValueError, r"\(N, 3, H, W\), but got \(3, 20, 20\)"),
        (torch.zeros(1, 1, 20, 20), ValueError, r"\(1, 1, 20, 20\)"),
        (torch.zeros(1, 3, 20, 20).int(), TypeError, "int32"),
        (torch.full((1, 3, 20, 20), 255.0), ValueError, "within 0 and 1"),
        (torch.full((1, 3, 20, 20), float("nan")), ValueError, "within 0 and 1"),
        (torch.linspace(-1, 1, 1200).reshape(1, 3, 20, 20), ValueError, "within 0 and 1, but got smaller"),
        (Image.new("RGB", (1, 1)), ArtlivesError, "1x1 pixels are too small"),
        (np.zeros((15, 99, 3), np.uint8), ArtlivesError, "99x15 pixels are too small"),
        (np.zeros((0, 0, 3), np.uint8), ArtlivesError, "0x0 pixels are too small"),
    ],
)
def test_pictures_that_cannot_be_painted(stylizer, picture, error, message):
    with pytest.raises(error, match=message):
        stylizer(picture)


@pytest.mark.parametrize(
    "options",
    [{"size": 15}, {"strength": -0.1}, {"strength": 1.1}, {"strength": float("nan")}, {"precision": "bf16"}],
)
def test_options_out_of_range(style_file, options):
    with pytest.raises(ValueError, match="must be"):
        Stylizer(style_file, **options)


@pytest.mark.parametrize("device", ["cuda", "mps", "cuda:99", "toaster"])
def test_device_that_is_not_there(style_file, device, monkeypatch):
    if torch.device("cpu" if device == "toaster" else device).type == Stylizer(style_file).device:
        pytest.skip("it is there")
    with pytest.raises(ArtlivesError, match=f"no device '{device}'"):
        Stylizer(style_file, device=device)


@pytest.fixture
def failing(style_file, monkeypatch):
    """A stylizer whose engine fails as it is told to."""

    def make(failure):
        def fail(*arguments, **options):
            raise failure

        stylizer = Stylizer(style_file, device="cpu")
        monkeypatch.setattr(stylizer.painter, "paint", fail)
        return stylizer

    return make


@pytest.mark.parametrize(
    "failure",
    [
        MemoryError(),
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."
        ),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB."),
    ],
    ids=["python", "linux", "windows", "cuda"],
)
def test_too_little_memory_is_one_line(failing, pixels, failure):
    with pytest.raises(ArtlivesError, match=r"56x40 pixels need more memory.*--size"):
        failing(failure)(pixels)


def test_other_failures_are_not_called_a_lack_of_memory(failing, pixels):
    with pytest.raises(RuntimeError, match="memory format"):
        failing(RuntimeError("unsupported memory format"))(pixels)


@pytest.mark.gpu
def test_cuda_paints_as_the_cpu(style_file, pixels, x):
    # Random weights magnify what half precision rounds, and each pass what the one before is off by.
    stylizer = Stylizer(style_file, precision="fp32", one_pass=True)
    assert stylizer.device == "cuda"
    on_cpu = Stylizer(style_file, device="cpu", precision="fp32", one_pass=True)
    assert np.abs(stylizer(pixels).astype(int) - on_cpu(pixels)).max() <= 1
    assert stylizer(x.cuda()).is_cuda
    assert not stylizer(x).is_cuda


# The styles that come with artlives


@pytest.mark.parametrize("style", styles.available(), ids=lambda style: style.name)
def test_a_shipped_style_repaints_a_photo(style, pixels):
    out = Stylizer(style, device="cpu")(pixels).astype(int)
    assert np.abs(out - pixels).mean() > 10
    assert out.std() > 10


def test_a_variant_shares_the_network(style_file, pixels):
    stylizer = Stylizer(style_file)
    np.testing.assert_array_equal(stylizer.variant(strength=0)(pixels), pixels)
    np.testing.assert_array_equal(stylizer.variant()(pixels), stylizer(pixels))
    np.testing.assert_array_equal(
        stylizer.variant(keep_colors=True)(pixels), Stylizer(style_file, keep_colors=True)(pixels)
    )
    small = stylizer.variant(size=32)
    assert small.painter is stylizer.painter
    assert max(small(pixels).shape) == 32
    # It keeps what is not named.
    assert small.variant(strength=0.5).settings == Settings(size=32, strength=0.5)
    assert small.variant(Settings()).settings == Settings()
    exact = stylizer.variant(precision="fp32")
    assert exact.precision == "fp32"
    np.testing.assert_array_equal(exact(pixels), Stylizer(style_file, precision="fp32")(pixels))
    with pytest.raises(ValueError, match="strength"):
        stylizer.variant(strength=2)


def test_a_picture_that_needs_more_memory_than_it_may_take_is_painted_in_strips(
    style_file, pixels, monkeypatch
):
    painted = []
    paint = strips.Strips.paint
    monkeypatch.setattr(
        strips.Strips, "paint", lambda self, dtype: painted.append(dtype) or paint(self, dtype)
    )
    monkeypatch.setattr(strips, "BAND_BYTES", 1 << 16)
    picture = np.tile(pixels, (4, 4, 1))
    stylizer = Stylizer(style_file, device="cpu", one_pass=True, precision="fp32")
    if stylizer.engine != "compiled":
        pytest.skip("the compiled core was not built")
    whole, exact, least = stylizer.painter.ways(*picture.shape[:2]).values()
    expected = stylizer(picture).astype(int)
    assert painted == []
    for memory, dtype in ((whole - 1, np.float32), (exact - 1, np.float16)):
        painted.clear()
        assert np.abs(stylizer.variant(memory=memory)(picture) - expected).max() <= 2
        assert painted == [dtype]
    with pytest.raises(
        ArtlivesError, match=r"224x160 pixels need more memory.*\(1 MB are needed.*--size.*--memory"
    ):
        stylizer.variant(memory=least - 1)(picture)
    # Not enough to paint it enlarged: it is painted as it is.
    painted.clear()
    assert np.array_equal(stylizer.variant(one_pass=False, memory=whole)(picture), expected)
    assert painted == []


def test_without_the_compiled_core_torch_paints_the_same(style_file, pixels, monkeypatch):
    stylizer = Stylizer(style_file, device="cpu", precision="fp32")
    monkeypatch.setattr("artlives.engines.compiled.reason_against", lambda steps: "it is missing")
    by_torch = Stylizer(style_file, device="cpu")
    assert (stylizer.engine, stylizer.reasons) == ("compiled", ())
    assert (by_torch.engine, by_torch.reasons) == ("torch", ("it is missing",))
    assert np.abs(by_torch(pixels).astype(int) - stylizer(pixels)).max() <= 1


def test_threads_make_no_difference(stylizer, pixels):
    assert np.array_equal(stylizer(pixels, threads=1), stylizer(pixels, threads=3))


def test_settings_and_options(style_file):
    settings = Settings(size=64, strength=0.5)
    assert Stylizer(style_file, settings, device="cpu").settings == settings
    assert Stylizer(style_file, settings, device="cpu", size=32).settings == Settings(size=32, strength=0.5)
    with pytest.raises(TypeError, match="sizes"):
        Stylizer(style_file, sizes=3)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"size": 15}, "size must be at least 16 pixels, not 15"),
        ({"size": float("nan")}, "size must be at least 16 pixels, not nan"),
        ({"memory": 0}, "memory must be some bytes, not 0"),
        ({"memory": -1}, "memory must be some bytes, not -1"),
        ({"brush": "fine"}, "brush must be one of"),
        ({"strength": -0.1}, "strength must be within 0 and 1"),
        ({"strength": float("nan")}, "strength must be within 0 and 1"),
        ({"grain": 21.0}, "grain must be within 0 and 20"),
    ],
)
def test_settings_that_make_no_sense(options, what):
    with pytest.raises(ValueError, match=what):
        Settings(**options)


@pytest.mark.parametrize("size", [None, 60])
@pytest.mark.parametrize("edge", ["hard", "soft"])
def test_what_cannot_be_seen_changes_nothing(style_file, size, edge):
    """A disc, beside which any colour may be hidden."""
    y, x = np.mgrid[:90, :120]
    inside = 40 - np.hypot(y - 45, x - 60)
    alpha = ((inside > 0) * 255 if edge == "hard" else (inside / 12).clip(0, 1) * 255).astype(np.uint8)
    colours = np.stack([x * 2, y * 2, 200 - x], 2).astype(np.uint8)
    stylizer = Stylizer(style_file, device="cpu", size=size)
    paintings = []
    for hidden in ((0, 0, 0), (255, 255, 255), (0, 255, 0), None):
        pixels = colours.copy()
        if hidden is not None:
            pixels[alpha == 0] = hidden
        painted = stylizer(Image.fromarray(np.dstack([pixels, alpha])))
        paintings.append(np.asarray(painted).astype(int))
    for painting in paintings[1:]:
        assert np.array_equal(painting[..., 3], paintings[0][..., 3])
        visible = painting[..., 3:] > 0
        assert np.array_equal(painting[..., :3] * visible, paintings[0][..., :3] * visible)


def test_strength_0_keeps_hidden_colours(style_file, pixels):
    picture = Image.fromarray(np.dstack([pixels, np.zeros(pixels.shape[:2], np.uint8)]))
    assert np.array_equal(Stylizer(style_file, device="cpu", strength=0)(picture), picture)
