"""The registry of styles: which there are, what their files say of them, and how one is loaded and saved.

A style is one safetensors file: the weights of its network in half precision, and in the header's string metadata what
it was made from. Listing and finding read that header alone.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from artlives import architecture, plan
from artlives.errors import ArtlivesError
from artlives.files import replacing, shipped_folder

if TYPE_CHECKING:
    import numpy as np
    import torch


# The value of "format" in the metadata of a style's file.
FORMAT = "artlives-style-1"
# Bytes of a safetensors file's header: the limit that the library has itself.
MAX_HEADER = 100_000_000


@dataclass(frozen=True)
class Style:
    """A style as its file describes it; the weights stay in the file, unless it has none.

    Attributes:
        name: the name it is found by, and the ending of the pictures it paints.
        path: its safetensors file; None of a style in memory.
        painting, painter, year, licence: of the painting it was trained on.
        layers: the network that its weights fit.
        training: the recipe, options and last losses of its training.
        measured: distances that were measured of its pictures; may be empty.
        weights: of a style in memory, fp32 by the names of `plan.shapes`.
        parts: of a mix that is made of its parts' pictures, the styles and their shares, which add up to 1; its
            `layers` are those of the first.
    """

    name: str
    path: Path | None
    painting: str
    painter: str
    year: str
    licence: str
    layers: tuple[architecture.Layer, ...]
    training: dict[str, Any]
    measured: dict[str, Any]
    weights: Mapping[str, np.ndarray] | None = field(default=None, compare=False, repr=False)
    parts: tuple[tuple[Style, float], ...] = ()

    @property
    def steps(self) -> tuple[plan.Step, ...]:
        """The plan of its network."""
        return plan.lower(self.layers)

    @property
    def grain(self) -> float:
        """Grey levels of the grain that photos get before they are painted; see `artlives.grain`."""
        return float(self.training.get("grain", 0))

    @property
    def caption(self) -> str:
        """What stands below a picture in this style."""
        return ", ".join(filter(None, (self.painter, self.painting, self.year)))


def models_folder() -> Path:
    """The folder of the styles that come with artlives."""
    return shipped_folder("models", "models")


def shipped() -> dict[str, Path]:
    """The files of the styles that come with artlives, by name."""
    return {path.stem: path for path in sorted(models_folder().glob("*.safetensors"))}


def user_folder() -> Path:
    """Where `artlives train` puts the styles that a user trains; it need not be there."""
    return platformdirs.user_data_path("artlives", appauthor=False) / "styles"


def files() -> dict[str, Path]:
    """The files of all styles, by name: those that come with artlives, then the user's own."""
    return shipped() | {path.stem: path for path in sorted(user_folder().glob("*.safetensors"))}


def available() -> list[Style]:
    """The styles that come with artlives and then the user's own, each by name.

    Raises:
        ArtlivesError: if a file among them is not a style.
    """
    return [read(path) for path in files().values()]


def find(name: str | Path) -> Style:
    """The style of that name, or the style in that safetensors file.

    Raises:
        ArtlivesError: if there is no such style (the message lists those there are and the nearest
            name), or if the file cannot be read or is not a style.
    """
    paths = files()
    if name in paths:
        return read(paths[str(name)])
    path = Path(name)
    if path.suffix or len(path.parts) > 1:
        return read(path)
    nearest = difflib.get_close_matches(str(name).lower(), paths, n=1, cutoff=0.4)
    hint = f" (did you mean {nearest[0]!r}?)" if nearest else ""
    names = ", ".join(paths) or "none"
    raise ArtlivesError(f"there is no style {str(name)!r}{hint}; the styles are: {names}")


def read(path: str | Path) -> Style:
    """The style in a safetensors file, from its header alone.

    Raises:
        ArtlivesError: if the file cannot be read, is damaged, or is not a style of artlives.
    """
    path = Path(path)
    metadata = _metadata(path)
    if metadata.get("format") != FORMAT:
        raise ArtlivesError(f"{path} is a safetensors file but not a style that `artlives train` wrote")
    try:
        check_name(metadata["style"])
        style = Style(
            name=metadata["style"],
            path=path,
            painting=metadata["painting"],
            painter=metadata["painter"],
            year=metadata["year"],
            licence=metadata["licence"],
            layers=architecture.from_json(metadata["network"]),
            training=_training(metadata["training"]),
            measured=json.loads(metadata["measured"]),
        )
        # Raises ValueError unless its layers make a network.
        plan.lower(style.layers)
        return style
    except KeyError as error:
        raise ArtlivesError(f"{path} is not a whole style: its header lacks {error}") from error
    except (ValueError, RecursionError) as error:
        raise ArtlivesError(f"{path} is not a style that this artlives can use: {error}") from error


