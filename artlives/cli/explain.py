"""`artlives explain`: what the layers of a style do to a photo, as a page of pictures."""

from pathlib import Path

import click

from artlives.cli.options import device_option, style_option
from artlives.cli.outputs import is_folder
from artlives.errors import ArtlivesError, needs

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
    "--perceptual",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="VGG-19's weights, as for `train`: also show what each of its layers keeps of the photo.",
)
@click.option(
    "--painting",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="With --perceptual: and what they keep of the painting in this file.",
)
@device_option
def explain(
    photo: Path,
    style: str,
    folder: Path,
    overwrite: bool,
    perceptual: Path | None,
    painting: Path | None,
    device: str,
) -> None:
    """Show PHOTO on its way through a style's network: a page of pictures, readable offline.

    The strongest channels after every block, the first block's filters and, with --perceptual, what the network that
    judges in training keeps of photo and painting.

    \b
    artlives explain photo.jpg --style wave -o layers/
    """
    from artlives import images, styles

    if painting and not perceptual:
        raise click.UsageError("--painting is looked at by VGG-19: give its weights with --perceptual FILE")
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
