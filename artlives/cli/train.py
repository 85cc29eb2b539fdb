"""`artlives train`: a new style from a painting and a folder of photographs."""

from __future__ import annotations

import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from artlives import styles
from artlives.architecture import MOST_GRAIN
from artlives.cli import remembered
from artlives.cli.options import device_option, perceptual_option, with_options
from artlives.errors import ArtlivesError, needs
from artlives.styles import Style
from artlives.training import Interrupted, Report, session
from artlives.training.recipe import CHOICES, LEARNING_RATES, MEAN, NONE, PRESET_OF, PRESETS, Recipe

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter
    from tqdm import tqdm

    from artlives.training.trainer import Progress, Trainer

# Steps whose mean time predicts the rest: single steps differ by a tenth or so.
MEASURED = 5
# The losses beside the progress bar.
SHOWN = ("style", "content", "steadiness")


def _by_preset(field: str) -> str:
    """The defaults of a recipe's field in all presets, for the help."""
    values = [preset.get(field, getattr(Recipe, field)) for preset in PRESETS.values()]
    return " or ".join(dict.fromkeys(f"{value:g}" for value in values))


# What more of each weight of the loss does, for the help.
WEIGHTS = {
    "style": "More is more painterly.",
    "content": "More keeps what things are and where: of the photo at half size.",
    "detail": "More keeps the photo's edges and faces: of the photo at full size.",
    "palette": "More takes on the painting's colours in their proportions.",
    "tone": "More keeps light light and dark dark.",
    "steadiness": "More takes away flicker in videos, and frames.",
    "tv": "More is smoother (total variation).",
}


_options = with_options(
    click.argument(
        "paintings",
        metavar="PAINTING...",
        nargs=-1,
        required=True,
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
    ),
    click.option(
        "--photos",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        help="Folder of photographs to learn on; a thousand are enough. [default: the one named last time]",
    ),
    click.option(
        "--name", help="The style's name, as in `stylize --style NAME`. [default: as the painting's file]"
    ),
    click.option(
        "-o",
        "--output",
        "target",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Style file to write. [default: NAME in your own style folder, where --style NAME finds it]",
    ),
    click.option(
        "--overwrite", is_flag=True, help="Replace a style of that name, or a training not finished."
    ),
    click.option("--resume", is_flag=True, help="Go on from the checkpoint in runs/NAME."),
    click.option(
        "--preset",
        type=click.Choice(list(PRESETS)),
        help="How long to train; the options below override it. [default: quick on a CPU, best on an NVIDIA GPU, else "
        "standard]",
    ),
    click.option(
        "--recipe",
        metavar="FILE.toml",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="Options in a file, as those of the shipped styles in models/recipes/; the options below override it.",
    ),
    click.option("--steps", type=click.IntRange(1), show_default=_by_preset("steps")),
    click.option(
        "--size", type=click.IntRange(64), show_default=_by_preset("size"), help="Side of the crops, pixels."
    ),
    click.option(
        "--batch-size", type=click.IntRange(1), show_default=_by_preset("batch_size"), help="Crops a step."
    ),
    click.option(
        "--style-size",
        type=click.IntRange(64),
        show_default=_by_preset("style_size"),
        help="Longer side of the painting, pixels: a larger painting makes larger strokes.",
    ),
    *(
        click.option(
            f"--{loss}-weight", type=click.FloatRange(0), show_default=_by_preset(f"{loss}_weight"), help=help
        )
        for loss, help in WEIGHTS.items()
    ),
    click.option(
        "--grain",
        type=click.FloatRange(0, MOST_GRAIN),
        show_default=_by_preset("grain"),
        help="Noise that strokes grow from where a photo is even, in grey levels; the style keeps it.",
    ),
    click.option(
        # torchrun takes --start for an option of its own.
        "--start-from",
        "start",
        metavar="STYLE",
        help=f"Begin with this style's weights, with which fewer steps are needed, or with what was learnt of this "
        f"painting's picture; {MEAN}: with the mean of all shipped ones; {NONE}: with random ones. "
        f"[default: {PRESETS['quick']['start']} with the preset quick, else {NONE}]",
    ),
    click.option(
        "--learning-rate",
        type=click.FloatRange(0, min_open=True),
        help=f"At its peak. [default: {PRESETS['quick']['learning_rate']:g} for adam with the preset quick, else "
        + ", ".join(f"{rate:g} for {optimizer}" for optimizer, rate in LEARNING_RATES.items())
        + "]",
    ),
    # The lecture's choices.
    *(
        click.option(
            f"--{field.replace('_', '-')}", type=click.Choice(names), show_default=getattr(Recipe, field)
        )
        for field, names in CHOICES.items()
    ),
    click.option("--seed", type=click.IntRange(0), show_default=_by_preset("seed")),
    click.option(
        "--holdout",
        type=click.IntRange(0),
        help=f"Leave out the last N photos by name; the style is measured on {session.JUDGED} of them in the end. "
        f"[default: {session.JUDGED} where there are a hundred or more]",
    ),
    perceptual_option,
    click.option("--tensorboard", is_flag=True, help="Log the losses for TensorBoard in runs/NAME, too."),
    click.option("--title", help="The painting's title, for the style's card. [default: NAME]"),
    click.option("--painter", default="", help="For the style's card."),
    click.option("--year", default="", help="For the style's card."),
    click.option("--licence", default="", help="Licence of the model, for the style's card."),
    device_option,
)


