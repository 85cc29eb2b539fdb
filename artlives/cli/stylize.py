"""`artlives stylize`: repaint photos."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import chain
from math import isnan
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click
from tqdm import tqdm

from artlives import folders, images, styles
from artlives.cli.engine import tell_engine
from artlives.cli.options import Bytes, brush_option, device_option, style_option
from artlives.cli.outputs import check_target, identity, is_folder
from artlives.errors import ArtlivesError, needs
from artlives.files import sweep
from artlives.folders import Job, Outcome, Plan
from artlives.settings import Settings

if TYPE_CHECKING:
    from artlives.stylizer import Stylizer

STREAM = "-"  # as a photo standard input, as an output standard output


@click.command()
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True)
@style_option
@click.option(
    "-o",
    "--output",
    metavar="FILE|DIR",
    help="Write to this file, into this folder (made if it ends in /), or with - to standard output. "
    "[default: PHOTO-NAME.jpg beside the photo]",
)
@click.option("--overwrite", is_flag=True, help="Replace files that are there already; never a photo itself.")
@click.option(
    "--size",
    metavar="PIXELS",
    type=click.IntRange(min=16),
    help="Reduce the longer side to this first: the picture comes out at that size. [default: the photo's own]",
)
@brush_option
@click.option(
    "--strength",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="Blend: 0 is the photo, 1 the painting.",
)
@click.option("--keep-colors", is_flag=True, help="Keep the photo's colours, take the painting's luminance.")
@device_option
@click.option(
    "--memory",
    metavar="SIZE",
    type=Bytes(),
    help="What the network may use on the CPU, such as 1GB: a picture that needs more is painted in strips. "
    "[default: what is free, within reason]",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=92,
    show_default=True,
    help="Of JPEG and WebP files.",
)
@click.option(
    "--report",
    metavar="FILE.jsonl",
    type=click.Path(path_type=Path, dir_okay=False),
    help="List what failed in this file: a line of JSON each, with source, target, status and error.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="With ray, paint one folder into another (-o), both of them paths or URIs (s3://...), on the cluster that "
    "RAY_ADDRESS names, else here: pip install 'artlives[ray]'.",
)
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
    """
    if isnan(strength):
        raise click.BadParameter("must be a number within 0 and 1", param_hint="--strength")
    if "" in photos:
        raise click.BadParameter("a photo without a name", param_hint="PHOTO...")
    if report and report.suffix != ".jsonl":
        raise click.BadParameter(f"{report} does not end in .jsonl", param_hint="--report")
    found = styles.find(style)
    settings = Settings(size=size, brush=brush, strength=strength, keep_colors=keep_colors, memory=memory)
    several = engine == "ray" or len(photos) > 1 or any(is_folder(photo) for photo in photos)
    if engine == "ray":
        plan, outcomes = _on_ray(photos, output, found, overwrite, quality, settings, device)
    else:
        plan, outcomes = _here(photos, output, found, several, overwrite, quality, settings, device)

    painted = failed = 0
    with _opened(report) as failures:
        progress = tqdm(outcomes, total=len(plan.jobs), unit="photo", disable=None if several else True)
        for outcome in chain(plan.failed, progress):
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
        passed_over = f"{plan.there} there already, " if plan.there else ""
        click.echo(f"{painted} painted, {passed_over}{failed} failed", err=True)
    if failed:
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
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # read when it is imported
    needs("--engine ray", "ray", "ray", "pyarrow", "fsspec")
    from artlives import ray_engine, storage

    logging.disable(logging.WARNING)  # Ray tells much that is of no use here
    source, target = storage.Folder(photos[0]), storage.Folder(output)
    plan = ray_engine.plan(source, target, style, overwrite)
    return plan, ray_engine.paint(plan.jobs, source, target, style, quality, settings, device)


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
    targets = dict(_targets(photos, style, output, folder))
    if folder:
        _make({Path(target).parent for target in targets.values()})
    plan = _plan(targets, several, overwrite)

    def paint() -> Iterator[Outcome]:
        from artlives.stylizer import Stylizer

        stylizer = Stylizer(style, settings, device=device)
        tell_engine(style.steps, device)
        if several:
            yield from folders.paint(stylizer, plan.jobs, save=partial(images.save, quality=quality))
            for place in {Path(job.target).parent for job in plan.jobs}:
                sweep(place)
        else:
            yield _paint_one(stylizer, plan.jobs[0], quality)

    return plan, paint() if plan.jobs else iter(())


