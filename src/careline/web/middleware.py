"""What every response carries: a request id, security headers, a language; and how requests are measured."""

from __future__ import annotations

import logging
import re
import time

from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from careline.kernel.ids import new_id
from careline.platform.i18n import language, use_language
from careline.web.i18n import COOKIE, wanted_language
from careline.web.methods import AllowedMethods
from careline.web.metrics import REQUEST_SECONDS

log = logging.getLogger(__name__)

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
SECURITY_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class EdgeMiddleware:
    """Outermost: request id, language, headers, timing. A page is never cached unless it says so itself."""

    def __init__(self, app: ASGIApp, *, secure: bool, allowed: AllowedMethods) -> None:
        self.app = app
        self.allowed = allowed
        self.headers = dict(SECURITY_HEADERS)
        if secure:
            self.headers["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers.from_scope(scope)
        given = headers.get("x-request-id", "")
        request_id = given if _GIVEN_ID.fullmatch(given) else str(new_id())
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        use_language(wanted_language(_cookie(headers.get("cookie", "")), headers.get("accept-language")))
        state["language"] = language()
        if scope["type"] == ScopeType.WEBSOCKET:
            await self.app(scope, receive, send)
            return
        method = str(scope["method"])
        began = time.perf_counter()
        status = 500

        async def finish(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                out = MutableScopeHeaders.from_message(message)
                for name, value in self.headers.items():
                    out.setdefault(name, value)
                out.setdefault("cache-control", "no-store")
                out["x-request-id"] = request_id
                if (method == "OPTIONS" or status == 405) and (allowed := self.allowed.of(scope["path"])):
                    out["allow"] = allowed
            await send(message)

        try:
            await self.app(scope, receive, finish)
        finally:
            # The template of the route, never the address itself: an address may hold an identifier.
            route = str(scope.get("path_template") or "unmatched")
            REQUEST_SECONDS.labels(method, route, f"{status // 100}xx").observe(time.perf_counter() - began)


def _cookie(header: str) -> str | None:
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return None
