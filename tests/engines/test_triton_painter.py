"""The Triton engine paints what the network in torch paints; in Triton's interpreter where there is no GPU."""

import copy
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from artlives import Stylizer, devices, plan, styles
from artlives.architecture import STYLE_NETWORK, Layer, activated
from artlives.engines.choose import quickest
from artlives.engines.network import StyleNetwork
from artlives.engines.torch import load
from tests.fake_gpu import FAKE_GPU

pytest.importorskip("triton", reason="Triton is not installed")
triton = pytest.importorskip("artlives.engines.triton")
graphs = pytest.importorskip("artlives.engines.graphs")
kernels = pytest.importorskip("artlives.blocks.kernels.triton_kernels")
programs = pytest.importorskip("artlives.blocks.kernels.triton_row_programs")

GPU = torch.cuda.is_available()
DEVICE = "cuda" if GPU else "cpu"
pytestmark = [pytest.mark.gpu] if GPU else []

# Each kind, with few channels: the interpreter is slow.
SMALL = (
    Layer("convolution", 3, 4, kernel=5, stride=2),
    Layer("convolution", 4, 17, kernel=3, stride=2),
    Layer("residual", 17, 17, kernel=3),
    Layer("residual", 17, 17, kernel=3),
    Layer("upsampling", 17, 5, kernel=4, stride=2),
    Layer("upsampling", 5, 4, kernel=4, stride=2),
    Layer("output", 4, 3, kernel=5),
)
OTHER = (
    Layer("convolution", 3, 6, kernel=3, stride=3),
    Layer("residual", 6, 6, kernel=5),
    Layer("convolution", 6, 8, kernel=1),
    Layer("upsampling", 8, 4, kernel=5, stride=3),
    Layer("output", 4, 3, kernel=3),
)
NETWORKS = {"small": SMALL, "other": OTHER} | ({"ours": STYLE_NETWORK} if GPU else {})


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    networks = {name: StyleNetwork(layers) for name, layers in NETWORKS.items()}
    for network in networks.values():
        for name, values in network.named_parameters():
            with torch.no_grad():
                if "norm" in name or name.endswith("bias"):
                    values += torch.randn_like(values) / 4
                if "_output.conv.weight" in name:
                    # So that the output reaches from 0 to 255.
                    values *= 8
    return networks


def painter(network, name, dtype):
    return triton.TritonPainter(plan.lower(NETWORKS[name]), network.file_weights(), DEVICE, dtype)


def picture(*shape):
    coarse = torch.rand(
        *shape[:2], shape[2] // 4 + 1, shape[3] // 4 + 1, generator=torch.Generator().manual_seed(0)
    )
    return (255 * coarse.repeat_interleave(4, 2).repeat_interleave(4, 3))[..., : shape[2], : shape[3]]


# Grey levels that a painting may be off by, in each dtype.
DTYPES = {torch.float32: 1, torch.float16: 3} | ({torch.bfloat16: 8} if GPU else {})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        (dtype, shape)
        for i, dtype in enumerate(DTYPES)
        for j, shape in enumerate([(2, 3, 16, 24), (1, 3, 21, 18)])
        # The interpreter is slow.
        if GPU or i == j
    ],
    ids=str,
)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_pixels_as_torch(networks, name, shape, dtype):
    x = picture(*shape)
    with torch.inference_mode():
        expected = networks[name](x)
    assert expected.std() > 25
    painting = painter(networks[name], name, dtype).paint_tensor(x).cpu()
    assert painting.dtype == torch.float32
    difference = (painting - expected).abs()
    assert difference.max() < DTYPES[dtype] * (1 if dtype != torch.float32 else 0.01)
    assert difference.mean() < 0.5


def test_bytes_come_for_bytes(networks):
    paint = painter(networks["other"], "other", torch.float32)
    x = picture(1, 3, 18, 17).byte()
    painting = paint.paint_tensor(x.contiguous(memory_format=torch.channels_last))
    assert painting.dtype == torch.uint8
    assert (painting - paint.paint_tensor(x.float()).clamp(0, 255)).abs().max() < 0.501


