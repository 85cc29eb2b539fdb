"""What the perceptual network's layers keep of a picture: another one, made from noise, that they take for the same.

Source: Gatys et al. 2016, "Image style transfer using convolutional neural networks", figure 1.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from artlives.training.losses import content_loss, gram_matrix, style_loss, total_variation
from artlives.training.perceptual import Perceptual

# Of L-BFGS: seconds on a CPU, and more change little that can be seen.
ITERATIONS = 60
# Weight of the total variation, in squared grey levels, beside a relative loss. It takes away noise that a layer does
# not see.
SMOOTHNESS = 3e-6


def content_kept(perceptual: Perceptual, picture: Tensor, layer: str) -> Tensor:
    """A picture of the same features at `layer`, position by position; both (1, 3, H, W) in 0..255."""
    with torch.no_grad():
        target = perceptual(picture, [layer])[layer]
    return _optimized(picture, lambda x: content_loss(perceptual(x, [layer])[layer], target))


def style_kept(perceptual: Perceptual, picture: Tensor, layer: str) -> Tensor:
    """A picture of the same Gram matrix at `layer`, wherever its features are; both (1, 3, H, W) in 0..255."""
    with torch.no_grad():
        target = {layer: gram_matrix(perceptual(picture, [layer])[layer])}
    return _optimized(picture, lambda x: style_loss(perceptual(x, [layer]), target))


def _optimized(like: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
    """What L-BFGS makes of noise of the shape of `like`."""
    # Around grey, within 0..1, so that L-BFGS's first step has a sensible length.
    noise = torch.randn(like.shape, generator=torch.Generator().manual_seed(0)) * 0.1 + 0.5
    picture = noise.to(like.device).requires_grad_()
    optimizer: torch.optim.Optimizer = torch.optim.LBFGS(
        [picture], max_iter=ITERATIONS, tolerance_grad=0, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure() -> float:
        optimizer.zero_grad()
        value = loss(picture * 255) + SMOOTHNESS * total_variation(picture * 255)
        torch.autograd.backward(value)
        return value.item()

    optimizer.step(closure)
    return picture.detach() * 255
