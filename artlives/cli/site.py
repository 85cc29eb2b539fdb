"""`artlives site`: the selfie page as static files."""

from pathlib import Path

import click

# Bytes of a megabyte, as web hosts count them.
MB = 1_000_000


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def site(folder: Path) -> None:
    """Write the selfie page to the folder DIR, as files that any web server can hold, such as GitHub Pages.

    It paints on the visitor's own machine, in the styles that come with artlives, and after the first visit without a
    connection. Browsers want https for that, or this machine.

    \b
    artlives site public
    python -m http.server --directory public
    """
    from artlives.site.folder import write

    size = write(folder)
    click.echo(f"{click.format_filename(folder)}: {size / MB:.1f} MB")
