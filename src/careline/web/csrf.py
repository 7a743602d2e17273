"""Cross-site request forgery: the browser's own word on where a request comes from, and a double-submitted token.

A request with an `Authorization` header cannot be forged by another site (the browser asks us first, and we refuse),
so the public API with its tokens passes without a form token.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any
from urllib.parse import urlsplit

from litestar import Request
from litestar.datastructures import Cookie, MutableScopeHeaders
from litestar.enums import RequestEncodingType, ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from litestar.utils.scope.state import ScopeState

from careline.kernel.errors import Forbidden

COOKIE = "careline_csrf"
#: The session's cookie (`COOKIE` in careline.security.web).
SESSION = "careline_session"
HEADER = "x-csrf-token"
FIELD = "_csrf_token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class ForgedRequest(Forbidden):
    """This form is out of date or came from another site; nothing was done. Open the page again and repeat."""

    id = "forged-request"


def same_origin(headers: dict[str, str]) -> bool:
    """Whether the browser says the request comes from our own pages. Without a word from it: True."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host", "")


def _has_authority_of_a_cookie(request: Request[Any, Any, Any]) -> bool:
    """Whether a request may have been sent along with somebody's cookie. A call of the API without a session was not:
    it is refused for that reason, and told so."""
    if request.headers.get("authorization"):
        return False
    return SESSION in request.cookies or not request.url.path.startswith("/api/")


class CsrfMiddleware:
    """Gives every visitor a token cookie and demands its copy, in a form field or header, with every change."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self.app = app
        self.secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        request: Request[Any, Any, Any] = Request(scope, receive)
        cookie = request.cookies.get(COOKIE, "")
        known = len(cookie) == 43
        token = cookie if known else secrets.token_urlsafe(32)
        ScopeState.from_scope(scope).csrf_token = token
        if request.method not in _SAFE and _has_authority_of_a_cookie(request):
            sent = request.headers.get(HEADER)
            if sent is None and request.content_type[0] in (
                RequestEncodingType.URL_ENCODED,
                RequestEncodingType.MULTI_PART,
            ):
                sent = (await request.form()).get(FIELD)
            good = known and isinstance(sent, str) and hmac.compare_digest(sent.encode(), cookie.encode())
            if not good or not same_origin(dict(request.headers)):
                raise ForgedRequest
        if known:
            await self.app(scope, receive, send)
            return

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                made = Cookie(COOKIE, value=token, httponly=True, samesite="lax", secure=self.secure)
                MutableScopeHeaders.from_message(message).add("set-cookie", made.to_header(header=""))
            await send(message)

        await self.app(scope, receive, with_cookie)
