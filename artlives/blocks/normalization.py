"""Normalization: each channel is brought to mean 0 and variance 1, then scaled and shifted by learned numbers.

Instance normalization takes the statistics of each picture by itself and so removes its contrast, which is why
style networks use it (Ulyanov et al. 2016, "Instance normalization: the missing ingredient for fast stylization");
batch normalization takes those of the whole batch (Ioffe & Szegedy 2015, "Batch normalization").
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from artlives.blocks.activation import relu
from artlives.blocks.arguments import check_tensor, fits, formatted
from artlives.blocks.kernels import dispatch


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias, with mean and variance of each picture's channel.

    Args:
        input: (N, C, H, W), floating point; the statistics of fp16 and bf16 are taken in fp32.
        running_mean, running_var: (C,) or None. With `use_input_stats` they move by `momentum` towards the batch's
            average statistics (the variance unbiased); without, they are the statistics.
        weight, bias: (C,), or None for 1 and 0.
        eps: added to the variance.

    Returns:
        (N, C, H, W) in input's dtype and memory format.

    Raises:
        ValueError: H * W is 1, which has no variance; one running statistic without the other.
        RuntimeError: a running statistic, weight or bias without C values or of another dtype than input's (fp32 for
            half precision is fine); no statistics at all.
        NotImplementedError: an input of whole numbers.
        TypeError: an argument that should be a Tensor and is not.
    """
    _check(input, running_mean, running_var, weight, bias)
    if not use_input_stats:
        return _with_statistics(input, running_mean, running_var, weight, bias, eps)
    if input.shape[2:].numel() == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {list(input.shape)}"
        )
    y: Tensor
    y, mean, var = _Normalize.apply(input, weight, bias, tuple(range(2, input.ndim)), eps)
    _move(running_mean, running_var, mean, var, input.shape[2:].numel(), momentum)
    return y


def fused_instance_norm(
    input: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    rectified: bool = False,
    residual: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """relu(instance_norm(input)) if `rectified`, instance_norm(input) + residual if there is one.

    On the CPU, fp32 and bf16 are read twice and written once by the compiled core, and as often for the gradient; bf16
    is rounded once. Second derivatives, and all other cases, are computed by `instance_norm`.

    Args:
        input: as of `instance_norm`, as are weight, bias and eps.
        rectified: whether ReLU follows.
        residual: like input; not both.

    Returns:
        (N, C, H, W) in input's dtype and memory format.

    Raises:
        ValueError: a residual of another shape or dtype, or one to be rectified; also what `instance_norm` raises.
    """
    if residual is not None and (rectified or (residual.shape, residual.dtype) != (input.shape, input.dtype)):
        raise ValueError(
            f"residual must be like input {list(input.shape)}, {input.dtype}, and nothing is rectified"
        )
    _check(input, None, None, weight, bias)
    if dispatch.core_normalizes(input) and input.shape[2:].numel() > 1:
        return formatted(_FusedInstanceNorm.apply(input, weight, bias, rectified, residual, eps), input)
    return _unfused(input, weight, bias, rectified, residual, eps)


def _unfused(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    rectified: bool,
    residual: Tensor | None,
    eps: float,
) -> Tensor:
    y = instance_norm(x, weight=weight, bias=bias, eps=eps)
    y = relu(y) if rectified else y
    return y if residual is None else y + residual


class _FusedInstanceNorm(Function):
    """(x, weight, bias, residual) -> y; for the gradient see `_Normalize`."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        rectified: bool,
        residual: Tensor | None,
        eps: float,
    ) -> Tensor:
        y, *statistics = dispatch.normalize(x, weight, bias, rectified, residual, eps)
        ctx.save_for_backward(x, weight, bias, *statistics)
        ctx.rectified, ctx.eps = rectified, eps
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,), (x, weight, bias, mean, factor) = gradients, ctx.saved_tensors
        need_x, need_weight, need_bias, _, need_residual, _ = ctx.needs_input_grad
        found: list[Tensor | None] = [None, None, None]
        needed = [i for i, need in enumerate((need_x, need_weight, need_bias)) if need]
        # Gradients are recorded here for a second derivative alone.
        if torch.is_grad_enabled():
            y = _unfused(x, weight, bias, ctx.rectified, None, ctx.eps)
            inputs = [(x, weight, bias)[i] for i in needed]
            results = torch.autograd.grad(y, inputs, gradient, create_graph=True)
        else:
            all_three = dispatch.normalize_backward(gradient, x, weight, bias, ctx.rectified, mean, factor)
            results = tuple(all_three[i] for i in needed)
        for i, result in zip(needed, results, strict=True):
            found[i] = result
        return *found, None, gradient if need_residual else None, None


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias, with mean and variance of each channel over the whole batch.

    Args:
        input: (N, C, H, W), floating point; the statistics of fp16 and bf16 are taken in fp32.
        running_mean, running_var: (C,) or None. In training they move by `momentum` towards the batch's statistics
            (the variance unbiased); otherwise they are the statistics.
        weight, bias: (C,), or None for 1 and 0.
        training: take the batch's own statistics.
        eps: added to the variance.

    Returns:
        (N, C, H, W) in input's dtype and memory format.

    Raises:
        ValueError: in training, N * H * W is 1, which has no variance; one running statistic without the other.
        RuntimeError: a running statistic, weight or bias without C values or of another dtype than input's (fp32 for
            half precision is fine); no statistics at all.
        NotImplementedError: an input of whole numbers.
        TypeError: an argument that should be a Tensor and is not.
    """
    _check(input, running_mean, running_var, weight, bias)
    if not training:
        return _with_statistics(input, running_mean, running_var, weight, bias, eps)
    count = len(input) * input.shape[2:].numel()
    if count == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {list(input.shape)}"
        )
    y: Tensor
    y, mean, var = _Normalize.apply(input, weight, bias, (0, *range(2, input.ndim)), eps)
    _move(running_mean, running_var, mean, var, count, momentum)
    return y


