"""`artlives explain`: what the layers of a style do to a photo, as a page of pictures."""

from pathlib import Path

import click

from artlives.cli.options import device_option, perceptual_option, style_option
from artlives.errors import ArtlivesError, needs
from artlives.files import is_folder

PAGE = "index.html"


@click.command()
@click.argument("photo", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@style_option
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    required=True,
    help="Write index.html and its pictures into this folder, made if it is not there.",
)
@click.option("--overwrite", is_flag=True, help="Replace a page that is there already.")
@click.option(
    "--painting",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Also show what is kept of the painting in this file.",
)
@perceptual_option
@device_option
def explain(
    photo: Path,
    style: str,
    folder: Path,
    overwrite: bool,
    painting: Path | None,
    perceptual: str | Path | None,
    device: str,
) -> None:
    """Show PHOTO on its way through a style's network: a page of pictures, readable offline.

    The strongest channels after every block, the first block's filters, and what the network that judges in training
    keeps of photo and painting; that takes a minute or two.

    \b
    artlives explain photo.jpg --style wave -o layers/
    """
    from artlives import images, styles

    found = styles.find(style)
    if folder.exists() and not is_folder(folder):
        raise ArtlivesError(f"{folder} is not a folder: choose another name with -o")
    if (folder / PAGE).exists() and not overwrite:
        raise ArtlivesError(f"{folder / PAGE} is there already: give --overwrite to replace it")
    needs("explain", "train", "torch", "jinja2")
    picture = images.load(photo)

    from artlives.explanation.page import explain as write

    page = write(picture, found, folder, perceptual=perceptual, painting=painting, device=device)
    click.echo(click.format_filename(page))