@click.command()
@_options
def train(
    paintings: tuple[Path, ...],
    photos: Path | None,
    name: str | None,
    target: Path | None,
    preset: str | None,
    tensorboard: bool,
    **options: Any,
) -> None:
    """Train a style on PAINTING, or on several by one painter.

    Checkpoints, a log and previews go to runs/NAME. Ctrl-C stops after the current step; the same command with
    --resume goes on from there. Started by torchrun, several processes share the work.
    """
    try:
        name = session.style_name(name, paintings, target)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--name") from error
    if options["start"]:
        options["start"] = _start(options["start"], options["device"])
    # Only the command remembers a folder: what `session.train` does depends on its arguments alone.
    folder = photos or remembered.photos_folder()
    with closing(_Console(preset, photos, tensorboard)) as console:
        try:
            session.train(
                paintings, folder, name=name, target=target, preset=preset, report=console, **options
            )
        except Interrupted as stop:
            console.close()
            if console.told:
                click.echo(f"{stop}; the same command with --resume goes on from there", err=True)
            sys.exit(128 + stop.signum)


def _start(named: str, device: str) -> str:
    """What to begin with; of a painting's picture, the file of its study, which is made where there is none."""
    from artlives import images, studies

    if Path(named).suffix.lower() not in images.SUFFIXES:
        return named
    from artlives.cli.study import learnt

    return str(learnt(studies.find(named), (), device).path)


class _Console(Report):
    """The command's words and its progress bar, and what TensorBoard shows.

    Args:
        preset: the one that was named; None for the device's own.
        photos: the folder of photos that was named, which is remembered once it turns out to hold some.
        tensorboard: whether to log the losses for TensorBoard.
    """

    def __init__(self, preset: str | None, photos: Path | None, tensorboard: bool) -> None:
        self._preset, self._photos, self._tensorboard = preset, photos, tensorboard
        # Whether `begin` was called: of several processes, `session.train` reports to the first alone.
        self.told = False
        self._bar: tqdm[Any] | None = None
        self._writer: SummaryWriter | None = None

    def begin(self, trainer: Trainer) -> None:
        from tqdm import tqdm

        self.told, steps = True, trainer.recipe.steps
        if self._photos:
            # A convenience: where the folder cannot be remembered, training goes on.
            with suppress(ArtlivesError):
                remembered.remember_photos(self._photos)
        self._record = trainer.record
        preset = self._preset or PRESET_OF[trainer.device.type]
        photos = trainer.photos
        click.echo(
            f"{trainer.record.folder.name}: {steps} steps (preset {preset}) on {len(photos.files)} photos in "
            f"{photos.folder}",
            err=True,
        )
        if self._tensorboard:
            self._writer = _summary_writer(trainer.record.folder, trainer.step)
        self._bar = tqdm(total=steps, initial=trainer.step, unit="step")
        # The first step takes longer.
        self._measured_from, self._started = trainer.step + 1, time.perf_counter()

    def step(self, progress: Progress) -> None:
        from artlives.training.trainer import LOG_EVERY

        assert self._bar is not None
        if progress.step % LOG_EVERY == 0:
            losses = progress.losses()
            self._bar.set_postfix({loss: f"{losses[loss]:.3g}" for loss in SHOWN})
        self._bar.update()
        if self._writer:
            for loss, value in progress.losses().items():
                self._writer.add_scalar(loss, value, progress.step)
        if progress.step == self._measured_from:
            self._started = time.perf_counter()
        steps = self._bar.total
        if progress.step == self._measured_from + MEASURED < steps:
            seconds = (time.perf_counter() - self._started) / MEASURED
            minutes = seconds * (steps - progress.step) / 60
            self._bar.write(f"{seconds:.2f} seconds a step: about {minutes:.0f} minutes to go", sys.stderr)
        if progress.step == steps:
            self.close()

    def warn(self, line: str) -> None:
        click.echo(f"warning: {line}", err=True)

    def end(self, style: Style, figures: dict[str, float]) -> None:
        from artlives.training.evaluation import table

        self.close()
        if figures and not style.measured:
            click.echo("measured on photos that it was trained on, which flatters it:", err=True)
        if figures:
            click.echo(table(figures))
        click.echo(f"pictures on the way: {self._record.sheet}, losses: {self._record.plot}")
        named = style.name if styles.files().get(style.name) == style.path else style.path
        click.echo(f"wrote {style.path}; paint with it: artlives stylize PHOTO --style {named}")

    def close(self) -> None:
        """Ends the bar and TensorBoard's file, if there are any."""
        if self._bar is not None:
            self._bar.close()
        if self._writer:
            self._writer.close()


def _summary_writer(folder: Path, step: int) -> SummaryWriter:
    """TensorBoard's writer, which leaves out what an earlier run logged after `step`."""
    needs("--tensorboard", "tensorboard", "tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(folder / "tensorboard", purge_step=step + 1)
