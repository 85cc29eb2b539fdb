"""`artlives styles`: list the styles there are."""

import json

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print all that is known of each as JSON.")
@click.option("--forget", is_flag=True, help="Forget the paintings that were learnt from their pictures.")
def styles(as_json: bool, forget: bool) -> None:
    """List the styles that come with artlives and your own: name, painting, painter and year.

    Then come the paintings that were learnt because they were given as a style; they are found by their pictures.
    """
    from artlives import studies
    from artlives import styles as registry

    if forget:
        click.echo(f"{studies.forget()} forgotten")
        return
    found = [*registry.available(), *studies.studied()]
    if as_json:
        fields = ("name", "painting", "painter", "year", "licence", "training", "measured")
        click.echo(json.dumps([{f: getattr(style, f) for f in fields} for style in found], indent=2))
        return
    rows = [(style.name, style.painting, style.painter, style.year) for style in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
