"""What commands that paint say of the engine."""

from collections.abc import Sequence

import click


def tell_engine(name: str, precision: str, reasons: Sequence[str]) -> None:
    """Say in one line on standard error why nothing quicker paints than the engine of that name, if it is known."""
    if reasons:
        click.echo(f"artlives: {name} paints in {precision}, more slowly: {'; '.join(reasons)}", err=True)
