"""The registry of styles: which there are, what their files say of them, and how one is loaded and saved.

A style is one safetensors file: the weights of a `StyleNetwork` in half precision, and in the header's
string metadata what it was made from. Listing and finding read that header alone; torch is imported
when weights are loaded or saved.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from artlives import architecture
from artlives.errors import ArtlivesError
from artlives.files import replacing, shipped_folder

if TYPE_CHECKING:
    import numpy as np
    import torch

    from artlives.cuda_executor import CudaExecutor
    from artlives.executor import Executor
    from artlives.network import StyleNetwork

FORMAT = "artlives-style-1"
MAX_HEADER = 100_000_000  # bytes; safetensors' own limit


@dataclass(frozen=True)
class Style:
    """A style as its file describes it; the weights stay in the file.

    Attributes:
        name: the name it is found by, and the ending of the pictures it paints.
        path: its safetensors file.
        painting, painter, year, licence: of the painting it was trained on.
        layers: the network that its weights fit.
        training: the recipe, options and last losses of its training.
        measured: distances that were measured of its pictures; may be empty.
    """

    name: str
    path: Path
    painting: str
    painter: str
    year: str
    licence: str
    layers: tuple[architecture.Layer, ...]
    training: dict[str, Any]
    measured: dict[str, Any]

    @property
    def grain(self) -> float:
        """Grey levels of the grain that photos get before they are painted; see `artlives.grain`."""
        return float(self.training.get("grain", 0))

    @property
    def caption(self) -> str:
        """What stands below a picture in this style."""
        return f"{self.painter}, {self.painting}, {self.year}"


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
        return Style(
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
    except KeyError as error:
        raise ArtlivesError(f"{path} is not a whole style: its header lacks {error}") from error
    except (ValueError, RecursionError) as error:
        raise ArtlivesError(f"{path} is not a style that this artlives can use: {error}") from error


def _training(text: str) -> dict[str, Any]:
    training = json.loads(text)
    amplitude = training.get("grain", 0) if isinstance(training, dict) else None
    if not isinstance(amplitude, int | float) or not 0 <= amplitude <= architecture.MOST_GRAIN:
        raise ValueError("it does not say as a number how much grain it was trained with")
    return training


def check_name(name: str) -> None:
    """Raise ValueError unless `name` can name a style: it becomes a part of file names."""
    if not re.fullmatch(r"\w[\w-]*", name):
        raise ValueError(f"a style's name is made of letters, digits, - and _, unlike {name!r}")


def save(
    path: str | Path,
    state_dict: Mapping[str, torch.Tensor],
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
    """Write a style: `state_dict` in half precision, the rest as the header's metadata (see `Style`).

    The file appears at `path` whole or not at all.

    Raises:
        ArtlivesError: if a weight is not finite in half precision, or the file cannot be written.
        ValueError: if `name` cannot name a style.
    """
    from safetensors import torch as safetensors

    check_name(name)
    weights = {key: value.detach().cpu().half().contiguous() for key, value in state_dict.items()}
    for key, value in weights.items():
        if not value.isfinite().all():
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
        temporary.write_bytes(safetensors.save(weights, metadata))


def load_weights(style: Style) -> dict[str, np.ndarray]:
    """The weights of a style in fp32, by the names of `StyleNetwork`'s state dict.

    Raises:
        ArtlivesError: if the file cannot be read, or its weights are not finite.
    """
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
    return weights


def load_network(style: Style, device: torch.device | str = "cpu") -> StyleNetwork:
    """The network of a style with its weights in fp32, on `device`, in eval mode.

    Raises:
        ArtlivesError: if the file cannot be read, or its weights are not finite or do not fit its network.
    """
    import torch

    from artlives.network import StyleNetwork

    weights = {key: torch.from_numpy(value) for key, value in load_weights(style).items()}
    with torch.device("meta"):  # the weights take the place of these: nothing is drawn or allocated
        network = StyleNetwork(style.layers, even=False)
    try:
        network.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise ArtlivesError(_misfit(style, error)) from error
    return network.to(device).eval()


def load_executor(style: Style, threads: int | None = None) -> Executor | None:
    """The same network for the CPU and without torch, in `threads` threads.

    None where the compiled core is missing or lacks a part of it.

    Raises:
        ArtlivesError: as `load_network` does.
    """
    from artlives.executor import Executor, can_run

    if not can_run(style.layers):
        return None
    try:
        return Executor(style.layers, load_weights(style), threads)
    except (KeyError, ValueError) as error:
        raise ArtlivesError(_misfit(style, error)) from error


def load_cuda_executor(style: Style, device: torch.device | str) -> CudaExecutor | None:
    """The same network for a GPU, in fp16; None where Triton is missing or the GPU is too old for its kernels.

    Raises:
        ArtlivesError: as `load_network` does.
    """
    if not find_spec("triton"):
        return None
    import torch

    from artlives import cuda_executor

    if not cuda_executor.can_run(style.layers, torch.device(device)):
        return None
    weights = {key: torch.from_numpy(value) for key, value in load_weights(style).items()}
    try:
        return cuda_executor.CudaExecutor(style.layers, weights, device)
    except (KeyError, ValueError) as error:
        raise ArtlivesError(_misfit(style, error)) from error


def _misfit(style: Style, error: Exception) -> str:
    what = textwrap.shorten(str(error), 200)
    return f"{style.path} does not fit the network that it describes: {what}"


def _metadata(path: Path) -> dict[str, str]:
    """The string metadata in the header of a safetensors file: 8 bytes of length, then JSON."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size - 8
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(size, MAX_HEADER):
                raise ArtlivesError(f"{path} is not a safetensors file, or is cut short")
            header = json.loads(file.read(length))
        metadata = header.pop("__metadata__", {})
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
