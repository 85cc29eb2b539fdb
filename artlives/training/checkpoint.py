"""The file that a training goes on from: its weights, their average, the optimizer's state, the losses so far."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from artlives.errors import ArtlivesError
from artlives.files import replacing
from artlives.training.recipe import Recipe, card

# What has a state that is kept, by the name that the file calls it by.
Parts = Mapping[str, nn.Module | Optimizer]


class Reached(NamedTuple):
    """How far a training has come: its last step, counted from 1, and the latest steps' losses."""

    step: int
    recent: list[Tensor]


def save(path: Path, recipe: Recipe, parts: Parts, reached: Reached) -> None:
    """Writes the checkpoint, whole or not at all.

    Raises:
        ArtlivesError: it cannot be written.
    """
    states = {name: part.state_dict() for name, part in parts.items()}
    buffer = io.BytesIO()
    # Into memory first: on a full disk, torch's own writing fails with an error of its own.
    torch.save({**reached._asdict(), "recipe": card(recipe), **states}, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load(path: Path, recipe: Recipe, parts: Parts, device: torch.device) -> Reached:
    """Brings `parts` to the state in the checkpoint.

    Raises:
        ArtlivesError: there is none, it cannot be read, or it is of another recipe.
    """
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        differing = [key for key, value in card(recipe).items() if state["recipe"].get(key) != value]
        if not differing:
            for name, part in parts.items():
                part.load_state_dict(state[name])
        reached = Reached(state["step"], state["recent"])
    except FileNotFoundError:
        raise ArtlivesError(f"{path} is not there: start without --resume") from None
    except Exception as error:
        # For a damaged file, torch.load raises many kinds of exceptions.
        raise ArtlivesError(f"{path} cannot be read: start without --resume ({error})") from error
    if differing:
        raise ArtlivesError(
            f"{path} was made with other options ({', '.join(differing)}): give the same, or start without --resume"
        )
    return reached


def is_unfinished(path: Path) -> bool:
    """Whether the checkpoint is of a training that has not come to its last step; False without one."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return bool(state["step"] < state["recipe"]["steps"])
    except Exception:
        # There is none, or a damaged one, for which torch.load raises many kinds of exceptions.
        return False


def remove(path: Path) -> None:
    """Removes the checkpoint, if there is one.

    Raises:
        ArtlivesError: it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ArtlivesError(f"{path} cannot be removed: {error.strerror}") from error
