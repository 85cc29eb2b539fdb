"""What decides the outcome of a training: the recipe, its presets and the lecture's choices, as data without torch."""

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from artlives.architecture import ACTIVATIONS, MOST_GRAIN, STYLE_NETWORK, Layer, activated
from artlives.errors import ArtlivesError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Each optimizer's peak learning rate: of rates a factor of three apart, about the best after 60 small steps.
LEARNING_RATES = {
    "sgd": 0.03,
    "momentum": 0.03,
    "rmsprop": 3e-4,
    "adagrad": 1e-2,
    "adadelta": 1.0,
    "adam": 3e-3,
}
# The lecture's choices, by the names of a recipe's fields.
CHOICES = {
    "optimizer": tuple(LEARNING_RATES),
    "init": ("uniform", "normal", "truncated-normal", "xavier", "kaiming"),
    "activation": ACTIVATIONS,
    "content_cost": ("l1", "mse"),
    "style_cost": ("l1", "mse", "kl", "js"),
}
# VGG-19's convolutions, as Simonyan & Zisserman 2014 count them; those that ship with artlives end at conv3_4.
PERCEPTUAL_LAYERS = tuple(
    f"conv{block}_{n + 1}"
    for block, convolutions in enumerate((2, 2, 4, 4, 4), 1)
    for n in range(convolutions)
)
# A training can start from the mean of all shipped styles' weights, or from random ones.
MEAN, NONE = "mean", "none"


@dataclass(frozen=True)
class Recipe:
    """Kept in a training's checkpoint and in its style's metadata; read from a TOML file of these names.

    Attributes:
        steps, size, batch_size, seed: of the training; `size` is the crops' side in pixels.
        learning_rate: at its peak.
        style_size: the paintings' longer side in pixels, which sets the strokes' size.
        grain: standard deviation in grey levels of each octave of the photos' grain; see `artlives.grain`.
        style_weight, palette_weight, tone_weight, steadiness_weight, tv_weight: they multiply the losses of
            `artlives.training.losses`.
        content_weight, detail_weight: of the photo's content (conv3_3) in the halved crop and in the crop itself.
        fine_content_weight, fine_detail_weight: the same of conv2_2, which knows smaller features, such as eyes.
        scale_weights: of style at full size, half, quarter, and so on; two or more.
        style_layers: `PERCEPTUAL_LAYERS` whose features say what the painter's manner is.
        start: the name or file of the style whose weights to begin with, `MEAN` for the mean of all shipped styles'
            weights, `NONE` for random ones.
        optimizer, init, activation, content_cost, style_cost: names of the lecture's `CHOICES`.
    """

    steps: int = 1000
    size: int = 256
    batch_size: int = 4
    seed: int = 0
    learning_rate: float = 3e-3
    style_size: int = 512
    grain: float = 5.0
    style_weight: float = 2.5
    content_weight: float = 0.9
    detail_weight: float = 0.4
    fine_content_weight: float = 0.0
    fine_detail_weight: float = 0.2
    palette_weight: float = 0.5
    tone_weight: float = 0.7
    steadiness_weight: float = 25.0
    tv_weight: float = 1e-5
    scale_weights: tuple[float, ...] = (1.0, 1.0, 0.5)
    # Gatys et al. 2016 take the first layer of each block; the last one here, which sees 48 pixels at a time, stands
    # for those of deeper blocks, which take time and a download.
    style_layers: tuple[str, ...] = ("conv1_1", "conv2_1", "conv3_1", "conv3_4")
    start: str = NONE
    optimizer: str = "adam"
    init: str = "kaiming"
    activation: str = "relu"
    content_cost: str = "mse"
    style_cost: str = "mse"

    @property
    def content_weights(self) -> dict[tuple[int, str], float]:
        """As `objective.Objective` takes them."""
        return {
            (0, "conv3_3"): self.detail_weight,
            (1, "conv3_3"): self.content_weight,
            (0, "conv2_2"): self.fine_detail_weight,
            (1, "conv2_2"): self.fine_content_weight,
        }

    @property
    def loss_weights(self) -> dict[str, float]:
        """What the parts of the loss, by name, are multiplied by before they are added up."""
        return {
            "style": self.style_weight,
            # Those of `content_weights` are within it.
            "content": 1.0,
            "palette": self.palette_weight,
            "tone": self.tone_weight,
            "steadiness": self.steadiness_weight,
            "variation": self.tv_weight,
        }

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The style network, with the recipe's activation."""
        return activated(STYLE_NETWORK, self.activation)


