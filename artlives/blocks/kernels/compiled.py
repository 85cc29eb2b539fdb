"""The compiled core on NumPy arrays, without torch: convolutions with what surrounds them, on the CPU.

`core.c` is built with the wheel where there is a compiler; `instruction_sets` says whether it was. One call computes a
`Unit`: it reads an activation once (applying the normalization, ReLU, residual addition and padding that come before
the convolution), convolves, and writes the result once, adding up what the next normalization needs to know of it.
"""

import ctypes
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray

# NumPy has no bf16: its bits are handed over.
BF16 = np.dtype(np.uint16)
_TYPES = {np.dtype(np.float32): 0, np.dtype(np.uint8): 1, np.dtype(np.float16): 2, BF16: 3, None: 4}
CHUNKS = 4  # pieces of work for each thread, so that none waits long for the others
LEAST = 4  # rows of a piece
WINOGRAD_FROM = 16  # output channels: with fewer, the transforms take what the multiplications save


class _Phase(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in ("row", "column", "rows", "columns", "top", "left")]
    _fields_ += [("weight", ctypes.c_void_p)]


class _Unit(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("source", "residual")),
        *((name, ctypes.c_int64) for name in ("type", "width", "channels")),
        *((name, ctypes.c_void_p) for name in ("row_of", "column_of")),
        *((name, ctypes.c_int64) for name in ("margin_top", "margin_left")),
        *((name, ctypes.c_void_p) for name in ("scale", "shift")),
        ("relu", ctypes.c_int64),
        ("sum", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("stride_rows", "stride_columns")),
        ("phases", ctypes.POINTER(_Phase)),
        *((name, ctypes.c_int64) for name in ("phase_count", "winograd")),
        ("bias", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("outputs", "fold")),
        *((name, ctypes.c_float) for name in ("gain", "offset")),
        ("target", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("target_type", "target_top", "target_rows", "target_width")),
        *((name, ctypes.c_int64) for name in ("up_rows", "up_columns")),
    ]


class _WeightGradient(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("input", "gradient")),
        *((name, ctypes.c_int64) for name in ("height", "width", "channels")),
        *((name, ctypes.c_int64) for name in ("steps_height", "steps_width", "outputs")),
        *((name, ctypes.c_void_p) for name in ("row_of", "column_of")),
        *(
            (name, ctypes.c_int64)
            for name in ("stride_rows", "stride_columns", "kernel_rows", "kernel_columns")
        ),
    ]


class _Normalization(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("x", "other", "target")),
        *((name, ctypes.c_int64) for name in ("type", "width", "channels")),
        *((name, ctypes.c_void_p) for name in ("centre", "scale", "shift", "factor")),
        ("relu", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("mask_scale", "mask_shift")),
    ]


class _Mix(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("photo", "painting")),
        *((name, ctypes.c_int64) for name in ("width", "painting_width")),
        *((name, ctypes.c_void_p) for name in ("row_of", "row_part", "column_of", "column_part")),
        ("share", ctypes.c_int64),
        ("grain", ctypes.c_void_p),
        ("period", ctypes.c_int64),
        ("target", ctypes.c_void_p),
    ]


class _Piece(ctypes.Structure):
    _fields_ = [
        ("what", ctypes.c_void_p),
        ("first", ctypes.c_int64),
        ("last", ctypes.c_int64),
        ("sums", ctypes.c_void_p),
    ]


class _Job(ctypes.Structure):
    _fields_ = [
        ("run", ctypes.c_void_p),
        ("pieces", ctypes.POINTER(_Piece)),
        *((name, ctypes.c_int64) for name in ("count", "next", "failed")),
    ]


class _Instructions(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("lanes", ctypes.c_int64),
        ("vectors", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("run", "settle", "weight_gradient", "moments", "normalize")),
    ]


@cache
def _array(kind: type[ctypes.Structure], length: int) -> Any:
    """The type of such an array. One made anew for each call would be garbage that waits long to be collected."""
    return kind * length


@cache
def _library() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(import_module("artlives.blocks.kernels.core").__file__)
    except (ImportError, OSError):
        return None


