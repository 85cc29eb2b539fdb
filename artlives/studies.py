"""Styles that are made when they are asked for: of a painting's file by a short training, and mixes.

What was learnt is a style file in the user's cache, under a checksum of the painting: the next time it is there at
once. The cache is bounded, and `forget` empties it. Mixes are made anew each time, in milliseconds.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from artlives import images, mixing, styles
from artlives.errors import ArtlivesError, needs
from artlives.styles import Style
from artlives.training.recipe import STUDY

if TYPE_CHECKING:
    import torch

# Files in the cache at most, of 1.5 MB each; the one that was used longest ago goes first.
MOST = 64
# Pixels a side of a painting, at least: with fewer, there are no strokes to learn from.
SMALLEST = 64


def folder() -> Path:
    """Where they are kept; it need not be there."""
    return platformdirs.user_cache_path("artlives", appauthor=False) / "studies"


def studied() -> list[Style]:
    """The styles that were learnt from a painting's file, by name; one whose file is damaged is left out."""
    found = []
    for path in folder().glob("*.safetensors"):
        with suppress(ArtlivesError):
            found.append(styles.read(path))
    return sorted(found, key=lambda style: style.name)


def forget() -> int:
    """Remove all of them from the cache, and return how many there were.

    Raises:
        ArtlivesError: one cannot be removed.
    """
    paths = list(folder().glob("*.safetensors"))
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ArtlivesError(f"{path} cannot be removed: {error.strerror or error}") from error
    return len(paths)


def find(name: str | Path | Style | Mapping[str, float]) -> Style:
    """The style that is meant by

    - the name of a style, or the path of its file, as in `styles.find`;
    - the path of a picture: the style of that painting, which is there or `pending`;
    - a mix, "wave+udnie" in equal parts, "wave:0.6,udnie:0.4" or {"wave": 0.6, "udnie": 0.4}, of any of these.

    Raises:
        ArtlivesError: there is no such style, a file cannot be read, a painting is too small or still to be learnt and
            torch is missing, or a share is below 0.
    """
    if isinstance(name, Style):
        return name
    shares = name if isinstance(name, Mapping) else None
    if shares is None:
        text = str(name)
        if Path(text).suffix.lower() in images.SUFFIXES and text not in styles.files():
            return _of_painting(Path(text))
        shares = mixing.shares_in(text)
        if shares is None:
            return styles.find(text)
    mix = mixing.mixture([(find(part), share) for part, share in mixing.normalized(shares).items()])
    return mix if pending(mix) else mixing.averaged(mix)


def pending(style: Style) -> list[Style]:
    """Those of a style and its parts that are still to be learnt from their paintings, by `learn`."""
    if style.parts:
        return [found for part, _ in style.parts for found in pending(part)]
    return [style] if style.path and style.path.parent == folder() and not style.path.exists() else []


def learn(
    style: Style,
    photos: Sequence[Path] = (),
    device: str | torch.device = "auto",
    report: Callable[[int], None] = lambda step: None,
) -> Style:
    """The style; what is `pending` of it is learnt from its painting.

    Args:
        photos: to learn on, beside those that come with artlives.
        device: "auto", "cpu", "cuda", "mps", or torch's.
        report: called after each of `STUDY.steps` steps with its number. What it raises ends the study.

    Raises:
        ArtlivesError: the painting or the cache cannot be read or written.
    """
    if style.parts:
        parts = [(learn(part, photos, device, report), share) for part, share in style.parts]
        return mixing.averaged(mixing.mixture(parts))
    if not pending(style):
        return style
    import numpy as np

    from artlives.training.study import Study

    assert style.path is not None
    _make_room()
    study = Study(np.asarray(images.on_white(images.load(style.painting))), photos, device)
    study.run(report)
    learnt = replace(style, painting=Path(style.painting).name, training=study.card())
    styles.write(replace(learnt, weights=study.weights()), style.path)
    return learnt


def _of_painting(path: Path) -> Style:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtlivesError(f"{path} cannot be read: {error.strerror or error}") from error
    recipe = json.dumps(asdict(STUDY), sort_keys=True).encode()
    target = folder() / f"{hashlib.sha256(content + recipe).hexdigest()[:24]}.safetensors"
    name = styles.name_of(path)
    known = _known(target)
    if known:
        return replace(known, name=name)
    needs("a painting as a style", "train", "torch")
    height, width = images.load(io.BytesIO(content), str(path)).pixels.shape[:2]
    if min(height, width) < SMALLEST:
        raise ArtlivesError(
            f"{path} has {width}x{height} pixels: a painting to learn from needs {SMALLEST} a side"
        )
    return Style(
        name, target, str(path), "", "", "", STUDY.layers, {"grain": STUDY.grain, "start": STUDY.start}, {}
    )


def _known(path: Path) -> Style | None:
    """The style in the cache, marked as used just now; None if it is not there. One that is damaged is removed."""
    try:
        found = styles.read(path)
        os.utime(path)
    except (ArtlivesError, OSError):
        with suppress(OSError):
            path.unlink(missing_ok=True)
        return None
    return found


def _make_room() -> None:
    """Make the cache's folder, and remove from it what was used longest ago, but for `MOST` - 1 files.

    Raises:
        ArtlivesError: the folder cannot be made.
    """
    try:
        folder().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArtlivesError(f"{folder()} cannot be made: {error.strerror or error}") from error
    used = {}
    for path in folder().glob("*.safetensors"):
        with suppress(OSError):
            used[path] = path.stat().st_mtime
    for path in sorted(used, key=used.__getitem__, reverse=True)[MOST - 1 :]:
        with suppress(OSError):
            path.unlink()
