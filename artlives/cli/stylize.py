"""`artlives stylize`: repaint photos."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click
from tqdm import tqdm

from artlives import studies, styles
from artlives.batch import local
from artlives.batch.paint import Load, paint, read
from artlives.batch.plan import STREAM, Job, Outcome, Plan, jobs_in, plan
from artlives.cli.engine import tell_engine
from artlives.cli.options import (
    brush_option,
    device_option,
    keep_colors_option,
    memory_option,
    precision_option,
    quality_option,
    size_option,
    strength_option,
    style_option,
    with_options,
)
from artlives.cli.study import learnt
from artlives.errors import ArtlivesError, needs
from artlives.files import is_folder
from artlives.images import Reading
from artlives.settings import Settings

if TYPE_CHECKING:
    from artlives.images import Photo
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
    size_option,
    brush_option,
    strength_option,
    keep_colors_option,
    device_option,
    precision_option,
    memory_option,
    quality_option,
    click.option(
        "--keep-profile",
        is_flag=True,
        help="Write the painting in the colours of the photo's profile, such as Display P3, instead of sRGB.",
    ),
    click.option(
        "--strict",
        is_flag=True,
        help="Refuse JPEG files that lack their last bytes, instead of painting the rest.",
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
    precision: str,
    memory: int | None,
    quality: int,
    keep_profile: bool,
    strict: bool,
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
    if "" in photos:
        raise click.BadParameter("a photo without a name", param_hint="PHOTO...")
    if report and report.suffix != ".jsonl":
        raise click.BadParameter(f"{report} does not end in .jsonl", param_hint="--report")
    found = studies.find(style)
    settings = Settings(
        size=size,
        brush=brush,
        strength=strength,
        keep_colors=keep_colors,
        memory=memory,
        precision=precision,
    )
    reading = Reading(strict, keep_profile)
    several = engine == "ray" or len(photos) > 1 or any(is_folder(photo) for photo in photos)
    if engine == "ray":
        planned, outcomes = _on_ray(photos, output, found, overwrite, quality, settings, device, reading)
    else:
        planned, outcomes = _here(
            photos, output, found, several, overwrite, quality, settings, device, reading
        )
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
    reading: Reading,
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
    return planned, ray.paint(planned.jobs, source, target, style, quality, settings, device, reading)


def _here(
    photos: tuple[str, ...],
    output: str | None,
    style: styles.Style,
    several: bool,
    overwrite: bool,
    quality: int,
    settings: Settings,
    device: str,
    reading: Reading,
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
        tell_engine(stylizer.engine, stylizer.precision, stylizer.reasons)
        load, save = partial(here.load, reading=reading), partial(here.save, quality=quality)
        if several:
            yield from paint(stylizer, planned.jobs, load, save)
            local.clean_folders(planned.jobs)
        else:
            yield _paint_one(stylizer, planned.jobs[0], load, save)

    return planned, outcomes() if planned.jobs else iter(())


def _output_folder(output: str | None, several: bool) -> local.Folder | None:
    """The folder that `output` names, if it names one."""
    if output is None or output == STREAM:
        return None
    names_one = several or output.endswith(("/", os.sep)) or is_folder(output)
    return local.Folder(output) if names_one else None


def _paint_one(stylizer: Stylizer, job: Job, load: Load, save: Callable[[Photo, str], None]) -> Outcome:
    """One photo, under a progress bar if it takes long."""
    try:
        photo = read(job, load, stylizer.settings.size)
        try:
            layout = "{percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
            with tqdm(total=1.0, delay=2, bar_format=layout, leave=False, disable=None) as bar:
                painting = stylizer(photo, lambda done: bar.update(done - bar.n))
        except ArtlivesError as error:
            raise ArtlivesError(f"{job.photo}: {error}") from error
        save(painting, job.target)
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
