"""Optimizers: how the weights follow their gradients, under torch.optim's names and with its arguments.

Each keeps torch.optim.Optimizer's bookkeeping of parameters and state, and can go on from the state that torch's
optimizer of the same name has saved. In the formulas g is a weight's gradient, and all is done weight by weight; it is
written for lists of weights (`torch._foreach_*`), which on a GPU go through one kernel together.

Robbins & Monro 1951, "A stochastic approximation method"; Polyak 1964, "Some methods of speeding up the convergence
of iteration methods"; Hinton 2012, "Neural networks for machine learning", lecture 6e; Duchi et al. 2011, "Adaptive
subgradient methods"; Zeiler 2012, "ADADELTA"; Kingma & Ba 2015, "Adam".
"""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

State = dict[str, Any]
Tensors = list[Tensor] | tuple[Tensor, ...]


class _Optimizer(Optimizer):
    """Calls `_update` for the parameters of each group that have a gradient."""

    def __init__(self, params: Iterable[Parameter], **defaults: Any) -> None:
        lr = defaults["lr"]
        if not lr >= 0:
            raise ValueError(f"lr must be at least 0, not {lr}")
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Moves every parameter once. `closure` is torch's; none of these optimizers needs one."""
        for group in self.param_groups:
            moved = [parameter for parameter in group["params"] if parameter.grad is not None]
            if moved:
                gradients = [parameter.grad for parameter in moved]
                self._update(moved, gradients, [self.state[parameter] for parameter in moved], group)

    @staticmethod
    @abstractmethod
    def _update(weights: list[Tensor], g: Tensors, states: list[State], group: dict[str, Any]) -> None:
        """Moves `weights` in place; a weight's state is its own and empty at first, `group` holds the arguments."""


def _kept(weights: list[Tensor], states: list[State], name: str) -> list[Tensor]:
    """What the states hold of that name, like the weights; at first 0."""
    for weight, state in zip(weights, states, strict=True):
        if name not in state:
            state[name] = torch.zeros_like(weight)
    return [state[name] for state in states]


def _fade(means: Tensors, g: Tensors, kept: float) -> None:
    """Moves recent means of squares on by g²: of themselves they keep `kept`."""
    torch._foreach_mul_(means, kept)
    torch._foreach_addcmul_(means, g, g, value=1 - kept)


def _root(squares: Tensors, eps: float) -> Tensors:
    roots = torch._foreach_sqrt(squares)
    torch._foreach_add_(roots, eps)
    return roots


class SGD(_Optimizer):
    """w -= lr * v, where v = momentum * v + g, and v = g at first (Robbins & Monro 1951; Polyak 1964).

    Without momentum, every step follows its own batch's gradient alone. With it, v is the sum of all gradients so
    far, each fading by `momentum` a step: what they share adds up, up to 1 / (1 - momentum) times, what they do not
    share cancels out.

    Raises:
        ValueError: `lr` or `momentum` is negative.
    """

    def __init__(self, params: Iterable[Parameter], lr: float = 1e-3, momentum: float = 0.0) -> None:
        if momentum < 0:
            raise ValueError(f"momentum must be at least 0, not {momentum}")
        super().__init__(params, lr=lr, momentum=momentum)

    @staticmethod
    def _update(weights: list[Tensor], g: Tensors, states: list[State], group: dict[str, Any]) -> None:
        if group["momentum"]:
            velocities = _kept(weights, states, "momentum_buffer")
            torch._foreach_mul_(velocities, group["momentum"])
            torch._foreach_add_(velocities, g)
            g = velocities
        torch._foreach_sub_(weights, torch._foreach_mul(g, group["lr"]))