def _output_folder(output: str | None, several: bool) -> Path | None:
    """The folder that `output` names, if it names one."""
    if output is None or output == STREAM:
        return None
    return Path(output) if several or output.endswith(("/", os.sep)) or is_folder(output) else None


def _targets(
    photos: tuple[str, ...], style: styles.Style, output: str | None, folder: Path | None
) -> Iterator[tuple[str, str]]:
    """Each photo, those in folders too, and the file that its painting is written to."""
    for photo in photos:
        if photo == STREAM:
            yield photo, output or STREAM
        elif is_folder(photo):
            names = {style.name, *styles.files()}
            paths = folders.photos_among(folders.files_in(Path(photo), without=folder), names)
            if not paths:
                raise ArtlivesError(f"{photo} holds no pictures")
            for path in paths:
                place = (folder or Path(photo)) / Path(path).parent
                yield str(Path(photo, path)), str(place / folders.painting_name(path, style.name))
        elif output and not folder:
            yield photo, output
        else:
            yield photo, str((folder or Path(photo).parent) / folders.painting_name(photo, style.name))


def _make(places: Iterable[Path]) -> None:
    for place in places:
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArtlivesError(f"{place} cannot be made a folder: {error.strerror or error}") from error


def _plan(targets: dict[str, str], several: bool, overwrite: bool) -> Plan:
    """What is to be done of `targets`, paintings by photos; what can be known to fail fails before anything is painted.

    Of several, those that are there already are passed over; a single one that is there fails.
    """
    jobs, failed, there = [], [], 0
    photo_files = {identity(source) for source in targets}
    sources: dict[str, str] = {}
    for job in map(Job._make, targets.items()):
        try:
            if job.source != STREAM:
                _check_readable(job.source)
            other = sources.setdefault(os.path.realpath(job.target), job.source)
            if other != job.source:
                raise ArtlivesError(folders.clash(job, other))
            painting = identity(job.target)
            if several and not overwrite and painting and painting not in photo_files:
                there += 1
                continue
            if job.target != STREAM:
                check_target(job.target, overwrite, photo_files)
            jobs.append(job)
        except ArtlivesError as error:
            failed.append(Outcome(job, str(error)))
    return Plan(jobs, there, failed)


def _check_readable(source: str) -> None:
    try:
        Path(source).stat()
    except OSError as error:
        raise ArtlivesError(f"{source} cannot be read: {error.strerror or error}") from error


def _paint_one(stylizer: Stylizer, job: Job, quality: int) -> Outcome:
    """One photo, from or to a stream if need be."""
    name = "standard input" if job.source == STREAM else job.source
    try:
        photo = images.load(sys.stdin.buffer if job.source == STREAM else job.source, name)
        try:
            layout = "{percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
            with tqdm(total=1.0, delay=2, bar_format=layout, leave=False, disable=None) as bar:
                painting = stylizer(photo, lambda done: bar.update(done - bar.n))
        except ArtlivesError as error:
            raise ArtlivesError(f"{name}: {error}") from error
        if job.target == STREAM:
            _write_to_standard_output(painting, quality)
        else:
            images.save(painting, job.target, quality=quality)
        return Outcome(job, notes=photo.notes)
    except ArtlivesError as error:
        return Outcome(job, str(error))


def _write_to_standard_output(painting: images.Photo, quality: int) -> None:
    try:
        images.save(painting, sys.stdout.buffer, quality=quality)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # Python would try once more at its exit, and tell of that too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise ArtlivesError(f"standard output cannot be written: {error.strerror or error}") from error


def _opened(report: Path | None) -> AbstractContextManager[IO[bytes] | None]:
    if report is None:
        return nullcontext()
    try:
        return report.open("wb", buffering=0)  # so that a run that is killed leaves what it knew
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
