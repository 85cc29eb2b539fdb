"""The Triton engine paints what the network in torch paints; in Triton's interpreter where there is no GPU."""

import numpy as np
import pytest
import torch

from artlives import plan, styles
from artlives.architecture import STYLE_NETWORK, Layer, activated
from artlives.engines.network import StyleNetwork
from artlives.engines.torch import load

pytest.importorskip("triton", reason="Triton is not installed")
triton = pytest.importorskip("artlives.engines.triton")

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
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(2, 3, 16, 24), (1, 3, 21, 18)], ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_pixels_as_torch(networks, name, shape, dtype):
    x = picture(*shape)
    with torch.inference_mode():
        expected = networks[name](x)
    assert expected.std() > 25
    painting = painter(networks[name], name, dtype).paint_tensor(x)
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


def test_what_is_left_to_torch(monkeypatch):
    def reason(activation="relu", device="cuda"):
        return triton.reason_against(plan.lower(activated(STYLE_NETWORK, activation)), torch.device(device))

    assert "need an NVIDIA GPU" in reason(device="cpu")
    for capability, enough in (((7, 5), False), ((8, 0), True)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, its=capability: its)
        assert (reason() is None) == enough
    assert "no activation swish" in reason("swish")


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
def test_sizes_that_come_again_are_painted_by_graphs(networks, monkeypatch):
    paint = painter(networks["ours"], "ours", torch.float16)
    pictures = [picture(1, 3, 64 + 8 * i, 80).to(DEVICE) for i in range(triton.GRAPHS + 1)]
    first = [paint.paint_tensor(x) for x in pictures]
    assert not any(paint.graphs.values())
    assert len(paint.graphs) == triton.GRAPHS
    for x, painting in zip(pictures[1:], first[1:], strict=True):
        again, turned = paint.paint_tensor(x), paint.paint_tensor(x.flip(3))
        # Another tile may have been chosen, which adds up in another order.
        assert (again - painting).abs().max() < 1
        assert (turned - paint._paint(x.flip(3))).abs().max() < 1
        assert torch.equal(paint.paint_tensor(x), again)
    assert all(paint.graphs.values())
    monkeypatch.setattr(triton, "LARGEST_GRAPH", 64 * 80)
    larger = picture(1, 3, 65, 80).to(DEVICE)
    assert torch.equal(paint.paint_tensor(larger), paint.paint_tensor(larger))
    assert not any(key[0] == larger.shape for key in paint.graphs)
