"""How many L-BFGS iterations of optimizing the picture itself a style network's one pass is worth.

    python -m benchmarks.quality STYLE PAINTING PHOTOS [--perceptual FILE] [--last 50] [--count 10] [--iterations 100]

Gatys et al. 2016 paint by minimizing the loss over the picture's pixels, starting from the photo. For each photo this
prints the network's loss, after which iteration optimization reaches it ("more" where it does not), optimization's
last loss, and how many times faster the network is than optimization up to there. The loss and its weights are those
that the style was trained with. Johnson et al. 2016 report 50 to 100 iterations for networks trained on a GPU.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from artlives import grain, styles
from artlives.engines.torch import load
from artlives.training.evaluation import resized
from artlives.training.losses import total_variation
from artlives.training.objective import Content, Objective
from artlives.training.perceptual import Perceptual
from artlives.training.photos import Photos
from artlives.training.recipe import Recipe
from artlives.training.tensors import from_pixels


def training_loss(picture: Tensor, objective: Objective, content: Content, recipe: Recipe) -> Tensor:
    """The loss of a picture (1, 3, H, W) in 0..255, without steadiness, which needs two pictures."""
    distances = objective.distances(picture, content)
    return (
        distances.content
        + recipe.style_weight * distances.style
        + recipe.palette_weight * distances.palette
        + recipe.tone_weight * distances.tone
        + recipe.tv_weight * total_variation(picture)
    )


class Reached(Exception):
    """Optimization has come down to the loss to beat."""


def optimize(
    photo: Tensor, loss: Callable[[Tensor], Tensor], iterations: int, goal: float
) -> tuple[int | None, float, float]:
    """Iterations until `goal` is reached (None if it is not), the last loss, and the seconds it took."""
    # In 0..1, where L-BFGS's first step has a sensible length.
    picture = (photo / 255).contiguous().requires_grad_()
    optimizer: torch.optim.Optimizer = torch.optim.LBFGS(
        [picture],
        max_iter=iterations,
        max_eval=10 * iterations,
        tolerance_grad=0,
        tolerance_change=0,
        history_size=50,
        line_search_fn="strong_wolfe",
    )
    best = float("inf")

    def closure() -> float:
        nonlocal best
        optimizer.zero_grad()
        value = loss(picture * 255)
        torch.autograd.backward(value)
        best = min(best, value.item())
        if best <= goal:
            raise Reached
        return value.item()

    started = time.perf_counter()
    try:
        optimizer.step(closure)
        reached = None
    except Reached:
        reached = optimizer.state[picture].get("n_iter", 0)
    return reached, best, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description="A style network beside optimizing each picture (L-BFGS).")
    parser.add_argument("style", help="a style's name or file")
    parser.add_argument("painting", type=Path)
    parser.add_argument("photos", type=Path, help="folder of photos")
    parser.add_argument("--perceptual", type=Path, help="VGG-19's weights, as for `artlives train`")
    parser.add_argument(
        "--last", type=int, default=50, help="choose among the last of the folder's photos by name"
    )
    parser.add_argument("--count", type=int, default=10, help="how many photos, evenly spread among those")
    parser.add_argument("--size", type=int, default=512, help="the photos' longer side, pixels")
    parser.add_argument("--iterations", type=int, default=100)
    options = parser.parse_args()

    style = styles.find(options.style)
    names = [field.name for field in fields(Recipe) if field.name in style.training]
    recipe = Recipe(**{name: style.training[name] for name in names})
    network = load(style)
    objective = Objective(
        Perceptual(options.perceptual),
        options.painting,
        recipe.style_size,
        recipe.content_cost,
        recipe.style_cost,
        recipe.scale_weights,
        recipe.content_weights,
    )
    candidates = Photos(options.photos).files[-options.last :]
    files = candidates[:: max(1, len(candidates) // options.count)][: options.count]

    print(
        f"{style.name}: {'photo':16} {'network':>8} {'L-BFGS':>8} {'reached after':>14} {'times faster':>13}"
    )
    counts: list[int] = []
    speedups = []
    for path in files:
        pixels = resized(path, options.size)
        photo, grainy = (
            from_pixels(picture, torch.device("cpu"))
            for picture in (pixels, grain.added(pixels, style.grain))
        )
        loss = partial(training_loss, objective=objective, content=objective.content_of(photo), recipe=recipe)
        with torch.inference_mode():
            network(grainy)
            started = time.perf_counter()
            painted = network(grainy)
            seconds = time.perf_counter() - started
            goal = loss(painted.clamp(0, 255)).item()
        reached, last, spent = optimize(photo, loss, options.iterations, goal)
        counts.append(options.iterations + 1 if reached is None else reached)
        speedups.append(spent / seconds)
        after = "more" if reached is None else str(reached)
        print(
            f"{'':{len(style.name) + 1}} {path.name:16} {goal:8.3f} {last:8.3f} {after:>14} {speedups[-1]:13.0f}"
        )
    median = statistics.median(counts)
    said = f"more than {options.iterations}" if median > options.iterations else f"{median:.0f}"
    print(f"median: {said} iterations, {statistics.median(speedups):.0f} times faster")


if __name__ == "__main__":
    main()
