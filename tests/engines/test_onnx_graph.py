import sys

import numpy as np
import pytest
import torch

from artlives import styles
from artlives.architecture import ACTIVATIONS, STYLE_NETWORK, activated
from artlives.engines.network import StyleNetwork
from artlives.errors import ArtlivesError
from artlives.stylizer import Stylizer

pytest.importorskip("onnx", reason="needs the package onnx")
runtime = pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")

from artlives.engines.onnx_graph import export_onnx, onnx_model  # noqa: E402


def session(style):
    return runtime.InferenceSession(onnx_model(style).SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def style(tmp_path_factory, metadata):
    """A style of weights that were drawn, not trained; its normalizations scale and shift."""
    torch.manual_seed(1)
    network = StyleNetwork()
    for name, parameter in network.named_parameters():
        if ".norm." in name:
            parameter.data += torch.randn_like(parameter) * 0.2
    path = tmp_path_factory.mktemp("export") / "dots.safetensors"
    styles.save(path, network.file_weights(), name="dots", **metadata)
    return styles.read(path)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (16, 16), (17, 31), (75, 50), (40, 123)])
def test_onnx_runtime_paints_as_we_do(style, height, width):
    photo = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    (painting,) = session(style).run(None, {"photo": photo.transpose(2, 0, 1)[None].astype(np.float32)})
    expected = Stylizer(style, device="cpu", one_pass=True, precision="fp32")(photo).transpose(2, 0, 1)
    assert painting.shape == (1, 3, height, width)
    assert painting.dtype == np.float32
    assert np.abs(painting[0] - expected).max() <= 1
    assert 0 <= painting.min() < painting.max() <= 255


def test_pictures_of_a_batch_are_painted_each_for_itself(style):
    photos = np.random.default_rng(0).uniform(0, 255, (3, 3, 33, 42)).astype(np.float32)
    model = session(style)
    (paintings,) = model.run(None, {"photo": photos})
    for photo, painting in zip(photos, paintings, strict=True):
        assert np.abs(model.run(None, {"photo": photo[None]})[0][0] - painting).max() < 0.1


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(tmp_path, metadata, activation):
    layers = activated(STYLE_NETWORK, activation)
    network = StyleNetwork(layers)
    for name, parameter in network.named_parameters():
        if ".activation." in name:
            parameter.data.uniform_(-1, 1)
    path = tmp_path / "dots.safetensors"
    styles.save(path, network.file_weights(), name="dots", **{**metadata, "layers": layers})
    style = styles.read(path)
    photo = np.random.default_rng(0).uniform(0, 255, (1, 3, 35, 50)).astype(np.float32)
    (painting,) = session(style).run(None, {"photo": photo})
    with torch.no_grad():
        network.load_state_dict({name: value.half() for name, value in network.file_weights().items()})
        expected = network(torch.from_numpy(photo)).clamp(0, 255).numpy()
    assert np.abs(painting - expected).max() < 0.1


def test_the_model_says_what_it_is(style):
    model = onnx_model(style)
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert about == {
        "style": "dots",
        "painting": "Dots",
        "painter": "Nobody",
        "year": "1900",
        "licence": "public domain",
    }
    photo, painting = model.graph.input[0], model.graph.output[0]
    assert (photo.name, painting.name) == ("photo", "painting")
    sides = [
        [side.dim_param or side.dim_value for side in v.type.tensor_type.shape.dim] for v in (photo, painting)
    ]
    assert sides == [["N", 3, "H", "W"]] * 2


def test_without_the_package_a_line_says_what_to_install(style, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ArtlivesError, match=r"pip install 'artlives\[onnx\]'"):
        export_onnx(style, tmp_path / "out.onnx")
    assert not list(tmp_path.iterdir())


def test_a_damaged_style(style, tmp_path):
    data = style.path.read_bytes()
    path = tmp_path / "cut.safetensors"
    path.write_bytes(data)
    found = styles.read(path)
    path.write_bytes(data[:-4])
    with pytest.raises(ArtlivesError, match=r"cut\.safetensors is damaged"):
        onnx_model(found)


def test_weights_that_do_not_fit(network, metadata, tmp_path):
    state = network.file_weights()
    del state["layers.4_residual.first.conv.weight"]
    styles.save(tmp_path / "dots.safetensors", state, name="dots", **metadata)
    with pytest.raises(ArtlivesError, match=r"dots\.safetensors does not fit the network"):
        onnx_model(styles.read(tmp_path / "dots.safetensors"))
