"""A folder of photos painted by many machines: a Ray Data pipeline whose workers each hold the model.

Jobs go out in blocks to a pool of actors, which read the photos, paint them and write the paintings; what comes back
are their outcomes. An actor that dies is restarted and its block is done again: a painting appears whole or not at all,
under a name that depends on the photo's alone, so nothing is lost or doubled.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from math import ceil
from typing import Any

import ray
from ray.data import ActorPoolStrategy, DataContext

from artlives import images, styles
from artlives.batch.paint import paint as paint_here
from artlives.batch.plan import Job, Outcome
from artlives.batch.remote import Folder
from artlives.errors import ArtlivesError
from artlives.images import Reading
from artlives.settings import Settings
from artlives.styles import Style

# Jobs that a worker gets at a time, all of which are done again if it dies.
BLOCK = 16
# Attempts at a block whose worker dies.
ATTEMPTS = 3


def paint(
    jobs: list[Job],
    photos: Folder,
    output: Folder,
    style: Style,
    quality: int,
    settings: Settings,
    device: str,
    reading: Reading = images.DEFAULT,
) -> Iterator[Outcome]:
    """Paint photos of one folder into another, and yield each outcome as soon as it is known.

    The work is done on the cluster that RAY_ADDRESS names, else on this machine. On every machine artlives must be
    installed and the folders must be in reach; the style's weights are sent along.

    Args:
        quality: of JPEG, WebP and AVIF, 1 to 100.
        settings, device: as `Stylizer` takes them.
        reading: as `images.load` takes it.

    Raises:
        ArtlivesError: if the cluster cannot be reached.
    """
    if not ray.is_initialized():
        try:
            ray.init(logging_level=logging.ERROR, log_to_driver=False)
        except (OSError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
            raise ArtlivesError(f"Ray cannot be used (RAY_ADDRESS, `ray status`): {reason}") from error
    arguments = (photos, output, _in_memory(style), quality, settings, device, reading)
    left = dict.fromkeys(jobs)
    # The second time in blocks of one job: a photo that kills workers must not fail the others in its block.
    for block in (BLOCK, 1):
        for outcome in _paint_in_blocks(list(left), block, arguments, gpu=device != "cpu"):
            if outcome.job in left:
                del left[outcome.job]
                yield outcome
        if not left:
            return
    for job in left:
        yield Outcome(job, f"{job.source}: the workers that painted it died, every time")


def _paint_in_blocks(jobs: list[Job], block: int, arguments: tuple[Any, ...], gpu: bool) -> Iterator[Outcome]:
    """The outcomes of jobs, without those of blocks whose workers died `ATTEMPTS` times."""
    context = DataContext.get_current()
    context.enable_progress_bars = False
    # -1: any number of blocks may fail without an exception.
    context.max_errored_blocks = -1
    resources = ray.cluster_resources()
    processors, gpus = int(resources.get("CPU", 1)), int(resources.get("GPU", 0)) if gpu else 0
    # A GPU is kept busy by all the processors there are for it; without GPUs, each processor paints by itself.
    workers = gpus or processors
    blocks = ceil(len(jobs) / block)
    rows = ray.data.from_items([job._asdict() for job in jobs], override_num_blocks=blocks)
    with warnings.catch_warnings():
        # Ray 2.64 drops `max_task_retries`.
        warnings.simplefilter("ignore")
        outcomes = rows.map_batches(
            Painter,
            fn_constructor_args=arguments,
            # None: a batch is a block.
            batch_size=None,
            compute=ActorPoolStrategy(
                size=min(workers, blocks),
                # A block that is queued at a worker that dies counts as an attempt.
                max_tasks_in_flight_per_actor=1 if block == 1 else None,
            ),
            num_cpus=max(1, processors // workers),
            num_gpus=1 if gpus else 0,
            max_task_retries=ATTEMPTS - 1,
        )
    for row in outcomes.iter_rows():
        job = Job(row["source"], row["target"])
        yield Outcome(job, row["error"] or None, tuple(row["notes"].splitlines()))


def _in_memory(style: Style) -> Style:
    """The style with its weights, which a machine that does not have its file can paint with."""
    if style.parts:
        return replace(style, parts=tuple((_in_memory(part), share) for part, share in style.parts))
    return replace(style, path=None, weights=styles.load_weights(style))


class Painter:
    """A worker: it holds the model, and paints blocks of jobs.

    Args:
        photos, output: where the jobs' sources and targets are.
        style: with its weights.
        quality: of JPEG, WebP and AVIF, 1 to 100.
        settings, device: as `Stylizer` takes them.
        reading: as `images.load` takes it.
    """

    def __init__(
        self,
        photos: Folder,
        output: Folder,
        style: Style,
        quality: int,
        settings: Settings,
        device: str,
        reading: Reading,
    ) -> None:
        from artlives.stylizer import Stylizer

        self.stylizer = Stylizer(style, settings, device=device)
        self.load, self.save = partial(photos.load, reading=reading), partial(output.save, quality=quality)

    def __call__(self, block: dict[str, Any]) -> dict[str, list[str]]:
        """The outcomes of a block of jobs, column by column; no error is ""."""
        pairs = zip(block["source"], block["target"], strict=True)
        jobs = [Job(str(source), str(target)) for source, target in pairs]
        outcomes = list(paint_here(self.stylizer, jobs, self.load, self.save))
        return {
            "source": [outcome.job.source for outcome in outcomes],
            "target": [outcome.job.target for outcome in outcomes],
            "error": [outcome.error or "" for outcome in outcomes],
            "notes": ["\n".join(outcome.notes) for outcome in outcomes],
        }
