"""`artlives bench`, with small pictures and as few rounds as there can be; what it measures differs each time."""

import json

import numpy as np
import pytest
import torch

from artlives import benchmark, core
from artlives.architecture import STYLE_NETWORK


@pytest.fixture
def bench(run, shipped, monkeypatch):
    """Run `artlives bench` on the CPU."""
    monkeypatch.setattr(benchmark, "SIZES", ((32, 24), (24, 24)))
    monkeypatch.setattr(benchmark, "LARGEST", (40, 40))
    monkeypatch.setattr(benchmark, "LAYERS_SIDE", 32)
    monkeypatch.setattr(benchmark, "SECONDS", 0.0)
    monkeypatch.setattr(benchmark, "ROUNDS", (1, 1))
    # Of a process of its own, which takes a second to start.
    monkeypatch.setattr(benchmark, "_alone", lambda style, precision, width, height: (0.5, 123 * 10**6))
    monkeypatch.setattr(core, "peak", lambda instructions, threads: 1e12)

    def invoke(*arguments):
        result = run("bench", "--device", "cpu", *arguments)
        assert result.exit_code == 0, result.output
        return result

    return invoke


needs_core = pytest.mark.skipif(not core.instruction_sets(), reason="the compiled core was not built")


@needs_core
def test_a_line_for_each_size_and_each_layer(bench, network):
    result = bench("--precision", "fp32")
    where, head, *lines = result.stdout.splitlines()
    instructions = core.best_instructions().name.decode()
    assert where.endswith(f" threads, {instructions}, fp32; torch {torch.__version__}")
    assert "torch ms" in head
    sizes, layers = lines[:3], lines[5:-1]
    assert [line.split()[:3] for line in sizes] == [
        [w, "x", w2] for w, w2 in (("32", "24"), ("24", "24"), ("40", "40"))
    ]
    assert all(" 123 " in line for line in sizes)
    # What is painted in strips is compared with nothing.
    assert sizes[2].split().count("-") == 4
    assert lines[4].split()[0] == "layer"
    assert [line.split()[0] for line in layers] == [step.name for step in network.steps]
    assert all(f"  {instructions}  " in line and "  fp32  " in line and line.endswith("%") for line in layers)
    assert lines[-1].startswith("A photo of ")


@needs_core
def test_all_figures_as_json(bench):
    found = json.loads(bench("--json").stdout)
    first, _, largest = found["rows"]
    assert (first["width"], first["height"], first["peak"]) == (32, 24, 123 * 10**6)
    assert first["torch_precision"] == "fp32"
    assert first["ratio"] == pytest.approx(first["seconds"] / first["torch_seconds"])
    assert first["passes"] == pytest.approx(first["painting"] / first["seconds"])
    assert first["megapixels_per_second"] == pytest.approx(32 * 24 / 1e6 / first["painting"])
    assert (largest["painting"], largest["seconds"], largest["torch_precision"]) == (0.5, None, None)
    layer = found["layers"][0]
    # 16 x 16 outputs of a kernel of 7 x 7 x 3, of 10^12 multiply-adds a second.
    products = 16 * 16 * 7 * 7 * layer["inputs"] * layer["outputs"]
    assert STYLE_NETWORK[0].stride == 2
    assert layer["share"] == pytest.approx(products / layer["seconds"] / 1e12)


def test_a_plot(bench, tmp_path):
    bench("--plot", tmp_path / "speed.png")
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("precision", "dtype"), [("fp16", torch.float16), ("fp32", torch.float32)])
def test_torch_computes_in_the_precision_of_ours(shipped, style_file, monkeypatch, precision, dtype):
    from artlives import styles

    seen = []
    convolve = torch.nn.functional.conv2d
    monkeypatch.setattr(
        torch.nn.functional,
        "conv2d",
        lambda x, *rest, **more: seen.append(x.dtype) or convolve(x, *rest, **more),
    )
    benchmark._by_torch(styles.read(style_file), "cpu", precision)(np.zeros((16, 16, 3), np.uint8))
    assert set(seen) == {dtype}
