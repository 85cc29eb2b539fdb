"""The blocks and the network are ours: none of torch's operators for what they do is run, nor named in the source."""

import ast
import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

import artlives
from artlives import core
from artlives.engines.network import StyleNetwork
from artlives.validation import BLOCKS, draw

LAYERS = re.compile(
    "conv|unfold|im2col|col2im|pool|(batch|instance|group|layer|native)_?norm|native_.*norm"
    "|relu|threshold|tanh|sigmoid|silu|gelu|softplus|mish|celu"
)
RESAMPLING = re.compile("reflection_pad|replication_pad|upsample|grid_sampler")


class Recorder(TorchDispatchMode):
    """Notes the name of each operator that is run, in the forward pass and in the backward pass."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.add(function.name())
        return function(*args, **kwargs or {})

    @property
    def forbidden(self):
        return {name for name in self.names if LAYERS.search(name) or RESAMPLING.search(name)}


def record(function, tensors, options):
    """What runs in a forward pass, a backward pass and the backward pass of that."""
    variables = [value.requires_grad_() for name, value in tensors.items() if "running" not in name]
    with Recorder() as recorder:
        y = function(**tensors, **options)
        gradients = torch.autograd.grad(y.square().sum(), variables, create_graph=True)
        sum(gradient.square().sum() for gradient in gradients).backward()
    return recorder


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_blocks_run_no_operator_of_torchs_for_what_they_do(block):
    for case in block.cases[::7]:
        for dtype in (torch.float32, torch.bfloat16):
            tensors = {name: value.to(dtype) for name, value in draw(case).items()}
            assert not record(block.ours, tensors, case.options).forbidden, case


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_torchs_operators_would_be_noticed(block):
    """Each reference, put in the block's place."""
    case = next(case for case in block.cases if case.options.get("mode") != "zeros")
    assert record(block.reference, draw(case), case.options).forbidden


@pytest.mark.parametrize(
    "function",
    [
        lambda input: functional.unfold(input, 2).square(),
        lambda input: functional.fold(functional.unfold(input, 2), (8, 8), 2),
        lambda input: input.unfold(2, 3, 1),
        lambda input: functional.avg_pool2d(input, 2),
        lambda input: functional.interpolate(input, scale_factor=2),
        lambda input: functional.layer_norm(input, (8, 8)),
        lambda input: functional.group_norm(input, 2),
    ],
)
def test_their_like_would_be_noticed(function):
    assert record(function, {"input": torch.randn(1, 2, 8, 8)}, {}).forbidden


@pytest.mark.parametrize("with_core", [True, False])
@pytest.mark.parametrize("size", [(16, 16), (33, 47)])
def test_the_network_runs_none_of_them_forward_or_backward(size, with_core, monkeypatch):
    if not with_core:
        monkeypatch.setattr(core, "instruction_sets", dict)
    network = StyleNetwork()
    x = torch.rand(2, 3, *size, requires_grad=True)
    with Recorder() as recorder:
        network(x * 255).mean().backward()
    assert x.grad.abs().max() > 0
    assert not recorder.forbidden
    by_torch = any("mm" in name for name in recorder.names)
    # The recorder was listening, in both passes.
    assert by_torch != (with_core and bool(core.instruction_sets()))
    assert len(recorder.names) > 10


def test_one_module_of_torchs_in_the_network_would_be_noticed():
    network = StyleNetwork()
    blocks = [
        (parent, name)
        for parent in network.modules()
        for name, child in parent.named_children()
        if type(child).__name__ == "Conv2d"
    ]
    parent, name = blocks[len(blocks) // 2]
    ours = getattr(parent, name)
    theirs = nn.Conv2d(ours.in_channels, ours.out_channels, ours.kernel_size, ours.stride, ours.padding)
    setattr(parent, name, theirs)
    with Recorder() as recorder:
        network(torch.rand(1, 3, 32, 32))
    assert recorder.forbidden


SOURCES = Path(artlives.__file__).parent
# The reference of the measurements, and the network that only judges pictures in training.
EXEMPT = {SOURCES / "validation.py", SOURCES / "benchmark.py", SOURCES / "training" / "perceptual.py"}


def named(source):
    """The full names of all that `source` takes from torch, with aliases of imports resolved."""
    tree = ast.parse(source)
    aliases = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                # `import torch.nn` binds `torch` alone.
                top = name.name.partition(".")[0]
                aliases[name.asname or top] = name.name if name.asname else top
        elif isinstance(node, ast.ImportFrom):
            aliases |= {name.asname or name.name: f"{node.module}.{name.name}" for name in node.names}
    names = set(aliases.values())
    for node in ast.walk(tree):
        parts = []
        while isinstance(node, ast.Attribute):
            parts.insert(0, node.attr)
            node = node.value
        if isinstance(node, ast.Name) and node.id in aliases:
            names.add(".".join([aliases[node.id], *parts]))
    return {name for name in names if name.partition(".")[0] == "torch"}


def layers_named(source):
    return {name for name in named(source) if LAYERS.search(name.lower())}


@pytest.mark.smoke
def test_no_source_file_names_them():
    files = [path for path in SOURCES.rglob("*.py") if path not in EXEMPT]
    assert len(files) > 10
    assert not {path.name: names for path in files if (names := layers_named(path.read_text("utf-8")))}


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ny = torch.nn.functional.conv2d(x, w)",
        "import torch.nn.functional as F\ny = F.relu(x)",
        "from torch import nn\nlayer = nn.InstanceNorm2d(3)",
        "from torch.nn import MaxPool2d as Pool\n",
        "import torch\ny = torch.sigmoid(x)",
        "import torch as t\ny = t.ops.aten.convolution(x)",
    ],
)
def test_a_source_that_names_them_would_be_noticed(source):
    assert layers_named(source)


def test_bases_of_modules_may_be_named():
    assert not layers_named(
        "import torch\nfrom torch import nn\nclass A(nn.Module):\n    x = nn.Parameter(torch.ones(1))"
    )
