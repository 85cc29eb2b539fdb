"""Work that visitors start and follow: done in a process of its own, one at a time, and kept in memory alone.

It ends when nobody follows it any more.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from artlives.errors import ArtlivesError, needs
from artlives.web.problems import Problem

# Seconds between two lines of a stream in which nothing happens: proxies close what is silent for a minute.
HEARTBEAT = 15
# Added to the niceness of a process: pictures that are painted meanwhile go first.
NICE = 5


@dataclass(frozen=True)
class Limits:
    """What visitors may ask of a service.

    Attributes:
        most: tasks that are waiting or kept, at most.
        seconds: that a task may take, after which it is given up.
        patience: seconds without a listener, after which a task that is not done is given up.
        idle_seconds: in which nobody used what was done, after which it is forgotten.
        tick: seconds between two looks at what has changed in the process, or at who still listens.
    """

    most: int
    seconds: float
    patience: float = 15
    idle_seconds: float = 3600
    tick: float = 1.0


@dataclass(eq=False, kw_only=True)
class Task:
    """What a visitor started.

    Attributes:
        WORKING, DONE: what its states are called while its process works, and when it is done.
        name: a token that cannot be guessed, by which it is found.
        state: "waiting", `WORKING`, `DONE` or "failed".
        detail: why it failed, as a sentence.
        listeners: streams of events that are open.
        used: when it was last listened to or used, in seconds of `time.monotonic`.
        changed: set, and replaced, whenever one of the others changes.
    """

    WORKING: ClassVar[str]
    DONE: ClassVar[str]

    name: str
    state: str = "waiting"
    detail: str = ""
    listeners: int = 0
    used: float = field(default_factory=time.monotonic)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it will change any more."""
        return self.state in (self.DONE, "failed")

    def note(self, **changes: Any) -> None:
        """Change attributes, and wake those who wait for that."""
        for name, value in changes.items():
            setattr(self, name, value)
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    @abstractmethod
    def progress(self) -> dict[str, object]:
        """What listeners are told of it in its state, besides "waiting" and "failed"."""


AnyTask = TypeVar("AnyTask", bound=Task)


