"""What decides the outcome of a training: the recipe, its presets and the lecture's choices, as data without torch."""

from dataclasses import dataclass
from typing import Any

from artlives.architecture import ACTIVATIONS

# Each optimizer's peak learning rate: of rates a factor of three apart, about the best after 60 small steps.
LEARNING_RATES = {
    "sgd": 0.03,
    "momentum": 0.03,
    "rmsprop": 3e-4,
    "adagrad": 1e-2,
    "adadelta": 1.0,
    "adam": 3e-3,
}
CHOICES = {
    "optimizer": tuple(LEARNING_RATES),
    "init": ("uniform", "normal", "truncated-normal", "xavier", "kaiming"),
    "activation": ACTIVATIONS,
    "content_cost": ("l1", "mse"),
    "style_cost": ("l1", "mse", "kl", "js"),
}


@dataclass(frozen=True)
class Recipe:
    """Kept in a training's checkpoint and in its style's metadata.

    `size` is the middle crop's side in pixels, `batch_size` the number of such crops a step, `style_size` the
    paintings' longer side in pixels, which sets the strokes' size. The weights multiply the losses of
    `artlives.training.losses`. `start` is the name or file of the style whose weights to begin with; None begins
    with random ones. The rest are names of the lecture's `CHOICES`.
    """

    steps: int = 1000
    size: int = 256
    batch_size: int = 4
    seed: int = 0
    learning_rate: float = 3e-3
    style_size: int = 512
    content_weight: float = 1.0
    style_weight: float = 1.0
    palette_weight: float = 0.0
    steadiness_weight: float = 40.0
    tv_weight: float = 1e-5
    start: str | None = None
    optimizer: str = "adam"
    init: str = "kaiming"
    activation: str = "relu"
    content_cost: str = "mse"
    style_cost: str = "mse"


WEIGHTS = {"palette_weight": 1.0, "steadiness_weight": 80.0}
PRESETS: dict[str, dict[str, Any]] = {
    # A trained style's weights know photos already: fewer steps are needed from there, whatever the painting.
    "quick": {"steps": 900, "batch_size": 2, **WEIGHTS, "start": "wave"},
    "standard": {"steps": 2000, **WEIGHTS},
    "best": {"steps": 4000, "batch_size": 8, **WEIGHTS},
}
# What a device gets through in half an hour or so.
PRESET_OF = {"cpu": "quick", "mps": "standard", "cuda": "best"}


def recipe(preset: str, **given: Any) -> Recipe:
    """The preset's recipe, in which `given` options that are not None take the place of the preset's.

    `start` may be "none", for random weights; they are random, too, where `init` or `activation` is given.
    """
    given = {key: value for key, value in given.items() if value is not None}
    options = PRESETS[preset] | given
    if options.get("start") == "none" or ("start" not in given and given.keys() & {"init", "activation"}):
        options["start"] = None
    optimizer = options.get("optimizer", Recipe.optimizer)
    return Recipe(**{"learning_rate": LEARNING_RATES[optimizer], **options})
