"""Convolution and its two adjoints as differentiable functions.

Each of the three is linear in both arguments, and the derivative of each is made of the other two. So derivatives
of any order are exact, and the gradients of transposed convolution need no code of their own.

A weight in fp32 of an input in half precision is rounded to that in each computation; its gradient is in fp32.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from artlives.blocks.kernels.dispatch import convolve, convolve_transposed, correlate_weight
from artlives.blocks.kernels.matmul import Geometry

Gradients = tuple[Tensor | None, ...]


class Convolve(Function):
    """(x, weight, bias) -> y; see `kernels.matmul.convolve`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
        """x (N, C, H, W), weight (O, C / groups, kh, kw), bias (O,) -> y (N, O, H', W') in x's dtype."""
        ctx.save_for_backward(x, weight)
        ctx.geometry = geometry
        return convolve(x, weight.to(x.dtype), None if bias is None else bias.to(x.dtype), geometry)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Gradients:
        """The gradients of x, weight and bias, each if it is needed."""
        (gradient,), (x, weight), geometry = gradients, ctx.saved_tensors, ctx.geometry
        need_x, need_weight, need_bias, _ = ctx.needs_input_grad
        return (
            ConvolveTransposed.apply(gradient, weight, None, geometry, x.shape[2:]) if need_x else None,
            CorrelateWeight.apply(x, gradient, geometry, weight.shape[2:], weight.dtype)
            if need_weight
            else None,
            gradient.sum((0, 2, 3), dtype=weight.dtype) if need_bias else None,
            None,
        )


class ConvolveTransposed(Function):
    """(y, weight, bias) -> x of the given size; see `kernels.matmul.convolve_transposed`."""

    @staticmethod
    def forward(
        ctx: Any, y: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, size: tuple[int, int]
    ) -> Tensor:
        """y (N, O, H', W'), weight (O, C / groups, kh, kw), bias (C,) -> x (N, C, *size) in y's dtype."""
        ctx.save_for_backward(y, weight)
        ctx.geometry = geometry
        bias = None if bias is None else bias.to(y.dtype)
        return convolve_transposed(y, weight.to(y.dtype), bias, geometry, size)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Gradients:
        """The gradients of y, weight and bias, each if it is needed."""
        (gradient,), (y, weight), geometry = gradients, ctx.saved_tensors, ctx.geometry
        need_y, need_weight, need_bias, *_ = ctx.needs_input_grad
        return (
            _cropped(Convolve.apply(gradient, weight, None, geometry), y) if need_y else None,
            CorrelateWeight.apply(gradient, y, geometry, weight.shape[2:], weight.dtype)
            if need_weight
            else None,
            gradient.sum((0, 2, 3), dtype=weight.dtype) if need_bias else None,
            None,
            None,
        )


class CorrelateWeight(Function):
    """(x, y) -> weight of the given kernel size and dtype; see `kernels.matmul.correlate_weight`."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        y: Tensor,
        geometry: Geometry,
        kernel_size: tuple[int, int],
        dtype: torch.dtype,
    ) -> Tensor:
        """x (N, C, H, W), y (N, O, H', W') -> weight (O, C / groups, *kernel_size) in `dtype`."""
        ctx.save_for_backward(x, y)
        ctx.geometry = geometry
        return correlate_weight(x, y, geometry, kernel_size, dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Gradients:
        """The gradients of x and y, each if it is needed."""
        (gradient,), (x, y), geometry = gradients, ctx.saved_tensors, ctx.geometry
        need_x, need_y, *_ = ctx.needs_input_grad
        return (
            ConvolveTransposed.apply(y, gradient, None, geometry, x.shape[2:]) if need_x else None,
            _cropped(Convolve.apply(x, gradient, None, geometry), y) if need_y else None,
            None,
            None,
            None,
        )


def _cropped(result: Tensor, y: Tensor) -> Tensor:
    """`result` at y's size: an output padding of a stride or more leaves room for further values."""
    return result[:, :, : y.shape[2], : y.shape[3]]
