"""Which engine paints in a style on a device, and why no quicker one does."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple, cast

from artlives import core, devices, plan, styles
from artlives.engines import compiled
from artlives.engines.mixture import Mixture
from artlives.engines.painter import Painter
from artlives.styles import Style

if TYPE_CHECKING:
    import torch

    from artlives.engines.tensors import TensorPainter


class Engine(NamedTuple):
    """An engine.

    Attributes:
        name: "compiled", "triton", "torch" or "numpy"; of a mix of several networks' pictures, that of the first.
        device: where it computes, as `devices.choose` names it.
        reasons: for an NVIDIA GPU that is not used, and for each quicker engine of the device, why it was not taken.
        precision: what its products are computed in: "bf16", "fp16" or "fp32". Sums are fp32 in any case.
        instructions: of the compiled core, such as "AMX"; None of others.
    """

    name: str
    device: str
    reasons: tuple[str, ...] = ()
    precision: str = "fp32"
    instructions: str | None = None


def quickest(steps: Sequence[plan.Step], device: str | torch.device, precision: str = "auto") -> Engine:
    """The quickest engine that can paint with a network on a device, which is chosen as by `devices.choose`.

    `precision` is one of `settings.PRECISIONS`.

    Raises:
        ArtlivesError: as `devices.choose` does.
    """
    place = devices.choose(device)
    idle = devices.reason_against_gpu(device)
    reasons = () if idle is None else (idle,)
    if place == "cpu":
        reason = compiled.reason_against(steps)
        if reason is None:
            instructions = compiled.instructions_for(precision)
            products = "bf16" if instructions.dtype == core.BF16 else "fp32"
            return Engine("compiled", place, reasons, products, instructions.name.decode())
        reasons = (*reasons, reason)
        if not find_spec("torch"):
            reasons = (*reasons, "torch is not installed: pip install 'artlives[train]'")
            return Engine("numpy", place, reasons)
    elif place.startswith("cuda"):
        reason = _reason_against_triton(steps, place)
        if reason is None:
            return Engine("triton", place, reasons, "fp16" if precision == "auto" else "fp32")
        reasons = (*reasons, reason)
    return Engine("torch", place, reasons)


def choose(style: Style, device: str | torch.device, precision: str = "auto") -> tuple[Painter, Engine]:
    """The `quickest` engine for a style on a device, and a painter of it with the style's weights.

    Raises:
        ArtlivesError: the style's file cannot be read, or its weights do not fit its network; as `devices.choose` does.
    """
    if style.parts:
        return _mixture(style, device, precision)
    steps = style.steps
    engine = quickest(steps, device, precision)
    painter: Painter
    if engine.name == "torch":
        from artlives.engines.torch import TorchPainter

        return TorchPainter(style, engine.device), engine
    weights = styles.load_weights(style)
    if engine.name == "triton":
        import torch

        from artlives.engines.triton import TritonPainter

        dtype = torch.float16 if engine.precision == "fp16" else torch.float32
        painter = TritonPainter(steps, weights, engine.device, dtype)
    elif engine.name == "numpy":
        from artlives.engines.numpy import NumpyPainter

        painter = NumpyPainter(steps, weights)
    else:
        painter = compiled.CompiledPainter(steps, weights, compiled.instructions_for(precision))
    return painter, engine


def _mixture(style: Style, device: str | torch.device, precision: str) -> tuple[Painter, Engine]:
    """The painter of a style that is made of its parts' pictures; its engine has the reasons of all of theirs."""
    chosen = [choose(part, device, precision) for part, _ in style.parts]
    parts = [(painter, share) for (painter, _), (_, share) in zip(chosen, style.parts, strict=True)]
    engine = chosen[0][1]
    reasons = dict.fromkeys(reason for _, each in chosen for reason in each.reasons)
    mixture: Painter
    if engine.device == "cpu":
        mixture = Mixture(parts)
    else:
        from artlives.engines.tensors import TensorMixture

        mixture = TensorMixture(cast("list[tuple[TensorPainter, float]]", parts))
    return mixture, engine._replace(reasons=tuple(reasons))


def _reason_against_triton(steps: Sequence[plan.Step], device: str) -> str | None:
    """Why the Triton kernels cannot paint with such a network; None if they can."""
    if not find_spec("triton"):
        return "Triton is not installed: pip install 'artlives[gpu]'"
    import torch

    try:
        from artlives.engines import triton
    # Such as one that was built for another system library.
    except (ImportError, OSError) as error:
        return f"Triton cannot be loaded ({error})"
    return triton.reason_against(steps, torch.device(device))
