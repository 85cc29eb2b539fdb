"""Which engine is chosen, and what is said of the quicker ones."""

import sys

import pytest

from artlives import core, devices, plan, styles
from artlives.architecture import STYLE_NETWORK, activated
from artlives.engines import choose as choice
from artlives.engines import compiled
from artlives.engines.choose import choose, quickest
from artlives.engines.numpy import NumpyPainter
from artlives.engines.torch import TorchPainter

STEPS = plan.lower(STYLE_NETWORK)
TORCH = "torch is not installed: pip install 'artlives[train]'"


@pytest.fixture
def without(monkeypatch):
    """Take away the compiled core or an installed package."""
    missing = set()
    for module in (choice, devices):
        monkeypatch.setattr(module, "find_spec", lambda name: None if name in missing else name)

    def take_away(*names):
        missing.update(names)
        if "core" in names:
            monkeypatch.setattr(compiled.core, "instruction_sets", dict)

    return take_away


@pytest.mark.skipif(compiled.reason_against(STEPS) is not None, reason="the compiled core was not built")
def test_the_compiled_core_is_the_quickest_on_the_cpu(without):
    assert quickest(STEPS, "cpu")[:3] == ("compiled", "cpu", ())
    without("torch")
    assert quickest(STEPS, "auto")[:2] == ("compiled", "cpu")
    swish = plan.lower(activated(STYLE_NETWORK, "swish"))
    reasons = "the compiled core has no activation swish", TORCH
    assert quickest(swish, "cpu") == ("numpy", "cpu", reasons, "fp32", None)


@pytest.mark.skipif(compiled.reason_against(STEPS) is not None, reason="the compiled core was not built")
def test_bf16_where_the_processor_has_amx(without, monkeypatch):
    bf16 = core.bf16_instruction_sets()
    assert quickest(STEPS, "cpu").precision == ("bf16" if "AMX" in bf16 else "fp32")
    assert quickest(STEPS, "cpu", "fp32").precision == "fp32"
    assert compiled.instructions_for("fp32") is core.best_instructions()
    monkeypatch.setattr(core, "tiles", lambda: None)
    assert quickest(STEPS, "cpu").precision == "fp32"
    without("core")
    assert quickest(STEPS, "cpu").precision == "fp32"


def test_without_the_core_torch_and_without_torch_numpy(without):
    without("core")
    name, device, (reason,), precision, _ = quickest(STEPS, "cpu")
    assert (name, device, precision) == ("torch", "cpu", "fp32")
    assert "where there is a C compiler" in reason
    without("torch")
    assert quickest(STEPS, "cpu")[:3] == ("numpy", "cpu", (reason, TORCH))


def test_a_gpu_that_needs_torch_is_named_first(without, monkeypatch):
    monkeypatch.setattr(devices, "_has_nvidia_gpu", lambda: True)
    without("core", "torch")
    name, device, (gpu, compiler, torch), *_ = quickest(STEPS, "auto")
    assert (name, device, torch) == ("numpy", "cpu", TORCH)
    assert "artlives[gpu]" in gpu
    assert "compiler" in compiler


@pytest.mark.parametrize(
    ("device", "reasons"), [("cuda", ("Triton is not installed: pip install 'artlives[gpu]'",)), ("mps", ())]
)
def test_on_a_gpu_without_triton_torch(without, monkeypatch, device, reasons):
    monkeypatch.setattr(devices, "choose", str)
    without("triton")
    assert quickest(STEPS, device)[:3] == ("torch", device, reasons)


def test_on_a_gpu_with_a_triton_that_cannot_be_loaded_torch(monkeypatch):
    monkeypatch.setattr(devices, "choose", str)
    monkeypatch.setattr(choice, "find_spec", lambda name: name)
    # Importing it raises an ImportError.
    monkeypatch.setitem(sys.modules, "artlives.engines.triton", None)
    monkeypatch.delattr("artlives.engines.triton", raising=False)
    name, _, (reason,), *_ = quickest(STEPS, "cuda")
    assert name == "torch"
    assert reason.startswith("Triton cannot be loaded (")


def test_painters_are_those_of_the_engines(without, style_file):
    style = styles.read(style_file)
    without("core")
    assert isinstance(choose(style, "cpu")[0], TorchPainter)
    without("torch")
    assert isinstance(choose(style, "cpu")[0], NumpyPainter)
