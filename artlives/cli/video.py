"""`artlives video`: repaint videos and animations."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from artlives import studies
from artlives.batch import local
from artlives.cli.engine import tell_engine
from artlives.cli.options import (
    brush_option,
    device_option,
    keep_colors_option,
    memory_option,
    precision_option,
    quality_option,
    size_option,
    steady_option,
    strength_option,
    style_option,
    with_options,
)
from artlives.cli.study import learnt
from artlives.cli.videos import check_preview, jobs_of
from artlives.errors import ArtlivesError, needs
from artlives.files import is_folder
from artlives.settings import Settings

if TYPE_CHECKING:
    from artlives.stylizer import Stylizer
    from artlives.video.frame import Frame
    from artlives.video.painting import Outcome

# Seconds between two previews: writing one takes a tenth of a frame.
PREVIEW_EVERY = 2


class Seconds(click.ParamType[Fraction]):
    """A time: seconds (83.5), minutes and seconds (1:23.5), or hours, minutes and seconds (0:01:23.5)."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """The time in seconds."""
        match = re.fullmatch(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)", str(value).strip())
        if not match:
            self.fail(f"{value!r} is not a time such as 83.5 or 1:23.5", param, ctx)
        hours, minutes, seconds = (Fraction(part or 0) for part in match.groups())
        return 3600 * hours + 60 * minutes + seconds


class Rate(click.ParamType[Fraction]):
    """Frames a second, as a number or a fraction (30000/1001)."""

    name = "rate"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """The rate, above 0 and at most 1000."""
        with suppress(ValueError, ZeroDivisionError):
            rate = Fraction(str(value))
            if 0 < rate <= 1000:
                return rate
        self.fail(f"{value!r} is not a number of frames a second such as 25 or 30000/1001", param, ctx)


_options = with_options(
    click.argument("videos", metavar="VIDEO...", nargs=-1, required=True),
    style_option,
    click.option(
        "-o",
        "--output",
        metavar="FILE|DIR",
        help="Write to this file, whose ending tells the format (mp4 mov mkv webm, gif webp png, or pictures: "
        "frame-%05d.png), or into this folder. [default: VIDEO-NAME.mp4 beside the video]",
    ),
    click.option(
        "--overwrite", is_flag=True, help="Replace files that are there already; never a video itself."
    ),
    click.option("--resume", is_flag=True, help="Go on where the same command was stopped or killed."),
    steady_option,
    click.option("--start", metavar="TIME", type=Seconds(), help="Begin there: 83.5 or 1:23.5."),
    click.option("--end", metavar="TIME", type=Seconds(), help="End there."),
    click.option("--fps", metavar="RATE", type=Rate(), help="Frames a second. [default: the video's own]"),
    click.option(
        "--every",
        metavar="N",
        type=click.IntRange(1, 100),
        default=1,
        help="Paint one frame in N and blend those between, which is quicker.",
    ),
    size_option,
    brush_option,
    strength_option,
    keep_colors_option,
    device_option,
    precision_option,
    memory_option,
    click.option(
        "--crf",
        type=click.IntRange(0, 63),
        help="The video encoder's quality: lower is better, and larger. [default: 18; 28 for webm]",
    ),
    quality_option,
    click.option(
        "--preview",
        metavar="FILE.jpg",
        help="Write the newest painted frame to this file, every two seconds.",
    ),
)


@click.command()
@_options
@click.pass_context
def video(
    ctx: click.Context,
    videos: tuple[str, ...],
    style: str,
    output: str | None,
    overwrite: bool,
    resume: bool,
    steady: float | None,
    start: Fraction | None,
    end: Fraction | None,
    fps: Fraction | None,
    every: int,
    size: int | None,
    brush: str,
    strength: float,
    keep_colors: bool,
    device: str,
    precision: str,
    memory: int | None,
    crf: int | None,
    quality: int,
    preview: str | None,
) -> None:
    """Repaint videos and animations.

    A VIDEO is a video file, an animation (GIF, WebP, PNG), or a folder, which stands for the videos in it. Sound,
    subtitles, chapters and times are kept. Of a folder or several videos, those whose paintings are there already are
    passed over. Ctrl-C leaves what is done as a file that plays, and --resume goes on from there.

    \b
    artlives video clip.mp4 --style wave
    artlives video clip.mp4 --style wave --start 1:05 --end 1:15 --size 960 -o short.gif
    artlives video holiday/ --style wave -o painted/
    """
    if start is not None and end is not None and end <= start:
        raise click.BadParameter("must come after --start", param_hint="--end")
    found = studies.find(style)
    needs("artlives video", "video", "av", "cv2")
    several = len(videos) > 1 or any(is_folder(one) for one in videos)
    jobs = jobs_of(videos, output, found.name, several)
    if preview is not None:
        check_preview(preview, jobs, overwrite or resume)
    if not several:
        # At once, before anything heavy is imported.
        local.Folder().check_readable(videos[0])
    from artlives.video.painting import check_target, is_replaced
    from artlives.video.pipeline import STEADY
    from artlives.video.source import Selection

    planned = [
        (source, target)
        for source, target in jobs
        if not (several and target.exists() and not is_replaced(target, overwrite, resume))
    ]
    for source, target in [] if several else planned:
        check_target(source, target, is_replaced(target, overwrite, resume))
    known = learnt(found, [], device)
    from artlives.stylizer import Stylizer

    settings = Settings(
        size=size,
        brush=brush,
        strength=strength,
        keep_colors=keep_colors,
        memory=memory,
        precision=precision,
    )
    stylizer = Stylizer(known, settings, device=device)
    tell_engine(stylizer.engine, stylizer.precision, stylizer.reasons)
    options = {
        "selection": Selection(start, end, fps, every),
        "steady": STEADY if steady is None else steady,
        "crf": crf,
        "quality": quality,
        "overwrite": overwrite,
        "resume": resume,
    }
    failed = sum(not _painted(ctx, stylizer, job, preview, options) for job in planned)
    if several:
        passed_over = f"{len(jobs) - len(planned)} there already, " if len(jobs) > len(planned) else ""
        click.echo(f"{len(planned) - failed} painted, {passed_over}{failed} failed", err=True)
    if failed:
        ctx.exit(1)


def _painted(
    ctx: click.Context,
    stylizer: Stylizer,
    job: tuple[Path, Path],
    preview: str | None,
    options: dict[str, Any],
) -> bool:
    """Paint one video and say what became of it; whether it is painted. After a signal, the command ends."""
    source, target = job
    try:
        local.make_folder(target.parent)
        outcome = _under_progress(stylizer, source, target, preview, options)
    except ArtlivesError as error:
        click.echo(f"artlives: {error}", err=True)
        return False
    for note in outcome.notes:
        click.echo(f"artlives: {note}", err=True)
    if outcome.stopped is not None:
        click.echo(
            f"artlives: stopped after {outcome.frames} frames, which {target} holds: --resume goes on",
            err=True,
        )
        # As a shell gives it.
        ctx.exit(128 + outcome.stopped)
    click.echo(click.format_filename(target))
    return True


def _under_progress(
    stylizer: Stylizer, source: Path, target: Path, preview: str | None, options: dict[str, Any]
) -> Outcome:
    """One video, under a progress bar that tells frames a second and the time that is left."""
    from artlives import images
    from artlives.video.painting import paint

    shown = time.monotonic()
    with tqdm(unit="frame", desc=source.name, leave=False, disable=None) as bar:

        def report(frame: Frame, done: int, total: int) -> None:
            nonlocal shown
            if not bar.n:
                # What was painted before a resumption says nothing of the speed.
                bar.initial = bar.n = done - 1
            bar.total = total or None
            bar.update()
            if preview is not None and time.monotonic() - shown > PREVIEW_EVERY:
                images.save(frame.photo, preview)
                shown = time.monotonic()

        return paint(source, target, stylizer, report=report, **options)
