"""Options that several commands share."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from artlives.architecture import BRUSHES
from artlives.settings import PRECISIONS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# In place of a file of weights; as in `artlives.training.perceptual`, which takes long to import.
TORCHVISION = "torchvision"
# Bytes, by the letter before the B.
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


Command = TypeVar("Command", bound=Callable[..., Any])


def with_options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """A decorator that gives a command these options, or arguments, in the order of its help."""

    def decorated(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorated


class Bytes(click.ParamType[int]):
    """A number of bytes, with or without a unit: 800MB, 1.5GB."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes, at least 1; K, M, G and T are powers of 1000."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", str(value).strip(), re.IGNORECASE)
        if not match or not float(match[1]):
            self.fail(f"{value!r} is not a size such as 800MB or 1.5GB", param, ctx)
        return int(float(match[1]) * UNITS[match[2].upper()])


class PerceptualWeights(click.Path):
    """A file, or the word that has torchvision download one."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, exists=True, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | Path:
        return TORCHVISION if value == TORCHVISION else Path(os.fsdecode(super().convert(value, param, ctx)))


class Share(click.FloatRange):
    """A number within 0 and 1; click's own ranges let nan through."""

    def __init__(self) -> None:
        super().__init__(0, 1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        number = float(super().convert(value, param, ctx))
        if isnan(number):
            self.fail("must be a number within 0 and 1", param, ctx)
        return number


class StyleName(click.ParamType[str]):
    """A style's name, or whatever else `studies.find` knows; names are completed in a shell."""

    name = "style"

    def __init__(self, *more: str) -> None:
        self._more = more

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The styles whose names begin so, and files."""
        from click.shell_completion import CompletionItem

        from artlives import styles

        names = [name for name in (*styles.files(), *self._more) if name.startswith(incomplete)]
        return [*map(CompletionItem, names), CompletionItem(incomplete, type="file")]


# In place of a style: each of them.
ALL = "all"
STYLE = "wave"
STYLE_HELP = (
    "A style's name (`artlives styles` lists them), or the path of its .safetensors file; a painting's picture, which "
    "is learnt first and remembered; or a mix: wave+udnie, wave:0.6,udnie:0.4"
)
style_option = click.option(
    "--style", metavar="NAME", type=StyleName(), default=STYLE, show_default=True, help=f"{STYLE_HELP}."
)
styles_option = click.option(
    "--style",
    metavar="NAME",
    type=StyleName(ALL),
    default=STYLE,
    show_default=True,
    help=f"{STYLE_HELP}; or {ALL}: each of those listed.",
)
brush_option = click.option(
    "--brush",
    type=click.Choice(list(BRUSHES)),
    default="default",
    show_default=True,
    help="How large the strokes are; the painting's size does not depend on it.",
)
precision_option = click.option(
    "--precision",
    type=click.Choice(list(PRECISIONS)),
    default="auto",
    show_default=True,
    help="auto multiplies in half precision where the processor is much quicker in it, which can hardly be seen.",
)
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Where to compute; auto takes a GPU where there is one, and more to paint than a photo.",
)
perceptual_option = click.option(
    "--perceptual",
    metavar="FILE|torchvision",
    type=PerceptualWeights(),
    help="VGG-19's weights to judge by: torchvision's .pth checkpoint, or .safetensors; torchvision: as it downloads "
    "them, once. [default: those that come with artlives]",
)
size_option = click.option(
    "--size",
    metavar="PIXELS",
    type=click.IntRange(min=16),
    help="Reduce the longer side to this first: the picture comes out at that size. A smaller one "
    "keeps its own. [default: the photo's own]",
)
steady_option = click.option(
    "--steady",
    type=Share(),
    help="How firmly strokes stay on what they were painted on: 0 paints each frame by itself. [default: 0.9]",
)
strength_option = click.option(
    "--strength",
    type=Share(),
    default=1.0,
    show_default=True,
    help="Blend: 0 is the photo, 1 the painting.",
)
keep_colors_option = click.option(
    "--keep-colors", is_flag=True, help="Keep the photo's colours, take the painting's luminance."
)
memory_option = click.option(
    "--memory",
    metavar="SIZE",
    type=Bytes(),
    help="What the network may use on the CPU, such as 1GB: a picture that needs more is painted in strips. "
    "[default: what is free, within reason]",
)
quality_option = click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=92,
    show_default=True,
    help="Of JPEG, WebP and AVIF files.",
)
