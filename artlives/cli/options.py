"""Options that several commands share."""

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
