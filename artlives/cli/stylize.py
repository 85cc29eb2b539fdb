"""`artlives stylize`: repaint photos."""

from __future__ import annotations

import os
import sys
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import click
from tqdm import tqdm

from artlives import images, styles
from artlives.cli.options import device_option, style_option
from artlives.cli.outputs import check_target, identity, is_folder
from artlives.errors import ArtlivesError

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
) -> None:
    """Repaint photos in a style.

    A PHOTO is a picture file, a folder (all its pictures but those painted before), or - for standard
    input, which is written to standard output.

    \b
    artlives stylize photo.jpg --style wave
    artlives stylize holiday/ --style wave -o painted/ --size 1024
    artlives stylize - --style wave < in.jpg > out.jpg
    """
    if isnan(strength):
        raise click.BadParameter("must be a number within 0 and 1", param_hint="--strength")
    if "" in photos:
        raise click.BadParameter("a photo without a name", param_hint="PHOTO...")
    found = styles.find(style)
    several = len(photos) > 1 or any(is_folder(photo) for photo in photos)
    if several and STREAM in (*photos, output):
        raise click.UsageError("- stands for one photo: give no folder and no other photo beside it")
    folder = _output_folder(output, several)
    if folder and STREAM in photos:
        raise click.UsageError("a picture from standard input needs a name: give -o FILE")
    targets = {source: _target(source, found, output, folder) for source in _sources(photos, found)}
    _refuse_clashes(targets)
    if folder:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArtlivesError(f"{folder} cannot be made a folder: {error.strerror or error}") from error

    ready = {}
    photo_files = {identity(source) for source in targets}
    for source, target in targets.items():
        try:
            _check(source, target, overwrite, photo_files)
            ready[source] = target
        except ArtlivesError as error:
            _report(error)
    painted = 0
    if ready:
        from artlives.stylizer import Stylizer

        stylizer = Stylizer(found, device=device, size=size, strength=strength, keep_colors=keep_colors)
        for source, target in tqdm(ready.items(), unit="photo", disable=None if several else True):
            try:
                _paint(stylizer, source, target, quality)
                painted += 1
            except ArtlivesError as error:
                _report(error)
    failed = len(targets) - painted
    if several:
        click.echo(f"{painted} painted, {failed} failed", err=True)
    if failed:
        ctx.exit(1)


def _sources(photos: tuple[str, ...], style: styles.Style) -> list[str]:
    """The photos, folders replaced by the pictures in them."""
    sources: dict[str, None] = {}  # a set that keeps its order
    for photo in photos:
        if is_folder(photo):
            sources.update(
                (str(path), None) for path in _pictures(Path(photo), {style.name, *styles.shipped()})
            )
        else:
            sources[photo] = None
    return list(sources)


def _pictures(folder: Path, names: set[str]) -> list[Path]:
    """The pictures in a folder, without those that were painted of one beside them: PHOTO-NAME beside PHOTO."""
    try:
        files = sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in images.SUFFIXES and path.name[0] != "." and not path.is_dir()
        )
    except OSError as error:
        raise ArtlivesError(f"{folder} cannot be read: {error.strerror or error}") from error
    stems = {path.stem for path in files}
    painted = {f"{stem}-{name}" for stem in stems for name in names}
    photos = [path for path in files if path.stem not in painted]
    if not photos:
        raise ArtlivesError(f"{folder} holds no pictures")
    return photos


def _output_folder(output: str | None, several: bool) -> Path | None:
    """The folder that `output` names, if it names one."""
    if output is None or output == STREAM:
        return None
    return Path(output) if several or output.endswith(("/", os.sep)) or is_folder(output) else None


def _target(source: str, style: styles.Style, output: str | None, folder: Path | None) -> str:
    if output and not folder:
        return output
    if source == STREAM:
        return STREAM
    photo = Path(source)
    suffix = photo.suffix if photo.suffix.lower() in images.WRITTEN else ".png"
    return str((folder or photo.parent) / f"{photo.stem}-{style.name}{suffix}")


def _refuse_clashes(targets: dict[str, str]) -> None:
    first: dict[Path, str] = {}
    for source, target in targets.items():
        other = first.setdefault(Path(target).resolve(), source)
        if other != source:
            raise ArtlivesError(
                f"{other} and {source} would both be written to {target}: nothing was painted"
            )


def _check(source: str, target: str, overwrite: bool, photo_files: set[tuple[int, int] | None]) -> None:
    """Raise ArtlivesError for what can be known to fail before anything is painted."""
    if source != STREAM:
        try:
            Path(source).stat()
        except OSError as error:
            raise ArtlivesError(f"{source} cannot be read: {error.strerror or error}") from error
    if target == STREAM:
        return
    check_target(target, overwrite, photo_files)


def _paint(stylizer: Stylizer, source: str, target: str, quality: int) -> None:
    name = "standard input" if source == STREAM else source
    photo = images.load(sys.stdin.buffer if source == STREAM else source, name)
    for note in photo.notes:
        _report(note)
    try:
        painting = stylizer(photo)
    except ArtlivesError as error:
        raise ArtlivesError(f"{name}: {error}") from error
    if target != STREAM:
        images.save(painting, target, quality=quality)
        tqdm.write(click.format_filename(target))
        return
    try:
        images.save(painting, sys.stdout.buffer, quality=quality)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # Python would try once more at its exit, and tell of that too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise ArtlivesError(f"standard output cannot be written: {error.strerror or error}") from error


def _report(message: ArtlivesError | str) -> None:
    tqdm.write(f"artlives: {message}", file=sys.stderr)
