"""`artlives styles`: list the styles there are."""

import json

import click

from artlives import styles as registry


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print all that is known of each as JSON.")
def styles(as_json: bool) -> None:
    """List the styles that come with artlives and your own: name, painting, painter and year."""
    found = registry.available()
    if as_json:
        fields = ("name", "painting", "painter", "year", "licence", "training", "measured")
        click.echo(json.dumps([{f: getattr(style, f) for f in fields} for style in found], indent=2))
        return
    rows = [(style.name, style.painting, style.painter, style.year) for style in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
