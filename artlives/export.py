"""A style as an ONNX model, for programs that do without artlives.

The graph is made from the style's layers and weights, node by node, and needs no torch. All that `StyleNetwork` does
to a picture of any size is in it: the scaling of its values, padding by reflection to a multiple of 8, and cropping.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from artlives import grain, styles
from artlives.architecture import GAIN, GREY, RANGE, Layer, reduction
from artlives.errors import ArtlivesError
from artlives.files import replacing

if TYPE_CHECKING:
    import onnx

OPSET, IR_VERSION = 17, 8  # understood since ONNX Runtime 1.12


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
    try:
        from onnx import TensorProto, checker, helper, numpy_helper, shape_inference
    except ImportError as error:
        raise ArtlivesError("ONNX models need the package onnx: pip install 'artlives[onnx]'") from error

    graph = _Graph(styles.load_weights(style))
    graph.network(style.layers, style.grain)
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
    try:
        checker.check_model(model, full_check=True)
    except (checker.ValidationError, shape_inference.InferenceError) as error:
        what = shorten(str(error), 200)
        raise ArtlivesError(f"{style.path} does not fit the network that it describes: {what}") from error
    return model


class _Graph:
    """Nodes and constants in the order data flows.

    The method of a layer's kind adds what the module of that kind in `artlives.network` does; its weights are found
    by `name`. Every method takes the names of values and returns that of its result.
    """

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
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

    def network(self, layers: tuple[Layer, ...], amplitude: float) -> None:
        shape = self.add("Shape", "photo")
        height, width = (self.add("Gather", shape, self.constant([axis])) for axis in (2, 3))
        photo = self.grainy("photo", height, width, amplitude) if amplitude else "photo"
        multiple = self.constant([reduction(layers)])
        below, beside = (self.add("Mod", self.add("Neg", side), multiple) for side in (height, width))
        padding = self.add("Concat", self.constant([0] * 6), below, beside, axis=0)

        x = self.add("Div", self.add("Sub", photo, self.constant(GREY)), self.constant(RANGE))
        x = self.add("Pad", x, padding, mode="reflect")
        for i, layer in enumerate(layers):
            x = getattr(self, layer.kind)(x, f"layers.{i}_{layer.kind}", layer)
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
        x = self.add("Add", x, self.add("Cast", field, to=1))  # 1 is fp32
        return self.add("Clip", x, self.constant(0.0), self.constant(255.0))

    def convolution(self, x: str, name: str, layer: Layer) -> str:
        return self.activated(self.normalized_convolution(x, name, layer), name, layer)

    def residual(self, x: str, name: str, layer: Layer) -> str:
        first = self.convolution(x, f"{name}.first", layer)
        return self.add("Add", x, self.normalized_convolution(first, f"{name}.second", layer))

    def upsampling(self, x: str, name: str, layer: Layer) -> str:
        crop = (layer.kernel - layer.stride) // 2 + layer.stride
        x = self.reflected(x, 1)
        x = self.add("ConvTranspose", x, f"{name}.conv.weight", strides=[layer.stride] * 2, pads=[crop] * 4)
        return self.activated(self.normalized(x, name), name, layer)

    def output(self, x: str, name: str, layer: Layer) -> str:
        x = self.add("Conv", self.reflected(x, layer.kernel // 2), f"{name}.conv.weight", f"{name}.conv.bias")
        x = self.add("Mul", self.add("Tanh", x), self.constant(GAIN))
        return self.add("Add", x, self.constant(GREY))

    def normalized_convolution(self, x: str, name: str, layer: Layer) -> str:
        x = self.reflected(x, layer.kernel // 2)
        return self.normalized(self.add("Conv", x, f"{name}.conv.weight", strides=[layer.stride] * 2), name)

    def normalized(self, x: str, name: str) -> str:
        return self.add("InstanceNormalization", x, f"{name}.norm.weight", f"{name}.norm.bias", epsilon=1e-5)

    def activated(self, x: str, name: str, layer: Layer) -> str:
        if layer.activation == "swish":
            return self.add("Mul", x, self.add("Sigmoid", x))
        if layer.activation == "prelu":
            slopes = self.add("Unsqueeze", f"{name}.activation.weight", self.constant([1, 2]))  # (C, 1, 1)
            return self.add("PRelu", x, slopes)
        if layer.activation == "leaky-relu":
            return self.add("LeakyRelu", x, alpha=0.01)
        return self.add({"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid"}[layer.activation], x)

    def reflected(self, x: str, margin: int) -> str:
        return self.add("Pad", x, self.constant([0, 0, margin, margin] * 2), mode="reflect")