class _Normalize(Function):
    """(x, weight, bias) -> (y, mean, biased variance), the statistics over `axes`; theirs are no gradients.

    With x^ = (x - mean) / sqrt(var + eps) and g = dL/dy, the gradient (Ioffe & Szegedy 2015, section 3) is
    dL/dx = weight / sqrt(var + eps) * (g - mean(g) - x^ * mean(g * x^)).
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, axes: tuple[int, ...], eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean, var, centred = _statistics(x, axes)
        factor = (var + eps).rsqrt()
        ctx.save_for_backward(x, weight, mean, factor)
        ctx.axes, ctx.eps = axes, eps
        ctx.mark_non_differentiable(mean, var)
        if weight is not None:
            factor = factor * _per_channel(weight, x)
        y = centred.mul_(factor)
        if bias is not None:
            y += _per_channel(bias, x)
        return y.to(x.dtype), mean, var

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, factor = ctx.saved_tensors
        axes = ctx.axes
        # For a second derivative, the statistics must depend on x.
        if torch.is_grad_enabled():
            mean, var, centred = _statistics(x, axes)
            factor = (var + ctx.eps).rsqrt()
        else:
            centred = x - mean
        gradient = gradients[0].to(mean.dtype)
        normal = centred * factor
        sums = gradient.sum(axes, keepdim=True), (gradient * normal).sum(axes, keepdim=True)
        others = tuple(axis for axis in range(x.ndim) if axis != 1)
        grad_x = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            count = max(1, x.numel() // max(1, mean.numel()))
            if weight is not None:
                factor = factor * _per_channel(weight, x)
            grad_x = (factor * (gradient - sums[0] / count - normal * (sums[1] / count))).to(x.dtype)
        if ctx.needs_input_grad[1]:
            grad_weight = sums[1].sum(others).to(weight.dtype)
        if ctx.needs_input_grad[2]:
            grad_bias = sums[0].sum(others)
        return grad_x, grad_weight, grad_bias, None, None


def _statistics(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, biased variance and x - mean, in fp32 at least. Two passes, since E[x²] - E[x]² cancels."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = x.mean(axes, keepdim=True)
    centred = x - mean
    return mean, (centred * centred).mean(axes, keepdim=True), centred


def _per_channel(values: Tensor, x: Tensor) -> Tensor:
    """`values` (C,) to multiply x (N, C, ...) with, in fp32 at least."""
    return values.to(torch.promote_types(values.dtype, torch.float32)).view(-1, *[1] * (x.ndim - 2))


def _with_statistics(
    x: Tensor, mean: Tensor | None, var: Tensor | None, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """Normalization by statistics that are given: a scale and a shift per channel."""
    if mean is None or var is None:
        raise RuntimeError(
            "expected running_mean and running_var to be given when the input's own are not used"
        )
    factor = (_per_channel(var, x) + eps).rsqrt()
    if weight is not None:
        factor = factor * _per_channel(weight, x)
    y = (x - _per_channel(mean, x)) * factor
    if bias is not None:
        y = y + _per_channel(bias, x)
    return y.to(x.dtype)


@torch.no_grad()
def _move(
    running_mean: Tensor | None,
    running_var: Tensor | None,
    mean: Tensor,
    var: Tensor,
    count: int,
    momentum: float,
) -> None:
    """Moves the running statistics towards those of a batch; an empty batch has none."""
    if not mean.numel() or not count:
        return
    for running, value in ((running_mean, mean), (running_var, var * (count / (count - 1)))):
        if running is not None:
            # Over the pictures, of which instance normalization has statistics for each.
            average = value.transpose(0, 1).flatten(1).mean(1)
            running.lerp_(average.to(running.dtype), momentum)


def _check(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
) -> None:
    given = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    check_tensor(x, "input")
    for name, tensor in given.items():
        if tensor is not None:
            check_tensor(tensor, name)
    if not x.dtype.is_floating_point:
        raise NotImplementedError(f"normalization is not implemented for {x.dtype}")
    if x.ndim < 3:
        raise RuntimeError(f"expected input (N, C, H, W), but got size {list(x.shape)}")
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be given or neither")
    for name, tensor in given.items():
        if tensor is None:
            continue
        if tensor.shape != (x.shape[1],):
            raise RuntimeError(f"{name} should contain {x.shape[1]} elements, not {list(tensor.shape)}")
        if not fits(tensor.dtype, x.dtype):
            raise RuntimeError(f"{name} of {tensor.dtype} does not fit an input of {x.dtype}")


class _Norm(nn.Module):
    """What both normalizations keep: weight and bias if `affine`, running statistics if `track_running_stats`."""

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        options: dict[str, Any] = {"device": device, "dtype": dtype}
        self.weight = nn.Parameter(torch.ones(num_features, **options)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features, **options)) if affine else None
        tracked = track_running_stats
        self.running_mean: Tensor | None
        self.running_var: Tensor | None
        self.num_batches_tracked: Tensor | None
        self.register_buffer("running_mean", torch.zeros(num_features, **options) if tracked else None)
        self.register_buffer("running_var", torch.ones(num_features, **options) if tracked else None)
        count = torch.tensor(0, dtype=torch.long, device=device) if tracked else None
        self.register_buffer("num_batches_tracked", count)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class InstanceNorm2d(_Norm):
    """`instance_norm` with its parameters; can replace `torch.nn.InstanceNorm2d` and load its state dict.

    Raises:
        ValueError: an input that is not (N, C, H, W) or (C, H, W), or whose C is not `num_features`.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) or (C, H, W) -> the same shape."""
        if input.ndim not in (3, 4):
            raise ValueError(f"expected 3D or 4D input (got {input.ndim}D input of size {list(input.shape)})")
        if input.shape[-3] != self.num_features:
            raise ValueError(f"expected input of {self.num_features} channels, but got {input.shape[-3]}")
        own = self.training or not self.track_running_stats
        y = instance_norm(
            input if input.ndim == 4 else input.unsqueeze(0),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            own,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return y if input.ndim == 4 else y.squeeze(0)


class BatchNorm2d(_Norm):
    """`batch_norm` with its parameters; can replace `torch.nn.BatchNorm2d` and load its state dict.

    `momentum` None makes the running statistics the average of all batches seen.

    Raises:
        ValueError: an input that is not (N, C, H, W).
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        if input.ndim != 4:
            raise ValueError(f"expected 4D input (got {input.ndim}D input of size {list(input.shape)})")
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
            if self.momentum is None:
                momentum = 1 / float(self.num_batches_tracked)
        own = self.training or self.running_mean is None
        # Statistics that only training may move are kept out of its way.
        moved = self.track_running_stats or not own
        return batch_norm(
            input,
            self.running_mean if moved else None,
            self.running_var if moved else None,
            self.weight,
            self.bias,
            own,
            momentum,
            self.eps,
        )
