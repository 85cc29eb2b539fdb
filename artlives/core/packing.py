"""The weights of convolutions in the order in which the compiled core reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

from artlives.core.abi import BF16, Array, Instructions, best_instructions
from artlives.core.checks import COLORS, FLOAT32, expect, expect_ndim
from artlives.core.memory import aligned

# Output channels from which Winograd's algorithm is taken: with fewer, its transforms of the input cost more than the
# multiplications that they save.
WINOGRAD_FROM = 16
# G of F(m x m, 3 x 3), for the points that winograd.h has.
WINOGRAD_G = {
    2: np.array([[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]]),
    4: np.array(
        [
            [1, 0, 0],
            [1 / 3, 1 / 3, 1 / 3],
            [-1 / 3, 1 / 3, -1 / 3],
            [-16 / 15, -8 / 15, -4 / 15],
            [1 / 15, -2 / 15, 4 / 15],
            [0, 0, 1],
        ]
    ),
}


def to_bf16(values: Array) -> Array:
    """Values of fp32 as bf16: rounded to the nearest, to the even one of two."""
    whole = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((whole + 0x7FFF + (whole >> 16 & 1)) >> 16).astype(BF16)


class Phase(NamedTuple):
    """A convolution without a stride that gives some of the output's pixels.

    Attributes:
        row, column: of its first tap in the padded input, counted from where a site begins.
        rows, columns: taps. By Winograd's algorithm it is the tile's matrices that are counted here, and above.
        top, left: the pixel that it gives, or the first ones, in each site's square of output pixels.
        weight: its taps, packed.
    """

    row: int
    column: int
    rows: int
    columns: int
    top: int
    left: int
    weight: Array


@dataclass(frozen=True, eq=False)
class Kernel:
    """A convolution's weights in the order in which the core reads them.

    A site is a position of the kernel: site (y, x) begins at (y * stride, x * stride) of the padded input, and gives
    `up` output pixels a side.

    Attributes:
        instructions: the instruction set that they are packed for.
        phases: the convolutions that together give all output pixels.
        bias: (O,) in fp32, padded to whole vectors.
        channels, outputs: of the input and of the output, O.
        stride, up: (vertical, horizontal).
        columns_as_channels: how many columns of the kernel lie side by side among the output channels, three for each;
            0 for other kernels.
        winograd: m, where the phases' weights are the matrices of Winograd's F(m x m, 3 x 3); else 0.
    """

    instructions: Instructions
    phases: Sequence[Phase]
    bias: Array
    channels: int
    outputs: int
    stride: tuple[int, int] = (1, 1)
    up: tuple[int, int] = (1, 1)
    columns_as_channels: int = 0
    winograd: int = 0

    @property
    def span(self) -> tuple[int, int]:
        """Rows and columns of the padded input that one site meets."""
        rows = max(phase.row + phase.rows for phase in self.phases)
        columns = max(phase.column + phase.columns for phase in self.phases)
        return rows, max(self.columns_as_channels, columns)


def convolution(
    weight: Array,
    stride: tuple[int, int],
    bias: Array | None = None,
    instructions: Instructions | None = None,
) -> Kernel:
    """The kernel of a convolution of a padded input.

    Where Winograd's algorithm takes fewer operations, each site gives 2 x 2 or 4 x 4 pixels.

    Args:
        weight: (O, C, kh, kw) of the instructions' dtype.
        stride: (vertical, horizontal).
        bias: (O,) of fp32; none by default.
        instructions: one of `instruction_sets` or `bf16_instruction_sets`; the best for fp32 by default.

    Raises:
        TypeError: the weight's or the bias's dtype is another.
        ValueError: the weight's or the bias's shape is another.
    """
    instructions = instructions or best_instructions()
    _expect_weight(weight, instructions)
    outputs, channels, kh, kw = weight.shape
    padded_bias = _bias(bias, outputs, instructions)
    m = _tile(channels, outputs, instructions)
    if m and (kh, kw, stride) == (3, 3, (1, 1)):
        phase = Phase(0, 0, m + 2, m + 2, 0, 0, packed(_transformed(weight, m), instructions))
        return Kernel(instructions, [phase], padded_bias, channels, outputs, (m, m), (m, m), winograd=m)
    taps = weight.transpose(2, 3, 1, 0).reshape(kh, -1, outputs)
    phase = Phase(0, 0, kh, kw, 0, 0, packed(taps, instructions))
    return Kernel(instructions, [phase], padded_bias, channels, outputs, stride)


def transposed_convolution(
    weight: Array,
    stride: tuple[int, int],
    padding: tuple[int, int],
    bias: Array | None = None,
    instructions: Instructions | None = None,
) -> tuple[Kernel, tuple[int, int]]:
    """The kernel of a transposed convolution, and the rows and columns (top, left) to pad its input with.

    Negative ones are to be left out of the input: fewer than `padding` asks for. Where Winograd's algorithm takes fewer
    operations, each site gives 8 x 8 pixels.

    Args:
        weight: (C, O, kh, kw) of the instructions' dtype, no side of it below the stride.
        stride: (vertical, horizontal).
        padding: (vertical, horizontal), as torch's `conv_transpose2d` takes it.
        bias: (O,) of fp32; none by default.
        instructions: as in `convolution`.

    Raises:
        TypeError: the weight's or the bias's dtype is another.
        ValueError: the weight's or the bias's shape is another.
    """
    instructions = instructions or best_instructions()
    _expect_weight(weight, instructions)
    channels, outputs, kh, kw = weight.shape
    if kh < stride[0] or kw < stride[1]:
        raise ValueError(f"a kernel of {kh} x {kw} must be no smaller than the stride {stride}")
    if stride == (1, 1):
        # A convolution by the kernel turned round.
        turned = weight.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
        return convolution(turned, stride, bias, instructions), (kh - 1 - padding[0], kw - 1 - padding[1])
    axes = []
    for size, s, p in zip((kh, kw), stride, padding, strict=True):
        # Output s * y + t meets input y + (t + p - k) / s through tap k, where that is whole.
        axes.append([[k for k in reversed(range(size)) if (t + p - k) % s == 0] for t in range(s)])
    starts = [
        [(t + p - taps[0]) // s for t, taps in enumerate(axis)]
        for axis, s, p in zip(axes, stride, padding, strict=True)
    ]
    margins = -min(starts[0]), -min(starts[1])
    # Each phase has 2 x 2 taps then, which begin at 0 or 1 of 3 x 3. With m = 2, that would save no multiplications.
    two_by_two = (*stride, kh, kw, padding[0] % 2, padding[1] % 2) == (2, 2, 4, 4, 1, 1)
    m = _tile(channels, outputs, instructions) if two_by_two else 0
    by_winograd = m > 2
    phases = []
    for top, left in product(range(stride[0]), range(stride[1])):
        tap_rows, tap_columns = axes[0][top], axes[1][left]
        taps = weight[:, :, tap_rows][:, :, :, tap_columns]
        row, column = starts[0][top] + margins[0], starts[1][left] + margins[1]
        if by_winograd:
            matrices = _transformed(taps.transpose(1, 0, 2, 3), m, row, column)
            phases.append(Phase(row, column, m + 1, m + 1, top, left, packed(matrices, instructions)))
        else:
            ordered = packed(taps.transpose(2, 3, 0, 1).reshape(len(tap_rows), -1, outputs), instructions)
            phases.append(Phase(row, column, len(tap_rows), len(tap_columns), top, left, ordered))
    bias = _bias(bias, outputs, instructions)
    if by_winograd:
        return Kernel(
            instructions, phases, bias, channels, outputs, (m, m), (2 * m, 2 * m), winograd=m
        ), margins
    return Kernel(instructions, phases, bias, channels, outputs, up=stride), margins


def output_convolution(weight: Array, bias: Array, instructions: Instructions | None = None) -> Kernel:
    """The kernel of a convolution that gives a picture: its columns take the place of further output channels.

    Three output channels alone would leave most lanes of a vector idle.

    Args:
        weight: (3, C, kh, kw) of the instructions' dtype.
        bias: (3,) of fp32.
        instructions: as in `convolution`.

    Raises:
        TypeError: the weight's or the bias's dtype is another.
        ValueError: the weight's or the bias's shape is another.
    """
    instructions = instructions or best_instructions()
    _expect_weight(weight, instructions)
    outputs, channels, kh, kw = weight.shape
    expect("weight", np.ascontiguousarray(weight), (instructions.dtype,), (COLORS, channels, kh, kw))
    expect("bias", bias, (FLOAT32,), (outputs,))
    taps = weight.transpose(2, 1, 3, 0).reshape(kh, -1, kw * outputs)
    phase = Phase(0, 0, kh, 1, 0, 0, packed(taps, instructions))
    # Each pixel's sum over the columns takes the bias once.
    first = np.concatenate([bias, np.zeros((kw - 1) * outputs, np.float32)])
    bias = _bias(first, kw * outputs, instructions)
    return Kernel(instructions, [phase], bias, channels, kw * outputs, columns_as_channels=kw)


def _expect_weight(weight: Array, instructions: Instructions) -> None:
    """Raise unless it has four dimensions and the dtype that these instructions multiply."""
    expect_ndim("weight", weight, (4,))
    wanted = instructions.dtype
    if weight.dtype != wanted:
        name = "bf16 (uint16)" if wanted == BF16 else "float32"
        raise TypeError(
            f"weight must be an array of {name} for {instructions.name.decode()}, not {weight.dtype}"
        )


def whole_vectors(outputs: int, instructions: Instructions) -> int:
    """Output channels, rounded up to whole vectors."""
    return -(-outputs // instructions.lanes) * instructions.lanes


def _bias(bias: Array | None, outputs: int, instructions: Instructions) -> Array:
    """The bias (O,), or zeros, padded by zeros to whole vectors."""
    padded = np.zeros(whole_vectors(outputs, instructions), np.float32)
    if bias is not None:
        expect("bias", bias, (FLOAT32,), (outputs,))
        padded[:outputs] = bias
    return padded


def _tile(channels: int, outputs: int, instructions: Instructions) -> int:
    """m of Winograd's algorithm, or 0 where it takes no fewer operations."""
    return instructions.winograd if outputs >= WINOGRAD_FROM and channels % instructions.lanes == 0 else 0


