"""`artlives export`: a style for other programs."""

from pathlib import Path

import click

from artlives.errors import ArtlivesError
from artlives.files import check_file


@click.command()
@click.argument("style", metavar="NAME")
@click.option(
    "--onnx",
    "output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Write an ONNX model to this file.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there already.")
def export(style: str, output: Path, overwrite: bool) -> None:
    """Write the style NAME, as `stylize` takes it, as a model that ONNX Runtime and others run.

    Its input "photo" and its output "painting" are RGB pictures (N, 3, H, W) in fp32, 0..255. N, H and W are free; H
    and W are at least 16. Needs the package onnx: pip install 'artlives[onnx]'.

    \b
    artlives export wave --onnx wave.onnx
    """
    from artlives import studies

    found = studies.find(style)
    check_file(output, overwrite)

    from artlives.cli.study import learnt
    from artlives.engines.onnx_graph import export_onnx

    ready = learnt(found, (), "auto")
    if ready.parts:
        raise ArtlivesError(f"{style} is a mix of several networks' pictures: an ONNX file holds one network")
    export_onnx(ready, output)
    click.echo(click.format_filename(output))