@cache
def instruction_sets() -> dict[str, Any]:
    """Those that the core was compiled for and this processor has, the best first, by name; {} without the core."""
    library = _library()
    if library is None:
        return {}
    library.artlives_instructions.restype = ctypes.POINTER(_Instructions)
    found: dict[str, Any] = {}
    while entry := library.artlives_instructions(ctypes.c_int64(len(found))):
        found[entry.contents.name.decode()] = entry.contents
    return found


def best_instructions() -> Any:
    """The first of `instruction_sets`, which must not be empty."""
    return next(iter(instruction_sets().values()))


@cache
def tiles() -> Any:
    """What convolves bf16 alone, by AMX's tile registers; None where this processor, or its system, has none.

    It convolves a plain `Reading` and gives no totals. A value that is not finite makes some pixels before it in its
    row not finite, too.
    """
    library = _library()
    if library is None:
        return None
    library.artlives_tiles.restype = ctypes.POINTER(_Instructions)
    found = library.artlives_tiles()
    return found.contents if found else None


@dataclass(frozen=True, eq=False)
class Kernel:
    """A convolution's weights in the order in which the core reads them.

    Attributes:
        phases: where each phase begins (see `core.h`), and its weights.
        bias: (O,) padded to whole vectors.
        outputs: channels.
        stride, up: steps of the input, and output pixels, per step: (vertical, horizontal).
        fold, winograd: see `core.h`.
    """

    instructions: Any
    phases: Sequence[tuple[tuple[int, ...], Array]]
    bias: Array
    outputs: int
    stride: tuple[int, int] = (1, 1)
    up: tuple[int, int] = (1, 1)
    fold: int = 0
    winograd: bool = False

    @property
    def span(self) -> tuple[int, int]:
        """Rows and columns of the padded input that one step meets."""
        rows = max(row + rows for (row, _, rows, *_), _ in self.phases)
        return rows, max(self.fold, *(column + columns for (_, column, _, columns, *_), _ in self.phases))


def convolution(
    weight: Array, stride: tuple[int, int], bias: Array | None = None, instructions: Any = None
) -> Kernel:
    """The kernel of a convolution by `weight` (O, C, kh, kw) and `bias` (O,), in fp32, of a padded input.

    For `tiles`, the weight is in bf16. Where Winograd's algorithm takes fewer operations, each step gives 2 x 2 pixels.
    """
    instructions = instructions or best_instructions()
    outputs, channels, kh, kw = weight.shape
    padded_bias = _bias(bias, outputs, instructions)
    winograd = weight.dtype != BF16 and outputs >= WINOGRAD_FROM
    if winograd and (kh, kw, stride) == (3, 3, (1, 1)) and channels % instructions.lanes == 0:
        phase = (0, 0, 4, 4, 0, 0), _blocks(_transformed(weight), instructions)
        return Kernel(instructions, [phase], padded_bias, outputs, (2, 2), (2, 2), winograd=True)
    taps = weight.transpose(2, 3, 1, 0).reshape(kh, -1, outputs)
    return Kernel(
        instructions, [((0, 0, kh, kw, 0, 0), _blocks(taps, instructions))], padded_bias, outputs, stride
    )


def _transformed(weight: Array) -> Array:
    """The sixteen matrices (16, C, O) of F(2 x 2, 3 x 3): G w G^T of each kernel (Lavin and Gray 2016, eq. 8)."""
    taps = np.ascontiguousarray(weight.transpose(2, 3, 1, 0))
    for axis in (0, 1):
        a, b, c = np.moveaxis(taps, axis, 0)
        taps = np.stack([a, (a + b + c) / 2, (a - b + c) / 2, c], axis)
    return taps.reshape(16, *taps.shape[2:])


