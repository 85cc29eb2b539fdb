from artlives.training.choices import INITIALIZERS, OPTIMIZERS
from artlives.training.recipe import CHOICES, LEARNING_RATES, PRESET_OF, PRESETS, Recipe, recipe


def test_what_is_given_overrides_the_preset():
    assert recipe("quick").steps == PRESETS["quick"]["steps"]
    assert recipe("quick", steps=7, size=None) == recipe("quick", steps=7)
    assert recipe("best", steps=7).batch_size == PRESETS["best"]["batch_size"]


def test_longer_presets_take_more_steps():
    steps = [recipe(preset).steps for preset in ("quick", "standard", "best")]
    assert steps == sorted(steps)
    assert set(PRESET_OF.values()) == set(PRESETS)


def test_the_learning_rate_is_the_optimizers_own():
    assert recipe("quick").learning_rate == LEARNING_RATES["adam"]
    assert recipe("quick", optimizer="sgd").learning_rate == LEARNING_RATES["sgd"]
    assert recipe("quick", optimizer="sgd", learning_rate=0.5).learning_rate == 0.5


def test_every_choice_is_there_and_the_defaults_are_among_them():
    assert set(OPTIMIZERS) == set(CHOICES["optimizer"])
    assert set(INITIALIZERS) == set(CHOICES["init"])
    assert all(getattr(Recipe, field) in names for field, names in CHOICES.items())


def test_quick_starts_from_a_style_where_nothing_speaks_against_it():
    assert recipe("quick").start == PRESETS["quick"]["start"]
    assert recipe("quick", start="scream").start == "scream"
    assert recipe("quick", start="none").start is None
    assert recipe("quick", activation="swish").start is None
    assert recipe("quick", init="xavier").start is None
    assert recipe("quick", init="xavier", start="scream").start == "scream"
    assert recipe("best").start is None
