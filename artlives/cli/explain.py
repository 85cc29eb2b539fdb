"""`artlives explain`: what the layers of a style do to a photo, as a page of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from artlives.cli.options import device_option, perceptual_option, style_option
from artlives.cli.viewer import open_option, show
from artlives.errors import ArtlivesError, needs
from artlives.files import check_file

if TYPE_CHECKING:
    from tqdm import tqdm


@click.command()
@click.argument("photo", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@style_option
@click.option(
    "-o",
    "--output",
    metavar="FILE.html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the page to this file. [default: PHOTO-NAME.html beside the photo]",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there already.")
@click.option(
    "--painting",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Also show the painting in this file, and what is kept of it.",
)
@perceptual_option
@open_option
@device_option
def explain(
    photo: Path,
    style: str,
    output: Path | None,
    overwrite: bool,
    painting: Path | None,
    perceptual: str | Path | None,
    opened: bool,
    device: str,
) -> None:
    """Show PHOTO on its way through a style's network: a page in one file, readable offline.

    How the network is built, what each of its blocks makes of the photo, how the painting would be without it, other
    styles beside it, and what the network that judges in training keeps of photo and painting; that takes a minute or
    two.

    \b
    artlives explain photo.jpg --style wave --open
    artlives explain photo.jpg --style mine --painting painting.jpg -o layers.html
    """
    from tqdm import tqdm

    from artlives import images, studies
    from artlives.names import name_beside

    found = studies.find(style)
    target = output or photo.with_name(name_beside(photo.name, f"-{found.name}.html"))
    if target.suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter(f"{target} does not end in .html", param_hint="--output")
    check_file(target, overwrite)
    needs("explain", "train", "torch", "jinja2")
    picture = images.load(photo)

    from artlives.cli.study import learnt

    ready = learnt(found, [str(photo)], device)
    if ready.parts:
        raise ArtlivesError(f"{style} is a mix of several networks' pictures: a page shows one network")

    from artlives.explanation.page import explain as write

    with tqdm(unit="picture", disable=None) as bar:

        def tell(what: str, done: int, total: int) -> None:
            _progress(bar, what, done, total)

        write(picture, ready, target, perceptual=perceptual, painting=painting, device=device, report=tell)
    click.echo(click.format_filename(target))
    if opened:
        show([target])


def _progress(bar: tqdm[None], what: str, done: int, total: int) -> None:
    """Show how far the page is, or where there is no terminal, say it in a line."""
    if bar.disable:
        click.echo(f"{what} ({done} of {total} pictures are made)", err=True)
        return
    bar.total = total
    bar.set_description(what, refresh=False)
    bar.update(done - bar.n)
