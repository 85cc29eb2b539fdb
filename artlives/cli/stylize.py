"""`artlives stylize`: repaint photos."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import click

from artlives import studies, styles
from artlives.batch.plan import STREAM, Outcome, Plan, jobs_in, plan
from artlives.cli.here import Here, Order
from artlives.cli.options import (
    ALL,
    brush_option,
    device_option,
    keep_colors_option,
    memory_option,
    precision_option,
    quality_option,
    size_option,
    strength_option,
    styles_option,
    with_options,
)
from artlives.cli.outcomes import tell_outcomes
from artlives.cli.study import learnt
from artlives.cli.viewer import open_option, show
from artlives.errors import needs
from artlives.files import is_folder
from artlives.images import Reading
from artlives.settings import Settings

_options = with_options(
    click.argument("photos", metavar="PHOTO...", nargs=-1, required=True),
    styles_option,
    click.option(
        "-o",
        "--output",
        metavar="FILE|DIR",
        help="Write to this file, into this folder (made if it ends in / or there may be several paintings), or with - "
        "to standard output. "
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
        "--watch",
        is_flag=True,
        help="Go on painting what comes into the folders, once it has stopped growing, until Ctrl-C.",
    ),
    open_option,
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
    watch: bool,
    opened: bool,
    engine: str,
) -> None:
    """Repaint photos in a style.

    A PHOTO is a picture file, a folder, or - for standard input, which is written to standard output.

    A folder stands for the pictures in it and in its subfolders, without hidden ones; with -o DIR, the paintings lie in
    DIR as the photos do in the folder. Paintings and sheets by artlives are passed over in it, wherever they lie: to
    paint one again, name the file itself. Of a folder or several photos, those whose paintings are there already are
    passed over: the same command goes on where it was stopped. One that fails does not keep the others from being
    painted.

    \b
    artlives stylize photo.jpg --style udnie
    artlives stylize photo.jpg --style all
    artlives stylize holiday/ --style wave -o painted/ --size 1024
    artlives stylize - --style wave < in.jpg > out.jpg
    artlives stylize photo.jpg --style sunflowers.jpg
    artlives stylize photo.jpg --style wave:0.6,udnie:0.4
    artlives stylize inbox/ -o painted/ --watch
    """
    if "" in photos:
        raise click.BadParameter("a photo without a name", param_hint="PHOTO...")
    if report and report.suffix != ".jsonl":
        raise click.BadParameter(f"{report} does not end in .jsonl", param_hint="--report")
    _check_streams_and_folders(photos, output, watch, opened, engine)
    found = styles.available() if style == ALL else [studies.find(style)]
    settings = Settings(
        size=size,
        brush=brush,
        strength=strength,
        keep_colors=keep_colors,
        memory=memory,
        precision=precision,
    )
    reading = Reading(strict, keep_profile)
    several = engine == "ray" or len(photos) > 1 or len(found) > 1 or any(map(is_folder, photos))
    order = Order(photos, output, found, several, overwrite, quality, settings, device, reading)
    if engine == "ray":
        planned, outcomes = _on_ray(order)
    else:
        here = Here(order)
        planned = Plan([], 0, 0, []) if watch else here.plan()
        outcomes = here.watch() if watch else here.paint(planned.jobs)
    if watch:
        click.echo(f"watching {', '.join(photos)}: Ctrl-C stops it", err=True)
    painted, failed = tell_outcomes(planned, outcomes, several=several, watching=watch, report=report)
    if opened and painted:
        show(painted)
    if failed:
        ctx.exit(1)


def _check_streams_and_folders(
    photos: tuple[str, ...], output: str | None, watch: bool, opened: bool, engine: str
) -> None:
    """Raise a UsageError for options that make no sense together."""
    if engine == "ray" and (len(photos) != 1 or output is None or STREAM in (*photos, output)):
        raise click.UsageError("--engine ray paints one folder into another: give one folder and -o DIR")
    if watch and (engine == "ray" or not all(map(is_folder, photos))):
        raise click.UsageError("--watch waits for photos in folders of this machine: give folders alone")
    writes_stream = output == STREAM or (output is None and STREAM in photos)
    if opened and (watch or writes_stream or engine == "ray"):
        raise click.UsageError("--open shows what was painted here, in files and at the end: leave it out")


def _on_ray(order: Order) -> tuple[Plan, Iterator[Outcome]]:
    # Ray reads it when it is imported.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    needs("--engine ray", "ray", "ray", "pyarrow", "fsspec")
    from artlives.batch import ray, remote

    # Ray tells much that is of no use here, errors with their tracebacks among it: what failed is in the outcomes.
    logging.disable(logging.ERROR)
    source, target = remote.Folder(order.photos[0]), remote.Folder(str(order.output))
    jobs = [(style, jobs_in(source, style, target)) for style in order.styles]
    planned = plan(chain.from_iterable(mine for _, mine in jobs), source, target, overwrite=order.overwrite)
    left = set(planned.jobs)

    def outcomes() -> Iterator[Outcome]:
        for style, mine in jobs:
            todo = [job for job in mine if job in left]
            if not todo:
                continue
            known = learnt(style, (), order.device)
            yield from ray.paint(
                todo, source, target, known, order.quality, order.settings, order.device, order.reading
            )

    return planned, outcomes()
