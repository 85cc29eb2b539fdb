"""What commands say of many photos: each painting, what failed, and a summary."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import chain
from pathlib import Path
from typing import IO

import click
from tqdm import tqdm

from artlives.batch.plan import STREAM, Outcome, Plan
from artlives.errors import ArtlivesError


def tell_outcomes(
    planned: Plan, outcomes: Iterator[Outcome], *, several: bool, watching: bool, report: Path | None
) -> tuple[list[str], int]:
    """Print each outcome as soon as it is known; return the paintings' files and how many jobs failed.

    Args:
        several: of one photo there is no summary.
        watching: the outcomes have no end but Ctrl-C.
        report: the file that what failed is listed in, a line of JSON each.

    Raises:
        ArtlivesError: the report cannot be written.
    """
    painted, failed = [], 0
    ends: AbstractContextManager[object] = suppress(KeyboardInterrupt) if watching else nullcontext()
    with _opened(report) as failures, ends:
        # None: where there is a terminal.
        hidden = None if several and not watching else True
        progress = tqdm(outcomes, total=len(planned.jobs), unit="photo", disable=hidden)
        for outcome in chain(planned.failed, progress):
            for note in outcome.notes:
                _tell(note)
            if outcome.error:
                failed += 1
                _fail(outcome, failures)
                continue
            painted.append(outcome.job.target)
            if outcome.job.target != STREAM:
                tqdm.write(click.format_filename(outcome.job.target))
    if several:
        there = f"{planned.there} there already, " if planned.there else ""
        noun = "painting" if planned.paintings == 1 else "paintings"
        paintings = f"{planned.paintings} {noun} passed over, " if planned.paintings else ""
        click.echo(f"{len(painted)} painted, {there}{paintings}{failed} failed", err=True)
    return painted, failed


def _opened(report: Path | None) -> AbstractContextManager[IO[bytes] | None]:
    if report is None:
        return nullcontext()
    try:
        # Without a buffer, a run that is killed leaves what it knew.
        return report.open("wb", buffering=0)
    except OSError as error:
        raise ArtlivesError(f"{report} cannot be written: {error.strerror or error}") from error


def _fail(outcome: Outcome, report: IO[bytes] | None) -> None:
    _tell(outcome.error or "")
    if report:
        line = {**outcome.job._asdict(), "status": "failed", "error": outcome.error}
        try:
            report.write(json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise ArtlivesError(f"{report.name} cannot be written: {error.strerror or error}") from error


def _tell(message: str) -> None:
    tqdm.write(f"artlives: {message}", file=sys.stderr)
