"""`artlives selfie`: the selfie page, opened in the browser."""

import click

from artlives.cli.serve import say, server_options


@click.command()
@server_options
def selfie(host: str, port: int, https: bool, no_token: bool, device: str) -> None:
    """Open a page in the browser that paints you, live, on your own machine."""
    import webbrowser

    from artlives.web.server import serve

    def show(link: str) -> None:
        say(link, device)
        if not webbrowser.open(link):
            click.echo("No browser could be opened: open that link in one.", err=True)

    serve(host, port, device=device, need_token=not no_token, https=https, announce=show)
