"""What commands that paint do with a style that is still to be learnt from its painting."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click
from tqdm import tqdm

from artlives import studies
from artlives.cli import remembered
from artlives.errors import ArtlivesError
from artlives.files import files_in
from artlives.names import photos_among
from artlives.styles import Style
from artlives.training import Interrupted
from artlives.training.recipe import STUDY

# Photos of the command, and of the folder that `train` remembers, that a study looks at, at most.
OWN, REMEMBERED = 8, 16


def learnt(style: Style, photos: Sequence[str], device: str) -> Style:
    """The style; what is pending of it is learnt, with a progress bar. A mix of pictures is said to be one.

    Args:
        photos: the command's own, which the study looks at, too.

    Raises:
        ArtlivesError: as `studies.learn` does.
    """
    pending = studies.pending(style)
    content = [Path(photo) for photo in photos[:OWN]] + _remembered() if pending else []
    for part in pending:
        _learn(part, content, device)
    ready = studies.learn(style)
    if ready.parts:
        names = " and ".join(part.name for part, _ in ready.parts)
        click.echo(f"{names} did not start from the same weights: their pictures are mixed", err=True)
    return ready


def _learn(style: Style, content: Sequence[Path], device: str) -> None:
    click.echo(f"learning how {style.painting} is painted, once; it is remembered", err=True)
    with tqdm(total=STUDY.steps, unit="step", desc=style.name, disable=None) as bar:

        def report(step: int) -> None:
            bar.update(step - bar.n)

        try:
            studies.learn(style, content, device, report)
        except Interrupted as stop:
            bar.close()
            click.echo("stopped; nothing of it was kept", err=True)
            sys.exit(128 + stop.signum)


def _remembered() -> list[Path]:
    """Photos of the folder that was last trained on, from all over it; none if there is no such folder."""
    try:
        folder = remembered.photos_folder()
        if folder is None:
            return []
        paths = photos_among(files_in(folder), ())
    except ArtlivesError:
        return []
    return [folder / path for path in paths[:: max(1, len(paths) // REMEMBERED)][:REMEMBERED]]
