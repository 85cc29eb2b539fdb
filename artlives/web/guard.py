"""Who may ask: Host and Origin, token and rate; and the headers that every answer carries.

Any page that a person has open can send requests to their own machine. Three rules keep such pages out:
a request must name this machine as its Host (a name that an attacker points here is another), what
states an Origin must state this very page, and what a browser marks as cross-site must be a plain visit.
"""

from __future__ import annotations

import hmac
import ipaddress
import time
from collections import OrderedDict
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from artlives.web.problems import Problem

# Requests other than GET and HEAD that an address of another machine may send: RATE a second in the long run, BURST at
# once (a token bucket).
RATE, BURST = 20.0, 100
# Addresses whose rate is remembered, the latest ones: a bound on memory.
CLIENTS = 1000
# Paths that are answered without a token.
OPEN = {"/healthz"}
# Of pictures on their way to a phone, whose addresses are secrets themselves.
SHARED = "/shared/"

# The page loads nothing from another host, and no other page can frame it. Paintings are blobs.
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Swagger's page writes style attributes and has its icons as data.
DOCS_CSP = CSP.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
    "blob:;", "blob: data:;", 1
)
# Of every response.
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """ASGI middleware that refuses what should not be asked.

    Args:
        names: host names, beside localhost and its addresses, that this service is reached by.
        public: it is reached from other machines: by any address, at a limited rate.
        token: what a request must carry: as the query's `token`, as a bearer token or, for the page, in
            the cookie that the first visit with the link sets. None asks for nothing.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        names: frozenset[str] = frozenset(),
        public: bool = False,
        token: str | None = None,
    ) -> None:
        self.app = app
        self.names = names | {"localhost"}
        self.public = public
        self.token = token
        self._allowances: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that is refused; pass on any other, and add `HEADERS` to its response."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        answer: ASGIApp | None
        try:
            answer = self._check(HTTPConnection(scope))
        except Problem as problem:
            answer = (
                WebSocketClose(1008, problem.detail) if scope["type"] == "websocket" else problem.response()
            )
        await (answer or self.app)(scope, receive, send_with_headers)

    def _check(self, request: HTTPConnection) -> Response | None:
        """Raise a Problem unless the request is allowed; an answer, if it needs no other."""
        if not self._is_here(request.headers.get("host", "")):
            raise Problem(421, "This service answers to the address in the link that artlives printed.")
        method = request.scope.get("method", "WEBSOCKET")
        self._check_origin(request.headers, method)
        answer = self._check_token(request, method)
        if method not in ("GET", "HEAD"):
            self._check_rate(request)
        return answer

    def _is_here(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        # An attacker can let a name of theirs lead to this machine, but no address.
        return name in self.names or is_loopback(name) or (self.public and _is_address(name))

    def _check_origin(self, headers: Headers, method: str) -> None:
        origin = headers.get("origin")
        foreign = origin is not None and origin.partition("://")[2].lower() != headers["host"].lower()
        visit = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not visit:
            foreign = True
        if foreign:
            raise Problem(403, "This came from the page of another web site, which may not ask here.")

    def _check_token(self, request: HTTPConnection, method: str) -> Response | None:
        path = request.scope["path"]
        if self.token is None or path in OPEN or path.startswith(SHARED):
            return None
        _, port = request.scope.get("server") or ("", 0)
        # The ports of a host share their cookies: each service has a name of its own.
        cookie = f"artlives-{port}"
        in_link = request.query_params.get("token")
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not any(self._is_token(given) for given in (in_link, bearer, request.cookies.get(cookie))):
            raise Problem(
                401,
                "Open the whole link that artlives printed: it ends in the token that is needed here.",
                {"WWW-Authenticate": "Bearer"},
            )
        if not in_link or method != "GET" or path != "/":
            return None
        answer = RedirectResponse("/", 303)
        secure = request.scope["scheme"] == "https"
        answer.set_cookie(cookie, self.token, httponly=True, samesite="lax", secure=secure)
        return answer

    def _is_token(self, given: str | None) -> bool:
        return given is not None and hmac.compare_digest(given.encode(), (self.token or "").encode())

    def _check_rate(self, request: HTTPConnection) -> None:
        address = request.client.host if request.client else ""
        # Requests of this machine are limited by the studio's slots alone.
        if is_loopback(address):
            return
        now = time.monotonic()
        allowance, since = self._allowances.pop(address, (BURST, now))
        allowance = min(BURST, allowance + (now - since) * RATE)
        self._allowances[address] = max(allowance - 1, 0), now
        if len(self._allowances) > CLIENTS:
            self._allowances.popitem(last=False)
        if allowance < 1:
            raise Problem(429, "These are too many requests: wait a second.", {"Retry-After": "1"})


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """Whether an address is one of this very machine."""
    return _is_address(name) and ipaddress.ip_address(name).is_loopback
