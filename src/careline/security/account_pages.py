"""A person's own account: password, authenticator, recovery codes, language, sessions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath
from litestar.response import Redirect, Template

from careline.kernel.errors import CarelineError
from careline.security.forms import Req, Services, form_of, go, go_signed_in, page, secure, security_of
from careline.security.web import session_of


async def _account(request: Req, services: Any, error: CarelineError | None = None, place: str = "") -> Template:
    session, security = session_of(request), security_of(services)
    return page(
        "account",
        error=error,
        place=place,
        session=session,
        sessions=await security.sessions.mine(session.actor),
        roles=sorted(role.value for role in session.actor.roles),
        codes_left=await security.account.recovery_codes_left(session) if session.has_totp else 0,
        mfa_required=security.config.mfa_required,
        done=request.query_params.get("done"),
    )


@get("/account")
async def account_page(request: Req, services: Services) -> Template:
    """The overview of one's own account."""
    return await _account(request, services)


@post("/account/password")
async def change_password(request: Req, services: Services) -> Template | Redirect:
    """Choose another password; other sessions end."""
    form = await form_of(request)
    try:
        opened = await security_of(services).account.change_password(
            session_of(request), current=form.secret("current"), new=form.secret("new")
        )
    except CarelineError as error:
        return await _account(request, services, error, "password")
    return go_signed_in(services, opened, "/account?done=password")


@get("/account/second-factor")
async def enrol_page(request: Req, services: Services) -> Template | Redirect:
    """Offers an authenticator."""
    session = session_of(request)
    if session.has_totp:
        return go("/account")
    offered = await security_of(services).account.begin_enrolment(session)
    return page("second-factor", offered=offered, next="/account", action="/account/second-factor")


@post("/account/second-factor")
async def enrol(request: Req, services: Services) -> Template | Redirect:
    """Take its first code; shows the recovery codes."""
    form, session, account = await form_of(request), session_of(request), security_of(services).account
    try:
        opened, codes = await account.confirm_enrolment(session, form.text("code"))
    except CarelineError as error:
        if session.has_totp:
            return go("/account")
        offered = await account.begin_enrolment(session)
        return page("second-factor", error=error, offered=offered, next="/account", action="/account/second-factor")
    shown = page("recovery-codes", codes=codes, next="/account")
    shown.cookies = [*shown.cookies, *go_signed_in(services, opened, "/account").cookies]
    return shown


@post("/account/second-factor/remove")
async def remove(request: Req, services: Services) -> Template | Redirect:
    """Remove the authenticator."""
    form = await form_of(request)
    try:
        await security_of(services).account.remove_authenticator(session_of(request), password=form.secret("password"))
    except CarelineError as error:
        return await _account(request, services, error, "second-factor")
    return go("/account/second-factor")


@post("/account/recovery-codes")
async def recovery_codes(request: Req, services: Services) -> Template | Redirect:
    """A fresh set of recovery codes."""
    form = await form_of(request)
    try:
        codes = await security_of(services).account.renew_recovery_codes(
            session_of(request), password=form.secret("password")
        )
    except CarelineError as error:
        return await _account(request, services, error, "second-factor")
    return page("recovery-codes", codes=codes, next="/account")


@post("/account/language")
async def set_language(request: Req, services: Services) -> Redirect:
    """The language of one's pages, here and wherever one signs in."""
    form = await form_of(request)
    await security_of(services).account.set_language(session_of(request), form.text("language"))
    cookie = Cookie(
        "careline_lang",
        value=form.text("language"),
        max_age=365 * 86_400,
        httponly=True,
        samesite="lax",
        secure=secure(services),
    )
    return Redirect("/account?done=language", status_code=303, cookies=[cookie])


@post("/account/sessions/{session_id:uuid}/end")
async def end_session(request: Req, services: Services, session_id: FromPath[UUID]) -> Redirect:
    """End another of one's own sessions."""
    await security_of(services).sessions.end_mine(session_of(request).actor, session_id)
    return go("/account?done=session")


handlers = [account_page, change_password, enrol_page, enrol, remove, recovery_codes, set_language, end_session]
