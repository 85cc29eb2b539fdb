"""`artlives styles`: list the styles there are, or show one."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from artlives.cli.options import StyleName

if TYPE_CHECKING:
    from artlives.styles import Style

# Colours on a style's card, and pixels of the longer side of the painting that they are taken from: a small one has
# the colours of a large one.
COLOURS, SIZE = 8, 192
# Columns of the words on the left of the card.
MARGIN = 10


@click.command()
@click.argument("name", type=StyleName(), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print all that is known of each as JSON.")
@click.option("--forget", is_flag=True, help="Forget the paintings that were learnt from their pictures.")
def styles(name: str | None, as_json: bool, forget: bool) -> None:
    """List the styles that come with artlives and your own: name, painting, painter and year.

    Then come the paintings that were learnt because they were given as a style; they are found by their pictures.

    With NAME, show that style alone, with the colours that it paints a sample photo in.
    """
    from artlives import studies
    from artlives import styles as registry

    if forget:
        if name:
            raise click.UsageError("--forget forgets all paintings that were learnt: leave out the name")
        click.echo(f"{studies.forget()} forgotten")
        return
    found = [registry.find(name)] if name else [*registry.available(), *studies.studied()]
    if as_json:
        fields = ("name", "painting", "painter", "year", "licence", "training", "measured")
        click.echo(json.dumps([{f: getattr(style, f) for f in fields} for style in found], indent=2))
    elif name:
        _show(found[0])
    elif found:
        _list(found)


def _list(found: list[Style]) -> None:
    head = ("name", "painting", "painter", "year")
    rows = [head, *((style.name, style.painting, style.painter, style.year) for style in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        click.secho(line, bold=row is head)


def _show(style: Style) -> None:
    """Print a style's card."""
    click.secho(style.name, bold=True)
    click.echo(style.caption)
    steps, photos = style.training.get("steps"), style.training.get("photos")
    rows = {
        "licence": style.licence,
        "trained": f"{steps} steps on {photos} photos" if steps and photos else "",
        "measured": ", ".join(f"{figure} {value:.3g}" for figure, value in style.measured.items()),
        "file": click.format_filename(style.path or ""),
        "colours": " ".join(_swatch(colour) for colour in _colours(style)),
    }
    for word, text in rows.items():
        if text:
            click.echo(f"{word:{MARGIN}}{text}")
    click.echo(f"{'use':{MARGIN}}artlives photo.jpg --style {style.name}")


def _colours(style: Style) -> list[tuple[int, int, int]]:
    """Colours of a sample photo's painting in the style, as different as can be, dark ones first; RGB in 0..255."""
    from PIL import Image

    from artlives import images
    from artlives.files import sample_photos
    from artlives.stylizer import Stylizer

    photo = images.load(sample_photos() / "astronaut.jpg")
    painting = images.to_pil(Stylizer(style, device="cpu", size=SIZE)(photo))
    palette = painting.quantize(COLOURS, Image.Quantize.MAXCOVERAGE).getpalette() or []
    colours = [(palette[i], palette[i + 1], palette[i + 2]) for i in range(0, len(palette), 3)]
    return sorted(colours, key=sum)


def _swatch(colour: tuple[int, int, int]) -> str:
    """The colour's name in hexadecimal on the colour itself, where the terminal shows colours."""
    written = "#{:02x}{:02x}{:02x}".format(*colour)
    # Others have 256: a cube of 6 x 6 x 6 from number 16 on.
    exact = os.environ.get("COLORTERM") in ("truecolor", "24bit")
    red, green, blue = (round(value / 51) for value in colour)
    ink = "black" if sum(colour) > 3 * 127 else "bright_white"
    return click.style(written, ink, colour if exact else 16 + 36 * red + 6 * green + blue)
