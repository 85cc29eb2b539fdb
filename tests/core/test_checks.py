"""Arrays that the compiled core would misread are refused by one sentence that names them."""

from dataclasses import replace

import numpy as np
import pytest

from artlives import core
from artlives.core import Normalization, Reading

pytestmark = pytest.mark.skipif(not core.instruction_sets(), reason="the compiled core was not built")

F32 = np.float32


def ones(*shape, dtype=F32):
    return np.ones(shape, dtype)


def read_only(array):
    array.setflags(write=False)
    return array


def refuses(error, message, function, *arguments, **options):
    with pytest.raises(error, match=message) as raised:
        function(*arguments, **options)
    assert "\n" not in str(raised.value)


TABLES = core.padding_table(6, 1, 1, 1), core.padding_table(7, 1, 1, 1)


@pytest.mark.parametrize(
    ("error", "message", "changed"),
    [
        (
            TypeError,
            "source must be an array of float32 or float16.*not float64",
            {"source": ones(6, 7, 4, dtype=float)},
        ),
        (TypeError, "source must be an array, not", {"source": [1.0]}),
        (ValueError, "source must have 3 or 4 dimensions", {"source": ones(6, 7)}),
        (ValueError, "source must have 4 channels, not 5", {"source": ones(6, 7, 5)}),
        (ValueError, "source must be dense", {"source": ones(6, 7, 8)[:, :, ::2]}),
        (ValueError, "source must have .* values", {"source": ones(0, 7, 4)}),
        (ValueError, r"scale must have the shape \(4,\), not \(3,\)", {"scale": ones(3)}),
        (TypeError, "shift must be an array of float32, not float64", {"shift": ones(4, dtype=float)}),
        (
            TypeError,
            "residual must be an array of float32, not float16",
            {"residual": ones(6, 7, 4, dtype=np.float16)},
        ),
        (ValueError, "residual must have the shape", {"residual": ones(6, 6, 4)}),
        (ValueError, "a batch has no residual", {"source": ones(2, 6, 7, 4), "residual": ones(6, 7, 4)}),
        (
            TypeError,
            "row_table must be an array of int64, not float64",
            {"row_table": TABLES[0].astype(float)},
        ),
        (ValueError, "row_table names row or column 7 of 6", {"row_table": np.arange(8)}),
        (ValueError, "column_table names row or column 9 of 7", {"column_table": np.arange(1, 10)}),
        (
            TypeError,
            "target must be an array of float32 or float16 or bf16",
            {"target": ones(6, 7, 5, dtype=np.uint8)},
        ),
        (ValueError, r"target must have the shape \(6, 7, 5\), not \(6, 7, 4\)", {"target": ones(6, 7, 4)}),
        (ValueError, "target has the rows from 0 to 5", {"target": ones(5, 7, 5)}),
        (ValueError, "target has the rows from 1 to 7", {"top": 1}),
        (ValueError, "target must be dense", {"target": ones(6, 5, 7).transpose(0, 2, 1)}),
        (ValueError, "target must be writable", {"target": read_only(ones(6, 7, 5))}),
        (ValueError, "there are no sites", {"sites": (0, 7)}),
        (ValueError, "there are no sites", {"sites": (3, 3)}),
        (
            TypeError,
            "kept must be an array of float32, not float16",
            {"kept": ones(6, 7, 4, dtype=np.float16)},
        ),
        (ValueError, "kept must have the shape", {"kept": ones(6, 7, 5)}),
        (ValueError, "keeps what was read", {"kept": ones(6, 7, 4), "size": (5, 7)}),
        (ValueError, "threads must be at least 1, not 0", {"threads": 0}),
    ],
)
def test_run(error, message, changed):
    reading = Reading(ones(6, 7, 4))
    kernel = core.convolution(ones(5, 4, 3, 3), (1, 1))
    given = {"row_table": TABLES[0], "column_table": TABLES[1], "target": ones(6, 7, 5), "size": (6, 7)}
    assert core.run(kernel, reading, **given).shape == (2, 5)
    of_reading = {name: value for name, value in changed.items() if hasattr(reading, name)}
    given |= {name: value for name, value in changed.items() if name not in of_reading}
    refuses(error, message, core.run, kernel, replace(reading, **of_reading), **given)


def test_run_to_a_picture():
    kernel = core.output_convolution(ones(3, 4, 3, 3), ones(3))
    arguments = kernel, Reading(ones(6, 7, 4)), *TABLES
    refuses(ValueError, "there must be a target", core.run, *arguments, np.float32, (6, 7), totals=True)
    refuses(ValueError, "target must have the shape", core.run, *arguments, ones(6, 7, 9), (6, 7))
    refuses(TypeError, "float32 or uint8", core.run, *arguments, ones(6, 7, 3, dtype=np.float16), (6, 7))


def test_what_is_only_added_up_has_a_type_that_can_be_written():
    kernel = core.convolution(ones(5, 4, 3, 3), (1, 1))
    arguments = kernel, Reading(ones(6, 7, 4)), *TABLES
    refuses(ValueError, "there must be a target", core.run, *arguments, np.float64, (6, 7), totals=True)


def test_bytes_are_not_kept():
    kernel = core.convolution(ones(5, 4, 3, 3), (1, 1))
    arguments = kernel, Reading(ones(6, 7, 4, dtype=np.uint8)), *TABLES, ones(6, 7, 5), (6, 7)
    refuses(TypeError, "of uint8 cannot be kept", core.run, *arguments, kept=ones(6, 7, 4, dtype=np.uint8))


