"""What a GPU does around the network is what the CPU does; here on torch's CPU, or on a GPU where there is one."""

import numpy as np
import pytest
import torch

from artlives import Stylizer, device_passes, images, passes
from artlives.blend import blend

DEVICE = "cuda" if torch.cuda.is_available() else "cpu:0"


def photo_of(height, width, dtype=np.uint8, seed=0):
    """Coarse squares and fine noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(20, 230, (height // 16 + 1, width // 16 + 1, 3)).repeat(16, 0).repeat(16, 1)
    return (coarse[:height, :width] + rng.uniform(-20, 20, (height, width, 3))).astype(dtype)


def tensor(*pictures):
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).to(DEVICE)


def array(x):
    return x[0].permute(1, 2, 0).cpu().numpy()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("size", [(40, 60), (61, 97), (150, 40), (100, 150)])
def test_resampling(size, dtype):
    photo = photo_of(100, 150, dtype)
    difference = np.abs(
        array(device_passes.resized(tensor(photo), size)) - passes.resized(photo, size).astype(float)
    )
    assert difference.max() <= (1 if dtype == np.uint8 else 0.01)


@pytest.mark.parametrize("amplitude", [0.0, 6.0])
@pytest.mark.parametrize("small", [(33, 50), (100, 150), None])
def test_mixing_whole_numbers_is_the_same_bit_by_bit(small, amplitude):
    photo, painting = photo_of(100, 150), None if small is None else photo_of(*small, seed=1)
    expected = np.empty_like(photo)
    passes.mixed(photo, painting, 26, amplitude, expected, 1)
    found = device_passes.mixed(tensor(photo), None if small is None else tensor(painting), 26, amplitude)
    assert np.array_equal(array(found), expected)


def test_mixing_floats():
    photo, painting = photo_of(100, 150, np.float32), photo_of(33, 50, np.float32, seed=1)
    expected = np.empty_like(photo)
    passes.mixed(photo, painting, 26, 6.0, expected, 1)
    found = device_passes.mixed(tensor(photo), tensor(painting), 26, 6.0)
    np.testing.assert_allclose(array(found), expected, atol=1e-3)


@pytest.mark.parametrize("keep_colors", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_blending(dtype, keep_colors):
    photo, painting = photo_of(50, 60, dtype), photo_of(50, 60, dtype, seed=1)
    found = device_passes.blend(tensor(photo), tensor(painting), 0.6, keep_colors)
    blend(photo, painting, 0.6, keep_colors)
    assert np.abs(array(found) - painting.astype(float)).max() <= (1 if dtype == np.uint8 else 1e-3)


@pytest.mark.parametrize("size", [(40, 60), (33, 50), (61, 97), (150, 40), (20, 100)])
def test_resampling_in_two_steps(size):
    photo = photo_of(101, 153)
    found = array(device_passes.resized(tensor(photo), size, quick=True))
    assert np.abs(found - passes.resized(photo, size, quick=True).astype(float)).max() <= 1


@pytest.fixture
def on_device(monkeypatch):
    """A stylizer that paints as on a GPU."""
    monkeypatch.setattr("artlives.engines.compiled.reason_against", lambda steps: "it is missing")
    monkeypatch.setattr("artlives.devices.choose", lambda name: str(name))
    return Stylizer("wave", device=DEVICE)


@pytest.mark.parametrize(
    ("options", "height"),
    [
        ({}, 40),
        ({}, 900),
        ({"one_pass": True}, 40),
        ({"size": 48}, 90),
        ({"strength": 0.5, "keep_colors": True}, 60),
    ],
)
def test_it_paints_as_the_cpu(on_device, monkeypatch, options, height):
    stylizer = on_device.variant(**options)
    monkeypatch.undo()
    photo = photo_of(height, height * 3 // 2)
    expected = Stylizer("wave", device="cpu", precision="fp32", **options)(photo).astype(int)

    def check(painting, most=3):
        difference = np.abs(painting - expected)
        # Of what resampling rounds to the other side, a pixel here and there is another one.
        assert (difference > most).mean() < 1e-3
        assert difference.mean() <= 0.25

    check(stylizer(photo))
    if height < 100:
        x = torch.from_numpy(photo).permute(2, 0, 1)[None]
        check(array(stylizer(x)))
        floats = stylizer(x.float() / 255)
        assert floats.dtype == torch.float32
        assert np.abs(array(floats) * 255 - expected).mean() < 0.5


def test_a_batch_stays_one_and_on_its_device(on_device, pixels, monkeypatch):
    batches = []
    paint = on_device.painter.paint_tensor
    monkeypatch.setattr(on_device.painter, "paint_tensor", lambda x: batches.append(x.shape) or paint(x))
    monkeypatch.setattr(on_device.painter, "paint", None)
    x = torch.from_numpy(np.stack([pixels, pixels[::-1], pixels[:, ::-1]])).permute(0, 3, 1, 2).to(DEVICE)
    paintings = on_device.variant(one_pass=True)(x)
    assert batches == [(3, 3, *pixels.shape[:2])]
    assert paintings.device == x.device
    assert not torch.equal(paintings[0], paintings[1])


def test_pictures_of_a_folder_of_one_size_go_together(on_device, pixels):
    told = []
    small = np.ascontiguousarray(pixels[:32])
    on_device.painter.together = 2
    paintings = on_device.painter.paint([pixels, pixels, pixels, small], report=told.append)
    assert [painting.shape for painting in paintings] == [pixels.shape] * 3 + [small.shape]
    assert told == [0.5, 0.75, 1.0]


def test_a_photo_that_is_too_small_is_told(on_device):
    with pytest.raises(Exception, match="9x20 pixels are too small"):
        on_device(images.Photo(np.zeros((20, 9, 3), np.uint8)))


@pytest.mark.parametrize("kind", ["array", "bytes", "floats"])
def test_what_the_gpu_has_no_memory_for_is_painted_on_the_cpu(on_device, pixels, monkeypatch, caplog, kind):
    def lacking(x):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")

    x = tensor(pixels)
    picture = {"array": pixels, "bytes": x, "floats": x / 255}[kind]
    on_cpu = Stylizer("wave", device="cpu", one_pass=True)
    expected = on_cpu(picture)
    stylizer = on_device.variant(one_pass=True)
    monkeypatch.setattr(on_device.painter, "paint_tensor", lacking)
    painting = stylizer(picture)
    assert type(painting) is type(picture)
    assert painting.dtype == picture.dtype
    assert (painting == expected).all()
    assert [record.getMessage() for record in caplog.records] == [
        "56x40 pixels need more memory than the GPU has: they are painted on the CPU"
    ]
    # What it paints there has the settings of the one that was asked.
    assert not np.array_equal(stylizer.variant(strength=0.5)(pixels), stylizer(pixels))


def test_what_a_picture_needs_is_on_the_device_for_the_next_one_of_its_size(monkeypatch):
    def paint():
        picture = device_passes.resized(x, (40, 60), quick=True)
        return device_passes.resized(device_passes.mixed(x, picture, 26, 6.0), (70, 90))

    x = tensor(photo_of(100, 150))
    painting = paint()
    monkeypatch.setattr(torch, "from_numpy", None)
    monkeypatch.setattr(torch, "sinc", None)
    assert torch.equal(paint(), painting)


def test_other_failures_on_the_gpu_are_told(on_device, pixels, monkeypatch):
    def failing(x):
        raise RuntimeError("illegal memory access")

    monkeypatch.setattr(on_device.painter, "paint_tensor", failing)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        on_device(pixels)
