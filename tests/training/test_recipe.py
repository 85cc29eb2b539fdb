import re

import pytest

from artlives.errors import ArtlivesError
from artlives.styles import models_folder
from artlives.training.choices import INITIALIZERS, OPTIMIZERS
from artlives.training.recipe import CHOICES, LEARNING_RATES, NONE, PRESET_OF, PRESETS, Recipe, read, recipe


def test_what_is_given_overrides_the_preset():
    assert recipe("quick").steps == PRESETS["quick"]["steps"]
    assert recipe("quick", steps=7, size=None) == recipe("quick", steps=7)
    assert recipe("best", steps=7).batch_size == PRESETS["best"]["batch_size"]


def test_longer_presets_take_more_steps():
    steps = [recipe(preset).steps for preset in ("quick", "standard", "best")]
    assert steps == sorted(steps)
    assert set(PRESET_OF.values()) == set(PRESETS)


def test_the_learning_rate_is_the_optimizers_own():
    assert recipe("best").learning_rate == LEARNING_RATES["adam"]
    # Lower, since it goes on from trained weights.
    assert recipe("quick").learning_rate < LEARNING_RATES["adam"]
    assert recipe("quick", optimizer="sgd").learning_rate == LEARNING_RATES["sgd"]
    assert recipe("quick", optimizer="sgd", learning_rate=0.5).learning_rate == 0.5


def test_every_choice_is_there_and_the_defaults_are_among_them():
    assert set(OPTIMIZERS) == set(CHOICES["optimizer"])
    assert set(INITIALIZERS) == set(CHOICES["init"])
    assert all(getattr(Recipe, field) in names for field, names in CHOICES.items())


def test_quick_starts_from_a_style_where_nothing_speaks_against_it():
    assert recipe("quick").start == PRESETS["quick"]["start"]
    assert recipe("quick", start="scream").start == "scream"
    assert recipe("quick", start="none").start == NONE
    assert recipe("quick", activation="swish").start == NONE
    assert recipe("quick", init="xavier").start == NONE
    assert recipe("quick", init="xavier", start="scream").start == "scream"
    assert recipe("best").start == NONE


def test_a_recipes_file_stands_between_the_preset_and_what_is_given(tmp_path):
    file = tmp_path / "dots.toml"
    file.write_text('steps = 7\ntone_weight = 2\nscale_weights = [1, 0.5]\nstart = "scream"\n')
    chosen = recipe("quick", read(file), steps=9)
    assert (chosen.steps, chosen.tone_weight, chosen.scale_weights) == (9, 2.0, (1.0, 0.5))
    assert (chosen.start, chosen.learning_rate) == ("scream", PRESETS["quick"]["learning_rate"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stepps = 3", "there is no 'stepps' in a recipe; there are steps, "),
        ("steps = 0", "steps must be a whole number >= 1, not 0"),
        ("steps = true", "steps must be a whole number"),
        ("size = 63", "size must be a whole number >= 64"),
        ("grain = 21", "grain must be a number within 0 and 20"),
        ("tone_weight = -1", "tone_weight must be a number"),
        ("tone_weight = nan", "tone_weight must be a number"),
        ('style_layers = ["conv6_1"]', "style_layers must be some of conv1_1, conv1_2"),
        ("style_layers = []", "style_layers must be some of conv1_1, conv1_2"),
        ("scale_weights = [1]", "scale_weights must be two or more numbers"),
        ('optimizer = "sdg"', "optimizer must be one of sgd, momentum"),
        ("steps = ", "is not a recipe in TOML"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_one_line_that_names_it(tmp_path, text, message):
    file = tmp_path / "dots.toml"
    file.write_text(text)
    with pytest.raises(ArtlivesError, match=re.escape(message)) as error:
        read(file)
    assert "dots.toml" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "file", sorted((models_folder() / "recipes").glob("*.toml")), ids=lambda file: file.stem
)
def test_the_shipped_recipes_can_be_used(file):
    assert recipe("quick", read(file)).steps > 0
