"""`artlives stylize`: repaint photos."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from math import isnan
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click
from tqdm import tqdm

from artlives import folders, images, styles
from artlives.cli.options import device_option, style_option
from artlives.cli.outputs import check_target, identity, is_folder
from artlives.errors import ArtlivesError
from artlives.folders import Job, Outcome

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
    help="Reduce the longer side to this first: less memory, broader strokes. The picture comes out at "
    "that size. [default: the photo's own]",
)
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
@click.pass_context
def stylize(
    ctx: click.Context,
    photos: tuple[str, ...],
    style: str,
    output: str | None,
    overwrite: bool,
    size: int | None,
    strength: float,
    keep_colors: bool,
    device: str,
    quality: int,
    report: Path | None,
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
    several = len(photos) > 1 or any(is_folder(photo) for photo in photos)
    if several and STREAM in (*photos, output):
        raise click.UsageError("- stands for one photo: give no folder and no other photo beside it")
    folder = _output_folder(output, several)
    if folder and STREAM in photos:
        raise click.UsageError("a picture from standard input needs a name: give -o FILE")
    targets = dict(_targets(photos, found, output, folder))
    places = {Path(target).parent for target in targets.values()}
    if folder:
        _make(places)

    there = painted = 0
    with _opened(report) as failures:
        ready = []
        photo_files = {identity(source) for source in targets}
        sources: dict[Path, str] = {}
        for source, target in targets.items():
            try:
                _check(source, target, sources)
                painting = identity(target)
                if several and not overwrite and painting and painting not in photo_files:
                    there += 1
                    continue
                if target != STREAM:
                    check_target(target, overwrite, photo_files)
                ready.append(Job(source, target))
            except ArtlivesError as error:
                _fail(Job(source, target), str(error), failures)
        if ready:
            from artlives.stylizer import Stylizer

            stylizer = Stylizer(found, device=device, size=size, strength=strength, keep_colors=keep_colors)
            outcomes = (
                folders.paint(stylizer, ready, quality) if several else _paint(stylizer, ready[0], quality)
            )
            for outcome in tqdm(outcomes, total=len(ready), unit="photo", disable=None if several else True):
                for note in outcome.notes:
                    _tell(note)
                if outcome.error:
                    _fail(outcome.job, outcome.error, failures)
                    continue
                painted += 1
                if outcome.job.target != STREAM:
                    tqdm.write(click.format_filename(outcome.job.target))
    failed = len(targets) - there - painted
    if several:
        folders.sweep(places)
        passed_over = f"{there} there already, " if there else ""
        click.echo(f"{painted} painted, {passed_over}{failed} failed", err=True)
    if failed:
        ctx.exit(1)


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


def _check(source: str, target: str, sources: dict[Path, str]) -> None:
    """Raise ArtlivesError for a photo that is not there, or whose painting another one's would replace.

    `sources` are the photos looked at so far by their paintings, to which this one is added.
    """
    if source != STREAM:
        try:
            Path(source).stat()
        except OSError as error:
            raise ArtlivesError(f"{source} cannot be read: {error.strerror or error}") from error
    other = sources.setdefault(Path(target).resolve(), source)
    if other != source:
        raise ArtlivesError(f"{source} would be written to {target}, as {other} is: give it another name")


def _paint(stylizer: Stylizer, job: Job, quality: int) -> Iterator[Outcome]:
    """One photo, from or to a stream if need be."""
    name = "standard input" if job.source == STREAM else job.source
    try:
        photo = images.load(sys.stdin.buffer if job.source == STREAM else job.source, name)
        try:
            painting = stylizer(photo)
        except ArtlivesError as error:
            raise ArtlivesError(f"{name}: {error}") from error
        if job.target == STREAM:
            _write_to_standard_output(painting, quality)
        else:
            images.save(painting, job.target, quality=quality)
        yield Outcome(job, notes=photo.notes)
    except ArtlivesError as error:
        yield Outcome(job, str(error))


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


def _fail(job: Job, error: str, report: IO[bytes] | None) -> None:
    _tell(error)
    if report:
        line = {**job._asdict(), "status": "failed", "error": error}
        try:
            report.write(json.dumps(line).encode() + b"\n")
        except OSError as failure:
            raise ArtlivesError(
                f"{report.name} cannot be written: {failure.strerror or failure}"
            ) from failure


def _tell(message: str) -> None:
    tqdm.write(f"artlives: {message}", file=sys.stderr)
