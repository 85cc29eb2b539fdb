"""`artlives selfie`: the selfie page, opened in the browser."""

import click

from artlives.cli.serve import say, server_options


@click.command()
@server_options
@click.option(
    "--kiosk",
    is_flag=True,
    help="For exhibitions: without files, in full screen from the first touch, and from the start again after a minute "
    "in which nobody touches anything.",
)
def selfie(host: str, port: int, https: bool, no_token: bool, device: str, kiosk: bool) -> None:
    """Open a page in the browser that paints you, live, on your own machine."""
    import webbrowser

    from artlives.web.server import serve

    def show(link: str) -> None:
        link += "#kiosk" if kiosk else ""
        say(link, device)
        if not webbrowser.open(link):
            click.echo("No browser could be opened: open that link in one.", err=True)

    serve(host, port, device=device, need_token=not no_token, https=https, announce=show)
