"""Which engine paints in a style on a device, and why no quicker one does."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

from artlives import styles
from artlives.engines import compiled
from artlives.engines.painter import Painter
from artlives.styles import Style


class Choice(NamedTuple):
    """An engine.

    Attributes:
        painter: what paints.
        engine: its name: "compiled", "triton" or "torch".
        reasons: for each quicker engine of the device, a sentence that says why it was not taken.
    """

    painter: Painter
    engine: str
    reasons: tuple[str, ...] = ()


def choose(style: Style, device: str) -> Choice:
    """The quickest engine that can paint in a style on a device, with the style's weights.

    Raises:
        ArtlivesError: the style's file cannot be read, or its weights do not fit its network.
    """
    if device == "cpu":
        reason = compiled.reason_against(style.steps)
        if reason is None:
            return Choice(compiled.CompiledPainter(style.steps, styles.load_weights(style)), "compiled")
    elif not find_spec("triton"):
        reason = "Triton is not installed: pip install 'artlives[gpu]'"
    else:
        import torch

        from artlives.engines import triton

        reason = triton.reason_against(style.steps, torch.device(device))
        if reason is None:
            return Choice(triton.TritonPainter(style.steps, styles.load_weights(style), device), "triton")
    from artlives.engines.torch import TorchPainter

    return Choice(TorchPainter(style, device), "torch", (reason,))
