"""`artlives train`: a new style from a painting and a folder of photographs."""

import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from artlives.architecture import MOST_GRAIN
from artlives.cli.options import device_option, perceptual_option
from artlives.errors import ArtlivesError, needs
from artlives.files import sample_photos
from artlives.training.recipe import (
    CHOICES,
    LEARNING_RATES,
    MEAN,
    NONE,
    PRESET_OF,
    PRESETS,
    Recipe,
    read,
    recipe,
)

if TYPE_CHECKING:
    from artlives.training.trainer import Trainer

JUDGED = 10  # photos that the style is measured on in the end
MEASURED = 5  # steps that tell how long the rest will take


def _by_preset(field: str) -> str:
    """The defaults of a recipe's field in all presets, for the help."""
    values = [preset.get(field, getattr(Recipe, field)) for preset in PRESETS.values()]
    return " or ".join(dict.fromkeys(f"{value:g}" for value in values))


def _choices(command: Callable[..., Any]) -> Callable[..., Any]:
    """An option for each of the lecture's choices."""
    for field, names in reversed(CHOICES.items()):
        default = getattr(Recipe, field)
        option = click.option(f"--{field.replace('_', '-')}", type=click.Choice(names), show_default=default)
        command = option(command)
    return command


@click.command()
@click.argument(
    "paintings",
    metavar="PAINTING...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@click.option(
    "--photos",
    "photos_folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of photographs to learn on; a thousand are enough. [default: the one named last time]",
)
@click.option(
    "--name", help="The style's name, as in `stylize --style NAME`. [default: as the painting's file]"
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Style file to write. [default: NAME in your own style folder, where --style NAME finds it]",
)
@click.option("--overwrite", is_flag=True, help="Replace a style of that name, or a training not finished.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in runs/NAME.")
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    help="How long to train; the options below override it. [default: quick on a CPU, best on an NVIDIA GPU, else "
    "standard]",
)
@click.option(
    "--recipe",
    "recipe_file",
    metavar="FILE.toml",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Options in a file, as those of the shipped styles in models/recipes/; the options below override it.",
)
@click.option("--steps", type=click.IntRange(1), show_default=_by_preset("steps"))
@click.option(
    "--size", type=click.IntRange(64), show_default=_by_preset("size"), help="Side of the crops, pixels."
)
@click.option(
    "--batch-size", type=click.IntRange(1), show_default=_by_preset("batch_size"), help="Crops a step."
)
@click.option(
    "--style-size",
    type=click.IntRange(64),
    show_default=_by_preset("style_size"),
    help="Longer side of the painting, pixels: a larger painting makes larger strokes.",
)
@click.option(
    "--style-weight",
    type=click.FloatRange(0),
    show_default=_by_preset("style_weight"),
    help="More is more painterly.",
)
@click.option(
    "--content-weight",
    type=click.FloatRange(0),
    show_default=_by_preset("content_weight"),
    help="More keeps what things are and where: of the photo at half size.",
)
@click.option(
    "--detail-weight",
    type=click.FloatRange(0),
    show_default=_by_preset("detail_weight"),
    help="More keeps the photo's edges and faces: of the photo at full size.",
)
@click.option(
    "--palette-weight",
    type=click.FloatRange(0),
    show_default=_by_preset("palette_weight"),
    help="More takes on the painting's colours in their proportions.",
)
@click.option(
    "--tone-weight",
    type=click.FloatRange(0),
    show_default=_by_preset("tone_weight"),
    help="More keeps light light and dark dark.",
)
@click.option(
    "--steadiness-weight",
    type=click.FloatRange(0),
    show_default=_by_preset("steadiness_weight"),
    help="More takes away flicker in videos, and frames.",
)
@click.option(
    "--tv-weight",
    type=click.FloatRange(0),
    show_default=_by_preset("tv_weight"),
    help="More is smoother (total variation).",
)
@click.option(
    "--grain",
    type=click.FloatRange(0, MOST_GRAIN),
    show_default=_by_preset("grain"),
    help="Noise that strokes grow from where a photo is even, in grey levels; the style keeps it.",
)
@click.option(
    "--start-from",  # torchrun takes --start for an option of its own
    "start",
    metavar="STYLE",
    help=f"Begin with this style's weights, with which fewer steps are needed; {MEAN}: with the mean of all shipped "
    f"ones; {NONE}: with random ones. [default: {PRESETS['quick']['start']} with the preset quick, else {NONE}]",
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, min_open=True),
    help=f"At its peak. [default: {PRESETS['quick']['learning_rate']:g} for adam with the preset quick, else "
    + ", ".join(f"{rate:g} for {optimizer}" for optimizer, rate in LEARNING_RATES.items())
    + "]",
)
@_choices
@click.option("--seed", type=click.IntRange(0), show_default=_by_preset("seed"))
@click.option(
    "--holdout",
    type=click.IntRange(0),
    help=f"Leave out the last N photos by name; the style is measured on {JUDGED} of them in the end. [default: "
    f"{JUDGED} where there are a hundred or more]",
)
@perceptual_option
@click.option("--tensorboard", is_flag=True, help="Log the losses for TensorBoard in runs/NAME, too.")
@click.option("--title", help="The painting's title, for the style's card. [default: NAME]")
@click.option("--painter", default="unknown", help="For the style's card.")
@click.option("--year", default="unknown", help="For the style's card.")
@click.option("--licence", default="unknown", help="Licence of the model, for the style's card.")
@device_option
def train(
    paintings: tuple[Path, ...],
    photos_folder: Path | None,
    name: str | None,
    output: Path | None,
    overwrite: bool,
    resume: bool,
    preset: str | None,
    recipe_file: Path | None,
    holdout: int | None,
    perceptual: Path | None,
    tensorboard: bool,
    title: str | None,
    painter: str,
    year: str,
    licence: str,
    device: str,
    **options: Any,
) -> None:
    """Train a style on PAINTING, or on several by one painter.

    Checkpoints, a log and previews go to runs/NAME. Ctrl-C stops after the current step; the same command with
    --resume goes on from there. Started by torchrun, several processes share the work.
    """
    from artlives import styles
    from artlives.training import settings

    # All that can be told is told before what takes long to import.
    name = name or re.sub(r"\W+", "-", paintings[0].stem).strip("-_").lower()
    try:
        styles.check_name(name)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--name") from error
    if output is None and name in styles.shipped():
        raise click.BadParameter(f"{name} comes with artlives: choose another", param_hint="--name")
    target = output or styles.user_folder() / f"{name}.safetensors"
    _check_target(target, overwrite)
    folder = photos_folder or settings.remembered_photos()
    file_options = read(recipe_file) if recipe_file else {}
    start = options["start"] or file_options.get("start", NONE)
    if start not in (MEAN, NONE):
        styles.find(start)

    needs("train", "train", "torch", "matplotlib")
    from tqdm import tqdm

    from artlives import devices
    from artlives.training.evaluation import table
    from artlives.training.memory import keep_freed_memory
    from artlives.training.perceptual import Perceptual
    from artlives.training.photos import Photos
    from artlives.training.processes import joined
    from artlives.training.trainer import LOG_EVERY, Interrupted, Progress, Trainer

    keep_freed_memory()
    with joined(devices.pick(device)) as (processes, where):
        first = processes.rank == 0

        def say(line: str) -> None:
            if first:
                click.echo(line, err=True)

        photos = Photos(folder or sample_photos(), holdout, nested=folder is not None)
        if folder is None:
            say(
                f"warning: learning on the {len(photos.files)} sample photos alone; name a folder of a thousand with "
                "--photos, once, for a style that suits any photo"
            )
        elif photos_folder and first:
            with suppress(ArtlivesError):  # it is a convenience, no reason not to train
                settings.remember_photos(photos_folder)
        preset = preset or PRESET_OF[where.type]
        chosen = recipe(preset, file_options, **options)
        trainer = Trainer(
            paintings, photos, chosen, Perceptual(perceptual, where), Path("runs") / name, where, processes
        )
        if resume:
            trainer.resume()
        elif not overwrite and trainer.is_unfinished():
            raise ArtlivesError(
                f"{trainer.folder} holds a training that is not finished: go on with --resume, or start again with "
                "--overwrite"
            )
        else:
            trainer.restart()
        say(f"{name}: {chosen.steps} steps (preset {preset}) on {len(photos.files)} photos")
        writer = _summary_writer(trainer.folder, trainer.step) if tensorboard and first else None
        measured_from = trainer.step + 1  # the first step takes longer
        started = time.perf_counter()
        with tqdm(total=chosen.steps, initial=trainer.step, unit="step", disable=not first) as bar:

            def report(progress: Progress) -> None:
                nonlocal started
                if progress.step % LOG_EVERY == 0:
                    losses = progress.losses()
                    bar.set_postfix(
                        {loss: f"{losses[loss]:.3g}" for loss in ("style", "content", "steadiness")}
                    )
                bar.update()
                if writer:
                    for loss, value in progress.losses().items():
                        writer.add_scalar(loss, value, progress.step)
                if progress.step == measured_from:
                    started = time.perf_counter()
                if first and progress.step == measured_from + MEASURED < chosen.steps:
                    seconds = (time.perf_counter() - started) / MEASURED
                    minutes = seconds * (chosen.steps - progress.step) / 60
                    bar.write(f"{seconds:.2f} seconds a step: about {minutes:.0f} minutes to go", sys.stderr)

            try:
                losses = trainer.run(report)
            except Interrupted as stop:
                bar.close()
                say(f"{stop}; the same command with --resume goes on from there")
                sys.exit(128 + stop.signum)
        if writer:
            writer.close()
        if not first:
            return
        figures = _measure(trainer, paintings)
        styles.save(
            target,
            trainer.average.file_weights(),
            name=name,
            painting=title or name,
            painter=painter,
            year=year,
            licence=licence,
            layers=trainer.layers,
            training={**trainer.card(), "losses": losses},
            measured={k: round(v, 4) for k, v in figures.items()} if photos.held_out else {},
        )
        if figures:
            click.echo(table(figures))
        record = trainer.record
        click.echo(f"pictures on the way: {record.draw_previews()}, losses: {record.draw_losses()}")
        click.echo(f"wrote {target}; paint with it: artlives stylize PHOTO --style {output or name}")


