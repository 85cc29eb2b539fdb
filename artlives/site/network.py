"""A style's network as the page without a service reads it: the steps as JSON, their weights packed, in fp16."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from artlives import core, plan, styles
from artlives.architecture import GAIN, GREY, RANGE
from artlives.core import Array, Instructions
from artlives.engines.painter import reason_against_activations
from artlives.engines.steps import Step, prepared
from artlives.errors import ArtlivesError

# What core.wasm is compiled for, as `artlives_instructions` says there: WebAssembly's vectors of 128 bits.
INSTRUCTIONS = Instructions(name=b"WebAssembly", lanes=4, vectors=4, element=0, group=1, winograd=2)
# What `Network` in network.js needs besides steps and weights.
CONSTANTS = {"gain": GAIN, "grey": GREY, "range": RANGE, "epsilon": plan.EPS}


def encoded(style: styles.Style) -> tuple[dict[str, Any], bytes]:
    """A style's network, for JSON, and its weights: fp16, little-endian, in the order of the steps.

    Of each step these are the taps of each phase, as the core reads them; then gamma and beta of its normalization, or
    its bias. Those of Winograd's convolutions are the nine taps, which are fewer than the sixteen matrices.

    Raises:
        ArtlivesError: the file cannot be read, or the core cannot paint with such a network.
    """
    if reason := reason_against_activations(style.steps, "a page without a service has"):
        raise ArtlivesError(f"{style.name}: {reason}")
    weights = styles.load_weights(style)
    steps = []
    parts: list[Array] = []
    for planned in style.steps:
        step = prepared(planned, weights, INSTRUCTIONS)
        taps = _taps(step, weights[f"{planned.name}.conv.weight"])
        bias = step.kernel.bias[: step.kernel.outputs]
        vectors = [step.gamma, step.beta] if planned.normalized else [bias]
        parts += [*taps, *(values for values in vectors if values is not None)]
        steps.append(_described(step, taps))
    data = np.concatenate([part.ravel() for part in parts]).astype("<f2").tobytes()
    return {"steps": steps, "reduction": plan.reduction(style.steps), **CONSTANTS}, data


def _taps(step: Step, weight: Array) -> list[Array]:
    """The taps of each phase, packed."""
    if not step.kernel.winograd:
        return [phase.weight for phase in step.kernel.phases]
    outputs, channels, height, width = weight.shape
    taps = weight.transpose(2, 3, 1, 0).reshape(height * width, channels, outputs)
    return [core.packed(np.ascontiguousarray(taps), INSTRUCTIONS)]


def _described(step: Step, taps: list[Array]) -> dict[str, Any]:
    """What a step does, by the names that the core's structures and `Network` in network.js have for it."""
    kernel = step.kernel
    edges = core.block_edges(kernel.outputs, INSTRUCTIONS)
    return {
        "unit": {
            "channels": kernel.channels,
            "outputs": kernel.outputs,
            "stride_rows": kernel.stride[0],
            "stride_columns": kernel.stride[1],
            "winograd": kernel.winograd,
            "columns_as_channels": kernel.columns_as_channels,
            "up_rows": kernel.up[0],
            "up_columns": kernel.up[1],
        },
        "phases": [
            {**phase._asdict(), "weight": 0, "values": values.size}
            for phase, values in zip(kernel.phases, taps, strict=True)
        ],
        "planes": [kernel.channels * (last - first) for first, last in pairwise(edges)],
        "span": kernel.span,
        "before": step.before,
        "after": step.after,
        "reflected": step.plan.reflected,
        "normalized": step.plan.normalized,
        "relu": step.plan.activation == "relu",
        "adds": step.plan.adds,
        "kept": step.plan.kept,
        "source_scale": step.plan.source_scale.as_integer_ratio(),
        "scale": step.plan.scale.as_integer_ratio(),
    }