@pytest.mark.parametrize(
    "instructions", core.bf16_instruction_sets().values(), ids=core.bf16_instruction_sets()
)
def test_instructions_for_bf16(instructions):
    weight = ones(5, 4, 3, 3)
    refuses(TypeError, r"bf16 \(uint16\) for A", core.convolution, weight, (1, 1), None, instructions)
    refuses(TypeError, r"bf16 \(uint16\) for A", core.output_convolution, weight[:3], ones(3), instructions)
    source = ones(6, 7, 4)
    refuses(ValueError, "do not compute that", core.materialize, Reading(source), source, 1, instructions)


def test_weights():
    refuses(
        TypeError,
        "weight must be an array of float32",
        core.convolution,
        ones(5, 4, 3, 3, dtype=float),
        (1, 1),
    )
    refuses(ValueError, "weight must have 4 dimensions", core.convolution, ones(5, 4, 3), (1, 1))
    refuses(
        ValueError, r"bias must have the shape \(5,\)", core.convolution, ones(5, 4, 3, 3), (1, 1), ones(4)
    )
    refuses(
        ValueError,
        "no smaller than the stride",
        core.transposed_convolution,
        ones(4, 5, 1, 3),
        (2, 2),
        (0, 0),
    )
    refuses(ValueError, "weight must have the shape", core.output_convolution, ones(4, 4, 3, 3), ones(4))


def test_materialize():
    target = ones(6, 7, 4)
    refuses(TypeError, "source .* uint8", core.materialize, Reading(ones(6, 7, 4, dtype=np.uint8)), target)
    refuses(TypeError, "target .* uint8", core.materialize, Reading(target), ones(6, 7, 4, dtype=np.uint8))
    refuses(ValueError, "target must have the shape", core.materialize, Reading(target), ones(7, 6, 4))


@pytest.mark.parametrize(
    ("error", "message", "changed"),
    [
        (TypeError, "x must be an array of float32, not float64", {"x": ones(2, 6, 7, 4, dtype=float)}),
        (TypeError, "gradient must be an array of float32", {"gradient": ones(2, 4, 5, 3, dtype=np.uint16)}),
        (ValueError, r"gradient must have the shape \(2, 4, 5, 3\)", {"gradient": ones(1, 4, 5, 3)}),
        (ValueError, "row_table must have 6 entries, not 5", {"row_table": np.arange(5)}),
        (ValueError, "column_table names row or column 7 of 7", {"column_table": np.arange(1, 8)}),
        (ValueError, "x must be dense", {"x": ones(2, 6, 4, 7).transpose(0, 1, 3, 2)}),
    ],
)
def test_weight_gradient(error, message, changed):
    given = {
        "x": ones(2, 6, 7, 4),
        "gradient": ones(2, 4, 5, 3),
        "row_table": np.arange(6),
        "column_table": np.arange(7),
        "kernel_size": (3, 3),
        "stride": (1, 1),
    }
    assert (core.weight_gradient(**given) == 40).all()
    refuses(error, message, core.weight_gradient, **{**given, **changed})


def test_normalization():
    x, numbers = ones(2, 6, 7, 4), ones(2, 4)
    normalization = Normalization(numbers, numbers, numbers)
    refuses(TypeError, "x must be", core.moments, normalization, ones(2, 6, 7, 4, dtype=np.float16))
    refuses(TypeError, "other must be", core.moments, normalization, x, ones(2, 6, 7, 4, dtype=np.uint16))
    refuses(ValueError, r"centre must have the shape \(2, 4\)", core.moments, Normalization(ones(4)), x)
    masked = Normalization(numbers, mask=(numbers, ones(2, 5)))
    refuses(ValueError, "mask_shift must have the shape", core.moments, masked, x, x)
    refuses(
        ValueError, "target must have the shape", core.normalize, normalization, x, None, ones(2, 6, 7, 5)
    )
    refuses(
        TypeError, "target must be", core.normalize, normalization, x, None, ones(2, 6, 7, 4, dtype=np.uint16)
    )


@pytest.mark.parametrize(
    ("error", "message", "changed"),
    [
        (TypeError, "photo must be an array of uint8", {"photo": ones(4, 5, 3)}),
        (ValueError, r"photo must have the shape \(4, 5, 3\)", {"photo": ones(4, 5, 4, dtype=np.uint8)}),
        (ValueError, "target must be writable", {"target": read_only(ones(4, 5, 3, dtype=np.uint8))}),
        (ValueError, "painting must have the shape", {"painting": ones(2, 3, 1, dtype=np.uint8)}),
        (ValueError, "rows must have the shape", {"rows": (np.zeros(3, int), np.zeros(3, int))}),
        (ValueError, "rows name what is beyond", {"rows": (np.full(4, 2), np.zeros(4, int))}),
        (ValueError, "columns name what is beyond", {"columns": (np.full(5, 2), np.full(5, 1))}),
        (ValueError, "weight must be within 0 and 64", {"weight": 65}),
        (TypeError, "grain must be an array of int8", {"grain": ones(2, 2)}),
        (ValueError, "grain must have the shape", {"grain": ones(2, 3, dtype=np.int8)}),
    ],
)
def test_mix(error, message, changed):
    photo = ones(4, 5, 3, dtype=np.uint8)
    given = {
        "photo": photo,
        "painting": ones(2, 3, 3, dtype=np.uint8),
        "rows": (np.zeros(4, int), np.zeros(4, int)),
        "columns": (np.zeros(5, int), np.zeros(5, int)),
        "weight": 26,
        "grain": ones(2, 2, dtype=np.int8),
        "target": photo,
    }
    core.mix(**given)
    refuses(error, message, core.mix, **{**given, **changed})
