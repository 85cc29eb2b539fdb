"""Mixes of styles: in their weights where they descend from the same ones, else in their pictures.

Networks that were trained from the same weights, for as long as ours are, can be averaged (Wortsman et al. 2022, "Model
soups", section 2): the mean paints in a style in between, as crisp as either. Of others, the mean paints nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING

from artlives import styles
from artlives.architecture import Layer
from artlives.errors import ArtlivesError
from artlives.files import identity
from artlives.styles import Style

if TYPE_CHECKING:
    import numpy as np


def shares_in(text: str) -> dict[str, float] | None:
    """What "wave+udnie" or "wave:0.6,udnie:0.4" names, with shares; None if it is the name of one style or file.

    Raises:
        ArtlivesError: a share is no number, or a style has no name or is named twice.
    """
    return None if text in styles.files() or identity(text) else shares_of(text)


def shares_of(text: str) -> dict[str, float] | None:
    """The same of what names no file: whether there is one is not looked for.

    Raises:
        ArtlivesError: a share is no number, or a style has no name or is named twice.
    """
    parts = text.split("+") if "+" in text else text.split(",")
    if len(parts) < 2 and ":" not in text:
        return None
    shares: dict[str, float] = {}
    for part in parts:
        name, colon, share = part.rpartition(":")
        name = name.strip() if colon else part.strip()
        try:
            number = float(share) if colon else 1.0
        except ValueError:
            number = None
        if not name or number is None:
            raise ArtlivesError(f"{part!r} is not a style and its share, such as wave:0.6")
        if name in shares:
            raise ArtlivesError(f"{text!r} names {name} twice: give one share of each style")
        shares[name] = number
    return shares


def normalized(shares: Mapping[str, float]) -> dict[str, float]:
    """The shares, which may have any sum, so that they add up to 1; without styles that have none.

    Raises:
        ArtlivesError: a share is below 0 or not finite, or all are 0, or there are fewer than two styles.
    """
    total = sum(shares.values())
    if (
        len(shares) < 2
        or not total > 0
        or not all(isfinite(share) and share >= 0 for share in shares.values())
    ):
        mix = ",".join(f"{name}:{share:g}" for name, share in shares.items())
        raise ArtlivesError(f"{mix!r} is no mix: give two styles or more, with shares of 0 or more")
    return {name: share / total for name, share in shares.items() if share}


def mixture(parts: Sequence[tuple[Style, float]]) -> Style:
    """A style of these `parts`, by shares that add up to 1; a single one as it is."""
    first = parts[0][0]
    if len(parts) == 1:
        return first
    return Style(
        name="-".join(f"{part.name}{round(100 * share)}" for part, share in parts),
        path=None,
        painting=" and ".join(part.painting for part, _ in parts),
        painter=" and ".join(dict.fromkeys(part.painter for part, _ in parts)),
        year="",
        licence=" and ".join(dict.fromkeys(part.licence for part, _ in parts)),
        layers=first.layers,
        training={
            "grain": sum(part.grain * share for part, share in parts),
            "before": first.training.get("before", []),
            "start": first.training.get("start"),
        },
        measured={},
        parts=tuple(parts),
    )


def averaged(style: Style) -> Style:
    """A mixture as one network of its parts' mean weights, where they began with the same ones; another as it is.

    Raises:
        ArtlivesError: the file of a part cannot be read, or is damaged.
    """
    if len({_descent(part) for part, _ in style.parts}) != 1 or any(part.parts for part, _ in style.parts):
        return style
    return replace(style, weights=_mean(style.parts), parts=())


def way(first: Style, last: Style, count: int) -> list[Style]:
    """`count` styles in equal steps from one to another, which are the first and the last of them.

    Raises:
        ArtlivesError: as `averaged` does.
    """
    shares = [step / (count - 1) for step in range(1, count - 1)]
    return [first, *(averaged(mixture([(first, 1 - share), (last, share)])) for share in shares), last]


def _mean(parts: Sequence[tuple[Style, float]]) -> dict[str, np.ndarray]:
    weights: dict[str, np.ndarray] = {}
    for part, share in parts:
        for key, value in styles.load_weights(part).items():
            weights[key] = weights.get(key, 0) + value * share
    return weights


def _descent(style: Style) -> tuple[tuple[Layer, ...], str]:
    """Equal for styles of one network whose trainings began with the same weights, as those of all that ship did."""
    cards = [*style.training.get("before", []), style.training]
    own = cards[0].get("start") == "none"
    return style.layers, json.dumps(cards[0], sort_keys=True) if own else "shipped"
