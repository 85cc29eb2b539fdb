"""Styles that are made when they are asked for: of a painting's file by a short training, and of several styles mixed.

Both are style files in the user's cache, under a checksum of what they were made from: the next time they are there at
once. The cache is bounded, and `forget` empties it.
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
from typing import TYPE_CHECKING, Any

import platformdirs

from artlives import images, styles
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
    for path in folder().glob("study-*.safetensors"):
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
    - the path of a picture: the style of that painting, which is there or `is_pending`;
    - a mix, "wave+udnie" in equal parts, "wave:0.6,udnie:0.4" or {"wave": 0.6, "udnie": 0.4}: mean weights.

    Raises:
        ArtlivesError: there is no such style, a file cannot be read, a painting is too small or still to be learnt and
            torch is missing, or the styles cannot be mixed.
    """
    if isinstance(name, Style):
        return name
    if isinstance(name, Mapping):
        return _mixed(name)
    text = str(name)
    if Path(text).suffix.lower() in images.SUFFIXES and text not in styles.files():
        return _of_painting(Path(text))
    shares = _shares(text)
    return _mixed(shares) if shares else styles.find(name)


def is_pending(style: Style) -> bool:
    """Whether the style is still to be learnt from its painting, by `learn`."""
    return not style.path.exists() and style.path.parent == folder()


def learn(
    style: Style,
    photos: Sequence[Path] = (),
    device: str | torch.device = "auto",
    report: Callable[[int], None] = lambda step: None,
) -> Style:
    """The style; if it `is_pending`, it is learnt from its painting.

    Args:
        photos: to learn on, beside those that come with artlives.
        device: "auto", "cpu", "cuda", "mps", or torch's.
        report: called after each of `STUDY.steps` steps with its number. What it raises ends the study.

    Raises:
        ArtlivesError: the painting or the cache cannot be read or written.
    """
    if not is_pending(style):
        return style
    from artlives.training.study import study

    _make_room()
    return study(
        Path(style.painting), style.path, name=style.name, photos=photos, device=device, report=report
    )


def _of_painting(path: Path) -> Style:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtlivesError(f"{path} cannot be read: {error.strerror or error}") from error
    target = folder() / f"study-{_digest(content, asdict(STUDY))}.safetensors"
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
    return Style(name, target, str(path), "", "", "", STUDY.layers, {"grain": STUDY.grain}, {})


def _shares(text: str) -> dict[str, float] | None:
    """The shares of a mix; None if the text is none.

    Raises:
        ArtlivesError: a share is no number.
    """
    parts = text.split("+") if "+" in text else text.split(",")
    if text in styles.files() or Path(text).exists() or (len(parts) < 2 and ":" not in text):
        return None
    shares = {}
    for part in parts:
        name, colon, share = part.rpartition(":")
        try:
            shares[name.strip() if colon else part.strip()] = float(share) if colon else 1.0
        except ValueError:
            raise ArtlivesError(f"{part!r} is not a style and its share, such as wave:0.6") from None
    return shares


def _mixed(given: Mapping[str, float]) -> Style:
    """The mean of styles that began with the same weights, which is a style in between.

    Raises:
        ArtlivesError: a share is negative or there is none, or the styles began with different weights.
    """
    total = sum(given.values())
    if len(given) < 2 or not 0 < total < float("inf") or not all(share >= 0 for share in given.values()):
        raise ArtlivesError(f"{dict(given)} is no mix: give two styles or more, with shares of 0 or more")
    parts = [(find(name), share / total) for name, share in given.items()]
    first = parts[0][0]
    for part, _ in parts:
        if is_pending(part):
            raise ArtlivesError(f"{part.painting} is not learnt yet: use it as a style by itself first")
        if part.layers != first.layers or _beginning(part) != _beginning(first):
            raise ArtlivesError(
                f"{part.name} and {first.name} cannot be mixed: they were not trained from the same beginning"
            )
    contents = [[hashlib.sha256(part.path.read_bytes()).hexdigest(), share] for part, share in parts]
    target = folder() / f"mix-{_digest(b'', contents)}.safetensors"
    known = _known(target)
    if known:
        return known
    weights: dict[str, Any] = {}
    for part, share in parts:
        for key, value in styles.load_weights(part).items():
            weights[key] = weights.get(key, 0) + value * share
    _make_room()
    styles.save(
        target,
        weights,
        name="-".join(f"{part.name}{round(100 * share)}" for part, share in parts),
        painting=" and ".join(part.painting for part, _ in parts),
        painter=" and ".join(dict.fromkeys(part.painter for part, _ in parts)),
        year="",
        licence=first.licence,
        layers=first.layers,
        training={
            "grain": sum(part.grain * share for part, share in parts),
            "mixed": {part.name: share for part, share in parts},
            "before": first.training.get("before", []),
            "start": first.training.get("start"),
        },
    )
    return styles.read(target)


def _beginning(style: Style) -> object:
    """Equal for styles that began with the same weights: the shipped ones did, and all that started from one."""
    cards = [*style.training.get("before", []), style.training]
    start = cards[0].get("start")
    return json.dumps(cards[0]) if start == "none" else "shipped"


def _digest(content: bytes, made_from: Any) -> str:
    return hashlib.sha256(content + json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:24]


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
