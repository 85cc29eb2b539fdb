"""An even picture comes out even, whatever the weights, on every engine: no phase of an upsampling prints a grid."""

import numpy as np
import pytest
import torch

from artlives import core, plan, styles
from artlives.architecture import Layer
from artlives.engines import strips
from artlives.engines.compiled import CompiledPainter
from artlives.engines.network import EvenKernel, StyleNetwork, Upsampling
from artlives.engines.onnx_graph import onnx_model
from artlives.engines.painter import Way

# One upsampling. A picture without any contrast has no variance, and each normalization then magnifies what fp32
# rounds, 1e-7, by 1 / sqrt(eps) = 316: after several of them that would be all there is to see.
LAYERS = (
    Layer("convolution", 3, 16, kernel=5, stride=2),
    Layer("upsampling", 16, 6, kernel=4, stride=2),
    Layer("output", 6, 3, kernel=5),
)
# Of the range of 255.
EVEN = 1e-4 * 255
GREY = 90.0


@pytest.fixture(scope="module")
def network():
    """All that can be learned is drawn at random, normalizations too."""
    torch.manual_seed(3)
    network = StyleNetwork(LAYERS)
    for name, parameter in network.named_parameters():
        if ".norm." in name:
            parameter.data += torch.randn_like(parameter) * 0.5
        elif "_upsampling" in name:
            # Sums of these are exact in half precision, as which a file holds them.
            parameter.data = (torch.randn_like(parameter) * 16).round() / 64
    return network


def by_torch(network):
    with torch.no_grad():
        return network(torch.full((1, 3, 72, 88), GREY))[0].permute(1, 2, 0).numpy()


def by_core(network, way=Way.WHOLE):
    if not core.instruction_sets():
        pytest.skip("the compiled core was not built")
    weights = {name: value.numpy() for name, value in network.file_weights().items()}
    painter = CompiledPainter(plan.lower(LAYERS), weights)
    return painter.paint([np.full((72, 88, 3), GREY, np.float32)], way=way)[0]


def in_strips(network):
    return by_core(network, Way.STRIPS)


def by_onnx(network, folder, metadata):
    runtime = pytest.importorskip("onnxruntime")
    path = folder / "even.safetensors"
    styles.save(path, network.file_weights(), name="even", **{**metadata, "layers": LAYERS})
    model = runtime.InferenceSession(onnx_model(styles.read(path)).SerializeToString())
    (painting,) = model.run(None, {"photo": np.full((1, 3, 72, 88), GREY, np.float32)})
    return painting[0].transpose(1, 2, 0)


def assert_even(painting):
    assert painting.shape == (72, 88, 3)
    assert np.ptp(painting, (0, 1)).max() <= EVEN
    # It is a colour, not a grey.
    assert np.ptp(painting[0, 0]) > 1


@pytest.mark.parametrize("paint", [by_torch, by_core, in_strips])
def test_even_on_the_cpu(network, paint, monkeypatch):
    monkeypatch.setattr(strips, "BAND_BYTES", 1)
    assert_even(paint(network))


def test_even_in_onnx_runtime(network, tmp_path, metadata):
    assert_even(by_onnx(network, tmp_path, metadata))


@pytest.mark.slow
def test_even_by_the_triton_kernels(network):
    pytest.importorskip("triton")
    from artlives.engines.triton import TritonPainter

    device = "cuda" if torch.cuda.is_available() else "cpu"
    painter = TritonPainter(plan.lower(LAYERS), network.file_weights(), device, torch.float32)
    (painting,) = painter.paint([np.full((72, 88, 3), GREY, np.float32)])
    assert_even(painting)


def test_kernels_of_before_print_one(network):
    """So the test can fail: a kernel whose phases differ shows."""
    uneven = StyleNetwork(LAYERS, even=False)
    uneven.load_state_dict(network.file_weights())
    assert_even(by_torch(uneven))
    with torch.no_grad():
        layer = next(module for module in uneven.modules() if isinstance(module, Upsampling))
        layer.conv.weight[:, :, ::2] *= 1.2
    assert np.ptp(by_torch(uneven), (0, 1)).max() > 100 * EVEN


@pytest.mark.parametrize(("kernel", "stride"), [(4, 2), (2, 2), (6, 2), (5, 3), (3, 1), (9, 3)])
def test_folding_and_unfolding(kernel, stride):
    even = EvenKernel(stride)
    learned = torch.randn(3, 2, kernel - stride + 1, kernel - stride + 1, dtype=torch.float64)
    folded = even(learned)
    assert folded.shape == (3, 2, kernel, kernel)
    for top in range(stride):
        for left in range(stride):
            phase = folded[:, :, top::stride, left::stride].sum((2, 3))
            torch.testing.assert_close(phase, learned.sum((2, 3)))
    torch.testing.assert_close(even.right_inverse(folded), learned)
    # Of what cannot be folded, it is the nearest: a step in any direction is no nearer.
    other = torch.randn(3, 2, kernel, kernel, dtype=torch.float64)
    nearest = even.right_inverse(other)
    least = (even(nearest) - other).square().sum()
    assert (even(nearest + 0.01 * torch.randn_like(nearest)) - other).square().sum() >= least


def test_it_is_repeating_pixels_and_then_convolving():
    _, step, _ = plan.lower(LAYERS)
    layer = Upsampling(step._replace(inputs=4, outputs=2))
    x = torch.randn(1, 4, 6, 7)
    repeated = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    turned = layer.learned().transpose(0, 1).flip(2, 3)
    expected = torch.nn.functional.conv2d(torch.nn.functional.pad(repeated, (2, 2, 2, 2)), turned)
    found = torch.nn.functional.conv_transpose2d(x, layer.conv.weight, stride=2)
    torch.testing.assert_close(found[:, :, 1:-1, 1:-1], expected[:, :, 1:-1, 1:-1], atol=1e-5, rtol=1e-5)


def test_either_kind_of_weights_starts_a_network(network):
    for even in (True, False):
        other = StyleNetwork(LAYERS, even=even)
        other.load_state_dict(network.file_weights())
        for name, value in other.file_weights().items():
            torch.testing.assert_close(value, network.file_weights()[name], atol=1e-5, rtol=1e-4)
    again = StyleNetwork(LAYERS)
    again.load_state_dict(network.state_dict())
    x = torch.rand(1, 3, 32, 32) * 255
    assert torch.equal(again(x), network(x))
