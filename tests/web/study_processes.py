"""What a study's process may do instead of learning; each process imports this module, which is light for that."""

import time

import numpy as np

from artlives import plan
from artlives.training.recipe import STUDY, Recipe
from artlives.web import studies

STEPS = (10, 60, STUDY.steps)


def weights_after(step):
    """Weights of fp16 as a study has them after a step, others after each."""
    rng = np.random.default_rng(step)
    shapes = {name: shape for step in plan.lower(STUDY.layers) for name, shape in plan.shapes(step).items()}
    return {name: rng.normal(0, 0.05, shape).astype(np.float16) for name, shape in shapes.items()}


def three_stages(connection, painting, device):
    """What a study's process does, without learning anything."""
    for step in STEPS:
        connection.send(("step", (step, 1.5)))
        connection.send(("stage", (step, weights_after(step), {"grain": 5.0, "start": "mean"})))


def one_stage(connection, painting, device):
    connection.send(("stage", (STEPS[0], weights_after(STEPS[0]), {"grain": 5.0, "start": "mean"})))
    time.sleep(200)


def slow_stages(connection, painting, device):
    """Three stages, each to be seen: mixes of two shipped styles, and then the second of them."""
    from artlives import styles

    first, last = (styles.load_weights(styles.find(name)) for name in ("scream", "rain-princess"))
    for i, step in enumerate(STEPS):
        connection.send(("step", (step, 2.0 * (len(STEPS) - i))))
        share = i / (len(STEPS) - 1)
        weights = {key: ((1 - share) * first[key] + share * last[key]).astype(np.float16) for key in first}
        connection.send(("stage", (step, weights, {"grain": 5.0, "start": "mean"})))
        if step < STEPS[-1]:
            time.sleep(2)


def failing(connection, painting, device):
    connection.send(("failed", "It cannot be learnt."))


def dying(connection, painting, device):
    raise SystemExit(1)


# Of the real thing: a few small steps, which take seconds.
QUICK = Recipe(steps=24, size=64, batch_size=1, style_size=128, steadiness_weight=0.0, start="mean")


def quick(connection, painting, device):
    """The real thing, by the recipe `QUICK`, with a stage every second."""
    from artlives.training import study as training

    for module in (training, studies):
        module.STUDY = QUICK
    studies.STAGE_SECONDS = 1.0
    study(connection, painting, device)


study = studies._study
