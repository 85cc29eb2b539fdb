"""Options that several commands share."""

from pathlib import Path

import click

style_option = click.option(
    "--style",
    metavar="NAME",
    required=True,
    help="A style's name (`artlives styles` lists them), or the path of its .safetensors file.",
)
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Where to compute; auto takes a GPU where there is one.",
)
perceptual_option = click.option(
    "--perceptual",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="VGG-19's weights to judge by: torchvision's .pth checkpoint, or .safetensors. [default: downloaded once]",
)
