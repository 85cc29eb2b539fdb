"""`artlives sheet`: a photo in all styles on one picture, to choose by."""

from pathlib import Path

import click

from artlives.batch import local
from artlives.batch.plan import check_target
from artlives.cli.engine import device_for, tell_engine
from artlives.cli.options import brush_option, device_option, precision_option, quality_option
from artlives.cli.viewer import open_option, show
from artlives.errors import ArtlivesError
from artlives.names import name_beside

# Pictures from one style to another, in steps of a fifth.
MIXES = 6


@click.command()
@click.argument("photo", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="[default: PHOTO-sheet.jpg beside the photo]",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there already.")
@click.option("--styles", "names", metavar="NAME,...", help="Which styles, in this order. [default: all]")
@click.option(
    "--mix",
    nargs=2,
    metavar="STYLE STYLE",
    help="Show the way from one style to another, in mixes of both.",
)
@click.option(
    "--columns", type=click.IntRange(1), default=3, show_default=True, help="Pictures side by side."
)
@click.option(
    "--size", type=click.IntRange(64), default=640, show_default=True, help="Longer side of each, pixels."
)
@brush_option
@quality_option
@open_option
@device_option
@precision_option
def sheet(
    photo: Path,
    output: Path | None,
    overwrite: bool,
    names: str | None,
    mix: tuple[str, str] | None,
    columns: int,
    size: int,
    brush: str,
    quality: int,
    opened: bool,
    device: str,
    precision: str,
) -> None:
    """Show PHOTO in every style, side by side and named."""
    if names and mix:
        raise click.UsageError("--styles and --mix are two different sheets: give one of them")
    from artlives import images, mixing, studies, styles
    from artlives.cli.study import learnt

    target = output or photo.with_name(name_beside(photo.name, "-sheet.jpg"))
    here = local.Folder()
    check_target(str(target), here, overwrite, [here.identity(str(photo))])
    if mix:
        first, last = (learnt(studies.find(name), [str(photo)], device) for name in mix)
        found = mixing.way(first, last, MIXES)
    else:
        found = [studies.find(name.strip()) for name in names.split(",")] if names else styles.available()

    from artlives.settings import Settings
    from artlives.sheet import sheet_of
    from artlives.stylizer import Stylizer

    # A JPEG holds what a sheet shows: one picture of 8 bits.
    small = images.fit(images.load(photo, target="JPEG", reading=images.Reading(strict=False)), size)
    for note in small.notes:
        click.echo(f"artlives: {note}", err=True)
    settings = Settings(brush=brush, precision=precision)
    where = device_for(device, len(found) * small.pixels[..., 0].size)
    chosen = [Stylizer(learnt(style, [str(photo)], device), settings, device=where) for style in found]
    tell_engine(chosen[0].engine, chosen[0].precision, chosen[0].reasons)
    try:
        paintings = [(stylizer.style, stylizer(small)) for stylizer in chosen]
    except ArtlivesError as error:
        raise ArtlivesError(f"{photo}: {error}") from error
    images.save(sheet_of(small, photo.name, paintings, columns), target, quality=quality)
    click.echo(click.format_filename(target))
    if opened:
        show([target])
