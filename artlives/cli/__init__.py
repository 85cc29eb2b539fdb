"""The command line: one module a command, imported only when that command is asked for.

So `artlives --help` and a mistyped command answer at once, without torch.
"""

import io
import sys
from importlib import import_module

import click

from artlives import __version__
from artlives.errors import ArtlivesError

# Each command's help by its name; the command is `artlives.cli.NAME.NAME`.
COMMANDS = {
    "stylize": "Repaint photos in a style.",
    "video": "Repaint videos and animations.",
    "sheet": "Show a photo in all styles side by side.",
    "selfie": "Open the page that paints you, live.",
    "serve": "Serve that page and its API, without a browser.",
    "styles": "List the styles there are.",
    "train": "Train a style on a painting of your own.",
    "evaluate": "Measure how good a style's pictures are.",
    "explain": "Show what the layers of a style do to a photo.",
    "export": "Write a style as an ONNX model.",
    "bench": "Measure how fast this machine paints.",
    "check": "Check the building blocks on this machine.",
}


class Commands(click.Group):
    """A group that knows its commands by name and help alone, and says in one line why a command failed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands' names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, whose module is imported; None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"artlives.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the help's list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> None:
        """Runs the command. Exit status 1 after an `ArtlivesError`, 130 after Ctrl-C, as a shell gives it."""
        try:
            super().invoke(ctx)
        except ArtlivesError as error:
            click.echo(f"artlives: {error}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("artlives: interrupted", err=True)
            ctx.exit(130)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="artlives %(version)s")
def main() -> None:
    """Repaint photographs in the style of a painter."""
    # A name that the terminal or a log file cannot show does not end a run.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