def test_what_is_no_picture(networks):
    paint = painter(networks["small"], "small", torch.float16)
    for shape in ((1, 3, 15, 40), (1, 4, 16, 16), (3, 16, 16)):
        with pytest.raises(ValueError, match=r"expected pictures \(N, 3, H, W\) of at least 16 pixels"):
            paint.paint_tensor(torch.zeros(shape))


@pytest.mark.slow
def test_arrays_of_one_size_go_together(networks):
    paint = painter(networks["other"], "other", torch.float32)
    arrays = [picture(1, 3, 18, 17).byte()[0].permute(1, 2, 0).contiguous().numpy() + i for i in range(3)]
    small = np.ascontiguousarray(arrays[0][:16])
    expected = [paint.paint([array])[0] for array in (*arrays, small)]
    batches = []
    whole = paint.paint_tensor
    paint.paint_tensor = lambda x: batches.append(len(x)) or whole(x)
    for painting, alone in zip(paint.paint([*arrays, small]), expected, strict=True):
        assert np.array_equal(painting, alone)
    assert batches == [3, 1]


@pytest.fixture
def reason_against():
    """What is known of a device is forgotten before and after."""
    kernels.reason_against.cache_clear()
    yield kernels.reason_against
    kernels.reason_against.cache_clear()


def test_what_is_left_to_torch(monkeypatch, reason_against):
    monkeypatch.setattr(kernels, "try_kernel", lambda device: None)

    def reason(activation="relu", device="cuda"):
        return triton.reason_against(plan.lower(activated(STYLE_NETWORK, activation)), torch.device(device))

    assert "need an NVIDIA GPU" in reason(device="cpu")
    for capability, enough in (((7, 5), False), ((8, 0), True)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, its=capability: its)
        reason_against.cache_clear()
        assert (reason() is None) == enough
    assert "no activation swish" in reason("swish")
    residual_first = plan.lower((Layer("residual", 3, 3, kernel=3), Layer("output", 3, 3, kernel=3)))
    for steps in (residual_first, residual_first[-1:]):
        assert "need a convolution first" in triton.reason_against(steps, torch.device("cuda"))


def test_a_machine_that_triton_cannot_compile_on_is_left_to_torch(monkeypatch, reason_against):
    tried = []

    def fails(device):
        tried.append(device)
        raise RuntimeError("Failed to find C compiler.\nPlease specify one via CC.")

    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(kernels, "try_kernel", fails)
    monkeypatch.setattr(devices, "choose", str)
    for _ in range(2):
        engine = quickest(plan.lower(STYLE_NETWORK), "cuda")
        assert engine.name == "torch"
        assert engine.reasons == ("Triton cannot compile kernels here (Failed to find C compiler.)",)
    assert len(tried) == 1


def test_the_smallest_kernel_can_be_launched():
    kernels.try_kernel(torch.device(DEVICE))


@pytest.mark.gpu
@pytest.mark.parametrize("style", styles.available(), ids=lambda style: style.name)
def test_shipped_styles_paint_as_in_torch(style):
    x = picture(1, 3, 136, 200).to(DEVICE)
    network = load(style, DEVICE)
    with torch.inference_mode():
        expected = network(x).clamp(0, 255)
    for dtype, most in ((torch.float32, 1), (torch.float16, 3)):
        paint = triton.TritonPainter(style.steps, network.file_weights(), DEVICE, dtype)
        difference = (paint.paint_tensor(x).clamp(0, 255) - expected).abs()
        assert difference.max() <= most
        assert difference.mean() < 0.5


@pytest.mark.gpu
def test_sizes_that_come_again_are_painted_by_graphs(networks):
    paint = painter(networks["ours"], "ours", torch.float16)
    pictures = [picture(1, 3, 64 + 8 * i, 80).to(DEVICE) for i in range(graphs.GRAPHS + 1)]
    first = [paint.paint_tensor(x) for x in pictures]
    kept = paint.graphs.graphs
    assert not any(kept.values())
    assert len(kept) == graphs.GRAPHS
    for x, painting in zip(pictures[1:], first[1:], strict=True):
        again, turned = paint.paint_tensor(x), paint.paint_tensor(x.flip(3))
        assert torch.equal(again, painting)
        assert torch.equal(turned, paint._paint(x.flip(3)))
        assert torch.equal(paint.paint_tensor(x), again)
    assert all(kept.values())


