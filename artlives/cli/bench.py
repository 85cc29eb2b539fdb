"""`artlives bench`: how fast this machine paints."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from artlives.cli.engine import tell_engine
from artlives.cli.options import device_option
from artlives.errors import needs
from artlives.files import check_file

if TYPE_CHECKING:
    from artlives.benchmark import Row

ROW = "{:>13}  {:>11}  {:>6}  {:>7}  {:>11}  {:>6}  {:>8}  {:>5}"
HEAD = ROW.format("pixels", "painting ms", "MP/s", "peak MB", "one pass ms", "passes", "torch ms", "ratio")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print all figures as JSON.")
@click.option(
    "--plot",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw them into this picture, which is replaced if it is there.",
)
@device_option
def bench(as_json: bool, plot: Path | None, device: str) -> None:
    """Measure how fast pictures of several sizes are painted on this machine; takes about two minutes.

    A painting goes from coarse to fine; "passes" is the median of its time to that of one pass of the network, which is
    "one pass ms". "torch ms" is the time of the same network made of torch's own operations, "ratio" the median of ours
    to theirs: below 1 ours is faster; both need torch. All take turns. "peak MB" is all the memory of a process that
    paints one picture.
    """
    from artlives import images, styles
    from artlives.engines.choose import quickest

    if plot:
        images.format_of(plot)
        check_file(plot, overwrite=True)
        needs("--plot", "train", "matplotlib")
    style = styles.available()[0]
    engine = quickest(style.steps, device)
    place = engine.device
    tell_engine(engine.name, engine.reasons)

    from artlives.benchmark import measure
    from artlives.core import default_threads, instruction_sets

    threads = default_threads()
    version = None
    if find_spec("torch"):
        import torch

        torch.set_num_threads(threads)
        version = torch.__version__
    core = next(iter(instruction_sets()), "no compiled core")
    where = f"cpu, {threads} threads, {core}" if place == "cpu" else place
    if not as_json:
        click.echo(f"{where}; {f'torch {version}' if version else 'without torch'}\n{HEAD}")
    rows = []
    for row in measure(style, place):
        rows.append(row)
        if not as_json:
            click.echo(_line(row))
    if as_json:
        figures = [{**asdict(row), "megapixels_per_second": row.megapixels} for row in rows]
        click.echo(json.dumps({"device": where, "torch": version, "rows": figures}, indent=2))
    if plot:
        from artlives.benchmark import draw

        draw(rows, where, plot)


def _line(row: Row) -> str:
    """The row of the table, with dashes for what was not measured."""
    size = f"{row.width} x {row.height}"
    painting, once, theirs = (
        f"{seconds * 1000:.1f}" if seconds else "-"
        for seconds in (row.painting, row.seconds, row.torch_seconds)
    )
    passes, beside = (f"{value:.2f}" if value else "-" for value in (row.passes, row.ratio))
    peak = f"{row.peak / 1e6:.0f}" if row.peak else "-"
    return ROW.format(size, painting, f"{row.megapixels:.1f}", peak, once, passes, theirs, beside)
