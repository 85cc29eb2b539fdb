"""Paintings that visitors show: each is learnt in a process of its own, one at a time, and kept in memory alone.

A study can be painted with as soon as a part of it is learnt. It ends when nobody watches it any more.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from artlives.errors import ArtlivesError
from artlives.styles import Style
from artlives.training.recipe import STUDY
from artlives.web.tasks import Limits, Task, Tasks, give_way

# Pixels of the longer side that a painting is reduced to: more than any recipe looks at.
SIDE = 2048
# Seconds between two stages that can be painted with.
STAGE_SECONDS = 2.0


@dataclass(eq=False, kw_only=True)
class Study(Task):
    """A painting that is learnt.

    Attributes:
        painting: the name of the painting's file.
        pixels: (H, W, 3) uint8.
        step, seconds_left: how far it is.
        version: how many stages could be painted with so far.
        style: the latest of them, with its weights in memory; None before the first.
    """

    WORKING = "learning"
    DONE = "learnt"

    painting: str
    pixels: np.ndarray
    step: int = 0
    seconds_left: float | None = None
    version: int = 0
    style: Style | None = None

    def progress(self) -> dict[str, object]:
        """See `Task`."""
        if self.state == self.DONE:
            return {"version": self.version}
        return {
            "step": self.step,
            "steps": STUDY.steps,
            "seconds_left": self.seconds_left and round(self.seconds_left, 1),
            "version": self.version,
        }


class Studies(Tasks[Study]):
    """The studies of a service; use it within `open()`.

    Args:
        device: where they are learnt, as `Stylizer` takes it.
    """

    # Each study holds a painting and a network, some 20 MB. A slow machine without bf16 takes two or three minutes.
    limits = Limits(most=16, seconds=900)
    NEEDS = "a painting as a style", "train", "torch"
    FULL = "Too many paintings are being learnt: try again later."
    DIED = "The painting could not be learnt; the terminal may say why."
    UNKNOWN = "There is no such painting; it may have been forgotten."

    def __init__(self, device: str = "auto") -> None:
        super().__init__()
        self.device = device

    def start(self, pixels: np.ndarray, painting: str) -> Study:
        """A study of a painting (H, W, 3), which is learnt when those before it are.

        Raises:
            Problem: there are too many, or torch is missing.
        """
        return self.add(Study(name=f"study-{secrets.token_hex(16)}", painting=painting, pixels=pixels))

    def process(self, task: Study) -> tuple[Callable[..., None], tuple[Any, ...]]:
        """See `Tasks`."""
        return _study, (task.pixels, self.device)

    def take(self, task: Study, kind: str, value: Any) -> None:
        """See `Tasks`."""
        if kind == "step":
            step, seconds_left = value
            task.note(step=step, seconds_left=seconds_left)
            return
        step, weights, training = value
        style = Style(
            name=task.name,
            path=None,
            painting=task.painting,
            painter="",
            year="",
            licence="",
            layers=STUDY.layers,
            training={**training, "step": step},
            measured={},
            weights={name: array.astype(np.float32) for name, array in weights.items()},
        )
        state = task.DONE if step == STUDY.steps else task.WORKING
        task.note(style=style, version=task.version + 1, state=state)


def _study(connection: Connection, painting: np.ndarray, device: str) -> None:
    """Learn a painting, and tell each step and every few seconds the weights: what the process does."""
    give_way()
    from artlives.training import Interrupted
    from artlives.training.study import Study as Training

    began = told = 0.0

    def tell(step: int) -> None:
        nonlocal told
        now = time.monotonic()
        left = (now - began) / step * (STUDY.steps - step)
        connection.send(("step", (step, left)))
        if step < STUDY.steps and now - told >= STAGE_SECONDS:
            told = now
            send_stage(step)

    def send_stage(step: int) -> None:
        halves = {name: array.astype(np.float16) for name, array in training.weights().items()}
        connection.send(("stage", (step, halves, training.card())))

    try:
        training = Training(painting, device=device)
        began = told = time.monotonic()
        training.run(tell)
        send_stage(STUDY.steps)
    except (BrokenPipeError, Interrupted):
        # The service ends, or has ended.
        pass
    except ArtlivesError as error:
        connection.send(("failed", f"{error}."))
