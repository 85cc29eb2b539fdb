"""`artlives sheet`: a photo in all styles on one picture, to choose by."""

from pathlib import Path

import click

from artlives.batch import local
from artlives.batch.plan import check_target
from artlives.cli.engine import tell_engine
from artlives.cli.options import brush_option, device_option, quality_option
from artlives.cli.viewer import open_option, show
from artlives.errors import ArtlivesError
from artlives.names import name_beside


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
    "--columns", type=click.IntRange(1), default=3, show_default=True, help="Pictures side by side."
)
@click.option(
    "--size", type=click.IntRange(64), default=640, show_default=True, help="Longer side of each, pixels."
)
@brush_option
@quality_option
@open_option
@device_option
def sheet(
    photo: Path,
    output: Path | None,
    overwrite: bool,
    names: str | None,
    columns: int,
    size: int,
    brush: str,
    quality: int,
    opened: bool,
    device: str,
) -> None:
    """Show PHOTO in every style, side by side and named."""
    from artlives import images, studies, styles

    target = output or photo.with_name(name_beside(photo.name, "-sheet.jpg"))
    here = local.Folder()
    check_target(str(target), here, overwrite, [here.identity(str(photo))])
    found = [studies.find(name.strip()) for name in names.split(",")] if names else styles.available()

    from artlives.cli.study import learnt
    from artlives.sheet import sheet_of
    from artlives.stylizer import Stylizer

    small = images.fit(images.load(photo), size)
    chosen = [learnt(style, [str(photo)], device) for style in found]
    tell_engine(chosen[0].steps, device)
    try:
        paintings = [(style, Stylizer(style, device=device, brush=brush)(small)) for style in chosen]
    except ArtlivesError as error:
        raise ArtlivesError(f"{photo}: {error}") from error
    images.save(sheet_of(small, photo.name, paintings, columns), target, quality=quality)
    click.echo(click.format_filename(target))
    if opened:
        show([target])
