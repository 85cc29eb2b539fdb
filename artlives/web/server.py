"""The server's life: its socket, its link, its certificate, and an orderly end."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artlives.errors import ArtlivesError, needs

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

# Seconds that running requests get after SIGTERM, before their connections are closed.
GRACE = 30
# Seconds in which a client takes nothing of what it is sent, after which its connection is ended (Linux): closing one
# waits for what is not sent yet, for ever. A phone loses its network for less.
UNREAD_SECONDS = 20


def serve(
    host: str,
    port: int,
    *,
    device: str,
    need_token: bool,
    https: bool,
    announce: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or Ctrl-C, then finish the running requests.

    Args:
        host: address or name to listen on.
        port: 0 takes a free one.
        device: as `Stylizer` takes it.
        need_token: ask for a random token where other machines can reach `host`.
        https: with a self-signed certificate, made for this run.
        announce: called with the link as soon as it can be opened.

    Raises:
        ArtlivesError: if it cannot listen there, there is no such device, or `https` needs a package.
    """
    if https:
        needs("--https", "https", "cryptography")
    listener = _listen(host, port)
    address, port = listener.getsockname()[:2]
    public = not ipaddress.ip_address(address).is_loopback
    token = secrets.token_urlsafe(16) if public and need_token else None
    here = _own_address() if ipaddress.ip_address(address).is_unspecified else address
    names = frozenset({host.lower(), socket.gethostname().lower(), f"{socket.gethostname().lower()}.local"})

    # Imported after the socket is open: this takes seconds, and a port in use is reported at once.
    import uvicorn

    from artlives import devices
    from artlives.web.app import create_app

    devices.choose(device)
    app = create_app(
        device=device,
        names=names if public else frozenset(),
        public=public,
        token=token,
        origin=_origin(https, here, port) if public else None,
    )
    with ExitStack() as stack:
        certificate = None
        if https:
            from artlives.web.certificate import self_signed

            certificate = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "certificate.pem"
            certificate.write_bytes(self_signed({"localhost", "127.0.0.1", "::1", here, *names}))
        config = configuration(app, ssl_certfile=certificate)
        announce(f"{_origin(https, here, port)}/{f'?token={token}' if token else ''}")
        # Ctrl-C is the ordinary way to stop it.
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def configuration(app: ASGIApp, **more: Any) -> uvicorn.Config:
    """How uvicorn serves the application; `more` is passed on."""
    import uvicorn

    from artlives.web import raw

    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws_max_size=raw.MAX_BYTES,
        # Frames of a session that wait to be read, at most; of these, live mode takes the newest.
        ws_max_queue=2,
        # Deflate makes a JPEG no smaller, and takes longer than a network does for raw frames.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=GRACE,
        **more,
    )


def _origin(https: bool, host: str, port: int) -> str:
    bracketed = f"[{host}]" if ":" in host else host
    return f"http{'s' if https else ''}://{bracketed}:{port}"


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
        listener = socket.create_server(address[:2], family=family, dualstack_ipv6=both)
        if sys.platform == "linux":
            # Its connections inherit that.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
        return listener
    except socket.gaierror as error:
        raise ArtlivesError(f"there is no address of the name {host}: choose another --host") from error
    except OSError as error:
        raise ArtlivesError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}; choose another --port"
        ) from error


def _own_address() -> str:
    """This machine's address in its network: the one that a packet to elsewhere would leave from. None is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            address: str = probe.getsockname()[0]
            return address
        except OSError:
            return socket.gethostname()
