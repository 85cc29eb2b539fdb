"""What commands that paint say of the engine."""

from collections.abc import Sequence

import click

from artlives import plan


def tell_engine(steps: Sequence[plan.Step], device: str, precision: str = "auto") -> None:
    """Say in one line on standard error why nothing quicker paints with a network, if something else might."""
    from artlives.engines.choose import quickest

    engine = quickest(steps, device, precision)
    if engine.reasons:
        reasons = "; ".join(engine.reasons)
        click.echo(f"artlives: {engine.name} paints in {engine.precision}, more slowly: {reasons}", err=True)
