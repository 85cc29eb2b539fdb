"""Activations: tanh, sigmoid, ReLU, leaky ReLU, PReLU and Swish, each a function and a module.

All work element by element on floating-point tensors of any shape and memory format, and return the same
shape, format and dtype. fp16 and bf16 are computed in fp32 and rounded once. At a kink the derivative is
torch's. Backward passes are written in differentiable operations and so can be differentiated again.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import Module, Parameter

from artlives.blocks.arguments import check_tensor, fits


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent, `(e^x - e^-x) / (e^x + e^-x)`, in (-1, 1); integers become floats, as in torch.

    Raises:
        TypeError: `input` is not a tensor.
        NotImplementedError: `input` is complex.

    >>> tanh(torch.tensor([-1e30, 0.0, 1e30]))
    tensor([-1.,  0.,  1.])
    """
    input = _as_floats("tanh", input)
    output: Tensor = _Tanh.apply(_wide(input))
    return output.to(input.dtype)


class _Tanh(Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor) -> Tensor:
        # With t = e^2x - 1 it is t / (t + 2). expm1 keeps the digits of a small x; from 20 on tanh is 1.
        t = input.clamp(max=20).mul_(2).expm1_()
        output = t / (t + 2)
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        output: Tensor = ctx.saved_tensors[0]
        return grad * (1 - output * output)


def sigmoid(input: Tensor) -> Tensor:
    """Logistic function, `1 / (1 + e^-x)`, in (0, 1); integers become floats, as in torch.

    Raises:
        TypeError: `input` is not a tensor.
        NotImplementedError: `input` is complex.

    >>> sigmoid(torch.tensor([-1e30, 0.0, 1e30]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    input = _as_floats("sigmoid", input)
    output: Tensor = _Sigmoid.apply(_wide(input))
    return output.to(input.dtype)


class _Sigmoid(Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor) -> Tensor:
        # Where e^-x overflows, 1 / inf is the 0 that is wanted.
        output = input.neg().exp_().add_(1).reciprocal_()
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        output: Tensor = ctx.saved_tensors[0]
        return grad * output * (1 - output)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Rectifier, `max(x, 0)`; its derivative at 0 is 0 (Nair & Hinton 2010). Integers are taken too.

    Raises:
        TypeError: `input` is not a tensor.
        NotImplementedError: `input` is boolean or complex.

    >>> relu(torch.tensor([-2.0, 0.0, 3.0]))
    tensor([0., 0., 3.])
    """
    _check("relu", input)
    if input.dtype == torch.bool:
        raise NotImplementedError("relu() is not implemented for torch.bool")
    output: Tensor = _ReLU.apply(input, inplace)
    return output


class _ReLU(Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, inplace: bool) -> Tensor:
        if inplace:
            ctx.mark_dirty(input)
        output = input.clamp_(min=0) if inplace else input.clamp(min=0)
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        # 1 where the output is positive or NaN. Comparing into a tensor of output's own dtype is vectorized;
        # a product with a boolean mask takes 3 times as long, torch.where 8 times.
        output = ctx.saved_tensors[0].detach()
        return grad * torch.ne(output, 0, out=torch.empty_like(output)), None


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """`x` where x > 0, else `negative_slope * x`; so the derivative at 0 is the slope (Maas et al. 2013).

    Raises:
        TypeError: `input` is not a tensor or `negative_slope` not a number.
        NotImplementedError: `input` is not floating-point.

    >>> leaky_relu(torch.tensor([-2.0, 0.0, 3.0]))
    tensor([-0.0200,  0.0000,  3.0000])
    """
    _check("leaky_relu", input, floating=True)
    if not isinstance(negative_slope, int | float):
        raise TypeError(f"leaky_relu(): negative_slope must be a number, not {negative_slope!r}")
    output: Tensor = _LeakyReLU.apply(input.clone() if inplace else input, negative_slope)
    return input.copy_(output) if inplace else output


