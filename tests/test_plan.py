"""The one reading of a network: what its layers are lowered to, and what is refused."""

from fractions import Fraction

import numpy as np
import pytest

from artlives import plan
from artlives.architecture import STYLE_NETWORK, Layer, activated, from_json, to_json

pytestmark = pytest.mark.smoke

OUTPUT = Layer("output", 3, 3, 5)


def test_a_description_survives_json():
    assert from_json(to_json(STYLE_NETWORK)) == STYLE_NETWORK


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "3",
        "nonsense",
        '[{"kind": "output"}]',
        '[{"kind": ["output"], "inputs": 3, "outputs": 3, "kernel": 5}]',
        to_json((OUTPUT._replace(inputs=4),)),
        to_json((OUTPUT._replace(kernel=4),)),
        to_json((OUTPUT._replace(activation="exp"),)),
        to_json((OUTPUT._replace(stride=2),)),
        to_json((OUTPUT, OUTPUT._replace(outputs=4))),
        to_json((Layer("convolution", 3, 3, 3),)),
        to_json((Layer("pooling", 3, 3, 3), OUTPUT)),
        to_json((Layer("convolution", 3, 3, 3, 2), OUTPUT)),
        to_json((Layer("upsampling", 3, 3, 3, 2), OUTPUT)),
        to_json((Layer("residual", 3, 4, 3), OUTPUT._replace(inputs=4))),
        to_json((Layer("residual", 3, 3, 3, 2), Layer("upsampling", 3, 3, 4, 2), OUTPUT)),
        to_json((Layer("convolution", 3, 10**9, 3), OUTPUT._replace(inputs=10**9))),
    ],
)
def test_what_is_no_network_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        plan.lower(from_json(text))


def test_every_kind_of_layer():
    layers = (
        Layer("convolution", 3, 8, kernel=5, stride=3),
        Layer("residual", 8, 8, kernel=3, activation="prelu"),
        Layer("upsampling", 8, 4, kernel=5, stride=3),
        Layer("output", 4, 3, kernel=3),
    )
    convolution, first, second, upsampling, output = plan.lower(layers)
    assert convolution == plan.Step(
        "layers.0_convolution", 0, 3, 8, 5, 3, reflected=2, activation="relu", scale=Fraction(3)
    )
    assert (first.name, second.name) == ("layers.1_residual.first", "layers.1_residual.second")
    assert (first.kept, first.activation, first.adds) == (True, "prelu", None)
    assert (second.kept, second.activation, second.adds) == (False, None, 1)
    # (5 - 3) / 2 pixels of the result lie beyond the picture, and 3 stand for the one that is reflected.
    assert (upsampling.transposed, upsampling.reflected, upsampling.cropped) == (True, 1, 4)
    assert (upsampling.source_scale, upsampling.scale) == (3, 1)
    assert (output.normalized, output.activation) == (False, plan.SCALED_TANH)
    assert [step.layer for step in plan.lower(layers)] == [0, 1, 1, 2, 3]


def test_the_weights_of_a_step():
    steps = plan.lower(
        (Layer("convolution", 3, 8, 5), Layer("upsampling", 8, 4, 1), OUTPUT._replace(inputs=4))
    )
    assert [plan.shapes(step) for step in steps] == [
        {
            "layers.0_convolution.conv.weight": (8, 3, 5, 5),
            "layers.0_convolution.norm.weight": (8,),
            "layers.0_convolution.norm.bias": (8,),
        },
        {
            "layers.1_upsampling.conv.weight": (8, 4, 1, 1),
            "layers.1_upsampling.norm.weight": (4,),
            "layers.1_upsampling.norm.bias": (4,),
        },
        {"layers.2_output.conv.weight": (3, 4, 5, 5), "layers.2_output.conv.bias": (3,)},
    ]
    (prelu, _) = plan.lower((Layer("convolution", 3, 3, 5, activation="prelu"), OUTPUT))
    assert plan.shapes(prelu)["layers.0_convolution.activation.weight"] == (3,)


def test_weights_are_checked_by_name_and_shape():
    steps = plan.lower((OUTPUT,))
    name = "layers.0_output.conv."
    weights = {name + "weight": np.zeros((3, 3, 5, 5)), name + "bias": np.zeros(3)}
    plan.check_weights(steps, weights)
    with pytest.raises(ValueError, match=r"conv\.bias is missing"):
        plan.check_weights(steps, {name + "weight": weights[name + "weight"]})
    with pytest.raises(ValueError, match=r"conv\.weight is \[3, 3, 4, 5\], not \[3, 3, 5, 5\]"):
        plan.check_weights(steps, {**weights, name + "weight": np.zeros((3, 3, 4, 5))})
    with pytest.raises(ValueError, match="more is not part of the network"):
        plan.check_weights(steps, {**weights, "more": np.zeros(3)})


@pytest.mark.parametrize(
    ("strides", "expected"),
    [
        ([], 1),
        ([(2, False), (2, True)], 2),
        ([(2, False), (2, True), (2, False), (2, True)], 2),
        # At 2 / 3 of the picture's sides, they are halved once more.
        ([(2, False), (3, True), (2, False), (2, True), (3, False), (2, True)], 4),
    ],
)
def test_what_sides_must_be_multiples_of(strides, expected):
    layers = [
        Layer("upsampling", 3, 3, kernel=stride, stride=stride)
        if up
        else Layer("convolution", 3, 3, kernel=3, stride=stride)
        for stride, up in strides
    ]
    assert plan.reduction(plan.lower((*layers, OUTPUT))) == expected


def test_ours():
    steps = plan.lower(activated(STYLE_NETWORK, "swish"))
    assert plan.reduction(steps) == 8
    assert {step.activation for step in steps} == {"swish", None, plan.SCALED_TANH}
