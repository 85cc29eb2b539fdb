"""Padding by zeros, reflection, replication or wrapping around."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from artlives.blocks.arguments import memory_format

# Left, right, top, bottom, as torch.nn.functional.pad takes them.
Margins = tuple[int, int, int, int]

# By torch's names.
MODES = ("zeros", "reflect", "replicate", "circular")


def pad(input: Tensor, padding: Margins, mode: str = "zeros") -> Tensor:
    """Surrounds the pictures of `input` (N, C, H, W) with `padding` pixels; any dtype, memory format kept.

    `padding` is (left, right, top, bottom), each >= 0. `mode` is "zeros", "reflect" (the edge pixel is not
    repeated), "replicate" (the edge pixel goes on) or "circular". Returns (N, C, H + top + bottom,
    W + left + right).

    Raises:
        ValueError: an unknown mode.
        RuntimeError: a negative padding; or the picture is too small: reflection needs more pixels than it pads,
            wrapping around at least as many, replication at least one.
    """
    if mode not in MODES:
        raise ValueError(f"padding mode must be one of {', '.join(MODES)}, but got {mode!r}")
    if min(padding) < 0:
        raise RuntimeError(f"negative padding is not supported, but got padding={padding}")
    for size, margins in ((input.shape[3], padding[:2]), (input.shape[2], padding[2:])):
        needed = {"zeros": 0, "reflect": max(margins) + 1, "replicate": 1, "circular": max(margins)}[mode]
        if any(margins) and size < needed:
            raise RuntimeError(
                f"padding {padding} by mode {mode!r} needs at least {needed} pixels in each padded direction, "
                f"but input has size {list(input.shape)}"
            )
    return _Pad.apply(input, padding, mode) if any(padding) else input


def _strips(x: Tensor, padding: Margins, mode: str) -> list[tuple[Tensor, Tensor]]:
    """Pairs of views on a padded picture: a strip of its margin, and the pixels that this strip repeats.

    In order: the left and right strips of the picture's own rows, then whole rows above and below.
    """
    left, right, top, bottom = padding
    pairs = []
    for axis, before, after in ((3, left, right), (2, top, bottom)):
        rows = x if axis == 2 else x[:, :, top : x.shape[2] - bottom]
        size = x.shape[axis] - before - after
        end = before + size
        for margin, start in ((before, 0), (after, end)):
            if mode == "reflect":
                pairs += [
                    (rows.narrow(axis, start + i, 1), rows.narrow(axis, source, 1))
                    for i in range(margin)
                    for source in [2 * before - i if start == 0 else end - 2 - i]
                ]
            elif mode == "replicate":
                edge = rows.narrow(axis, before if start == 0 else end - 1, 1)
                pairs += [(rows.narrow(axis, start + i, 1), edge) for i in range(margin)]
            elif margin:
                source = rows.narrow(axis, start + size if start == 0 else before, margin)
                pairs.append((rows.narrow(axis, start, margin), source))
    return pairs


class _Pad(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, padding: Margins, mode: str) -> Tensor:
        ctx.padding, ctx.mode = padding, mode
        left, right, top, bottom = padding
        n, c, h, w = x.shape
        padded = torch.empty(
            (n, c, h + top + bottom, w + left + right),
            dtype=x.dtype,
            device=x.device,
            memory_format=memory_format(x),
        )
        if mode == "zeros":
            padded.zero_()
        padded[:, :, top : top + h, left : left + w] = x
        if mode != "zeros":
            for strip, source in _strips(padded, padding, mode):
                strip.copy_(source)
        return padded

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _Fold.apply(gradients[0], ctx.padding, ctx.mode), None, None


class _Fold(Function):
    """The adjoint of padding: what each margin pixel received is added to the pixel that it repeats."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, padding: Margins, mode: str) -> Tensor:
        ctx.padding, ctx.mode = padding, mode
        left, right, top, bottom = padding
        if mode != "zeros":
            padded = padded.clone(memory_format=torch.preserve_format)
            for strip, source in reversed(_strips(padded, padding, mode)):
                source.add_(strip)
        return padded[:, :, top : padded.shape[2] - bottom, left : padded.shape[3] - right]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _Pad.apply(gradients[0], ctx.padding, ctx.mode), None, None