def transposed_convolution(
    weight: Array,
    stride: tuple[int, int],
    padding: tuple[int, int],
    bias: Array | None = None,
    instructions: Any = None,
) -> tuple[Kernel, tuple[int, int]]:
    """The kernel of a transposed convolution by `weight` (C, O, kh, kw), no side of it below the stride; in bf16 for
    `tiles`.

    Also the margins (top, left) that the input must have: fewer than `padding` asks for are negative ones there.
    """
    instructions = instructions or best_instructions()
    if stride == (1, 1):  # a convolution by the kernel turned round
        turned = weight.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
        kh, kw = weight.shape[2:]
        return convolution(turned, stride, bias, instructions), (kh - 1 - padding[0], kw - 1 - padding[1])
    outputs = weight.shape[1]
    axes = []
    for size, s, p in zip(weight.shape[2:], stride, padding, strict=True):
        # Output s * y + t meets input y + (t + p - k) / s through tap k, where that is whole.
        axes.append([[k for k in reversed(range(size)) if (t + p - k) % s == 0] for t in range(s)])
    starts = [
        [(t + p - taps[0]) // s for t, taps in enumerate(axis)]
        for axis, s, p in zip(axes, stride, padding, strict=True)
    ]
    margins = -min(starts[0]), -min(starts[1])
    phases = []
    for top, left in product(range(stride[0]), range(stride[1])):
        rows, columns = axes[0][top], axes[1][left]
        taps = weight[:, :, rows][:, :, :, columns].transpose(2, 3, 0, 1).reshape(len(rows), -1, outputs)
        where = starts[0][top] + margins[0], starts[1][left] + margins[1], len(rows), len(columns), top, left
        phases.append((where, _blocks(taps, instructions)))
    kernel = Kernel(instructions, phases, _bias(bias, outputs, instructions), outputs, up=stride)
    return kernel, margins


def folded_convolution(weight: Array, bias: Array, instructions: Any = None) -> Kernel:
    """The kernel of a convolution with few outputs: its columns take the place of further output channels."""
    instructions = instructions or best_instructions()
    outputs, _, kh, kw = weight.shape
    taps = weight.transpose(2, 1, 3, 0).reshape(kh, -1, kw * outputs)  # (kh, C, kw * O)
    phase = (0, 0, kh, 1, 0, 0), _blocks(taps, instructions)
    # Each pixel's sum over the columns takes the bias once.
    first = np.concatenate([bias, np.zeros((kw - 1) * outputs, np.float32)])
    return Kernel(instructions, [phase], _bias(first, kw * outputs, instructions), kw * outputs, fold=kw)


def _bias(bias: Array | None, outputs: int, instructions: Any) -> Array:
    padded = np.zeros(_whole_vectors(outputs, instructions), np.float32)
    if bias is not None:
        padded[:outputs] = bias
    return padded


def _whole_vectors(outputs: int, instructions: Any) -> int:
    return -(-outputs // instructions.lanes) * instructions.lanes


def _blocks(taps: Array, instructions: Any) -> Array:
    """`taps` (rows, columns * C, O) as the core reads them: block by block of at most `vectors` vectors."""
    if taps.dtype == BF16:
        return _pairs(taps)
    lanes = instructions.lanes
    vectors = -(-taps.shape[2] // lanes)
    padded = np.zeros((*taps.shape[:2], vectors * lanes), np.float32)
    padded[:, :, : taps.shape[2]] = taps
    count = -(-vectors // instructions.vectors)
    edges = [vectors * b // count * lanes for b in range(count + 1)]
    blocks = [padded[:, :, a:b].ravel() for a, b in pairwise(edges)]
    return np.concatenate(blocks, out=aligned(padded.size))


def _pairs(taps: Array) -> Array:
    """`taps` (rows, depth, O) in bf16 as tiles: (O / 16, rows, depth / 2, 16, 2), depth padded to whole tiles of 32."""
    rows, depth, outputs = taps.shape
    tiles = -(-outputs // 16)
    padded = np.zeros((rows, -(-depth // 32) * 32, tiles * 16), BF16)
    padded[:, :depth, :outputs] = taps
    pairs = aligned(padded.size // 2).view(BF16).reshape(tiles, rows, -1, 16, 2)
    pairs[:] = padded.reshape(rows, -1, 2, tiles, 16).transpose(3, 0, 1, 4, 2)
    return pairs


def aligned(size: int) -> Array:
    """An fp32 array of any content that begins with a cache line: a vector across two of them takes twice the time."""
    return aligned_part(np.empty(size + 16, np.float32))


def aligned_part(memory: Array) -> Array:
    """That array of `aligned`, again, from its `base`."""
    start = -memory.ctypes.data // 4 % 16
    return memory[start : start + memory.size - 16]


@dataclass(frozen=True, eq=False)
class Reading:
    """What a convolution reads: relu(source * scale + shift) + residual.

    `source` is (H, W, C) of fp32, fp16, bf16 or uint8, dense; `scale` and `shift` are (C,) in fp32, or None for 1 and
    0; `residual` is like `source`.
    """

    source: Array
    scale: Array | None = None
    shift: Array | None = None
    relu: bool = False
    residual: Array | None = None


def padded(size: int, before: int, after: int, reach: int) -> Array:
    """For each row (or column) of the padded picture, the row of the picture that it repeats, in int64.

    `reach` rows are reflected at each end (the edge row is not repeated); -1, which means zeros, beyond.
    """
    index = np.arange(-before, size + after)
    reflected = size - 1 - np.abs(size - 1 - np.abs(index))
    return np.where((index < -reach) | (index >= size + reach), -1, reflected)


def run(
    kernel: Kernel,
    reading: Reading,
    rows: Array,
    columns: Array,
    target: Array | None,
    size: tuple[int, int],
    *,
    steps: tuple[int, int] | None = None,
    top: int = 0,
    keep: Array | None = None,
    totals: bool = False,
    gain: tuple[float, float] = (1, 0),
    threads: int = 1,
) -> Array:
    """Convolve what `reading` says, and write the result to `target`.

    Args:
        reading: its source may also be a batch (N, H, W, C); so is `target` then, and there is no residual.
        rows, columns: int64, for each row and column of the padded input that of the source, -1 for zeros; see
            `padded`. Beyond their ends, there are zeros, too.
        target: (rows, W', O) of fp32, fp16 or bf16 (fp32 or uint8 of a folded kernel, with three channels), dense; None
            where the result's totals alone are wanted.
        size: (H', W') of the whole output.
        steps: the first step down and the one after the last; all by default. A step is `kernel.up` rows of output.
        top: the row of the output that the target begins with.
        keep: fp32 like the source; what was read is written there, without the padding.
        totals: whether to add up the output.
        gain: (factor, offset) of a folded kernel's output, factor * tanh(x) + offset.
        threads: how many to use.

    Returns:
        (2, O) in fp64: the sums and the sums of squares of each output channel; zeros without `totals`.

    Raises:
        MemoryError: there is none.
    """
    source = reading.source
    steps = steps or (0, -(-size[0] // kernel.up[0]))
    last = steps[1] - 1, -(-size[1] // kernel.up[1]) - 1
    rows, columns = (
        np.concatenate([table, np.full(max(0, step * stride + span - len(table)), -1)])
        for table, step, stride, span in zip((rows, columns), last, kernel.stride, kernel.span, strict=True)
    )
    arrays = [
        source,
        reading.scale,
        reading.shift,
        rows,
        columns,
        kernel.bias,
        reading.residual,
        target,
        keep,
    ]
    assert all(array is None or array.flags.c_contiguous for array in arrays)
    if kernel.instructions is tiles():
        assert all(part is None for part in (reading.scale, reading.shift, reading.residual, keep))
        assert not any((reading.relu, totals))
    phases = _array(_Phase, len(kernel.phases))(
        *(_Phase(*where, weight.ctypes.data) for where, weight in kernel.phases)
    )
    margins = (int(np.argmax(table == 0)) for table in (rows, columns)) if keep is not None else (0, 0)
    unit = _Unit(
        _address(source),
        _address(reading.residual),
        _TYPES[source.dtype],
        *source.shape[-2:],
        _address(rows),
        _address(columns),
        *margins,
        _address(reading.scale),
        _address(reading.shift),
        reading.relu,
        _address(keep),
        *kernel.stride,
        phases,
        len(phases),
        kernel.winograd,
        _address(kernel.bias),
        kernel.outputs,
        kernel.fold,
        *gain,
        _address(target),
        _TYPES[None if target is None else target.dtype],
        top,
        *size,
        *kernel.up,
    )
    units = [unit]
    if source.ndim == 4 and target is not None:
        units = [_Unit.from_buffer_copy(unit) for _ in source]
        for i, image in enumerate(units):
            image.source, image.target = _address(source[i]), _address(target[i])
    pieces = [(image, *some) for image in units for some in pairwise(_edges(*steps, threads, len(units)))]
    sums = np.zeros((len(pieces), 2, len(kernel.bias)))
    _share(kernel.instructions.run, pieces, sums if totals else None, threads)
    return sums.sum(0)[:, : kernel.outputs]


def settle(reading: Reading, target: Array, threads: int = 1) -> None:
    """Write what `reading` says to `target` (H, W, C) of fp16 or fp32; it may be the source or the residual itself.

    Raises:
        MemoryError: there is none.
    """
    source = reading.source
    instructions = best_instructions()
    unit = _Unit(
        source=_address(source),
        residual=_address(reading.residual),
        type=_TYPES[source.dtype],
        width=source.shape[1],
        channels=source.shape[2],
        scale=_address(reading.scale),
        shift=_address(reading.shift),
        relu=reading.relu,
        target=_address(target),
        target_type=_TYPES[target.dtype],
    )
    pieces = [(unit, *rows) for rows in pairwise(_edges(0, len(source), threads))]
    _share(instructions.settle, pieces, None, threads)


def mix(
    photo: Array,
    painting: Array | None,
    rows: tuple[Array, Array],
    columns: tuple[Array, Array],
    share: int,
    grain: Array,
    target: Array,
    threads: int = 1,
) -> None:
    """Write `photo` (H, W, 3) mixed with the enlarged `painting` (h, w, 3), with `grain`, to `target`; all are uint8.

    `rows` and `columns`, of int64, are for each row and column of the photo the painting's first one and the share of
    the one after it in 1/64; `share` is that of the painting in the mixture, in 1/64; `grain` (P, P) is int8. See
    `artlives.passes.mixed`.

    Raises:
        MemoryError: there is none.
    """
    library = _library()
    assert library is not None
    arrays = [photo, painting, *rows, *columns, grain, target]
    assert all(array is None or array.flags.c_contiguous for array in arrays)
    job = _Mix(
        _address(photo),
        _address(painting),
        photo.shape[1],
        0 if painting is None else painting.shape[1],
        *map(_address, (*rows, *columns)),
        share,
        _address(grain),
        len(grain),
        _address(target),
    )
    pieces = [(job, *some) for some in pairwise(_edges(0, len(photo), threads))]
    function = ctypes.cast(library.artlives_mix, ctypes.c_void_p).value
    assert function is not None
    _share(function, pieces, None, threads)


def weight_gradient(
    x: Array,
    gradient: Array,
    rows: Array,
    columns: Array,
    kernel_size: tuple[int, int],
    stride: tuple[int, int],
    threads: int = 1,
) -> Array:
    """The gradient (kh, kw, C, O), in fp32, of the weights of a convolution of x (N, H, W, C).

    `gradient` (N, H', W', O) is the output's. Both are in fp32, or in bf16 where there are `tiles`; `rows` and
    `columns` are as in `run`.

    Raises:
        MemoryError: there is none.
    """
    by_tiles = x.dtype == BF16
    instructions = tiles() if by_tiles else best_instructions()
    (kh, kw), c, outputs = kernel_size, x.shape[3], gradient.shape[3]
    job = _WeightGradient(
        _address(x),
        _address(gradient),
        *x.shape[1:],
        *gradient.shape[1:],
        _address(rows),
        _address(columns),
        *stride,
        kh,
        kw,
    )
    pieces = [(job, *some) for some in pairwise(_edges(0, len(x) * gradient.shape[1], threads))]
    # Of a kernel row. Tiles of 16 rows hold channels, or fewer than 16 channels of all columns.
    height = kw * c
    if by_tiles:
        height = kw * -(-c // 16) * 16 if c >= 16 else -(-height // 16) * 16
    width = _whole_vectors(outputs, instructions)
    memory = aligned(len(pieces) * kh * height * width)
    memory.fill(0)
    sums = memory.reshape(len(pieces), kh, height, width)
    _share(instructions.weight_gradient, pieces, sums, threads)
    total = sums.sum(0)[..., :outputs]
    if by_tiles and c >= 16:
        return total.reshape(kh, kw, -1, outputs)[:, :, :c]
    return total[:, : kw * c].reshape(kh, kw, c, outputs)


@dataclass(frozen=True, eq=False)
class Normalization:
    """Numbers for each picture and channel, (N, C) in fp32, of x * scale + shift + other * factor; see `core.h`.

    `centre` is taken from x first, here and in `mask` = (scale, shift): there is no `other` where
    x * mask[0] + mask[1] <= 0.
    """

    centre: Array
    scale: Array | None = None
    shift: Array | None = None
    factor: Array | None = None
    mask: tuple[Array, Array] | None = None
    relu: bool = False

    def jobs(self, x: Array, other: Array | None, target: Array | None) -> list[_Normalization]:
        """One for each picture of (N, H, W, C)."""
        _, _, width, channels = x.shape
        of_channels = (self.centre, self.scale, self.shift, self.factor)
        assert all(array is None or array.flags.c_contiguous for array in (x, other, target, *of_channels))
        return [
            _Normalization(
                *(None if array is None else _address(array[i]) for array in (x, other, target)),
                _TYPES[x.dtype],
                width,
                channels,
                *(None if array is None else _address(array[i]) for array in of_channels),
                self.relu,
                *(_address(array[i]) for array in self.mask or ()),
            )
            for i in range(len(x))
        ]


def moments(normalization: Normalization, x: Array, other: Array | None = None, threads: int = 1) -> Array:
    """(N, 2, C) in fp64: the sums of `other` and those of `other` * (x - centre).

    x and `other` are (N, H, W, C) of fp32 or both of bf16. Without `other` it is x - centre, so that the sums tell mean
    and variance.

    Raises:
        MemoryError: there is none.
    """
    jobs = normalization.jobs(x, other, None)
    edges = _edges(0, x.shape[1], threads, len(x))
    pieces = [(job, *some) for job in jobs for some in pairwise(edges)]
    sums = np.zeros((len(pieces), 2, x.shape[3]))
    _share(best_instructions().moments, pieces, sums, threads)
    return sums.reshape(len(x), -1, *sums.shape[1:]).sum(1)


def normalize(
    normalization: Normalization, x: Array, other: Array | None, target: Array, threads: int = 1
) -> None:
    """Write what `normalization` says to `target`, like x (N, H, W, C) and `other` of fp32 or of bf16.

    Raises:
        MemoryError: there is none.
    """
    jobs = normalization.jobs(x, other, target)
    pieces = [(job, *some) for job in jobs for some in pairwise(_edges(0, x.shape[1], threads, len(x)))]
    _share(best_instructions().normalize, pieces, None, threads)


def _edges(first: int, last: int, threads: int, images: int = 1) -> list[int]:
    """Where one image's pieces begin and end; each has `LEAST` rows or more, since it reads some of its neighbours'."""
    count = max(1, min((last - first) // LEAST, CHUNKS * threads // images))
    return [first + (last - first) * i // count for i in range(count + 1)]


def _share(function: int, pieces: Sequence[tuple[Any, int, int]], sums: Array | None, threads: int) -> None:
    """Let threads do pieces of work, (what, first, last) each, each taking the next one that is left.

    `sums` has a part for each piece.
    """
    library = _library()
    assert library is not None
    table = _array(_Piece, len(pieces))(
        *(
            _Piece(ctypes.addressof(what), first, last, None if sums is None else _address(sums[i]))
            for i, (what, first, last) in enumerate(pieces)
        )
    )
    job = ctypes.pointer(_Job(function, table, len(pieces)))
    threads = min(threads, len(pieces))
    team = _team_of_torch() if threads > 1 else None
    if team:
        team(library.artlives_work, job, threads, 0)
    else:
        others = [_pool(threads).submit(library.artlives_work, job) for _ in range(threads - 1)]
        library.artlives_work(job)
        for other in others:
            other.result()
    if job.contents.failed:
        raise MemoryError("no memory for the compiled core's rows")


def _team_of_torch() -> Any:
    """OpenMP's function that lets torch's own threads work, where torch is there and uses GNU's OpenMP.

    Other threads than those would have to share processors with them: they wait for work by spinning.
    """
    torch = sys.modules.get("torch")
    return _gomp(torch.__file__) if torch and torch.__file__ else None


@cache
def _gomp(torch_file: str) -> Any:
    for path in (Path(torch_file).parent / "lib").glob("libgomp*.so*"):
        try:
            return ctypes.CDLL(str(path)).GOMP_parallel
        except (OSError, AttributeError):
            continue
    return None


def _address(array: Array | None) -> int | None:
    return None if array is None else array.ctypes.data


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "artlives")  # starts threads as they are asked for


def default_threads() -> int:
    """The processors that this process may use, or fewer if OMP_NUM_THREADS says so."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(processors, int(asked)) if asked.isdecimal() and int(asked) > 0 else processors
