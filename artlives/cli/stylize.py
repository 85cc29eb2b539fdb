"""`artlives stylize`: repaint photos."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import chain
from math import isnan
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click
from tqdm import tqdm

from artlives import studies, styles
from artlives.batch import local
from artlives.batch.paint import paint
from artlives.batch.plan import STREAM, Job, Outcome, Plan, jobs_in, plan
from artlives.cli.engine import tell_engine
from artlives.cli.options import Bytes, brush_option, device_option, style_option, with_options
from artlives.cli.study import learnt
from artlives.errors import ArtlivesError, needs
from artlives.files import is_folder
from artlives.settings import Settings

if TYPE_CHECKING:
    from artlives.stylizer import Stylizer


_options = with_options(
    click.argument("photos", metavar="PHOTO...", nargs=-1, required=True),
    style_option,
    click.option(
        "-o",
        "--output",
        metavar="FILE|DIR",
        help="Write to this file, into this folder (made if it ends in /), or with - to standard output. "
        "[default: PHOTO-NAME.jpg beside the photo]",
    ),
    click.option(
        "--overwrite", is_flag=True, help="Replace files that are there already; never a photo itself."
    ),
    click.option(
        "--size",
        metavar="PIXELS",
        type=click.IntRange(min=16),
        help="Reduce the longer side to this first: the picture comes out at that size. [default: the photo's own]",
    ),
    brush_option,
    click.option(
        "--strength",
        type=click.FloatRange(0, 1),
        default=1.0,
        show_default=True,
        help="Blend: 0 is the photo, 1 the painting.",
    ),
    click.option(
        "--keep-colors", is_flag=True, help="Keep the photo's colours, take the painting's luminance."
    ),
    device_option,
    click.option(
        "--memory",
        metavar="SIZE",
        type=Bytes(),
        help="What the network may use on the CPU, such as 1GB: a picture that needs more is painted in strips. "
        "[default: what is free, within reason]",
    ),
    click.option(
        "--quality",
        type=click.IntRange(1, 100),
        default=92,
        show_default=True,
        help="Of JPEG and WebP files.",
    ),
    click.option(
        "--report",
        metavar="FILE.jsonl",
        type=click.Path(path_type=Path, dir_okay=False),
        help="List what failed in this file: a line of JSON each, with source, target, status and error.",
    ),
    click.option(
        "--engine",
        type=click.Choice(["local", "ray"]),
        default="local",
        show_default=True,
        help="With ray, paint one folder into another (-o), both of them paths or URIs (s3://...), on the cluster that "
        "RAY_ADDRESS names, else here: pip install 'artlives[ray]'.",
    ),
)


@click.command()
@_options
@click.pass_context
def stylize(
    ctx: click.Context,
    photos: tuple[str, ...],
    style: str,
    output: str | None,
    overwrite: bool,
    size: int | None,
    brush: str,
    strength: float,
    keep_colors: bool,
    device: str,
    memory: int | None,
    quality: int,
    report: Path | None,
    engine: str,
) -> None:
    """Repaint photos in a style.

    A PHOTO is a picture file, a folder, or - for standard input, which is written to standard output.

    A folder stands for the pictures in it and in its subfolders, without hidden ones and those painted before; with
    -o DIR, the paintings lie in DIR as the photos do in the folder. Of a folder or several photos, those whose
    paintings are there already are passed over: the same command goes on where it was stopped. One that fails does not
    keep the others from being painted.

    \b
    artlives stylize photo.jpg --style wave
    artlives stylize holiday/ --style wave -o painted/ --size 1024
    artlives stylize - --style wave < in.jpg > out.jpg
    artlives stylize photo.jpg --style sunflowers.jpg
    artlives stylize photo.jpg --style wave:0.6,udnie:0.4
    """
    if isnan(strength):
        raise click.BadParameter("must be a number within 0 and 1", param_hint="--strength")
    if "" in photos:
        raise click.BadParameter("a photo without a name", param_hint="PHOTO...")
    if report and report.suffix != ".jsonl":
        raise click.BadParameter(f"{report} does not end in .jsonl", param_hint="--report")
    found = studies.find(style)
    settings = Settings(size=size, brush=brush, strength=strength, keep_colors=keep_colors, memory=memory)
    several = engine == "ray" or len(photos) > 1 or any(is_folder(photo) for photo in photos)
    if engine == "ray":
        planned, outcomes = _on_ray(photos, output, found, overwrite, quality, settings, device)
    else:
        planned, outcomes = _here(photos, output, found, several, overwrite, quality, settings, device)
    if _tell_outcomes(planned, outcomes, several, report):
        ctx.exit(1)


def _on_ray(
    photos: tuple[str, ...],
    output: str | None,
    style: styles.Style,
    overwrite: bool,
    quality: int,
    settings: Settings,
    device: str,
) -> tuple[Plan, Iterator[Outcome]]:
    if len(photos) != 1 or output is None or STREAM in (*photos, output):
        raise click.UsageError("--engine ray paints one folder into another: give one folder and -o DIR")
    # Ray reads it when it is imported.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    needs("--engine ray", "ray", "ray", "pyarrow", "fsspec")
    from artlives.batch import ray, remote

    # Ray tells much that is of no use here, errors with their tracebacks among it: what failed is in the outcomes.
    logging.disable(logging.ERROR)
    source, target = remote.Folder(photos[0]), remote.Folder(output)
    planned = plan(jobs_in(source, style, target), source, target, overwrite=overwrite)
    style = learnt(style, (), device)
    return planned, ray.paint(planned.jobs, source, target, style, quality, settings, device)


def _here(
    photos: tuple[str, ...],
    output: str | None,
    style: styles.Style,
    several: bool,
    overwrite: bool,
    quality: int,
    settings: Settings,
    device: str,
) -> tuple[Plan, Iterator[Outcome]]:
    if several and STREAM in (*photos, output):
        raise click.UsageError("- stands for one photo: give no folder and no other photo beside it")
    folder = _output_folder(output, several)
    if folder and STREAM in photos:
        raise click.UsageError("a picture from standard input needs a name: give -o FILE")
    jobs = local.jobs_of(photos, style, output, folder)
    if folder:
        local.make_folders(jobs)
    here = local.Folder()
    planned = plan(jobs, here, here, overwrite=overwrite, resume=several)

    def outcomes() -> Iterator[Outcome]:
        from artlives.stylizer import Stylizer

        known = learnt(style, [job.source for job in planned.jobs if job.source != STREAM], device)
        stylizer = Stylizer(known, settings, device=device)
        tell_engine(stylizer.engine, stylizer.reasons)
        if several:
            yield from paint(stylizer, planned.jobs, here.load, partial(here.save, quality=quality))
            local.clean_folders(planned.jobs)
        else:
            yield _paint_one(stylizer, planned.jobs[0], here, quality)

    return planned, outcomes() if planned.jobs else iter(())


def _output_folder(output: str | None, several: bool) -> local.Folder | None:
    """The folder that `output` names, if it names one."""
    if output is None or output == STREAM:
        return None
    names_one = several or output.endswith(("/", os.sep)) or is_folder(output)
    return local.Folder(output) if names_one else None


def _paint_one(stylizer: Stylizer, job: Job, folder: local.Folder, quality: int) -> Outcome:
    """One photo, under a progress bar if it takes long."""
    try:
        photo = folder.load(job.source)
        try:
            layout = "{percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
            with tqdm(total=1.0, delay=2, bar_format=layout, leave=False, disable=None) as bar:
                painting = stylizer(photo, lambda done: bar.update(done - bar.n))
        except ArtlivesError as error:
            raise ArtlivesError(f"{job.photo}: {error}") from error
        folder.save(painting, job.target, quality)
        return Outcome(job, notes=photo.notes)
    except ArtlivesError as error:
        return Outcome(job, str(error))


def _tell_outcomes(planned: Plan, outcomes: Iterator[Outcome], several: bool, report: Path | None) -> int:
    """Print each outcome as soon as it is known, and return how many jobs failed."""
    painted = failed = 0
    with _opened(report) as failures:
        progress = tqdm(outcomes, total=len(planned.jobs), unit="photo", disable=None if several else True)
        for outcome in chain(planned.failed, progress):
            for note in outcome.notes:
                _tell(note)
            if outcome.error:
                failed += 1
                _fail(outcome, failures)
                continue
            painted += 1
            if outcome.job.target != STREAM:
                tqdm.write(click.format_filename(outcome.job.target))
    if several:
        passed_over = f"{planned.there} there already, " if planned.there else ""
        click.echo(f"{painted} painted, {passed_over}{failed} failed", err=True)
    return failed


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
