"""Pages in front of the door: first run, sign-in and its steps, lock and unlock, sign-out."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import available_timezones

from litestar import Response, get, post
from litestar.params import FromQuery
from litestar.response import Redirect, Template

from careline.kernel.errors import CarelineError
from careline.security.forms import (
    Form,
    Req,
    Services,
    form_of,
    go,
    go_signed_in,
    page,
    safe_next,
    secure,
    security_of,
    sentence,
)
from careline.security.model import Stage
from careline.security.permissions import Role
from careline.security.sessions import Opened, Session
from careline.security.web import address_of, no_cookie, session_of

_PAGES = {
    Stage.TOTP: "/sign-in/code",
    Stage.NEW_PASSWORD: "/sign-in/new-password",
    Stage.ENROL: "/sign-in/second-factor",
}
#: What the first administrator may be besides.
_ALSO = (Role.SUPERVISOR, Role.AGENT, Role.PRIVACY_OFFICER)


def _onward(stage: Stage, target: str) -> str:
    """The page of what is owed, or where the person wanted to go."""
    if stage is Stage.FULL:
        return target
    return _PAGES[stage] + ("" if target == "/" else "?" + urlencode({"next": target}))


def _whole(services: Any, opened: Opened, target: str) -> Redirect:
    return go_signed_in(services, opened, _onward(opened.stage, target))


@get("/sign-in", opt={"public": True})
async def sign_in_page(request: Req, services: Services, next: FromQuery[str] = "/") -> Template | Redirect:
    """The sign-in form; sends those who are signed in already to where they belong."""
    session: Session | None = request.scope["state"].get("session")
    target = safe_next(next)
    if session is not None and session.stage is not Stage.FULL:
        return go(_onward(session.stage, target))
    if session is not None:
        return go("/lock?" + urlencode({"next": target}) if session.locked else target)
    if await security_of(services).first_run.is_needed():
        return go("/setup")
    return page("sign-in", next=target, email="")


@post("/sign-in", opt={"public": True})
async def sign_in(request: Req, services: Services) -> Template | Redirect:
    """Check e-mail address and password."""
    form = await form_of(request)
    target, email = safe_next(form.text("next")), form.text("email")
    try:
        opened = await security_of(services).sign_in.start(
            email,
            form.secret("password"),
            ip=address_of(request.scope),
            user_agent=request.headers.get("user-agent"),
        )
    except CarelineError as error:
        return page("sign-in", error=error, next=target, email=email)
    return _whole(services, opened, target)


@get("/sign-in/code", opt={"unfinished": True})
async def code_page(request: Req, next: FromQuery[str] = "/") -> Template | Redirect:
    """Asks for the authenticator's code."""
    session = session_of(request)
    target = safe_next(next)
    if session.stage is not Stage.TOTP:
        return go(_onward(session.stage, target))
    return page("code", next=target)


@post("/sign-in/code", opt={"unfinished": True})
async def code(request: Req, services: Services) -> Template | Redirect:
    """Check the code."""
    form, session = await form_of(request), session_of(request)
    target = safe_next(form.text("next"))
    if session.stage is not Stage.TOTP:
        return go(_onward(session.stage, target))
    try:
        opened = await security_of(services).sign_in.give_code(session, form.text("code"), ip=address_of(request.scope))
    except CarelineError as error:
        return page("code", error=error, next=target)
    return _whole(services, opened, target)


@get("/sign-in/new-password", opt={"unfinished": True})
async def new_password_page(request: Req, next: FromQuery[str] = "/") -> Template | Redirect:
    """Asks for an own password in place of the first one."""
    session = session_of(request)
    target = safe_next(next)
    if session.stage is not Stage.NEW_PASSWORD:
        return go(_onward(session.stage, target))
    return page("new-password", next=target, email=session.email)


@post("/sign-in/new-password", opt={"unfinished": True})
async def new_password(request: Req, services: Services) -> Template | Redirect:
    """Take the new password."""
    form, session = await form_of(request), session_of(request)
    target = safe_next(form.text("next"))
    if session.stage is not Stage.NEW_PASSWORD:
        return go(_onward(session.stage, target))
    try:
        opened = await security_of(services).account.change_password(
            session, current=form.secret("current"), new=form.secret("new")
        )
    except CarelineError as error:
        return page("new-password", error=error, next=target, email=session.email)
    return _whole(services, opened, target)


@get("/sign-in/second-factor", opt={"unfinished": True})
async def enrol_page(request: Req, services: Services, next: FromQuery[str] = "/") -> Template | Redirect:
    """Offers an authenticator where one is demanded."""
    session = session_of(request)
    target = safe_next(next)
    if session.stage is not Stage.ENROL:
        return go(_onward(session.stage, target))
    offered = await security_of(services).account.begin_enrolment(session)
    return page("second-factor", offered=offered, next=target, action="/sign-in/second-factor")


