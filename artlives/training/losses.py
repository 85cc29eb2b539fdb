"""What a painting is asked to be: like the photo in content, like the painter in style, steady and smooth.

All are relative to what they are compared with, so that their weights mean the same for every painting.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

FRAME = 16  # pixels


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of two pictures' features over the target's mean square.

    `features` and `target` are (N, C, H, W) of one perceptual layer; a number >= 0 in fp32, 0 for equal pictures,
    about 1 for unrelated ones. Johnson et al. 2016, equation 2, but relative.
    """
    target = target.float()
    return (features.float() - target).square().mean() / target.square().mean()


def gram_matrix(features: Tensor) -> Tensor:
    """How much channels go together, wherever they do: (N, C, H, W) -> (N, C, C), averaged over H * W.

    Gatys et al. 2016, "Image style transfer using convolutional neural networks", equation 3.
    """
    n, c, h, w = features.shape
    pixels = features.permute(0, 2, 3, 1).reshape(n, h * w, c)
    return (pixels.transpose(1, 2) @ pixels).float() / (h * w)


def style_loss(features: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
    """Squared Frobenius distance of Gram matrices over the target's squared norm, averaged over the layers.

    `features` holds (N, C, H, W) by layer, `targets` the painting's Gram matrices (1, C, C). A number >= 0, 0 for
    equal statistics, 1 for a picture without features. Johnson et al. 2016, equation 4, but relative.
    """
    losses = []
    for layer, target in targets.items():
        difference = (gram_matrix(features[layer]) - target).square().sum((1, 2))
        losses.append((difference / target.square().sum()).mean())
    return torch.stack(losses).mean()


def steadiness_loss(first: Tensor, second: Tensor, shift: tuple[int, int]) -> Tensor:
    """Mean squared difference, in units of 255, of paintings of one photo from two windows onto it.

    `second`'s window lies `shift` (down, right) pixels, each >= 0, from that of `first`; both are (N, 3, H, W) in
    0..255. This keeps the network from painting a grid of its own, and it steadies video. It keeps it from painting a
    frame too, since one window's border lies inside the other: half of the loss is that of the outer `FRAME` pixels.
    """
    down, right = shift
    h, w = first.shape[2:]
    common, other = first[:, :, down:, right:], second[:, :, : h - down, : w - right]
    error = ((common - other) / 255).square()
    inner = error[:, :, FRAME:-FRAME, FRAME:-FRAME]
    frame = (error.sum() - inner.sum()) / (error.numel() - inner.numel())
    return (error.mean() + frame) / 2


def total_variation(x: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels of x (N, 3, H, W), in both directions."""
    down = (x[:, :, 1:] - x[:, :, :-1]).square().mean()
    return down + (x[:, :, :, 1:] - x[:, :, :, :-1]).square().mean()


def halved(x: Tensor) -> Tensor:
    """x (N, C, H, W) at half the size, each pixel the mean of four; an odd last row or column is left out."""
    n, c, h, w = x.shape
    x = x[:, :, : h // 2 * 2, : w // 2 * 2]
    return x.reshape(n, c, h // 2, 2, w // 2, 2).mean((3, 5))
