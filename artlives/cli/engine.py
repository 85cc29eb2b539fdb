"""What commands that paint say of the engine."""

from collections.abc import Sequence

import click

# Pixels of all paintings of a command, from which on a GPU is worth its start: torch and CUDA take some five seconds,
# in each of which the core paints four megapixels on two processors. An estimate, unmeasured on a GPU.
WORTH_A_GPU = 20_000_000


def device_for(device: str, pixels: int) -> str:
    """The device for so few pixels: that one, but the CPU where "auto" would start a GPU for longer than it paints."""
    # It imports NumPy.
    from artlives import core

    return "cpu" if device == "auto" and pixels < WORTH_A_GPU and core.instruction_sets() else device


def tell_engine(name: str, precision: str, reasons: Sequence[str]) -> None:
    """Say in one line on standard error why nothing quicker paints than the engine of that name, if it is known."""
    if reasons:
        click.echo(f"artlives: {name} paints in {precision}, more slowly: {'; '.join(reasons)}", err=True)
