"""Initializers: how the weights are drawn before training, under torch.nn.init's names and signatures.

Each fills its floating-point tensor in place, without a gradient, and returns it; `generator` makes the draw
repeatable. The variances of Xavier and Kaiming keep a signal's size from layer to layer. They depend on the
fans: with a weight of (C_out, C_in, kh, kw), `fan_in` = C_in * kh * kw values enter each output, `fan_out` =
C_out * kh * kw outputs are touched by each input.

Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks".
He et al. 2015, "Delving deep into rectifiers".
"""

import math
import warnings

import torch
from torch import Generator, Tensor


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """U(a, b). RuntimeError where a > b."""
    with torch.no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """N(mean, std²). RuntimeError where std < 0."""
    with torch.no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """N(mean, std²), of which the values outside [a, b] are drawn again; a and b are not in units of std.

    Rejection sampling: from the normal distribution where much of it lies in [a, b], else from U(a, b).
    RuntimeError where a > b.
    """

    def below(x: float) -> float:
        return (1 + math.erf((x - mean) / (std * math.sqrt(2)))) / 2

    # The likeliest value in [a, b].
    peak = min(max(mean, a), b)
    with torch.no_grad():
        # Half precision is too coarse to weigh values by their likelihood.
        values = tensor.to(torch.promote_types(tensor.dtype, torch.float32), copy=True)
        pending = torch.ones_like(values, dtype=torch.bool)
        while pending.any():
            draw = torch.empty_like(values)
            if below(b) - below(a) > 0.3:
                draw.normal_(mean, std, generator=generator)
                accepted = (draw >= a) & (draw <= b)
            else:
                draw.uniform_(a, b, generator=generator)
                height = (((peak - mean) / std) ** 2 - ((draw - mean) / std) ** 2).div_(2).exp_()
                accepted = torch.empty_like(values).uniform_(generator=generator) <= height
            values = torch.where(pending & accepted, draw, values)
            pending &= ~accepted
        return tensor.copy_(values)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """U(-bound, bound), bound = gain * sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, equation 16).

    ValueError where `tensor` has fewer than two axes.
    """
    bound = math.sqrt(3) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """N(0, std²), std = gain * sqrt(2 / (fan_in + fan_out)) (Glorot & Bengio 2010, equation 12).

    ValueError where `tensor` has fewer than two axes.
    """
    return normal_(tensor, 0, _xavier_std(tensor, gain), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """U(-bound, bound), bound = gain * sqrt(3 / fan) (He et al. 2015, equations 10 and 14).

    `mode` is "fan_in", which keeps the size of the signal, or "fan_out", which keeps that of the gradient;
    `a` is the leaky ReLU's slope. ValueError for another mode or nonlinearity or fewer than 2 axes; an empty
    tensor is left alone with a warning.
    """
    if _is_empty(tensor):
        return tensor
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """N(0, std²), std = gain / sqrt(fan) (He et al. 2015, equations 10, 14); else as `kaiming_uniform_`."""
    if _is_empty(tensor):
        return tensor
    return normal_(tensor, 0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much to widen the weights before `nonlinearity`, so that the signal keeps its size behind it.

    `param` is the slope of "leaky_relu", 0.01 where None. ValueError for a name or slope that is none.

    >>> calculate_gain("leaky_relu", 1.0)
    1.0
    """
    if nonlinearity == "leaky_relu":
        if isinstance(param, bool) or not isinstance(param, int | float | None):
            raise ValueError(f"the negative slope must be a number, not {param!r}")
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"nonlinearity {nonlinearity!r} is none of leaky_relu, {', '.join(_GAINS)}")
    return _GAINS[nonlinearity]


# As of `torch.nn.init.calculate_gain`.
_GAINS = {
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d"), 1.0),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1.0),
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def _xavier_std(tensor: Tensor, gain: float) -> float:
    return gain * math.sqrt(2 / sum(_fans(tensor)))


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    modes = ("fan_in", "fan_out")
    if mode.lower() not in modes:
        raise ValueError(f"mode must be fan_in or fan_out, not {mode!r}")
    fan = _fans(tensor)[modes.index(mode.lower())]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def _fans(tensor: Tensor) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ValueError(f"a tensor of shape {tuple(tensor.shape)} has no fans: it needs at least 2 axes")
    c_out, c_in, *kernel = tensor.shape
    return c_in * math.prod(kernel), c_out * math.prod(kernel)


def _is_empty(tensor: Tensor) -> bool:
    if tensor.numel() == 0:
        warnings.warn("an empty tensor has nothing to initialize", stacklevel=3)
        return True
    return False