# What each preset changes of a recipe's defaults.
PRESETS: dict[str, dict[str, Any]] = {
    # From the mean of trained styles' weights, which paint photos already, fewer steps are needed for any painting.
    "quick": {"steps": 320, "start": MEAN, "learning_rate": 2e-3},
    "standard": {"steps": 1500},
    "best": {"steps": 4000, "batch_size": 8},
}
# A study (see `artlives.training.study`): half a minute on two cores that compute in bf16. In that time, one large crop
# a step teaches more of large strokes than two smaller ones; style and palette count for more than in a long training,
# which gets to them in the end. Steadiness is what the weights begin with, and costs a fifth of the time.
STUDY = Recipe(
    steps=100,
    size=256,
    batch_size=1,
    style_weight=5.0,
    palette_weight=1.0,
    steadiness_weight=0.0,
    style_size=720,
    start=MEAN,
)
# What a device gets through in half an hour or so.
PRESET_OF = {"cpu": "quick", "mps": "standard", "cuda": "best"}


def recipe(preset: str, file: Mapping[str, Any] | None = None, **given: Any) -> Recipe:
    """The preset's recipe, in which options of `file` override the preset's, and `given` ones override both.

    Options that are None are not given. Weights start as random where `init` or `activation` is given, but no `start`.
    """
    given = {key: value for key, value in given.items() if value is not None}
    chosen = {**(file or {}), **given}
    options = PRESETS[preset] | chosen
    if "start" not in chosen and chosen.keys() & {"init", "activation"}:
        options["start"] = NONE
    optimizer = options.get("optimizer", Recipe.optimizer)
    if optimizer != Recipe.optimizer:
        options = {**options, "learning_rate": chosen.get("learning_rate", LEARNING_RATES[optimizer])}
    return Recipe(**options)


def read(path: Path) -> dict[str, Any]:
    """The options in a recipe's TOML file, any of a `Recipe`'s attributes.

    Raises:
        ArtlivesError: the file cannot be read, or holds a name or a value that no recipe has; the line names it.
    """
    try:
        options = tomllib.loads(path.read_text())
    except OSError as error:
        raise ArtlivesError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ArtlivesError(f"{path} is not a recipe in TOML: {error}") from error
    try:
        return checked(options)
    except ValueError as error:
        raise ArtlivesError(f"{path}: {error}") from error


def checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a recipe, each of its attribute's type, a list of numbers as a tuple.

    Raises:
        ValueError: there is a name or a value that no recipe has; the line names it.
    """
    known = {field.name: getattr(Recipe, field.name) for field in fields(Recipe)}
    for name in options:
        if name not in known:
            raise ValueError(f"there is no {name!r} in a recipe; there are {', '.join(known)}")
    return {name: _checked(name, value, known[name]) for name, value in options.items()}


def _checked(name: str, value: Any, example: Any) -> Any:
    """`value` as the type of `example`, or a ValueError that says what is wrong with it."""
    if name == "style_layers":
        fits = isinstance(value, list | tuple) and value and all(one in PERCEPTUAL_LAYERS for one in value)
        wanted, value = f"some of {', '.join(PERCEPTUAL_LAYERS)}", tuple(value) if fits else value
    elif isinstance(example, tuple):
        fits = (
            isinstance(value, list | tuple)
            and len(value) >= 2
            and all(_is_number(v) and 0 <= v < float("inf") for v in value)
        )
        wanted, value = "two or more numbers >= 0", tuple(map(float, value)) if fits else value
    elif isinstance(example, float):
        most = MOST_GRAIN if name == "grain" else float("inf")
        fits = _is_number(value) and 0 <= value <= most
        wanted, value = f"a number within 0 and {most:g}", float(value) if fits else value
    elif isinstance(example, int):
        least = {"size": 64, "style_size": 64, "seed": 0}.get(name, 1)
        fits = isinstance(value, int) and _is_number(value) and value >= least
        wanted = f"a whole number >= {least}"
    else:
        names = CHOICES.get(name, ())
        fits = isinstance(value, str) and (not names or value in names)
        wanted = f"one of {', '.join(names)}" if names else "a text"
    if not fits:
        raise ValueError(f"{name} must be {wanted}, not {value!r}")
    return value


def _is_number(value: Any) -> bool:
    """Whether it is one that is no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def card(chosen: Recipe) -> dict[str, Any]:
    """The recipe as a style's metadata and a checkpoint hold it, in JSON's types."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(chosen).items()}
