"""`artlives serve`: the selfie page and its service, without opening a browser."""

import sys
from functools import partial
from urllib.parse import urlsplit

import click

from artlives import plan
from artlives.architecture import STYLE_NETWORK
from artlives.cli.engine import tell_engine
from artlives.cli.options import device_option, with_options

# The address and port to listen on by default: this machine alone.
HOST, PORT = "127.0.0.1", 8000
# Host names of this machine alone.
LOOPBACK = ("127.0.0.1", "::1", "localhost")


# Of `artlives serve` and `artlives selfie`.
server_options = with_options(
    click.option(
        "--host",
        default=HOST,
        show_default=True,
        help="Address to listen on; 0.0.0.0 for the whole network.",
    ),
    click.option(
        "--port",
        type=click.IntRange(0, 65535),
        default=PORT,
        show_default=True,
        help="Port to listen on; 0 takes a free one.",
    ),
    click.option(
        "--https", is_flag=True, help="Encrypt, with a certificate made for this run: phones need it."
    ),
    click.option("--no-token", is_flag=True, help="Let everybody in who can reach --host."),
    device_option,
)


@click.command()
@server_options
def serve(host: str, port: int, https: bool, no_token: bool, device: str) -> None:
    """Serve the selfie page and its API, to this machine alone unless --host says otherwise.

    Nothing that it is shown is kept. The API is described at /docs.
    """
    from artlives.web.server import serve as run

    run(host, port, device=device, need_token=not no_token, https=https, announce=partial(say, device=device))


def say(link: str, device: str) -> None:
    """Print the link and, where a phone may want it, its QR code; and why nothing quicker paints."""
    click.echo(link)
    from artlives.engines.choose import quickest

    engine = quickest(plan.lower(STYLE_NETWORK), device)
    tell_engine(engine.name, engine.precision, engine.reasons)
    if urlsplit(link).hostname not in LOOPBACK and sys.stderr.isatty():
        import qrcode

        code = qrcode.QRCode(border=2)
        code.add_data(link)
        code.print_ascii(out=sys.stderr, invert=True)
    click.echo("Ctrl-C stops it. Pictures stay on this machine and are not kept.", err=True)