def _training(text: str) -> dict[str, Any]:
    training: dict[str, Any] = json.loads(text)
    amplitude = training.get("grain", 0) if isinstance(training, dict) else None
    if not isinstance(amplitude, int | float) or not 0 <= amplitude <= architecture.MOST_GRAIN:
        raise ValueError("it does not say as a number how much grain it was trained with")
    return training


def check_name(name: str) -> None:
    """Raise ValueError unless `name` can name a style: it becomes a part of file names."""
    if not re.fullmatch(r"\w[\w-]*", name):
        raise ValueError(f"a style's name is made of letters, digits, - and _, unlike {name!r}")


def name_of(painting: Path) -> str:
    """A style's name, made of the name of its painting's file.

    Raises:
        ValueError: nothing of it is a letter or a digit.
    """
    name = re.sub(r"\W+", "-", painting.stem).strip("-_").lower()
    check_name(name)
    return name


def save(
    path: str | Path,
    weights: Mapping[str, np.ndarray | torch.Tensor],
    *,
    name: str,
    painting: str,
    painter: str,
    year: str,
    licence: str,
    layers: tuple[architecture.Layer, ...],
    training: Mapping[str, Any],
    measured: Mapping[str, Any] | None = None,
) -> None:
    """Write a style: `weights` in half precision, the rest as the header's metadata (see `Style`).

    The weights are arrays, or tensors on any device, by the names of `plan.shapes`.

    The file appears at `path` whole or not at all.

    Raises:
        ArtlivesError: if a weight is not finite in half precision, or the file cannot be written.
        ValueError: if `name` cannot name a style.
    """
    import numpy as np
    from safetensors import numpy as safetensors

    check_name(name)
    with np.errstate(over="ignore"):
        halves = {key: _array(value).astype(np.float16, order="C") for key, value in weights.items()}
    for key, value in halves.items():
        if not np.isfinite(value).all():
            raise ArtlivesError(f"{path} was not written: {key} holds weights that are not finite")
    metadata = {
        "format": FORMAT,
        "style": name,
        "painting": painting,
        "painter": painter,
        "year": year,
        "licence": licence,
        "network": architecture.to_json(layers),
        "training": json.dumps(dict(training)),
        "measured": json.dumps(dict(measured or {})),
    }
    with replacing(path) as temporary:
        temporary.write_bytes(safetensors.save(halves, metadata))


def write(style: Style, path: Path) -> None:
    """Write a style that has weights, in a file or in memory, to a file of its own; see `save`.

    Raises:
        ArtlivesError: as `save` and `load_weights` do.
    """
    save(
        path,
        load_weights(style),
        name=style.name,
        painting=style.painting,
        painter=style.painter,
        year=style.year,
        licence=style.licence,
        layers=style.layers,
        training=style.training,
        measured=style.measured,
    )


def _array(values: np.ndarray | torch.Tensor) -> np.ndarray:
    return values.numpy(force=True) if hasattr(values, "numpy") else values


def load_weights(style: Style) -> Mapping[str, np.ndarray]:
    """The weights of a style in fp32, by the names of `plan.shapes`.

    Raises:
        ArtlivesError: if the file cannot be read, or its weights are not finite or not those of its network.
        ValueError: if it is a mix of several networks' pictures.
    """
    if style.weights is not None:
        return style.weights
    if style.path is None:
        raise ValueError(f"{style.name} has no weights of its own")
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        weights = {key: value.astype(np.float32) for key, value in load_file(style.path).items()}
    except OSError as error:
        raise ArtlivesError(f"{style.path} cannot be read: {error.strerror or error}") from error
    except SafetensorError as error:
        raise ArtlivesError(f"{style.path} is damaged: {error}") from error
    if not all(np.isfinite(value).all() for value in weights.values()):
        raise ArtlivesError(f"{style.path} is damaged: it holds weights that are not finite")
    try:
        plan.check_weights(style.steps, weights)
    except ValueError as error:
        raise ArtlivesError(f"{style.path} does not fit the network that it describes: {error}") from error
    return weights


def _metadata(path: Path) -> dict[str, str]:
    """The string metadata in the header of a safetensors file: 8 bytes of length, then JSON."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size - 8
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(size, MAX_HEADER):
                raise ArtlivesError(f"{path} is not a safetensors file, or is cut short")
            header = json.loads(file.read(length))
        metadata: dict[str, str] = header.pop("__metadata__", {})
        if not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("metadata that is not text")
        end = max((tensor["data_offsets"][1] for tensor in header.values()), default=0)
    except OSError as error:
        raise ArtlivesError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError, AttributeError, KeyError, IndexError, TypeError) as error:
        raise ArtlivesError(f"{path} is not a safetensors file") from error
    if end != size - length:
        raise ArtlivesError(f"{path} is cut short or damaged: its tensors do not fill the file")
    return metadata
