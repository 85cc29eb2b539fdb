"""What the perceptual network's layers keep of a picture: another one, made from noise, that they take for the same.

Source: Gatys et al. 2016, "Image style transfer using convolutional neural networks", figure 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from artlives import images
from artlives.explanation.filmstrip import colours
from artlives.explanation.likeness import correlation, luminance, reduced
from artlives.images import Photo
from artlives.training.losses import content_loss, gram_matrix, style_loss, total_variation
from artlives.training.perceptual import Perceptual
from artlives.training.recipe import PERCEPTUAL_LAYERS
from artlives.training.tensors import from_pixels

# Pixels of the longer side of what is made from noise: a picture takes up to half a minute on two cores.
SIZE = 192
# Steps of L-BFGS at most, and how many there are between two looks at how far it is.
STEPS, LOOK = 200, 20
# The relative distances, squared, that are small enough: of features, and of Gram matrices, which are matched easily.
GOALS = {"photo": 0.004, "painting": 0.0004}
# Weight of the total variation, in squared grey levels, beside a relative loss. It takes away noise that a layer does
# not see.
SMOOTHNESS = 3e-6
# The layers that training judges by.
CONTENT_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv3_3", "conv3_4")
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv3_4")
# Pixels: lines that are finer are lost where the picture is averaged over squares of these sides.
FINE = 4

# Is told before each picture: what is made, how many pictures are made already, and how many there will be.
Report = Callable[[str, int, int], None]


class Kept(NamedTuple):
    """What a layer keeps.

    Attributes:
        of: "photo" or "painting".
        layer: the perceptual network's.
        picture: what was made from noise.
        sentence: what it shows, as it is measured.
    """

    of: str
    layer: str
    picture: Image.Image
    sentence: str


def kept(
    perceptual: Perceptual, photo: Photo, painting: Photo | None, where: torch.device, report: Report
) -> Iterator[Kept]:
    """What the layers that training judges by keep of a photo and, where it is given, of a painting."""
    jobs = [("photo", layer, photo) for layer in CONTENT_LAYERS]
    if painting:
        jobs += [("painting", layer, painting) for layer in STYLE_LAYERS]
    for i, (of, layer, original) in enumerate(jobs):
        report(f"what {layer} keeps of the {of}", i, len(jobs))
        target = from_pixels(images.fit(original, SIZE).pixels, where)
        make = content_kept if of == "photo" else style_kept
        picture, distance = make(perceptual, target, layer)
        sentence = _sentence(of, layer, picture, target, distance)
        yield Kept(of, layer, colours(picture[0]), sentence)
    report("the page", len(jobs), len(jobs))


def content_kept(perceptual: Perceptual, picture: Tensor, layer: str) -> tuple[Tensor, float]:
    """A picture of the same features at `layer`, position by position, and how far these are from being the same.

    Both pictures are (1, 3, H, W) in 0..255; the distance is relative, and not squared.
    """
    with torch.no_grad():
        target = perceptual(picture, [layer])[layer]
    return _optimized(picture, lambda x: content_loss(perceptual(x, [layer])[layer], target), GOALS["photo"])


def style_kept(perceptual: Perceptual, picture: Tensor, layer: str) -> tuple[Tensor, float]:
    """A picture of the same Gram matrix at `layer`, wherever its features are; otherwise as `content_kept`."""
    with torch.no_grad():
        target = {layer: gram_matrix(perceptual(picture, [layer])[layer])}
    return _optimized(picture, lambda x: style_loss(perceptual(x, [layer]), target), GOALS["painting"])


def receptive_field(layer: str) -> int:
    """The sides in pixels of the piece of a picture that one of the layer's features depends on."""
    field, jump = 1, 1
    for name in PERCEPTUAL_LAYERS[: PERCEPTUAL_LAYERS.index(layer) + 1]:
        if name.endswith("_1") and field > 1:
            # Max pooling, by 2.
            field, jump = field + jump, 2 * jump
        field += 2 * jump
    return field


def _optimized(like: Tensor, loss: Callable[[Tensor], Tensor], goal: float) -> tuple[Tensor, float]:
    """What L-BFGS makes of noise of the shape of `like`, and the root of its loss, which it brings below `goal`."""
    # Around grey, within 0..1, so that L-BFGS's first step has a sensible length.
    noise = torch.randn(like.shape, generator=torch.Generator().manual_seed(0)) * 0.1 + 0.5
    picture = noise.to(like.device).requires_grad_()
    optimizer: torch.optim.Optimizer = torch.optim.LBFGS(
        [picture],
        max_iter=LOOK,
        history_size=20,
        tolerance_grad=0,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure() -> float:
        optimizer.zero_grad()
        value = loss(picture * 255) + SMOOTHNESS * total_variation(picture * 255)
        torch.autograd.backward(value)
        return value.item()

    distance = float("inf")
    for _ in range(STEPS // LOOK):
        if distance <= goal:
            break
        optimizer.step(closure)
        with torch.no_grad():
            distance = loss((picture * 255).clamp(0, 255)).item()
    return picture.detach() * 255, distance**0.5


def _sentence(of: str, layer: str, picture: Tensor, original: Tensor, distance: float) -> str:
    field = receptive_field(layer)
    if of == "painting":
        return (
            f"sees patterns of up to {field} x {field} pixels; which of its features go together is the same to "
            f"{distance:.1%}."
        )
    made, wanted = luminance(picture.clamp(0, 255)), luminance(original)
    light = correlation(made, wanted)
    lines = correlation(_fine(made), _fine(wanted))
    colour = correlation(picture - luminance(picture), original - wanted)
    return (
        f"sees {field} x {field} pixels at a time; its features are the same to {distance:.0%}. The picture agrees "
        f"with the photo in light by {light:.2f}, in colour by {colour:.2f} and in lines finer than {FINE} pixels by "
        f"{lines:.2f} (correlations)."
    )


def _fine(light: Tensor) -> Tensor:
    """What is finer than `FINE` pixels in (N, 1, H, W)."""
    return light - F.interpolate(reduced(light, FINE), light.shape[2:], mode="bilinear")
