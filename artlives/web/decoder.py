"""Pictures from others, decoded in processes that are ended, and replaced, when one costs too much; see `decoding`."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Timer

from artlives.errors import ArtlivesError
from artlives.images import Photo
from artlives.web.decoding import READY, Job, Limits, Refusal, receive
from artlives.web.problems import of_picture

# Processes at most, of some 60 MB each: while one works on a picture that takes its time, another serves the rest.
WORKERS = 2
# Seconds from a job to its answer, after which its process is ended: the only limit where the system has no other. They
# are more than the processor time that a picture may take, since paintings in work take the same processors.
DEADLINE = 20.0
# Seconds in which a process starts, on a slow disk.
START_SECONDS = 60.0
# Of Windows: a process that Ctrl-C in the terminal does not reach, as one of another session elsewhere.
NEW_PROCESS_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)

TOO_MUCH = Refusal(422, "the file takes too much time or memory to read: save it anew as JPEG or PNG first")


class Decoder:
    """Decodes pictures; use it within `open()`.

    Args:
        limits: what a picture may cost its process.
        deadline: seconds that it may take.
    """

    def __init__(self, limits: Limits | None = None, deadline: float = DEADLINE) -> None:
        self.limits = limits or Limits()
        self.deadline = deadline
        # One for each process: it waits for the answer.
        self._threads = ThreadPoolExecutor(WORKERS, "decode")
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []
        self._is_closed = False

    @contextmanager
    def open(self) -> Iterator[None]:
        """Have a process ready while the body runs; it starts meanwhile."""
        self._idle.append(self._started())
        try:
            yield
        finally:
            self._is_closed = True
            for worker in list(self._workers):
                worker.process.kill()
            # Threads that wait for one of them go on, and end.
            self._threads.shutdown(cancel_futures=True)
            for worker in list(self._workers):
                self._end(worker)

    async def decode(self, data: bytes, size: int, max_pixels: int) -> Photo:
        """The picture in a file's bytes, its longer side reduced to `size` pixels.

        Raises:
            Problem: it is no picture, is damaged, has more than `max_pixels`, or takes too much time or memory.
        """
        job = Job(data, size, max_pixels, self.limits)
        answer = await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, job)
        if isinstance(answer, Refusal):
            raise of_picture(ArtlivesError(answer.message), answer.status)
        if answer is None:
            raise RuntimeError("decoding a picture failed; the traceback of its process was printed before")
        return answer

    def _answer(self, job: Job) -> Photo | Refusal | None:
        worker = self._taken()
        try:
            answer = worker.answer(job, self.deadline)
        except (EOFError, OSError, pickle.UnpicklingError):
            self._end(worker)
            if not worker.is_ready:
                raise RuntimeError("the process that decodes pictures does not start; see above") from None
            worker = self._started()
            answer = TOO_MUCH
        self._idle.append(worker)
        return answer

    def _taken(self) -> Worker:
        """A worker that is idle and lives, or else a new one."""
        with suppress(IndexError):
            while True:
                worker = self._idle.pop()
                if worker.process.poll() is None:
                    return worker
                self._end(worker)
        return self._started()

    def _started(self) -> Worker:
        worker = Worker()
        self._workers.add(worker)
        # Set before those are ended that are in `_workers`.
        if self._is_closed:
            self._end(worker)
            raise RuntimeError("no picture is decoded any more")
        return worker

    def _end(self, worker: Worker) -> None:
        self._workers.discard(worker)
        worker.end()


class Worker:
    """A process that decodes one picture after the other; it ends when this one does.

    Attributes:
        process: the process.
        is_ready: it has said that it waits for jobs.
    """

    def __init__(self) -> None:
        self.is_ready = False
        # It finds the modules that this process finds.
        code = f"import sys; sys.path = {sys.path!r}; from artlives.web.decoding import serve; serve()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C in the terminal reaches this process alone, which finishes the running requests.
            start_new_session=True,
            creationflags=NEW_PROCESS_GROUP,
        )
        # As `PIPE` makes them.
        assert self.process.stdin
        assert self.process.stdout
        self._jobs, self._answers = self.process.stdin, self.process.stdout

    def answer(self, job: Job, deadline: float) -> Photo | Refusal | None:
        """The answer to a job, as `decoding.serve` gives it.

        Raises:
            EOFError, OSError, pickle.UnpicklingError: the process has ended, since it took longer or for other reasons.
        """
        if not self.is_ready:
            with self._ended_after(START_SECONDS):
                self.is_ready = receive(self._answers) == READY
        with self._ended_after(deadline):
            pickle.dump(job, self._jobs)
            self._jobs.flush()
            answer: Photo | Refusal | None = receive(self._answers)
            return answer

    @contextmanager
    def _ended_after(self, seconds: float) -> Iterator[None]:
        """End the process if the body takes longer."""
        timer = Timer(seconds, self.process.kill)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        # What was not sent yet cannot be sent any more.
        with suppress(OSError), self.process:
            pass
