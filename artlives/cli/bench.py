"""`artlives bench`: how fast this machine paints."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from artlives.cli.engine import tell_engine
from artlives.cli.options import device_option, precision_option
from artlives.errors import needs
from artlives.files import check_file

if TYPE_CHECKING:
    from artlives.benchmark import Layer, Row

ROW = "{:>13}  {:>11}  {:>6}  {:>7}  {:>11}  {:>6}  {:>8}  {:>5}"
LAYER = "{:28}  {:>9}  {:>6}  {:>6}  {:>12}  {:>9}  {:>7}  {:>6}"
LAYER_HEAD = LAYER.format("layer", "channels", "kernel", "stride", "instructions", "precision", "ms", "peak")
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
@precision_option
def bench(as_json: bool, plot: Path | None, device: str, precision: str) -> None:
    """Measure how fast pictures of several sizes are painted on this machine; takes about two minutes.

    A painting goes from coarse to fine; "passes" is the median of its time to that of one pass of the network, which is
    "one pass ms". "torch ms" is the time of the same network made of torch's own operations, in fp16 where ours is and
    else in fp32; "ratio" is the median of ours to theirs: below 1 ours is faster. Both need torch. All take turns.
    "peak MB" is all the memory of a process that paints one picture.

    On the CPU, each layer's time in one pass follows, and the share that it takes of the multiplications which the
    machine does at most with the same instructions.
    """
    from artlives import images, styles
    from artlives.engines.choose import quickest

    if plot:
        images.format_of(plot)
        check_file(plot, overwrite=True)
        needs("--plot", "train", "matplotlib")
    style = styles.available()[0]
    engine = quickest(style.steps, device, precision)
    place = engine.device
    tell_engine(engine.name, engine.precision, engine.reasons)

    from artlives.benchmark import layers, measure
    from artlives.core import default_threads

    threads = default_threads()
    version = None
    if find_spec("torch"):
        import torch

        torch.set_num_threads(threads)
        version = torch.__version__
    where = f"{place}, {threads} threads" if place == "cpu" else place
    where = ", ".join([where, *filter(None, [engine.instructions]), engine.precision])
    if not as_json:
        click.echo(f"{where}; {f'torch {version}' if version else 'without torch'}\n{HEAD}")
    rows = []
    for row in measure(style, place, precision):
        rows.append(row)
        if not as_json:
            click.echo(_line(row))
    each = layers(style, precision) if place == "cpu" else []
    if each and not as_json:
        click.echo(f"\n{LAYER_HEAD}")
        for layer in each:
            click.echo(_layer_line(layer))
    if as_json:
        figures = [{**asdict(row), "megapixels_per_second": row.megapixels} for row in rows]
        found = {
            "device": where,
            "torch": version,
            "rows": figures,
            "layers": [asdict(layer) for layer in each],
        }
        click.echo(json.dumps(found, indent=2))
    else:
        # The largest size that was measured more than once.
        photo = max((row for row in rows if row.passes), key=lambda row: row.width * row.height)
        size = f"{photo.width * photo.height / 1e6:.2g} megapixels"
        click.echo(f"A photo of {size} is painted in about {photo.painting:.2g} seconds.")
    if plot:
        from artlives.benchmark import draw

        draw(rows, where, plot)


def _layer_line(layer: Layer) -> str:
    """The row of the layers' table."""
    channels = f"{layer.inputs} -> {layer.outputs}"
    stride = f"1/{layer.stride}" if layer.transposed else str(layer.stride)
    milliseconds = f"{layer.seconds * 1000:.2f}"
    by = layer.instructions, layer.precision
    return LAYER.format(layer.name, channels, layer.kernel, stride, *by, milliseconds, f"{layer.share:.0%}")


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
