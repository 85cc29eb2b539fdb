"""The models that come with artlives, and what is said of them."""

import json
from pathlib import Path

import pytest

from artlives import styles
from artlives.training.recipe import read

SHIPPED = [styles.read(path) for path in styles.shipped().values()]


def row(style: styles.Style) -> str:
    """What models/README.md says of a style."""
    card = [style.name, style.painting, style.painter, style.year]

    def weights(*losses: str) -> list[str]:
        return [f"{style.training[f'{loss}_weight']:g}" for loss in losses]

    content = [
        ", ".join(weights("detail", "content")),
        ", ".join(weights("fine_detail", "fine_content")),
    ]
    recipe = [
        style.training["steps"],
        style.training["style_size"],
        " : ".join(weights("style", "palette", "tone")),
        " + ".join(content),
        *weights("steadiness"),
    ]
    distances = [f"{style.measured[figure]:.2f}" for figure in ("style", "palette", "content", "tone")]
    decibels = [f"{style.measured[figure]:.1f}" for figure in ("shift", "border", "flicker")]
    return " | ".join(map(str, ["", *card, *recipe, *distances, *decibels, ""])).strip()


def test_wave_is_there():
    assert "wave" in [style.name for style in SHIPPED]


@pytest.mark.parametrize("style", SHIPPED, ids=lambda style: style.name)
def test_a_model_is_small_and_its_card_whole(style):
    assert style.path.stat().st_size <= 3e6
    assert style.path.stem == style.name
    assert "unknown" not in (style.painting, style.painter, style.year, style.licence)
    assert {"steps", "seed", "style_size", "losses", "before"} <= style.training.keys()
    assert style.grain > 0
    # No path of the machine that it was trained on.
    assert "/" not in json.dumps(
        [card.get("start", "") for card in (style.training, *style.training["before"])]
    )


def test_the_models_readme_says_what_their_metadata_say():
    lines = (Path(__file__).parent.parent / "models" / "README.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith(tuple(f"| {style.name} " for style in SHIPPED))]
    assert rows == [row(style) for style in SHIPPED]


@pytest.mark.parametrize("style", SHIPPED, ids=lambda style: style.name)
def test_the_recipes_file_is_what_the_model_was_trained_by(style):
    options = read(styles.models_folder() / "recipes" / f"{style.name}.toml")
    for name, value in options.items():
        assert style.training[name] == (list(value) if isinstance(value, tuple) else value), name