def _summary_writer(folder: Path, step: int) -> Any:
    """TensorBoard's writer, which leaves out what an earlier run logged after `step`."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ArtlivesError(
            "--tensorboard needs the package tensorboard: pip install 'artlives[tensorboard]'"
        ) from error
    return SummaryWriter(folder / "tensorboard", purge_step=step + 1)


def _measure(trainer: "Trainer", paintings: Sequence[Path]) -> dict[str, float]:
    """The style's figures of quality; none where a photo is unfit to be measured on."""
    from artlives.training.evaluation import evaluate
    from artlives.training.objective import Objective

    photos, recipe = trainer.photos, trainer.recipe
    # By the costs that all styles are measured with, whichever this one was trained with.
    judge = Objective(trainer.objective.perceptual, paintings, recipe.style_size)
    try:
        figures = evaluate(
            trainer.average, judge, (photos.held_out or photos.files)[-JUDGED:], 512, recipe.grain
        )
    except ArtlivesError as error:
        click.echo(f"not measured: {error}", err=True)
        return {}
    if not photos.held_out:
        click.echo("measured on photos that it was trained on, which flatters it:", err=True)
    return figures


def _check_target(target: Path, overwrite: bool) -> None:
    """Raise ArtlivesError unless the style can be written in the end."""
    from artlives import styles

    if target.exists() and not overwrite:
        raise ArtlivesError(
            f"{target} is there already: choose another --name, or give --overwrite to replace it"
        )
    try:
        if target.parent == styles.user_folder():
            target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise ArtlivesError(f"{target} cannot be written: {error.strerror}") from error
