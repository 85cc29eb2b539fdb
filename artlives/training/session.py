"""`train`: from a painting and a folder of photographs to a style's file. `artlives train` is made of it.

torch is imported when all has been checked that can be without it.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artlives import styles
from artlives.errors import ArtlivesError, needs
from artlives.files import sample_photos
from artlives.styles import Style
from artlives.training.recipe import MEAN, NONE, PRESET_OF, PRESETS, Recipe, card, checked, read
from artlives.training.recipe import recipe as recipe_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from artlives.training.photos import Photos
    from artlives.training.trainer import Progress, Trainer

# Photos that the style is measured on in the end, the last by name: enough for two digits, in seconds on a CPU.
JUDGED = 10
# Photos below which a warning is given: a style learns to paint those few, and others less well.
FEW = 100
# Pixels of their longer side, as of the figures in models/README.md, so that they can be compared.
JUDGED_SIZE = 512

log = logging.getLogger(__name__)


class Report:
    """The events of a training, as methods that do nothing: override those of interest.

    Of several processes, the first alone tells. What a method raises ends the training.
    """

    def begin(self, trainer: Trainer) -> None:
        """Before the first step; `trainer` has the recipe, the photos, the folder and the step that it begins at."""

    def step(self, progress: Progress) -> None:
        """After every step; `progress.losses()` waits for the device, so ask every now and then only."""

    def warn(self, line: str) -> None:
        """Something is not as it could be. Without an override the line goes to `logging`."""
        log.warning(line)

    def end(self, style: Style, figures: dict[str, float]) -> None:
        """The style's file is written; `figures` are those of `evaluation.FIGURES`, none where it is not measured.

        If no photos were held out, they are of photos that it was trained on, and `style.measured` is empty.
        """


def train(
    paintings: str | Path | Sequence[str | Path],
    photos: str | Path | None = None,
    *,
    name: str | None = None,
    target: str | Path | None = None,
    title: str | None = None,
    painter: str = "",
    year: str = "",
    licence: str = "",
    preset: str | None = None,
    recipe: Recipe | Mapping[str, Any] | str | Path | None = None,
    holdout: int | None = None,
    perceptual: str | Path | None = None,
    device: str | torch.device = "auto",
    resume: bool = False,
    overwrite: bool = False,
    report: Report | None = None,
    **fields: Any,
) -> Style:
    """Trains a style and writes its file: `Stylizer(train("sunflowers.jpg", "photos/"))` paints in it.

    It seeds torch's own generator. Where the C library is glibc, the process keeps the memory that it frees.

    Args:
        paintings: a painting's file, or several of one painter.
        photos: folder of photographs to learn on, a thousand or so; the few sample photos, for a trial, by default.
        name: the style's name; by default made of the painting's file name.
        target: style file to write; by default NAME in the user's style folder, where `Stylizer(NAME)` finds it.
        title, painter, year, licence: of the painting, for the style's card; the title is the name by default.
        preset: "quick", "standard" or "best"; by default what the device gets through in half an hour or so.
        recipe: a whole `Recipe`, or some of its attributes, as a mapping or in a TOML file; they override the preset.
        holdout: how many photos, the last by name, are left out to measure the style on; see `photos.Photos`.
        perceptual: VGG-19's weights, see `perceptual.Perceptual`; by default those that come with artlives.
        device: "auto", "cpu", "cuda", "mps", or torch's. Under torchrun, all processes train the style together.
        resume: go on from the checkpoint in the folder runs/NAME, to the very same result.
        overwrite: replace a style that is there, or a training in runs/NAME that is not finished.
        report: its methods are called as the training goes on.
        **fields: attributes of a `Recipe`, such as `steps` and `start`; they override `recipe`. None is not given.

    Raises:
        ArtlivesError: a file cannot be read or written or is there already, or training fails; it says what to do.
        ValueError: the name cannot be a style's, or there is no such preset or attribute or value of a recipe.
        signals.Interrupted: SIGINT or SIGTERM came; `resume` goes on after the last step.
    """
    files = [Path(path) for path in ([paintings] if isinstance(paintings, str | Path) else paintings)]
    name = style_name(name, files, target)
    written = Path(target) if target else styles.user_folder() / f"{name}.safetensors"
    _check_target(written, overwrite)
    options = _options(preset, recipe, fields)
    about = {"name": name, "painting": title or name, "painter": painter, "year": year, "licence": licence}
    folder = Path(photos) if photos else None
    job = _Job(files, folder, written, about, preset, options, holdout, perceptual, device)
    return job.run(report or Report(), resume, overwrite)


def style_name(name: str | None, paintings: Sequence[Path], target: str | Path | None = None) -> str:
    """The new style's name, which is made of the first painting's file name where none is given.

    Raises:
        ValueError: it cannot be a style's name, or it is one that comes with artlives and `target` is not given, or
            there is no painting.
    """
    if not paintings:
        raise ValueError("there is no painting to train on: give one or more")
    name = name or styles.name_of(paintings[0])
    styles.check_name(name)
    if target is None and name in styles.shipped():
        raise ValueError(f"{name} comes with artlives: choose another")
    return name


@dataclass(frozen=True)
class _Job:
    """A training that nothing speaks against, as far as can be told without torch; see `train`."""

    paintings: list[Path]
    photos: Path | None
    target: Path
    about: dict[str, str]
    preset: str | None
    options: dict[str, Any]
    holdout: int | None
    perceptual: str | Path | None
    device: str | torch.device

    def run(self, report: Report, resume: bool, overwrite: bool) -> Style:
        # matplotlib draws the losses in the end, hours later.
        needs("train", "train", "torch", "matplotlib")
        from artlives import devices
        from artlives.training.memory import keep_freed_memory
        from artlives.training.perceptual import Perceptual
        from artlives.training.photos import Photos
        from artlives.training.processes import joined
        from artlives.training.trainer import Trainer

        keep_freed_memory()
        with joined(devices.pick(self.device)) as (processes, where):
            photos = Photos(self.photos or sample_photos(), self.holdout, nested=self.photos is not None)
            recipe = recipe_of(self.preset or PRESET_OF[where.type], self.options)
            weights, before = start_of(recipe)
            judge = Perceptual(self.perceptual, where)
            folder = Path("runs") / self.about["name"]
            trainer = Trainer(self.paintings, photos, recipe, judge, folder, where, processes, weights)
            _begin(trainer, resume, overwrite)
            told = report if processes.rank == 0 else Report()
            self._warn_of_few(photos, told)
            told.begin(trainer)
            losses = trainer.run(told.step)
            training = {**card(recipe), "photos": len(photos.files), "before": before, "losses": losses}
            if recipe.start not in (MEAN, NONE):
                # A file's path says nothing elsewhere, and may say who trained it.
                training["start"] = styles.find(recipe.start).name
            return processes.from_first(lambda: self._written(trainer, training, told))

    def _warn_of_few(self, photos: Photos, report: Report) -> None:
        if self.photos is None:
            report.warn(
                f"learning on the {len(photos.files)} sample photos alone; name a folder of a thousand with "
                "--photos for a style that suits any photo"
            )
        elif len(photos.files) < FEW:
            report.warn(
                f"{len(photos.files)} photos in {photos.folder} are few: with a thousand the style suits any photo"
            )

    def _written(self, trainer: Trainer, training: dict[str, Any], report: Report) -> Style:
        """The style, measured and written."""
        figures = self._measured(trainer, report)
        styles.save(
            self.target,
            trainer.average.file_weights(),
            **self.about,
            layers=trainer.recipe.layers,
            training=training,
            # Figures of photos that it was trained on are not kept: they flatter it.
            measured={k: round(v, 4) for k, v in figures.items()} if trainer.photos.held_out else {},
        )
        trainer.record.draw_previews()
        trainer.record.draw_losses()
        style = styles.read(self.target)
        report.end(style, figures)
        return style

    def _measured(self, trainer: Trainer, report: Report) -> dict[str, float]:
        """The style's figures of quality; none where a photo is unfit to be measured on."""
        from artlives.training.evaluation import evaluate
        from artlives.training.objective import Objective

        photos, recipe = trainer.photos, trainer.recipe
        # By the costs that all styles are measured with, whichever this one was trained with.
        judge = Objective(trainer.objective.perceptual, self.paintings, recipe.style_size)
        judged = (photos.held_out or photos.files)[-JUDGED:]
        try:
            return evaluate(trainer.average, judge, judged, JUDGED_SIZE, recipe.grain)
        except ArtlivesError as error:
            report.warn(f"not measured: {error}")
            return {}


