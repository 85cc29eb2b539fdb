"""`artlives webcam`: a virtual camera that shows what a real one sees, painted."""

from __future__ import annotations

import click
from tqdm import tqdm

from artlives import studies
from artlives.cli.engine import tell_engine
from artlives.cli.options import (
    device_option,
    keep_colors_option,
    steady_option,
    strength_option,
    style_option,
    with_options,
)
from artlives.cli.study import learnt
from artlives.errors import MissingPackage, needs
from artlives.settings import Settings

# Pixels of the longer side: some ten frames a second on two cores.
SIZE = 640

_options = with_options(
    style_option,
    click.option(
        "--camera",
        metavar="N",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="The camera's number.",
    ),
    click.option(
        "--size",
        metavar="PIXELS",
        type=click.IntRange(min=64),
        default=SIZE,
        show_default=True,
        help="Longer side of the painted picture; smaller is quicker.",
    ),
    steady_option,
    strength_option,
    keep_colors_option,
    device_option,
)


@click.command()
@_options
@click.pass_context
def webcam(
    ctx: click.Context,
    style: str,
    camera: int,
    size: int,
    steady: float | None,
    strength: float,
    keep_colors: bool,
    device: str,
) -> None:
    """Wear a style in a call: a virtual camera shows what a real one sees, painted.

    Choose the virtual camera in the program for calls. Ctrl-C stops it.

    \b
    artlives webcam --style wave
    """
    found = studies.find(style)
    try:
        needs("artlives webcam", "webcam", "cv2", "pyvirtualcam")
    except MissingPackage as error:
        raise MissingPackage(f"{error}; `artlives selfie` paints live on a page") from None
    known = learnt(found, [], device)
    from artlives.stylizer import Stylizer
    from artlives.video.pipeline import STEADY
    from artlives.video.webcam import paint

    settings = Settings(size=size, strength=strength, keep_colors=keep_colors, one_pass=True)
    stylizer = Stylizer(known, settings, device=device)
    tell_engine(stylizer.engine, stylizer.precision, stylizer.reasons)
    with tqdm(unit="frame", leave=False, disable=None) as bar:

        def report(name: str) -> None:
            bar.set_description(f"{style} on {name}", refresh=False)
            bar.update()

        stopped = paint(stylizer, camera, STEADY if steady is None else steady, report)
    # As a shell gives it.
    ctx.exit(128 + stopped)
