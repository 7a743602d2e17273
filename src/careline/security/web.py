"""What the web shell mounts: who is asking, whether they may come in, how often, and the session's cookie."""

from __future__ import annotations

from typing import Any

import psycopg
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie, Headers
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.middleware import DefineMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send
from psycopg_pool import PoolTimeout

from careline.kernel.errors import NotSignedIn
from careline.security.actor import Actor
from careline.security.idempotency import IdempotencyMiddleware
from careline.security.limits import Limiter, Rate
from careline.security.service import Security
from careline.security.sessions import Opened, Session

COOKIE = "careline_session"
#: Sent by scripts that ask by themselves (polling): such a request does not put the idle lock off.
PASSIVE = "x-careline-passive"

#: Addresses that answer everybody alike and must answer with the database away.
_BARE = ("/static/", "/healthz", "/readyz", "/metrics")
_AnyConnection = ASGIConnection[Any, Any, Any, Any]
_AnyRequest = Request[Any, Any, Any]


class SessionMiddleware:
    """Finds out who asks: `scope["state"]` gets `session` (or None) and `actor` (or None).

    A request with an `Authorization` header is judged by that alone, never by its cookie: such requests are exempt
    from the form token, so a cookie must not count beside it.
    """

    def __init__(self, app: ASGIApp, *, security: Security, api: Limiter, forms: Limiter) -> None:
        self.app = app
        self._security = security
        self._api = api
        self._forms = forms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Resolve, count, go on."""
        state = scope["state"]
        state["session"] = None
        state["actor"] = None
        if scope["path"].startswith(_BARE):
            await self.app(scope, receive, send)
            return
        ip = address_of(scope)
        headers = Headers.from_scope(scope)
        authorization = headers.get("authorization")
        if authorization is not None:
            scheme, _, secret = authorization.partition(" ")
            if scheme.lower() != "bearer":
                raise NotSignedIn("Use an API token: `Authorization: Bearer careline_…`.")
            try:
                state["actor"] = await self._security.tokens.actor_for(secret.strip(), ip=ip)
            except NotSignedIn:
                self._forms.take(f"token from {ip}")
                raise
        else:
            await self._read_cookie(scope, headers, ip)
        self._count(scope, state["actor"], ip)
        await self.app(scope, receive, send)

    async def _read_cookie(self, scope: Scope, headers: Headers, ip: str | None) -> None:
        secret = cookie_of(headers)
        if secret is None:
            return
        # A socket lives by itself; opening one is no act of the person.
        active = scope["type"] == ScopeType.HTTP and PASSIVE not in headers
        try:
            session = await self._security.sessions.read(secret, ip=ip, active=active)
        except NotSignedIn:
            return
        except (psycopg.OperationalError, PoolTimeout):
            if _opt(scope).get("public"):
                return
            raise
        scope["state"]["session"] = session
        if session.stage == "full":
            scope["state"]["actor"] = session.actor

    def _count(self, scope: Scope, actor: Actor | None, ip: str | None) -> None:
        if scope["type"] == ScopeType.WEBSOCKET:
            return
        if actor is not None:
            if scope["path"].startswith("/api/"):
                self._api.take(f"{actor.tenant_id} {actor.session_id or actor.person_id}")
        elif scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            self._forms.take(f"form from {ip}")


def middleware(services: Any) -> list[DefineMiddleware]:
    """The application's middleware of this capability, outermost first."""
    security: Security = services.security
    rates = security.config
    return [
        DefineMiddleware(
            SessionMiddleware,
            security=security,
            api=Limiter(Rate(burst=rates.api_burst, per_second=rates.api_per_second)),
            forms=Limiter(Rate(burst=rates.form_burst, per_second=rates.form_per_second)),
        ),
        DefineMiddleware(IdempotencyMiddleware, db=services.db, clock=services.clock, keyring=security.keyring),
    ]


async def require_signed_in(connection: _AnyConnection, handler: BaseRouteHandler) -> None:
    """The guard over every address. A handler opts out of parts of it:

    `opt={"public": True}` for everybody; `opt={"while_locked": True}` also with a locked screen (the actor may then do
    no more than control its call); `opt={"unfinished": True}` also before sign-in is finished (there is no actor yet).
    """
    if handler.opt.get("public"):
        return
    state = connection.scope["state"]
    session: Session | None = state.get("session")
    if session is None:
        if state.get("actor") is None:
            raise NotSignedIn
        return
    if handler.opt.get("unfinished") and session.stage != "full":
        return
    if handler.opt.get("while_locked") and session.stage == "full":
        return
    session.require_open()


async def provide_actor(request: _AnyRequest) -> Actor:
    """The dependency `actor`: whoever asks. Raises `NotSignedIn` where nobody is known."""
    actor: Actor | None = request.scope["state"].get("actor")
    if actor is None:
        raise NotSignedIn
    return actor


def session_of(connection: _AnyConnection) -> Session:
    """The session of a request by cookie. Raises `NotSignedIn` (also for API tokens, which have none)."""
    session: Session | None = connection.scope["state"].get("session")
    if session is None:
        raise NotSignedIn
    return session


async def read_session(connection: _AnyConnection, services: Any) -> tuple[Actor, bool]:
    """Read the session of an open socket anew: its actor now, and whether its screen is locked.

    Raises `NotSignedIn` when it is over. Does not count as an act of the person.
    """
    secret = cookie_of(connection.headers)
    if secret is None:
        raise NotSignedIn
    security: Security = services.security
    session = await security.sessions.read(secret, ip=address_of(connection.scope), active=False)
    if session.stage != "full":
        raise NotSignedIn
    return session.actor, session.locked


def session_cookie(opened: Opened, *, secure: bool) -> Cookie:
    """The cookie that carries a session. It lasts as long as the browser runs; the server ends it after its time."""
    return Cookie(COOKIE, value=opened.secret, httponly=True, samesite="lax", secure=secure)


def no_cookie(*, secure: bool) -> Cookie:
    """The cookie that removes it."""
    return Cookie(COOKIE, value="", max_age=0, httponly=True, samesite="lax", secure=secure)


def cookie_of(headers: Any) -> str | None:
    """The session's secret out of the Cookie header."""
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE and value:
            return str(value)
    return None


def address_of(scope: Scope) -> str | None:
    """The client's address. Behind a proxy, the server puts the believed forwarded one here (`web_proxies`)."""
    client = scope.get("client")
    return client[0] if client else None


def _opt(scope: Scope) -> dict[str, Any]:
    handler = scope.get("route_handler")
    return handler.opt if isinstance(handler, BaseRouteHandler) else {}