def _options(
    preset: str | None, recipe: Recipe | Mapping[str, Any] | str | Path | None, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """What overrides the preset: the recipe's attributes, and the fields that are given, which override those."""
    if preset is not None and preset not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, not {preset!r}")
    if isinstance(recipe, Recipe):
        if preset:
            raise ValueError("a whole Recipe leaves nothing to a preset: give one of both")
        recipe = asdict(recipe)
    options = read(Path(recipe)) if isinstance(recipe, str | Path) else checked(recipe or {})
    options |= checked({field: value for field, value in fields.items() if value is not None})
    if options.get("start", NONE) not in (MEAN, NONE):
        styles.find(options["start"])
    return options


def _check_target(target: Path, overwrite: bool) -> None:
    """Raise ArtlivesError unless the style can be written in the end."""
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


def start_of(recipe: Recipe) -> tuple[dict[str, Tensor] | None, list[dict[str, Any]]]:
    """The weights to begin with, those of a style or the mean of all shipped ones', None for random ones; and the cards
    of the trainings that led to them.

    Raises:
        ArtlivesError: there is no such style, it cannot be read, or its network is another.
    """
    if recipe.start == NONE:
        return None, []
    mean = recipe.start == MEAN
    found = [styles.read(path) for path in styles.shipped().values()] if mean else [styles.find(recipe.start)]
    for style in found:
        if style.layers != recipe.layers:
            raise ArtlivesError(f"{style.path} holds a network of another shape: start from another style")
    import torch

    from artlives.engines.torch import load

    zero = torch.zeros(())
    states = [load(style).state_dict() for style in found]
    weights = {key: sum((state[key] for state in states), zero) / len(states) for key in states[0]}
    if mean:
        return weights, []
    last = dict(found[0].training)
    return weights, [*last.pop("before", []), last]


def _begin(trainer: Trainer, resume: bool, overwrite: bool) -> None:
    """Brings the trainer to its checkpoint, or removes it.

    Raises:
        ArtlivesError: there is none to resume, or one of a training that is not finished, which is not overwritten.
    """
    from artlives.training.checkpoint import is_unfinished

    if resume:
        trainer.resume()
    elif not overwrite and is_unfinished(trainer.checkpoint):
        raise ArtlivesError(
            f"{trainer.folder} holds a training that is not finished: go on with --resume, or start again with "
            "--overwrite"
        )
    else:
        trainer.restart()