class _LeakyReLU(Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, negative_slope: float) -> Tensor:
        ctx.save_for_backward(input)
        ctx.negative_slope = negative_slope
        return torch.where(input > 0, input, input * negative_slope)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        input: Tensor = ctx.saved_tensors[0]
        return torch.where(input > 0, grad, grad * ctx.negative_slope), None


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Leaky ReLU whose slopes are learned: `x` where x > 0, else `weight * x` (He et al. 2015, equation 1).

    Args:
        input: (N, C, ...); with fewer than two axes it counts as one channel.
        weight: (C,) for one slope a channel, or (1,) or () for one in all.

    Raises:
        TypeError: an argument is not a tensor.
        RuntimeError: `weight` has another dtype than `input`, several axes, or neither 1 nor C values.
        NotImplementedError: `input` is not floating-point.

    >>> prelu(torch.tensor([[-2.0, -2.0, 3.0]]), torch.tensor([0.5, 0.25, 0.5]))
    tensor([[-1.0000, -0.5000,  3.0000]])
    """
    _check("prelu", input)
    check_tensor(weight, "weight")
    if not fits(weight.dtype, input.dtype):
        raise RuntimeError(f"prelu(): input is {input.dtype}, but weight is {weight.dtype}")
    _check("prelu", input, floating=True)
    if weight.ndim > 1:
        raise RuntimeError(f"prelu(): weight must have 0 axes or 1, but has shape {tuple(weight.shape)}")
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.numel() not in (1, channels) or (weight.numel() > 1 and input.ndim < 2):
        raise RuntimeError(f"prelu(): weight has {weight.numel()} values, but input has {channels} channels")
    output: Tensor = _PReLU.apply(input, weight.to(input.dtype))
    return output


class _PReLU(Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(input, weight)
        return torch.where(input > 0, input, input * _along_channels(weight, input.ndim))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None]:
        input, weight = ctx.saved_tensors
        positive = input > 0
        grad_weight = None
        if ctx.needs_input_grad[1]:
            axes = [axis for axis in range(input.ndim) if axis != 1 or weight.numel() == 1]
            products = torch.where(positive, 0, _wide(grad) * _wide(input))
            grad_weight = products.sum(axes).view_as(weight).to(weight.dtype)
        return torch.where(positive, grad, grad * _along_channels(weight, input.ndim)), grad_weight


def swish(input: Tensor, inplace: bool = False) -> Tensor:
    """`x * sigmoid(x)`, which torch calls silu (Ramachandran et al. 2017); at least -0.2785.

    Raises:
        TypeError: `input` is not a tensor.
        NotImplementedError: `input` is not floating-point.

    >>> swish(torch.tensor([-1e30, 0.0, 3.0]))
    tensor([-0.0000, 0.0000, 2.8577])
    """
    _check("swish", input, floating=True)
    x = input.clone() if inplace else input
    wide: Tensor = _Swish.apply(_wide(x))
    output = wide.to(input.dtype)
    return input.copy_(output) if inplace else output


class _Swish(Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor) -> Tensor:
        ctx.save_for_backward(input)
        return input * sigmoid(input)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        input: Tensor = ctx.saved_tensors[0]
        s = sigmoid(input)
        return grad * s * (1 + input * (1 - s))


class Tanh(Module):
    """Module of `tanh`; replaces torch.nn.Tanh."""

    def forward(self, input: Tensor) -> Tensor:
        """See `tanh`."""
        return tanh(input)


class Sigmoid(Module):
    """Module of `sigmoid`; replaces torch.nn.Sigmoid."""

    def forward(self, input: Tensor) -> Tensor:
        """See `sigmoid`."""
        return sigmoid(input)


class ReLU(Module):
    """Module of `relu`; replaces torch.nn.ReLU."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """See `relu`."""
        return relu(input, self.inplace)

    def extra_repr(self) -> str:
        """The arguments, as torch prints them."""
        return "inplace=True" if self.inplace else ""


class LeakyReLU(Module):
    """Module of `leaky_relu`; replaces torch.nn.LeakyReLU."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """See `leaky_relu`."""
        return leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        """The arguments, as torch prints them."""
        return f"negative_slope={self.negative_slope}{', inplace=True' if self.inplace else ''}"


class PReLU(Module):
    """Module of `prelu`; replaces torch.nn.PReLU. State: `weight` (num_parameters,), filled with `init`."""

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(torch.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Fills the slopes with `init`."""
        with torch.no_grad():
            self.weight.fill_(self.init)

    def forward(self, input: Tensor) -> Tensor:
        """See `prelu`."""
        return prelu(input, self.weight)

    def extra_repr(self) -> str:
        """The arguments, as torch prints them."""
        return f"num_parameters={self.num_parameters}"


class Swish(Module):
    """Module of `swish`; replaces torch.nn.SiLU."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """See `swish`."""
        return swish(input, self.inplace)

    def extra_repr(self) -> str:
        """The arguments, as torch prints them."""
        return "inplace=True" if self.inplace else ""


def _check(name: str, input: Tensor, floating: bool = False) -> None:
    check_tensor(input, "input")
    if input.is_complex() or (floating and not input.is_floating_point()):
        raise NotImplementedError(f"{name}() is not implemented for {input.dtype}")


def _as_floats(name: str, input: Tensor) -> Tensor:
    _check(name, input)
    return input if input.is_floating_point() else input.to(torch.get_default_dtype())


def _wide(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def _along_channels(weight: Tensor, ndim: int) -> Tensor:
    return weight.view(-1, *[1] * (ndim - 2)) if weight.numel() > 1 else weight.view([1] * ndim)
