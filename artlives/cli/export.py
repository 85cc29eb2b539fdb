"""`artlives export`: a style for other programs."""

from pathlib import Path

import click

from artlives.cli.options import StyleName
from artlives.errors import ArtlivesError
from artlives.files import check_file


@click.command()
@click.argument("style", metavar="NAME", type=StyleName())
@click.option(
    "--onnx",
    "output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write an ONNX model to this file. [default: NAME.onnx in this folder]",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there already.")
def export(style: str, output: Path | None, overwrite: bool) -> None:
    """Write the style NAME, as `stylize` takes it, as a model that ONNX Runtime and others run.

    Its input "photo" and its output "painting" are RGB pictures (N, 3, H, W) in fp32, 0..255. N, H and W are free; H
    and W are at least 16. Needs the package onnx: pip install 'artlives[onnx]'.

    \b
    artlives export wave
    artlives export wave --onnx models/wave.onnx
    """
    from artlives import studies

    found = studies.find(style)
    output = output or Path(f"{found.name}.onnx")
    check_file(output, overwrite)

    from artlives.cli.study import learnt
    from artlives.engines.onnx_graph import export_onnx

    ready = learnt(found, (), "auto")
    if ready.parts:
        raise ArtlivesError(f"{style} is a mix of several networks' pictures: an ONNX file holds one network")
    export_onnx(ready, output)
    click.echo(click.format_filename(output))
