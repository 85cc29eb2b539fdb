"""The command line: one module a command, imported only when that command is asked for.

So `artlives --help` and a mistyped command answer at once, without torch.
"""

from __future__ import annotations

import difflib
import errno
import io
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from artlives import __version__
from artlives.errors import ArtlivesError
from artlives.files import identity
from artlives.signals import dropped_interrupts_come_again

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# Each command's help by its name; the command is `artlives.cli.NAME.NAME`.
COMMANDS = {
    "stylize": "Repaint photos in a style.",
    "video": "Repaint videos and animations.",
    "webcam": "Wear a style in a call, by a virtual camera.",
    "sheet": "Show a photo in all styles side by side.",
    "selfie": "Open the page that paints you, live.",
    "serve": "Serve that page and its API, without a browser.",
    "site": "Write that page as files for any web server.",
    "styles": "List the styles there are.",
    "train": "Train a style on a painting of your own.",
    "evaluate": "Measure how good a style's pictures are.",
    "explain": "Show what the layers of a style do to a photo.",
    "export": "Write a style as an ONNX model.",
    "bench": "Measure how fast this machine paints.",
    "check": "Check the building blocks on this machine.",
    "help": "Show the help, or that of a command.",
}
# The command that is meant where none is named, but a photo.
DEFAULT = "stylize"


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

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads the arguments; those that name a photo and no command are `DEFAULT`'s."""
        own = {name for param in self.get_params(ctx) for name in param.opts}
        if args and args[0] not in {*COMMANDS, *own}:
            # The photo may come after options; after "--", there are none.
            first = args if args[0].startswith("-") else args[:1]
            if args[0] == "--" or any(map(_names_file, first)):
                args = [DEFAULT, *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named, and what is left of the arguments. One that is mistyped is a usage error."""
        nearest = difflib.get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, and files: a photo may stand in a command's place."""
        from click.shell_completion import CompletionItem

        return [*super().shell_complete(ctx, incomplete), CompletionItem(incomplete, type="file")]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the help's list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(self, *args: Any, **options: Any) -> Any:
        """Runs the command line. Exit status 1, too, where what it prints cannot be written."""
        try:
            try:
                with dropped_interrupts_come_again():
                    return super().main(*args, **options)
            finally:
                # What is left is otherwise written when no error can be told any more. None: it was closed.
                if sys.stdout:
                    sys.stdout.flush()
        except OSError as error:
            # What is wrong with a file is an `ArtlivesError`, or names the file.
            if error.filename is not None:
                raise
            # Python writes what is left once more when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            # A reader that has read enough, such as head, wants no words.
            if error.errno != errno.EPIPE:
                click.echo(
                    f"artlives: standard output cannot be written: {error.strerror or error}", err=True
                )
            sys.exit(1)

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


def _names_file(argument: str) -> bool:
    """Whether an argument is a file's name, of one that need not be there, or stands for standard input."""
    option = argument.startswith("-")
    return argument == "-" or (not option and bool(identity(argument) or Path(argument).suffix))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="artlives %(version)s")
def main() -> None:
    """Repaint photographs in the style of a painter.

    \b
    artlives photo.jpg                   paint it in the style wave
    artlives photo.jpg --style udnie     as stylize does, with its options
    artlives COMMAND --help              what a command does
    """
    # A name that the terminal or a log file cannot show does not end a run.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
