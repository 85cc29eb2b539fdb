"""`artlives evaluate`: a style's figures of quality."""

import json
from pathlib import Path

import click

from artlives.cli.options import device_option, perceptual_option, with_options
from artlives.errors import needs

_options = with_options(
    click.argument("style"),
    click.argument("photos", metavar="PHOTO_OR_DIR", type=click.Path(path_type=Path, exists=True)),
    click.option(
        "--painting",
        "paintings",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        required=True,
        multiple=True,
        help="The painting that the style was trained on; may be repeated.",
    ),
    perceptual_option,
    click.option(
        "--last",
        type=click.IntRange(1),
        help="Of a folder, take the last N photos by name, as --holdout does.",
    ),
    click.option(
        "--size",
        type=click.IntRange(256),
        default=512,
        show_default=True,
        help="Longer side of the photos, pixels.",
    ),
    click.option(
        "--style-size",
        type=click.IntRange(64),
        help="Longer side of the painting to compare with, pixels, to measure styles alike. "
        "[default: as it was trained]",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON."),
    device_option,
)


@click.command()
@_options
def evaluate(
    style: str,
    photos: Path,
    paintings: tuple[Path, ...],
    perceptual: str | Path | None,
    last: int | None,
    size: int,
    style_size: int | None,
    as_json: bool,
    device: str,
) -> None:
    """Measure how good the pictures of STYLE are, on one photo or on those in a folder."""
    from artlives import styles

    # Before what takes long to import.
    found = styles.find(style)
    needs("evaluate", "train", "torch")

    from artlives import devices
    from artlives.engines.torch import load
    from artlives.training.evaluation import evaluate as measure
    from artlives.training.evaluation import table
    from artlives.training.objective import Objective
    from artlives.training.perceptual import Perceptual
    from artlives.training.photos import Photos

    files = Photos(photos).files if photos.is_dir() else [photos]
    where = devices.pick(device)
    trained = found.training.get("style_size", 512)
    objective = Objective(Perceptual(perceptual, where), paintings, style_size or trained)
    figures = measure(load(found, where), objective, files[-(last or 0) :], size, found.grain)
    if as_json:
        click.echo(json.dumps({figure: round(value, 4) for figure, value in figures.items()}))
        return
    click.echo(table(figures))
