"""`artlives train`: a new style from a painting and a folder of photographs."""

import sys
from pathlib import Path
from typing import Any

import click

from artlives.cli.options import device_option, perceptual_option


@click.command()
@click.argument("painting", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--photos",
    "photos_folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="Folder of photographs to learn on; a thousand are enough.",
)
@click.option("--name", required=True, help="The style's name, as in `stylize --style NAME`.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Style file to write. [default: NAME.safetensors]",
)
@click.option("--steps", type=click.IntRange(1), default=1000, show_default=True)
@click.option(
    "--size", type=click.IntRange(64), default=256, show_default=True, help="Side of the crops, pixels."
)
@click.option("--batch-size", type=click.IntRange(1), default=4, show_default=True, help="Crops a step.")
@click.option(
    "--style-size",
    type=click.IntRange(64),
    default=512,
    show_default=True,
    help="Longer side of the painting, pixels: a larger painting makes larger strokes.",
)
@click.option(
    "--style-weight", type=click.FloatRange(0), default=1.0, show_default=True, help="More is more painterly."
)
@click.option(
    "--content-weight",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="More is more like the photo.",
)
@click.option(
    "--steadiness-weight",
    type=click.FloatRange(0),
    default=40.0,
    show_default=True,
    help="More takes away a grid in even areas, and flicker in videos.",
)
@click.option(
    "--holdout",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Leave out the last N photos by name; the style is measured on ten of them in the end.",
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, min_open=True),
    default=3e-3,
    show_default=True,
    help="At its peak.",
)
@click.option(
    "--start",
    metavar="STYLE",
    help="Begin with this style's weights instead of random ones: fewer steps are needed.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@perceptual_option
@click.option("--title", help="The painting's title, for the style's card. [default: NAME]")
@click.option("--painter", default="unknown", help="For the style's card.")
@click.option("--year", default="unknown", help="For the style's card.")
@click.option("--licence", default="unknown", help="Licence of the model, for the style's card.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in runs/NAME.")
@device_option
def train(
    painting: Path,
    photos_folder: Path,
    name: str,
    output: Path | None,
    title: str | None,
    painter: str,
    year: str,
    licence: str,
    perceptual: Path | None,
    holdout: int,
    resume: bool,
    device: str,
    **options: Any,
) -> None:
    """Train a style on PAINTING and write it to a file.

    Checkpoints, a log and previews go to runs/NAME. Ctrl-C stops after the current step; the same command with
    --resume goes on from there.
    """
    from artlives import styles

    try:
        styles.check_name(name)  # before what takes long to import
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--name") from error

    from tqdm import tqdm

    from artlives import devices
    from artlives.architecture import STYLE_NETWORK
    from artlives.training.evaluation import evaluate, table
    from artlives.training.perceptual import Perceptual
    from artlives.training.photos import Photos
    from artlives.training.trainer import Interrupted, Progress, Recipe, Trainer

    output = output or Path(f"{name}.safetensors")
    recipe = Recipe(**options)
    where = devices.pick(device)
    photos = Photos(photos_folder, holdout)
    trainer = Trainer(painting, photos, recipe, Perceptual(perceptual, where), Path("runs") / name, where)
    if resume:
        trainer.resume()
    with tqdm(total=recipe.steps, initial=trainer.step, desc=name, unit="step", file=sys.stderr) as bar:

        def report(progress: Progress) -> None:
            bar.set_postfix(
                {key: f"{progress.losses[key]:.3g}" for key in ("style", "content", "steadiness")}
            )
            bar.update()

        try:
            losses = trainer.run(report)
        except Interrupted as stop:
            bar.close()
            click.echo(f"{stop}; the same command with --resume goes on from there", err=True)
            sys.exit(128 + stop.signum)
    held_out = photos.held_out[-10:]
    measured = {}
    if held_out:
        measured = evaluate(trainer.average, trainer.objective, held_out, size=512)
        click.echo(table(measured))
    styles.save(
        output,
        trainer.average.state_dict(),
        name=name,
        painting=title or name,
        painter=painter,
        year=year,
        licence=licence,
        layers=STYLE_NETWORK,
        training={**trainer.card(), "losses": losses},
        measured={figure: round(value, 4) for figure, value in measured.items()},
    )
    click.echo(f"wrote {output}; paint with it: artlives stylize PHOTO --style {output}")
