"""What was made, shown in the system's viewer: `--open`."""

from collections.abc import Sequence
from pathlib import Path

import click

open_option = click.option(
    "--open", "opened", is_flag=True, help="Then show it in the system's viewer; of several, their folder."
)


def show(files: Sequence[str | Path]) -> None:
    """Show a file, or of several the folder that the first one is in. Where there is no viewer, a line says so."""
    first = Path(files[0]).resolve()
    shown = first if len(files) == 1 else first.parent
    if click.launch(str(shown)):
        click.echo(f"artlives: --open: no program was found that shows {shown}", err=True)