def _transformed(weight: Array, m: int, row: int = 0, column: int = 0) -> Array:
    """The matrices of F(m x m, 3 x 3) of a weight (O, C, 3, 3): G w G^T of each kernel (Lavin and Gray 2016, eq. 8).

    Returns fp32 ((m + 2)^2, C, O), computed in fp64 and rounded once.

    A weight (O, C, 2, 2) lies at `row` and `column`, 0 or 1, of a kernel of 3 x 3 whose other taps are 0. Then the
    first or the last row of its matrices is 0, and the first or the last column: ((m + 1)^2, C, O) are left.
    """
    outputs, channels, side, _ = weight.shape
    taps = np.ascontiguousarray(weight.transpose(2, 3, 1, 0), np.float64).reshape(side, side, -1)
    rows = m + side - 1
    down, across = (WINOGRAD_G[m][at : at + rows, at : at + side] for at in (row, column))
    # Not as products of matrices: the threads of their library would go on waiting for the next, and slow down ours.
    columns = np.einsum("ar,rsk->ask", down, taps)
    matrices: Array = np.einsum("bs,ask->abk", across, columns).astype(np.float32)
    return matrices.reshape(-1, channels, outputs)


def block_edges(outputs: int, instructions: Instructions) -> list[int]:
    """The output channels, padded to whole vectors, that blocks of weights begin with, and where the last one ends."""
    vectors = whole_vectors(outputs, instructions) // instructions.lanes
    count = -(-vectors // instructions.vectors)
    return [vectors * b // count * instructions.lanes for b in range(count + 1)]


def packed(taps: Array, instructions: Instructions) -> Array:
    """`taps` (rows, columns * C, O) as the core reads them: block by block of at most `vectors` vectors.

    With bf16, values of two input channels lie side by side.
    """
    rows, depth, outputs = taps.shape
    lanes, pair = instructions.lanes, 2 if taps.dtype == BF16 else 1
    vectors = -(-outputs // lanes)
    padded = np.zeros(
        (rows, -(-depth // instructions.group) * instructions.group, vectors * lanes), taps.dtype
    )
    padded[:, :depth, :outputs] = taps
    # (rows, depth / pair, O, pair)
    pairs = padded.reshape(rows, -1, pair, vectors * lanes).swapaxes(2, 3)
    blocks = [pairs[:, :, a:b].ravel() for a, b in pairwise(block_edges(outputs, instructions))]
    ordered: Array = aligned(padded.nbytes // 4).view(taps.dtype)
    return np.concatenate(blocks, out=ordered)
