"""Instance normalization, its gradient, and the sums that both need."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from artlives.core import abi
from artlives.core.abi import BF16, TYPES, Array, Instructions, address, best_instructions
from artlives.core.checks import FLOAT32, expect, expect_ndim, expect_threads
from artlives.core.threads import edges, share


@dataclass(frozen=True, eq=False)
class Normalization:
    """Numbers for each picture and channel, (N, C) of fp32, of d * scale + shift + other * factor.

    Here d is x - centre, and `mask` is a (scale, shift) of its own: there is no `other` where
    d * mask[0] + mask[1] <= 0. With `relu` the result is rectified.
    """

    centre: Array
    scale: Array | None = None
    shift: Array | None = None
    factor: Array | None = None
    mask: tuple[Array, Array] | None = None
    relu: bool = False

    def tasks(self, x: Array, other: Array | None, target: Array | None) -> list[abi.Normalization]:
        """One for each picture of (N, H, W, C).

        Raises:
            TypeError: an array's dtype is another.
            ValueError: an array's shape is another, or it is not dense.
        """
        expect_ndim("x", x, (4,))
        expect("x", x, (FLOAT32, BF16), x.shape)
        if other is not None:
            expect("other", other, (x.dtype,), x.shape)
        if target is not None:
            expect("target", target, (x.dtype,), x.shape, written=True)
        images, _, width, channels = x.shape
        mask_scale, mask_shift = self.mask or (None, None)
        numbers = {
            "centre": self.centre,
            "scale": self.scale,
            "shift": self.shift,
            "factor": self.factor,
            "mask_scale": mask_scale,
            "mask_shift": mask_shift,
        }
        given = {name: array for name, array in numbers.items() if array is not None}
        for name, array in given.items():
            expect(name, array, (FLOAT32,), (images, channels))
        pictures = {"x": x, "other": other, "target": target}
        given |= {name: array for name, array in pictures.items() if array is not None}
        return [
            abi.Normalization(
                type=TYPES[x.dtype],
                width=width,
                channels=channels,
                relu=self.relu,
                **{name: address(array[i]) for name, array in given.items()},
            )
            for i in range(images)
        ]


def moments(
    normalization: Normalization,
    x: Array,
    other: Array | None = None,
    threads: int = 1,
    instructions: Instructions | None = None,
) -> Array:
    """(N, 2, C) in fp64: the sums of `other` and those of `other` * (x - centre).

    Args:
        normalization: its centre, and the mask of `other`.
        x: (N, H, W, C) of fp32 or bf16.
        other: like x; x - centre by default, so that the sums tell mean and variance.
        threads: how many to use.
        instructions: one of `instruction_sets`; the best by default.

    Raises:
        MemoryError: there is none.
        TypeError: an array's dtype is another.
        ValueError: an array's shape is another, or it is not dense.
    """
    pieces = _pieces(normalization.tasks(x, other, None), x, threads)
    instructions = instructions or best_instructions()
    sums = np.zeros((len(pieces), 2, x.shape[3]))
    share(instructions.moments, pieces, sums, threads)
    total: Array = sums.reshape(len(x), -1, *sums.shape[1:]).sum(1)
    return total


def normalize(
    normalization: Normalization,
    x: Array,
    other: Array | None,
    target: Array,
    threads: int = 1,
    instructions: Instructions | None = None,
) -> None:
    """Write what `normalization` says to `target`.

    Args:
        normalization: its scale and shift count as 0 where they are None.
        x: (N, H, W, C) of fp32 or bf16.
        other: like x; None for none.
        target: like x.
        threads: how many to use.
        instructions: one of `instruction_sets`; the best by default.

    Raises:
        MemoryError: there is none.
        TypeError: an array's dtype is another.
        ValueError: an array's shape is another, or it is not dense.
    """
    pieces = _pieces(normalization.tasks(x, other, target), x, threads)
    instructions = instructions or best_instructions()
    share(instructions.normalize, pieces, None, threads)


def _pieces(
    tasks: list[abi.Normalization], x: Array, threads: int
) -> list[tuple[abi.Normalization, int, int]]:
    """The rows of each picture of x (N, H, W, C), with its task, as `share` takes them."""
    expect_threads(threads)
    return [
        (task, first, last)
        for task in tasks
        for first, last in pairwise(edges(0, x.shape[1], threads, len(x)))
    ]