class Adagrad(_Optimizer):
    """w -= lr * g / (sqrt(s) + eps), where s is the sum of g² so far (Duchi et al. 2011, figure 1, diagonal).

    Weights with small or rare gradients move as far as others. Since s never shrinks, all slow down like 1 / sqrt(t).

    Raises:
        ValueError: `lr` is negative.
    """

    def __init__(self, params: Iterable[Parameter], lr: float = 1e-2, eps: float = 1e-10) -> None:
        super().__init__(params, lr=lr, eps=eps)

    @staticmethod
    def _update(weights: list[Tensor], g: Tensors, states: list[State], group: dict[str, Any]) -> None:
        sums = _kept(weights, states, "sum")
        torch._foreach_addcmul_(sums, g, g)
        torch._foreach_addcdiv_(weights, g, _root(sums, group["eps"]), value=-group["lr"])


class RMSprop(_Optimizer):
    """w -= lr * g / (sqrt(s) + eps), where s = alpha * s + (1 - alpha) * g² (Hinton 2012).

    Adagrad that forgets: s is the recent mean square of g, so that the steps stay about `lr` long.

    Raises:
        ValueError: `lr` is negative.
    """

    def __init__(
        self, params: Iterable[Parameter], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8
    ) -> None:
        super().__init__(params, lr=lr, alpha=alpha, eps=eps)

    @staticmethod
    def _update(weights: list[Tensor], g: Tensors, states: list[State], group: dict[str, Any]) -> None:
        squares = _kept(weights, states, "square_avg")
        _fade(squares, g, group["alpha"])
        torch._foreach_addcdiv_(weights, g, _root(squares, group["eps"]), value=-group["lr"])


class Adadelta(_Optimizer):
    """w -= lr * d, where d = g * sqrt(u + eps) / sqrt(s + eps); s and u are recent means of g² and d².

    Both fade by `rho` a step (Zeiler 2012, algorithm 1, where `lr` is 1). The ratio gives d the unit of a weight, so
    that in principle no learning rate has to be found; `eps` alone starts it, slowly.

    Raises:
        ValueError: `lr` is negative.
    """

    def __init__(
        self, params: Iterable[Parameter], lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6
    ) -> None:
        super().__init__(params, lr=lr, rho=rho, eps=eps)

    @staticmethod
    def _update(weights: list[Tensor], g: Tensors, states: list[State], group: dict[str, Any]) -> None:
        squares, moves = (_kept(weights, states, name) for name in ("square_avg", "acc_delta"))
        _fade(squares, g, group["rho"])
        numerators, denominators = (torch._foreach_add(means, group["eps"]) for means in (moves, squares))
        torch._foreach_sqrt_(numerators)
        torch._foreach_sqrt_(denominators)
        d = torch._foreach_div(torch._foreach_mul(g, numerators), denominators)
        _fade(moves, d, group["rho"])
        torch._foreach_sub_(weights, torch._foreach_mul(d, group["lr"]))


class Adam(_Optimizer):
    """w -= lr * m' / (sqrt(v') + eps), where m and v are recent means of g and g² (Kingma & Ba 2015, algorithm 1).

    They fade by `betas` a step and begin at 0, which m' = m / (1 - beta1^t) and v' = v / (1 - beta2^t) make up for at
    step t. Momentum and RMSprop in one.

    Raises:
        ValueError: `lr` is negative, or a beta is not within 0 and 1.
    """

    def __init__(
        self,
        params: Iterable[Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas must be at least 0 and below 1, not {betas}")
        super().__init__(params, lr=lr, betas=betas, eps=eps)

    @staticmethod
    def _update(weights: list[Tensor], g: Tensors, states: list[State], group: dict[str, Any]) -> None:
        for state in states:
            # A state that torch saved has it as a tensor of fp32.
            state["step"] = int(state.get("step", 0)) + 1
        beta1, beta2 = group["betas"]
        means, squares = (_kept(weights, states, name) for name in ("exp_avg", "exp_avg_sq"))
        torch._foreach_lerp_(means, g, 1 - beta1)
        _fade(squares, g, beta2)
        whole = torch._foreach_div(squares, [1 - beta2 ** state["step"] for state in states])
        rates = [-group["lr"] / (1 - beta1 ** state["step"]) for state in states]
        torch._foreach_addcdiv_(weights, means, _root(whole, group["eps"]), scalars=rates)
