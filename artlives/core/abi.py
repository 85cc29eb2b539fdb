"""The compiled core as a library: its structures, its instruction sets, and the check that both sides agree on them.

`csrc/` is built with the wheel where there is a compiler; `instruction_sets` says whether it was. The structures here
are those of `csrc/abi.h`, with the same names.
"""

import ctypes
from ctypes import POINTER, Structure, c_char_p, c_float, c_int64, c_void_p
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from artlives.errors import ArtlivesError

Array = np.ndarray

# NumPy has no bf16: its bits are handed over.
BF16 = np.dtype(np.uint16)
# What `csrc/abi.h` calls the types of arrays.
TYPES: dict[np.dtype[Any], int] = {
    np.dtype(np.float32): 0,
    np.dtype(np.uint8): 1,
    np.dtype(np.float16): 2,
    BF16: 3,
}


class Phase(Structure):
    """A convolution that gives some of the output's pixels, such as one phase of a transposed convolution."""

    _fields_ = [(name, c_int64) for name in ("row", "column", "rows", "columns", "top", "left")]
    _fields_ += [("weight", c_void_p)]


class Unit(Structure):
    """One convolution with what surrounds it: what it reads, the kernel, and what it writes."""

    _fields_ = [
        *((name, c_void_p) for name in ("source", "residual", "gate")),
        *((name, c_int64) for name in ("source_type", "source_width", "channels")),
        *((name, c_void_p) for name in ("row_table", "column_table")),
        *((name, c_int64) for name in ("pad_top", "pad_left")),
        *((name, c_void_p) for name in ("scale", "shift")),
        ("relu", c_int64),
        ("kept", c_void_p),
        *((name, c_int64) for name in ("stride_rows", "stride_columns")),
        ("phases", POINTER(Phase)),
        *((name, c_int64) for name in ("phase_count", "winograd")),
        ("bias", c_void_p),
        *((name, c_int64) for name in ("outputs", "columns_as_channels")),
        *((name, c_float) for name in ("gain", "offset")),
        ("rectified", c_int64),
        ("target", c_void_p),
        *((name, c_int64) for name in ("target_type", "target_top", "output_rows", "output_width")),
        *((name, c_int64) for name in ("up_rows", "up_columns")),
    ]


class WeightGradient(Structure):
    """The gradient of a convolution's weights."""

    _fields_ = [
        *((name, c_void_p) for name in ("input", "gradient")),
        *((name, c_int64) for name in ("height", "width", "channels")),
        *((name, c_int64) for name in ("site_rows", "site_columns", "outputs")),
        *((name, c_void_p) for name in ("row_table", "column_table")),
        *((name, c_int64) for name in ("stride_rows", "stride_columns", "kernel_rows", "kernel_columns")),
    ]


class Normalization(Structure):
    """One image's part in an instance normalization, or in its gradient."""

    _fields_ = [
        *((name, c_void_p) for name in ("x", "other", "target")),
        *((name, c_int64) for name in ("type", "width", "channels")),
        *((name, c_void_p) for name in ("centre", "scale", "shift", "factor")),
        ("relu", c_int64),
        *((name, c_void_p) for name in ("mask_scale", "mask_shift")),
    ]


class Mix(Structure):
    """What a pass of the network paints."""

    _fields_ = [
        *((name, c_void_p) for name in ("photo", "painting")),
        *((name, c_int64) for name in ("width", "painting_width")),
        *((name, c_void_p) for name in ("row_table", "row_share", "column_table", "column_share")),
        ("share", c_int64),
        ("grain", c_void_p),
        ("period", c_int64),
        ("target", c_void_p),
    ]


class Piece(Structure):
    """Some rows of a task, and where to write the sums over them."""

    _fields_ = [("task", c_void_p), ("first", c_int64), ("last", c_int64), ("totals", c_void_p)]


class Job(Structure):
    """Pieces of work that threads share."""

    _fields_ = [
        ("work", c_void_p),
        ("pieces", POINTER(Piece)),
        *((name, c_int64) for name in ("count", "next", "failed")),
    ]