class Tasks(ABC, Generic[AnyTask]):
    """The tasks of one kind of a service; use it within `open()`.

    Attributes:
        limits: what visitors may ask.
        NEEDS: as `errors.needs` takes it.
        FULL, DIED, UNKNOWN: the sentences for one task too many, for a process that ended without a word, and for a
            name that no task has.
    """

    limits: Limits
    NEEDS: ClassVar[tuple[str, ...]]
    FULL: ClassVar[str]
    DIED: ClassVar[str]
    UNKNOWN: ClassVar[str]

    def __init__(self) -> None:
        self._known: dict[str, AnyTask] = {}
        self._started = asyncio.Event()
        # Waits for the process.
        self._reader = ThreadPoolExecutor(1, "tasks")

    @abstractmethod
    def process(self, task: AnyTask) -> tuple[Callable[..., None], tuple[Any, ...]]:
        """A function that a process calls with a connection and these arguments.

        It sends pairs: of a kind of message and its value. "failed" has a sentence.
        """

    @abstractmethod
    def take(self, task: AnyTask, kind: str, value: Any) -> None:
        """Note what the process sent."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Work while the body runs."""
        work = asyncio.create_task(self._work())
        try:
            yield
        finally:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
            self._reader.shutdown(wait=False, cancel_futures=True)

    def check(self) -> None:
        """Raise a Problem if a package is missing."""
        try:
            needs(*self.NEEDS)
        except ArtlivesError as error:
            raise Problem(501, f"{str(error)[0].upper()}{str(error)[1:]}.") from None

    def add(self, task: AnyTask) -> AnyTask:
        """Do a task when those before it are done.

        Raises:
            Problem: there are too many, or a package is missing.
        """
        self.check()
        if len(self._known) >= self.limits.most:
            idle = [other for other in self._known.values() if other.is_over and not other.listeners]
            if not idle:
                raise Problem(503, self.FULL, {"Retry-After": "30"})
            self.remove(min(idle, key=lambda other: other.used).name)
        self._known[task.name] = task
        self._started.set()
        return task

    def find(self, name: str) -> AnyTask | None:
        """The task of that name, which counts as used now; None if there is none."""
        task = self._known.get(name)
        if task:
            task.used = time.monotonic()
        return task

    def found(self, name: str) -> AnyTask:
        """The task of that name.

        Raises:
            Problem: there is none.
        """
        task = self.find(name)
        if task is None:
            raise Problem(404, self.UNKNOWN)
        return task

    def place(self, task: AnyTask) -> int:
        """How many tasks are done before this one."""
        if task.is_over:
            return 0
        ahead = [other for other in self._known.values() if not other.is_over]
        return ahead.index(task) if task in ahead else 0

    def remove(self, name: str) -> None:
        """Forget a task; one that is in work is stopped."""
        task = self._known.pop(name, None)
        if task and not task.is_over:
            task.note(state="failed", detail="It was cancelled.")

    async def events(self, task: AnyTask) -> AsyncIterator[str]:
        """Server-sent events: its state whenever that changes, until it is over."""
        task.listeners += 1
        last = ""
        try:
            while True:
                # It may be over by the time that the event is sent, with another one to send.
                changed, is_over = task.changed, task.is_over
                event = self._event(task)
                if event != last:
                    last = event
                    yield event
                if is_over:
                    return
                # The place of one that waits depends on others.
                patience = HEARTBEAT if task.state == task.WORKING else 1
                try:
                    await asyncio.wait_for(changed.wait(), patience)
                except asyncio.TimeoutError:
                    yield ": \n\n"
        finally:
            task.listeners -= 1
            self.find(task.name)

    def _event(self, task: AnyTask) -> str:
        data: dict[str, object]
        if task.state == "waiting":
            data = {"place": self.place(task)}
        elif task.state == "failed":
            data = {"detail": task.detail}
        else:
            data = task.progress()
        return f"event: {task.state}\ndata: {json.dumps(data)}\n\n"

    async def _work(self) -> None:
        while True:
            self._forget_deserted()
            waiting = [task for task in self._known.values() if task.state == "waiting"]
            if waiting:
                await self._do(waiting[0])
                continue
            self._started.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._started.wait(), self.limits.tick)

    def _forget_deserted(self) -> None:
        now = time.monotonic()
        for task in list(self._known.values()):
            patience = self.limits.idle_seconds if task.state == task.DONE else self.limits.patience
            if not task.listeners and now - task.used > patience:
                self.remove(task.name)

    async def _do(self, task: AnyTask) -> None:
        """Do a task in a process, and note what it tells, until it is over."""
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe(duplex=False)
        function, arguments = self.process(task)
        process = context.Process(target=function, args=(there, *arguments), daemon=True)
        task.note(state=task.WORKING)
        began, loop = time.monotonic(), asyncio.get_running_loop()
        message = None
        try:
            await loop.run_in_executor(None, process.start)
            there.close()
            message = loop.run_in_executor(self._reader, here.recv)
            while not task.is_over:
                await asyncio.wait({message}, timeout=self.limits.tick)
                self._forget_deserted()
                if time.monotonic() - began > self.limits.seconds:
                    task.note(state="failed", detail="It took too long.")
                elif message.done() and not task.is_over:
                    kind, value = message.result()
                    if kind == "failed":
                        task.note(state="failed", detail=value)
                    else:
                        self.take(task, kind, value)
                    message = loop.run_in_executor(self._reader, here.recv)
        except (EOFError, OSError):
            task.note(state="failed", detail=self.DIED)
        finally:
            if process.pid:
                process.kill()
            # The one who reads is given the end of the pipe.
            if message:
                with suppress(Exception):
                    await message
            here.close()


def give_way() -> None:
    """Let others go first: what a task's process does first."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    # Threads of torch that wait must not keep the processors from those who paint. Read when torch is imported.
    os.environ["OMP_WAIT_POLICY"] = "passive"
