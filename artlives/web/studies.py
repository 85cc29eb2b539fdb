"""Paintings that visitors show: each is learnt in a process of its own, one at a time, and kept in memory alone.

A study can be painted with as soon as a part of it is learnt. It ends when nobody watches it any more.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import secrets
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Literal

import numpy as np

from artlives.errors import ArtlivesError, needs
from artlives.styles import Style
from artlives.training.recipe import STUDY
from artlives.web.problems import Problem

# Studies that are waiting or kept, at most; each holds a painting and a network, some 20 MB.
MOST = 16
# Pixels of the longer side that a painting is reduced to: more than any recipe looks at.
SIDE = 2048
# Seconds between two stages that can be painted with.
STAGE_SECONDS = 2.0
# Seconds without a listener, after which a study that is not learnt is given up.
PATIENCE = 15
# Seconds that a study may take, after which it is given up: a slow machine without bf16 takes two or three minutes.
SECONDS = 900
# Seconds in which nobody painted with a style, after which it is forgotten.
IDLE_SECONDS = 3600
# Seconds between two looks at what has changed in the process, or at who still listens.
TICK = 1.0
# Added to the niceness of the process: pictures that are painted meanwhile go first.
NICE = 5

State = Literal["waiting", "learning", "learnt", "failed"]


@dataclass(eq=False)
class Study:
    """A painting that is learnt.

    Attributes:
        name: a token that cannot be guessed, by which it is found.
        painting: the name of the painting's file.
        pixels: (H, W, 3) uint8.
        state, step, seconds_left, detail: how far it is; `detail` says why it failed.
        version: how many stages could be painted with so far.
        style: the latest of them, with its weights in memory; None before the first.
        listeners: streams of events that are open.
        used: when it was last listened to or painted with, in seconds of `time.monotonic`.
        changed: set, and replaced, whenever one of the others changes.
    """

    name: str
    painting: str
    pixels: np.ndarray
    state: State = "waiting"
    step: int = 0
    seconds_left: float | None = None
    detail: str = ""
    version: int = 0
    style: Style | None = None
    listeners: int = 0
    used: float = field(default_factory=time.monotonic)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it will change any more."""
        return self.state in ("learnt", "failed")

    def note(self, **changes: Any) -> None:
        """Change attributes, and wake those who wait for that."""
        for name, value in changes.items():
            setattr(self, name, value)
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    def is_deserted(self) -> bool:
        """Whether nobody has listened, or painted with it, for so long that it is given up."""
        patience = IDLE_SECONDS if self.state == "learnt" else PATIENCE
        return not self.listeners and time.monotonic() - self.used > patience


class Studies:
    """The studies of a service; use it within `open()`.

    Args:
        device: where they are learnt, as `Stylizer` takes it.
    """

    def __init__(self, device: str = "auto") -> None:
        self.device = device
        self._known: dict[str, Study] = {}
        self._started = asyncio.Event()
        # Waits for the process.
        self._reader = ThreadPoolExecutor(1, "study")

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Learn while the body runs."""
        work = asyncio.create_task(self._work())
        try:
            yield
        finally:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
            self._reader.shutdown(wait=False, cancel_futures=True)

    def start(self, pixels: np.ndarray, painting: str) -> Study:
        """A study of a painting (H, W, 3), which is learnt when those before it are.

        Raises:
            Problem: there are too many, or torch is missing.
        """
        try:
            needs("a painting as a style", "train", "torch")
        except ArtlivesError as error:
            raise Problem(501, f"{str(error)[0].upper()}{str(error)[1:]}.") from None
        if len(self._known) >= MOST:
            idle = [study for study in self._known.values() if study.is_over and not study.listeners]
            if not idle:
                raise Problem(
                    503, "Too many paintings are being learnt: try again later.", {"Retry-After": "30"}
                )
            self.remove(min(idle, key=lambda study: study.used).name)
        study = Study(f"study-{secrets.token_hex(16)}", painting, pixels)
        self._known[study.name] = study
        self._started.set()
        return study

    def find(self, name: str) -> Study | None:
        """The study of that name, which counts as used now; None if there is none."""
        study = self._known.get(name)
        if study:
            study.used = time.monotonic()
        return study

    def place(self, study: Study) -> int:
        """How many studies are learnt before this one."""
        if study.is_over:
            return 0
        ahead = [other for other in self._known.values() if not other.is_over]
        return ahead.index(study) if study in ahead else 0

    def remove(self, name: str) -> None:
        """Forget a study; one that is being learnt is stopped."""
        study = self._known.pop(name, None)
        if study and not study.is_over:
            study.note(state="failed", detail="It was cancelled.")

    async def _work(self) -> None:
        while True:
            self._forget_deserted()
            waiting = [study for study in self._known.values() if study.state == "waiting"]
            if waiting:
                await self._learn(waiting[0])
                continue
            self._started.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._started.wait(), TICK)

    def _forget_deserted(self) -> None:
        for study in list(self._known.values()):
            if study.is_deserted():
                self.remove(study.name)

    async def _learn(self, study: Study) -> None:
        """Learn a painting in a process, and note what it tells, until it is over."""
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_study, args=(there, study.pixels, self.device), daemon=True)
        study.note(state="learning")
        began, loop = time.monotonic(), asyncio.get_running_loop()
        message = None
        try:
            await loop.run_in_executor(None, process.start)
            there.close()
            message = loop.run_in_executor(self._reader, here.recv)
            while not study.is_over:
                await asyncio.wait({message}, timeout=TICK)
                self._forget_deserted()
                if time.monotonic() - began > SECONDS:
                    study.note(state="failed", detail="It took too long.")
                elif message.done() and not study.is_over:
                    self._note(study, message.result())
                    message = loop.run_in_executor(self._reader, here.recv)
        except (EOFError, OSError):
            study.note(state="failed", detail="The painting could not be learnt; the terminal may say why.")
        finally:
            if process.pid:
                process.kill()
            # The one who reads is given the end of the pipe.
            if message:
                with suppress(Exception):
                    await message
            here.close()

    def _note(self, study: Study, message: tuple[str, Any]) -> None:
        kind, value = message
        if kind == "failed":
            study.note(state="failed", detail=value)
        elif kind == "step":
            step, seconds_left = value
            study.note(step=step, seconds_left=seconds_left)
        else:
            step, weights, training = value
            style = Style(
                name=study.name,
                path=None,
                painting=study.painting,
                painter="",
                year="",
                licence="",
                layers=STUDY.layers,
                training={**training, "step": step},
                measured={},
                weights={name: array.astype(np.float32) for name, array in weights.items()},
            )
            state = "learnt" if step == STUDY.steps else "learning"
            study.note(style=style, version=study.version + 1, state=state)


def _study(connection: Connection, painting: np.ndarray, device: str) -> None:
    """Learn a painting, and tell each step and every few seconds the weights: what the process does."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    # Threads of torch that wait must not keep the processors from those who paint. Read when torch is imported.
    os.environ["OMP_WAIT_POLICY"] = "passive"
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