class Instructions(Structure):
    """An instruction set and the work compiled for it.

    Attributes:
        name: for people.
        lanes: floats in a vector.
        vectors: of output channels in a block of weights, at most.
        element: the type of what is multiplied, one of `TYPES`.
        group: values of a kernel's row that are multiplied at a time; weights have zeros to a multiple of it.
        winograd: m of Winograd's F(m x m, 3 x 3), 2 or 4; 0 of those that have none.
        run, materialize, weight_gradient, moments, normalize, peak: addresses of functions in C; None where there is
            none.
    """

    _fields_ = [
        ("name", c_char_p),
        *((name, c_int64) for name in ("lanes", "vectors", "element", "group", "winograd")),
        *(
            (name, c_void_p)
            for name in ("run", "materialize", "weight_gradient", "moments", "normalize", "peak")
        ),
    ]

    name: bytes
    lanes: int
    vectors: int
    element: int
    group: int
    winograd: int
    run: int | None
    materialize: int | None
    weight_gradient: int | None
    moments: int | None
    normalize: int | None
    peak: int | None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the weights."""
        return next(dtype for dtype, number in TYPES.items() if number == self.element)


class _Layout(Structure):
    """Where a field lies in a structure and how many bytes it takes; of the whole structure, where `field` is empty."""

    _fields_ = [("structure", c_char_p), ("field", c_char_p), ("offset", c_int64), ("size", c_int64)]


# All structures, whose sizes and offsets are compared with the core's when it is loaded.
STRUCTURES: tuple[type[Structure], ...] = (
    Phase,
    Unit,
    WeightGradient,
    Normalization,
    Mix,
    Piece,
    Job,
    Instructions,
)


@cache
def library() -> ctypes.CDLL | None:
    """The compiled core; None where it was not built.

    Raises:
        ArtlivesError: it was built from other sources than this package's.
    """
    try:
        core = ctypes.CDLL(import_module("artlives.core.native").__file__)
    except (ImportError, OSError):
        return None
    check(core, STRUCTURES)
    return core


def check(core: ctypes.CDLL, structures: tuple[type[Structure], ...]) -> None:
    """Compare the sizes and offsets of the structures' fields with those that the core was compiled with.

    Raises:
        ArtlivesError: they differ.
    """
    ours = {}
    for structure in structures:
        ours[structure.__name__, ""] = 0, ctypes.sizeof(structure)
        for name, *_ in structure._fields_:
            field = getattr(structure, name)
            ours[structure.__name__, name] = field.offset, field.size
    theirs: dict[tuple[str, str], tuple[int, int]] = {}
    if hasattr(core, "artlives_abi"):
        core.artlives_abi.restype = POINTER(_Layout)
        while found := core.artlives_abi(c_int64(len(theirs))):
            layout = found.contents
            theirs[layout.structure.decode(), layout.field.decode()] = layout.offset, layout.size
    if ours != theirs:
        raise ArtlivesError(
            "the compiled core was built from another version of artlives: build it again with pip install ."
        )


@cache
def instruction_sets() -> dict[str, Instructions]:
    """Those that the core was compiled for and this processor has, the best first, by name; {} without the core."""
    return _found("artlives_instructions")


@cache
def bf16_instruction_sets() -> dict[str, Instructions]:
    """Those that multiply bf16 and add up in fp32, the best first, by name; {} where this processor has none.

    They convolve; AMX also gives the gradient of weights. A value that is not finite makes some pixels before it in its
    row not finite, too.
    """
    return _found("artlives_bfloat_instructions")


def _found(function: str) -> dict[str, Instructions]:
    """What a function of the core says for 0, 1 and so on, by name, until it says nothing."""
    core = library()
    if core is None:
        return {}
    entries = getattr(core, function)
    entries.restype = POINTER(Instructions)
    found: dict[str, Instructions] = {}
    while entry := entries(c_int64(len(found))):
        found[entry.contents.name.decode()] = entry.contents
    return found


def best_instructions() -> Instructions:
    """The first of `instruction_sets`, which must not be empty."""
    return next(iter(instruction_sets().values()))


def tiles() -> Instructions | None:
    """AMX, which multiplies bf16 by tile registers, much quicker than fp32; None where this processor has none."""
    return bf16_instruction_sets().get("AMX")


@cache
def array(kind: type[Structure], length: int) -> Any:
    """ctypes' type of an array of `length` structures, made once: types are cyclic garbage, collected late."""
    return kind * length


def address(array: Array | None) -> int | None:
    """The address of an array's first value, of any shape and dtype; None for None."""
    return None if array is None else array.ctypes.data