@post("/sign-in/second-factor", opt={"unfinished": True})
async def enrol(request: Req, services: Services) -> Template | Redirect:
    """Take the first code; shows the recovery codes."""
    form, session = await form_of(request), session_of(request)
    target, account = safe_next(form.text("next")), security_of(services).account
    if session.stage is not Stage.ENROL:
        return go(_onward(session.stage, target))
    try:
        opened, codes = await account.confirm_enrolment(session, form.text("code"))
    except CarelineError as error:
        offered = await account.begin_enrolment(session)
        return page("second-factor", error=error, offered=offered, next=target, action="/sign-in/second-factor")
    shown = page("recovery-codes", codes=codes, next=target)
    shown.cookies = [*shown.cookies, *go_signed_in(services, opened, target).cookies]
    return shown


@post("/sign-out", opt={"while_locked": True, "unfinished": True})
async def sign_out(request: Req, services: Services) -> Redirect:
    """End the session."""
    await security_of(services).sessions.sign_out(session_of(request).actor)
    return Redirect("/sign-in", status_code=303, cookies=[no_cookie(secure=secure(services))])


@get("/lock", opt={"while_locked": True})
async def lock_page(request: Req, next: FromQuery[str] = "/") -> Template | Redirect:
    """Asks for the password to go on where one was."""
    session = session_of(request)
    if not session.locked:
        return go(safe_next(next))
    return page("lock", next=safe_next(next), name=session.name, email=session.email)


@post("/lock", opt={"while_locked": True})
async def lock(request: Req, services: Services) -> Response[Any] | Redirect:
    """Lock the screen. A script (`Accept: application/json`) stays where it is: calls go on."""
    await security_of(services).sessions.lock(session_of(request).actor)
    if _is_script(request):
        return Response({"locked": True})
    here = urlsplit(request.headers.get("referer", ""))
    came_from = here.path + (f"?{here.query}" if here.query else "")
    return go("/lock" if not here.path else "/lock?" + urlencode({"next": safe_next(came_from)}))


@post("/unlock", opt={"while_locked": True})
async def unlock(request: Req, services: Services) -> Response[Any] | Template | Redirect:
    """Unlock with the password."""
    form, session = await form_of(request), session_of(request)
    target = safe_next(form.text("next"))
    try:
        await security_of(services).sign_in.unlock(session, form.secret("password"), ip=address_of(request.scope))
    except CarelineError as error:
        if _is_script(request):
            return Response({"locked": True, "problem": sentence(error)}, status_code=error.status)
        return page("lock", error=error, next=target, name=session.name, email=session.email)
    return Response({"locked": False}) if _is_script(request) else go(target)


@post("/session/active", status_code=204)
async def active() -> None:
    """The person is at work on a page that otherwise only listens: puts the idle lock off."""


@get("/setup", opt={"public": True})
async def setup_page(services: Services) -> Template | Redirect:
    """The first run: the first organization and its administrator."""
    first_run = security_of(services).first_run
    if not await first_run.is_needed():
        return go("/sign-in")
    return _setup(first_run.needs_code, None, {})


@post("/setup", opt={"public": True})
async def setup(request: Req, services: Services) -> Template | Redirect:
    """Make them, and sign in."""
    form, security = await form_of(request), security_of(services)
    also = frozenset(role for role in _ALSO if role.value in form.many("also"))
    try:
        await security.first_run.run(
            code=form.text("code"),
            organization=form.text("organization"),
            kind=form.text("kind"),
            zone=form.text("zone"),
            email=form.text("email"),
            name=form.text("name"),
            password=form.secret("password"),
            language=request.scope["state"].get("language", "en"),
            also=also,
        )
        opened = await security.sign_in.start(form.text("email"), form.secret("password"), ip=address_of(request.scope))
    except CarelineError as error:
        return _setup(security.first_run.needs_code, error, _kept(form))
    return _whole(services, opened, "/")


def _setup(needs_code: bool, error: CarelineError | None, kept: dict[str, Any]) -> Template:
    zones = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "posix")))
    return page(
        "setup",
        error=error,
        needs_code=needs_code,
        zones=zones,
        also=[role.value for role in _ALSO],
        values={"zone": "America/New_York", "kind": "administrative", "also": ["privacy-officer"], **kept},
    )


def _kept(form: Form) -> dict[str, Any]:
    """What was typed, to be shown again; never the password."""
    names = ("code", "organization", "kind", "zone", "email", "name")
    return {**{name: form.text(name) for name in names}, "also": form.many("also")}


def _is_script(request: Req) -> bool:
    return "application/json" in request.headers.get("accept", "")


handlers = [
    sign_in_page,
    sign_in,
    code_page,
    code,
    new_password_page,
    new_password,
    enrol_page,
    enrol,
    sign_out,
    lock_page,
    lock,
    unlock,
    active,
    setup_page,
    setup,
]