def test_even_pictures(networks):
    """What is left of their variance is magnified 316 times by each normalization: it must be that of the weights."""
    weights = {name: value.half().float() for name, value in networks["small"].file_weights().items()}
    network = StyleNetwork(SMALL, even=False)
    network.load_state_dict(weights)
    x = torch.full((1, 3, 16, 16), 100.0)
    with torch.inference_mode():
        expected = network(x)
    assert expected.std((2, 3)).max() > 1
    assert (painter(network, "small", torch.float16).paint_tensor(x).cpu() - expected).abs().max() < 2


def test_outputs_of_even_pictures(networks):
    network, seen = copy.deepcopy(networks["small"]).double(), []
    for module in network.modules_of_steps():
        module.conv.register_forward_hook(lambda module, x, output: seen.append(output))
    with torch.inference_mode():
        network(torch.full((1, 3, 16, 16), 100.0, dtype=torch.float64))
    found = triton.even_outputs(network.steps, network.file_weights())
    assert len(found) == len(seen) == len(SMALL) + 2
    assert not found[0].any()
    # The last one has a bias.
    for output, centre in list(zip(seen, found, strict=True))[1:-1]:
        assert (output - centre[:, None, None]).abs().max() < 1e-4 * output.abs().max()


@pytest.mark.gpu
@pytest.mark.parametrize("style", styles.available(), ids=lambda style: style.name)
def test_even_pictures_are_painted_as_on_the_cpu(style):
    # Without grain, a picture has no variance at all: on an H200, wave is off by 5 there.
    for options, most in (({}, 2), ({"one_pass": True, "grain": 0.0}, 6)):
        on_cpu = Stylizer(style, device="cpu", precision="fp32", **options)
        on_gpu = Stylizer(style, device="cuda", **options)
        assert on_gpu.engine == "triton"
        for colour in ((0, 0, 0), (128, 128, 128), (255, 255, 255), (200, 60, 30)):
            pixels = np.tile(np.uint8(colour), (128, 136, 1))
            assert np.abs(on_gpu(pixels).astype(int) - on_cpu(pixels)).max() <= most


@pytest.mark.gpu
def test_a_new_size_compiles_nothing(networks):
    paint = painter(networks["ours"], "ours", torch.float16)
    jits = programs.pad, programs.convolve, programs.normalize

    def compiled():
        # (kernels by key, ...) of each device
        return sum(len(caches[0]) for jit in jits for caches in jit.device_caches.values())

    paint.paint_tensor(picture(1, 3, 64, 80).to(DEVICE))
    before = compiled()
    for size in ((16, 16), (17, 250), (128, 256), (333, 99)):
        paint.paint_tensor(picture(1, 3, *size).to(DEVICE))
    assert compiled() == before > 0


KEYS = (
    FAKE_GPU
    + """
import random

import torch
from triton.runtime.jit import JITFunction

from artlives import plan
from artlives.architecture import STYLE_NETWORK
from artlives.engines.network import StyleNetwork
from artlives.engines.triton import TritonPainter

keys = set()
JITFunction._do_compile = lambda self, key, *rest: keys.add((self.__name__, key))
painter = TritonPainter(plan.lower(STYLE_NETWORK), StyleNetwork().file_weights(), "cpu")
draw = random.Random(0)
sizes = [(16, 16), (64, 128)] + [(draw.randint(16, 150), draw.randint(16, 150)) for _ in range(20)]
for size in sizes:
    painter.paint_tensor(torch.zeros(1, 3, *size, dtype=torch.uint8))
    print(len(keys))
"""
)


@pytest.mark.skipif(GPU, reason="another test counts what is compiled")
def test_a_new_size_asks_for_no_further_kernel(tmp_path):
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", KEYS],
        env=environment | {"TRITON_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    first, *further = map(int, done.stdout.split())
    assert 0 < first < 24
    assert set(further) == {first}
