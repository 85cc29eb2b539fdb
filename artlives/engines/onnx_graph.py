"""A style as an ONNX model, for programs that do without artlives.

The graph is made from the plan of the style's network and its weights, node by node, and needs no torch. All that an
engine does to a picture of any size is in it: grain, the scaling of its values, padding by reflection, and cropping.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from artlives import grain, plan, styles
from artlives.architecture import GAIN, GREY, RANGE
from artlives.errors import needs
from artlives.files import replacing

if TYPE_CHECKING:
    import onnx

# Versions of the operators and of the file format that ONNX Runtime understands since 1.12.
OPSET, IR_VERSION = 17, 8


def export_onnx(style: styles.Style, path: str | Path) -> None:
    """Write `onnx_model(style)` to a file, which appears whole or not at all.

    Raises:
        ArtlivesError: as `onnx_model` does, and if the file cannot be written.
    """
    model = onnx_model(style)
    with replacing(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def onnx_model(style: styles.Style) -> onnx.ModelProto:
    """The style's network as an ONNX model.

    Its input "photo" and its output "painting" are (N, 3, H, W) in fp32, RGB in 0..255; N, H and W are free, H and W
    at least 16. The painting is clamped to 0..255, not rounded. It is that of a single pass (`Stylizer`'s `one_pass`),
    with the style's grain. The model's metadata names style and painting.

    Raises:
        ArtlivesError: if the package onnx is not installed, or the style's weights cannot be read or do not fit.
    """
    needs("an ONNX model", "onnx", "onnx")
    from onnx import TensorProto, checker, helper, numpy_helper

    graph = _Graph(styles.load_weights(style))
    graph.network(style.steps, style.grain)
    photo, painting = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3, "H", "W"])
        for name in ("photo", "painting")
    )
    model = helper.make_model(
        helper.make_graph(
            [
                helper.make_node(kind, inputs, [output], **options)
                for kind, inputs, output, options in graph.nodes
            ],
            style.name,
            [photo],
            [painting],
            [numpy_helper.from_array(value, name) for name, value in graph.constants.items()],
        ),
        producer_name="artlives",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        doc_string="RGB pictures (N, 3, H, W) in 0..255, each side at least 16, to paintings of the same size.",
    )
    about = {name: getattr(style, name) for name in ("painting", "painter", "year", "licence")}
    helper.set_model_props(model, {"style": style.name, **about})
    checker.check_model(model, full_check=True)
    return model


class _Graph:
    """Nodes and constants in the order data flows. Every method takes the names of values and returns its result's."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self.constants = dict(weights)
        self.nodes: list[tuple[str, tuple[str, ...], str, dict[str, Any]]] = []

    def add(self, kind: str, *inputs: str, output: str | None = None, **options: Any) -> str:
        output = output or f"x{len(self.nodes)}"
        self.nodes.append((kind, inputs, output, options))
        return output

    def constant(self, value: float | list[int]) -> str:
        name = f"constant {value}"
        self.constants[name] = np.array(value, np.float32 if isinstance(value, float) else np.int64)
        return name

    def network(self, steps: tuple[plan.Step, ...], amplitude: float) -> None:
        shape = self.add("Shape", "photo")
        height, width = (self.add("Gather", shape, self.constant([axis])) for axis in (2, 3))
        photo = self.grainy("photo", height, width, amplitude) if amplitude else "photo"
        multiple = self.constant([plan.reduction(steps)])
        below, beside = (self.add("Mod", self.add("Neg", side), multiple) for side in (height, width))
        padding = self.add("Concat", self.constant([0] * 6), below, beside, axis=0)

        x = self.add("Div", self.add("Sub", photo, self.constant(GREY)), self.constant(RANGE))
        x = self.add("Pad", x, padding, mode="reflect")
        kept: dict[int, str] = {}
        for i, step in enumerate(steps):
            if step.kept:
                kept[i] = x
            x = self.step(x, step)
            if step.adds is not None:
                x = self.add("Add", kept.pop(step.adds), x)
        size = self.add("Concat", height, width, axis=0)
        x = self.add("Slice", x, self.constant([0, 0]), size, self.constant([2, 3]))
        self.add("Clip", x, self.constant(0.0), self.constant(255.0), output="painting")

    def grainy(self, x: str, height: str, width: str, amplitude: float) -> str:
        """`grain.added`: the tile's rows and columns, repeated as far as the picture goes."""
        self.constants["grain"] = grain.tile(amplitude)
        field, period = "grain", self.constant([grain.PERIOD])
        zero, one = (self.add("Squeeze", self.constant([value]), self.constant([0])) for value in (0, 1))
        for axis, side in enumerate((height, width)):
            pixels = self.add("Range", zero, self.add("Squeeze", side, self.constant([0])), one)
            field = self.add("Gather", field, self.add("Mod", pixels, period), axis=axis)
        # 1 is `TensorProto.FLOAT`.
        x = self.add("Add", x, self.add("Cast", field, to=1))
        return self.add("Clip", x, self.constant(0.0), self.constant(255.0))

    def step(self, x: str, step: plan.Step) -> str:
        """All of the step but what is added."""
        margin, stride, name = step.reflected, [step.stride] * 2, step.name
        x = self.add("Pad", x, self.constant([0, 0, margin, margin] * 2), mode="reflect")
        weights = [f"{name}.conv.weight", *([] if step.normalized else [f"{name}.conv.bias"])]
        if step.transposed:
            x = self.add("ConvTranspose", x, *weights, strides=stride, pads=[step.cropped] * 4)
        else:
            x = self.add("Conv", x, *weights, strides=stride)
        if step.normalized:
            scale, shift = f"{name}.norm.weight", f"{name}.norm.bias"
            x = self.add("InstanceNormalization", x, scale, shift, epsilon=plan.EPS)
        return x if step.activation is None else self.activated(x, step.activation, name)

    def activated(self, x: str, activation: str, name: str) -> str:
        """`name` is that of the step, whose weights PReLU finds its slopes among."""
        if activation == plan.SCALED_TANH:
            x = self.add("Mul", self.add("Tanh", x), self.constant(GAIN))
            return self.add("Add", x, self.constant(GREY))
        if activation == "swish":
            return self.add("Mul", x, self.add("Sigmoid", x))
        if activation == "prelu":
            # (C, 1, 1)
            slopes = self.add("Unsqueeze", f"{name}.activation.weight", self.constant([1, 2]))
            return self.add("PRelu", x, slopes)
        if activation == "leaky-relu":
            return self.add("LeakyRelu", x, alpha=0.01)
        return self.add({"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid"}[activation], x)
