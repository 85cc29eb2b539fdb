"""How long the network's parts take beside torch's, alternating in one process; medians, and the median of the ratios.

    python -m benchmarks.blocks [--rounds 15] [--threads 2]

1. Units: reflection padding, convolution, instance normalization and ReLU at the network's shapes. Ours is what the
   executor does for each: one pass that normalizes while it reads and adds up while it writes.
2. Blocks: each by itself, on channels-last tensors.
3. Training: forward and backward of the whole network on a batch of four.

fp32; below 1 ours is faster.
"""

import argparse
import statistics
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch.nn import functional

from artlives import blocks, core
from artlives.benchmark import Job, alternating, ratio, torch_blocks
from artlives.engines.network import StyleNetwork

# channels in and out, kernel, stride, side of the input; a stride below 1 is a transposed convolution's
UNITS = [
    (3, 24, 7, 2, 1024),
    (24, 48, 3, 2, 512),
    (48, 96, 3, 2, 256),
    (96, 96, 3, 1, 128),
    (96, 48, 4, 0.5, 128),
    (48, 48, 3, 1, 256),
    (48, 24, 4, 0.5, 256),
    (24, 16, 4, 0.5, 512),
]


def line(what: str, ours: Job, theirs: Job, rounds: int) -> None:
    times = alternating({"ours": ours, "torch": theirs}, rounds)
    medians = (statistics.median(times[name]) * 1000 for name in ("ours", "torch"))
    print("{:46}{:9.2f}{:9.2f}{:8.2f}".format(what, *medians, ratio(times["ours"], times["torch"])))


def no_gradients(function: Callable[[], object]) -> Job:
    def job() -> None:
        with torch.inference_mode():
            function()

    return job


def unit(inputs: int, outputs: int, kernel: int, stride: float, side: int, threads: int) -> tuple[Job, Job]:
    """Ours and torch's, from a raw activation to a raw activation and its statistics."""
    x = torch.rand(1, inputs, side, side).contiguous(memory_format=torch.channels_last)
    gamma, beta = torch.rand(outputs), torch.rand(outputs)
    up = int(1 / stride) if stride < 1 else 1
    if up > 1:
        weight = torch.rand(inputs, outputs, kernel, kernel)
        ours, (margin, _) = core.transposed_convolution(weight.numpy(), (up, up), ((kernel - up) // 2,) * 2)
        table = core.padding_table(side, margin, 2, 1)
        raw = partial(functional.conv_transpose2d, weight=weight, stride=up, padding=(kernel - up) // 2 + up)
    else:
        weight = torch.rand(outputs, inputs, kernel, kernel)
        ours, margin = core.convolution(weight.numpy(), (int(stride),) * 2), kernel // 2
        table = core.padding_table(side, margin, margin, margin)
        raw = partial(functional.conv2d, weight=weight, stride=int(stride))
    size = int(side / stride)
    source = x[0].permute(1, 2, 0).numpy()
    target = core.aligned(size * size * outputs).reshape(size, size, outputs)

    def our_unit() -> None:
        """Also the scale and shift for those who read this one's output."""
        ones = np.ones(inputs, np.float32)
        reading = core.Reading(source, ones, ones, relu=True)
        totals = core.run(ours, reading, table, table, target, (size, size), totals=True, threads=threads)
        mean, square = totals / size**2
        scale = gamma.numpy() / np.sqrt(square - mean**2 + 1e-5)
        beta.numpy() - mean * scale

    padding = 1 if up > 1 else margin

    def torch_unit() -> None:
        y = raw(functional.pad(x, (padding,) * 4, "reflect"))
        functional.relu(functional.instance_norm(y, weight=gamma, bias=beta), inplace=True)

    return our_unit, no_gradients(torch_unit)


def main() -> None:
    parser = argparse.ArgumentParser(description="The network's parts beside torch's.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print("{:46}{:>9}{:>9}{:>8}".format("ms", "ours", "torch", "ratio"))

    for shape in UNITS if core.instruction_sets() else []:
        inputs, outputs, kernel, stride, side = shape
        what = f"unit {inputs} -> {outputs}, {kernel} x {kernel}, stride {stride:g}, {side} x {side}"
        line(what, *unit(*shape, options.threads), options.rounds)

    x = torch.rand(1, 48, 256, 256).contiguous(memory_format=torch.channels_last)
    weight, up = torch.rand(48, 48, 3, 3), torch.rand(48, 24, 4, 4)
    pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "conv2d": (
            partial(blocks.conv2d, x, weight, padding=1),
            partial(functional.conv2d, x, weight, padding=1),
        ),
        "conv_transpose2d": (
            partial(blocks.conv_transpose2d, x, up, stride=2, padding=1),
            partial(functional.conv_transpose2d, x, up, stride=2, padding=1),
        ),
        "instance_norm": (partial(blocks.instance_norm, x), partial(functional.instance_norm, x)),
        "pad, by reflection": (
            partial(blocks.pad, x, (1, 1, 1, 1), "reflect"),
            partial(functional.pad, x, (1, 1, 1, 1), "reflect"),
        ),
        "max_pool2d": (partial(blocks.max_pool2d, x, 2), partial(functional.max_pool2d, x, 2)),
        "relu": (partial(blocks.relu, x), partial(functional.relu, x)),
        "tanh": (partial(blocks.tanh, x), partial(torch.tanh, x)),
        "sigmoid": (partial(blocks.sigmoid, x), partial(torch.sigmoid, x)),
        "leaky_relu": (partial(blocks.leaky_relu, x), partial(functional.leaky_relu, x)),
        "swish": (partial(blocks.swish, x), partial(functional.silu, x)),
    }
    for name, (ours, theirs) in pairs.items():
        line(f"{name}, 48 channels, 256 x 256", no_gradients(ours), no_gradients(theirs), options.rounds)

    network = StyleNetwork().to(memory_format=torch.channels_last)
    reference = StyleNetwork(blocks=torch_blocks()).to(memory_format=torch.channels_last)
    batch = (torch.rand(4, 3, 256, 256) * 255).contiguous(memory_format=torch.channels_last)

    line(
        "training: the network, batch of 4, 256 x 256",
        lambda: network(batch).square().mean().backward(),
        lambda: reference(batch).square().mean().backward(),
        options.rounds,
    )


if __name__ == "__main__":
    main()
