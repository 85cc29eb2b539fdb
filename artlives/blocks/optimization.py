"""Optimizers: how the weights follow their gradients, under torch.optim's names and with its arguments.

Each keeps torch.optim.Optimizer's bookkeeping of parameters and state, and can go on from the state that torch's
optimizer of the same name has saved. In the formulas g is a weight's gradient, and all is done weight by weight.

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


class _Optimizer(Optimizer):
    """Calls `_update` for each parameter that has a gradient."""

    def __init__(self, params: Iterable[Parameter], **defaults: Any) -> None:
        lr = defaults["lr"]
        if not lr >= 0:
            raise ValueError(f"lr must be at least 0, not {lr}")
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Moves every parameter once. `closure` is torch's; none of these optimizers needs one."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, self.state[parameter], group)

    @staticmethod
    @abstractmethod
    def _update(weight: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Moves `weight` in place; `state` is empty at first and this weight's own, `group` holds the arguments."""


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
    def _update(weight: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        if group["momentum"]:
            if "momentum_buffer" in state:
                state["momentum_buffer"].mul_(group["momentum"]).add_(g)
            else:
                state["momentum_buffer"] = g.clone()
            g = state["momentum_buffer"]
        weight.sub_(group["lr"] * g)


class Adagrad(_Optimizer):
    """w -= lr * g / (sqrt(s) + eps), where s is the sum of g² so far (Duchi et al. 2011, figure 1, diagonal).

    Weights with small or rare gradients move as far as others. Since s never shrinks, all slow down like 1 / sqrt(t).

    Raises:
        ValueError: `lr` is negative.
    """

    def __init__(self, params: Iterable[Parameter], lr: float = 1e-2, eps: float = 1e-10) -> None:
        super().__init__(params, lr=lr, eps=eps)

    @staticmethod
    def _update(weight: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        if not state:
            state["sum"] = torch.zeros_like(weight)
        state["sum"].addcmul_(g, g)
        weight.addcdiv_(g, state["sum"].sqrt().add_(group["eps"]), value=-group["lr"])


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
    def _update(weight: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        if not state:
            state["square_avg"] = torch.zeros_like(weight)
        state["square_avg"].mul_(group["alpha"]).addcmul_(g, g, value=1 - group["alpha"])
        weight.addcdiv_(g, state["square_avg"].sqrt().add_(group["eps"]), value=-group["lr"])


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
    def _update(weight: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        if not state:
            state["square_avg"], state["acc_delta"] = torch.zeros_like(weight), torch.zeros_like(weight)
        rho, eps = group["rho"], group["eps"]
        state["square_avg"].mul_(rho).addcmul_(g, g, value=1 - rho)
        d = g * (state["acc_delta"] + eps).sqrt() / (state["square_avg"] + eps).sqrt()
        state["acc_delta"].mul_(rho).addcmul_(d, d, value=1 - rho)
        weight.sub_(group["lr"] * d)


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
    def _update(weight: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        if not state:
            state["step"] = 0
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(weight), torch.zeros_like(weight)
        # A state that torch saved has it as a tensor of fp32.
        state["step"] = t = int(state["step"]) + 1
        beta1, beta2 = group["betas"]
        state["exp_avg"].lerp_(g, 1 - beta1)
        state["exp_avg_sq"].mul_(beta2).addcmul_(g, g, value=1 - beta2)
        divisor = (state["exp_avg_sq"] / (1 - beta2**t)).sqrt_().add_(group["eps"])
        weight.addcdiv_(state["exp_avg"], divisor, value=-group["lr"] / (1 - beta1**t))
