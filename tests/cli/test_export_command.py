import numpy as np
import pytest

from artlives import styles

onnx = pytest.importorskip("onnx", reason="needs the package onnx")
numpy_helper = pytest.importorskip("onnx.numpy_helper", reason="needs the package onnx")


def test_writes_a_model(run, style_file, tmp_path):
    out = tmp_path / "dots.onnx"
    result = run("export", style_file, "--onnx", out)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{out}\n", "")
    onnx.checker.check_model(out, full_check=True)


@pytest.mark.usefixtures("shipped")
def test_by_default_it_is_called_as_the_style(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("export", "dots").stdout == "dots.onnx\n"
    onnx.load("dots.onnx")


@pytest.mark.usefixtures("shipped")
def test_an_existing_file_is_left_alone(run, tmp_path):
    out = tmp_path / "dots.onnx"
    out.write_bytes(b"mine")
    result = run("export", "dots", "--onnx", out)
    assert result.exit_code == 1
    assert result.stderr == f"artlives: {out} is there already: give --overwrite to replace it\n"
    assert out.read_bytes() == b"mine"
    assert run("export", "dots", "--onnx", out, "--overwrite").exit_code == 0
    onnx.load(out)


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(
    ("style", "output", "status", "message"),
    [
        ("dot", "dots.onnx", 1, "did you mean 'dots'"),
        ("dots", "none/dots.onnx", 1, "there is no folder"),
        ("dots", ".", 2, "is a directory"),
    ],
)
def test_bad_input(run, tmp_path, style, output, status, message):
    result = run("export", style, "--onnx", tmp_path / output)
    assert result.exit_code == status
    assert message in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_mix_is_one_network_if_it_can_be(run, tmp_path, network, metadata):
    out = tmp_path / "mix.onnx"
    assert run("export", "wave:0.6,udnie:0.4", "--onnx", out).exit_code == 0
    mean = [
        value * 0.6 + styles.load_weights(styles.find("udnie"))[name] * 0.4
        for name, value in styles.load_weights(styles.find("wave")).items()
    ]
    exported = [numpy_helper.to_array(tensor) for tensor in onnx.load(out).graph.initializer]
    assert all(
        any(np.allclose(value, other) for other in exported if other.shape == value.shape) for value in mean
    )
    own = {**metadata, "training": {"start": "none", "grain": 0}}
    styles.save(tmp_path / "own.safetensors", network.file_weights(), name="own", **own)
    result = run("export", f"wave:0.5,{tmp_path / 'own.safetensors'}:0.5", "--onnx", tmp_path / "b.onnx")
    assert result.exit_code == 1
    assert "holds one network" in result.stderr
    assert not (tmp_path / "b.onnx").exists()
