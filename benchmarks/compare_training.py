"""The lecture's choices side by side: one training for each, and one plot of their curves a slide.

    python -m benchmarks.compare_training PAINTING PHOTOS [--perceptual FILE] [--steps 150] [--plots images/readme]

All trainings start from one seed, see the same crops, and differ from `artlives train`'s defaults in one choice. They
are small, to take a minute each. What is drawn is how far pictures of four photos that no training saw are from the
painter and the photo, style plus content, always by the default costs; so the curves of different costs, too, can be
compared. Curves are kept in runs/compare-training, and what is there is not trained again.
"""

import argparse
import json
from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from tqdm import tqdm

from artlives import grain
from artlives.files import replacing
from artlives.training.objective import Objective
from artlives.training.perceptual import Perceptual
from artlives.training.photos import Photos
from artlives.training.recipe import CHOICES, LEARNING_RATES, Recipe
from artlives.training.tensors import from_pixels
from artlives.training.trainer import Progress, Trainer

FOLDER = Path("runs/compare-training")
JUDGED_EVERY, JUDGED_SIZE = 10, 96  # steps, pixels

SMALL = Recipe(size=64, batch_size=2, style_size=256)
# For each slide the curves' names, and what they change.
SLIDES: dict[str, dict[str, dict[str, Any]]] = {
    "optimizers": {
        f"{name}, {rate:g}": {"optimizer": name, "learning_rate": rate}
        for name, rate in LEARNING_RATES.items()
    },
    "initializers": {name: {"init": name} for name in CHOICES["init"]},
    "activations": {name: {"activation": name} for name in CHOICES["activation"]},
    "costs": {
        "content mse, style mse": {},
        "content l1": {"content_cost": "l1"},
        **{f"style {cost}": {"style_cost": cost} for cost in ("l1", "kl", "js")},
    },
    "learning-rates": {f"{rate:g}": {"learning_rate": rate} for rate in (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)},
    "batch-sizes": {f"{size}": {"batch_size": size} for size in (1, 2, 4, 8)},
}


class Comparison:
    """Trains recipes on one painting and the same photos, and judges what they learn."""

    def __init__(self, painting: Path, photos: Path, perceptual: Perceptual) -> None:
        self.painting, self.perceptual = painting, perceptual
        self.photos = Photos(photos, holdout=4)
        self.judge = Objective(perceptual, painting, SMALL.style_size)
        self.judged = []
        for file in self.photos.held_out:
            photo = np.asarray(Image.open(file).convert("RGB").resize((JUDGED_SIZE, JUDGED_SIZE)))
            pair = photo, grain.added(photo, SMALL.grain)
            self.judged.append([from_pixels(pixels, perceptual.mean.device) for pixels in pair])

    @torch.no_grad()
    def distance(self, network: torch.nn.Module) -> float:
        """Style plus content of the judged photos' pictures, averaged."""
        distances = [
            self.judge.distances(network(grainy).clamp(0, 255), self.judge.content_of(photo))
            for photo, grainy in self.judged
        ]
        return sum((d.style + d.content).item() for d in distances) / len(distances)

    def curve(self, recipe: Recipe) -> list[tuple[int, float]]:
        """(step, distance) while `recipe` trains; from the file of an earlier call, if there is one."""
        defaults = asdict(Recipe())
        changed = (f"{key}-{value}" for key, value in asdict(recipe).items() if value != defaults[key])
        folder = FOLDER / "_".join(changed)
        file = folder / "curve.json"
        if not file.exists():
            trainer = Trainer(
                self.painting, self.photos, recipe, self.perceptual, folder, self.perceptual.mean.device
            )
            curve = [(0, self.distance(trainer.network))]

            def report(progress: Progress) -> None:
                if progress.step % JUDGED_EVERY == 0:
                    curve.append((progress.step, self.distance(trainer.network)))

            trainer.run(report)
            file.write_text(json.dumps(curve))
        return [(step, distance) for step, distance in json.loads(file.read_text())]


def draw(slide: str, curves: dict[str, list[tuple[int, float]]], path: Path) -> None:
    """Writes the plot of one slide as a PNG of few colours, which keeps it small."""
    figure = Figure((6.4, 4), layout="constrained")
    axes = figure.subplots()
    for name, curve in curves.items():
        axes.plot(*zip(*curve, strict=True), label=name, linewidth=1.5)
    axes.set(yscale="log", xlabel="step", ylabel="distance (style + content)", title=slide.replace("-", " "))
    axes.yaxis.set_major_formatter("{x:.1f}")
    axes.yaxis.set_minor_formatter("{x:.1f}")
    axes.grid(which="both", alpha=0.3)
    axes.legend()
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    with replacing(path) as temporary:
        Image.open(buffer).convert("RGB").quantize(32).save(temporary, "PNG", optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="One training for each of the lecture's choices, and plots.")
    parser.add_argument("painting", type=Path)
    parser.add_argument("photos", type=Path, help="folder of photos")
    parser.add_argument("--perceptual", type=Path, help="VGG-19's weights, as for `artlives train`")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--slides", nargs="+", choices=list(SLIDES), default=list(SLIDES))
    parser.add_argument("--plots", type=Path, default=Path("images/readme"), help="folder for the plots")
    options = parser.parse_args()

    comparison = Comparison(options.painting, options.photos, Perceptual(options.perceptual))
    recipes = {
        slide: {
            name: replace(SMALL, steps=options.steps, **changes) for name, changes in SLIDES[slide].items()
        }
        for slide in options.slides
    }
    different = dict.fromkeys(recipe for choices in recipes.values() for recipe in choices.values())
    curves = {recipe: comparison.curve(recipe) for recipe in tqdm(different, unit="training")}
    for slide, choices in recipes.items():
        named = {name: curves[recipe] for name, recipe in choices.items()}
        draw(slide, named, options.plots / f"lecture-{slide}.png")
        for name, curve in named.items():
            print(f"{slide:16} {name:24} {curve[0][1]:.3f} -> {curve[-1][1]:.3f}")


if __name__ == "__main__":
    main()
