"""`artlives help`: the help, as `--help` shows it."""

import click


@click.command()
@click.argument("command", required=False)
@click.pass_context
def help(ctx: click.Context, command: str | None) -> None:
    """Show the help of artlives, or of COMMAND."""
    program = ctx.find_root()
    # As if `artlives COMMAND --help` had been typed.
    program.command.main([*filter(None, [command]), "--help"], program.info_name)
