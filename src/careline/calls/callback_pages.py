"""The page of callbacks: who waits to be called back, and what can be done about each."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Response, Template

from careline.calls import callback_wording
from careline.kernel.errors import CarelineError, InvalidInput, NotFound
from careline.platform.i18n import gettext as _
from careline.queues.wording import languages
from careline.security.actor import Actor
from careline.security.forms import Form, form_of
from careline.security.permissions import Permission

_Request = Request[Any, Any, Any]
_Answer = Response[Any]


@get("/callbacks", name="callbacks")
async def callbacks(services: Any, actor: Actor) -> _Answer:
    """Everybody who waits to be called back, queue by queue."""
    return await _page(services, actor)


async def _page(services: Any, actor: Actor, error: CarelineError | None = None) -> _Answer:
    zone = await services.organization.zone(actor)
    context = {
        "callbacks": await services.callbacks.list(actor),
        "zone": zone,
        "moment": services.clock.now(),
        "stages": callback_wording.stages(),
        "modes": callback_wording.modes(),
        "confirmations": callback_wording.confirmations(),
        "misses": callback_wording.misses(),
        "languages": languages(),
        "wall": lambda at: at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M"),
        "may_manage": actor.may(Permission.AGENT_MANAGE),
        "may_take": actor.may(Permission.CALL_HANDLE),
        "error": _(error.detail) if error else None,
    }
    return Template("calls/callbacks.html", context=context, status_code=error.status if error else 200)


@post("/callbacks/{call_id:uuid}/{order:str}", status_code=200)
async def change(
    request: _Request, services: Any, actor: Actor, call_id: FromPath[UUID], order: FromPath[str]
) -> _Answer:
    """Cancel, call now, or another number or moment; what was wrong is said on the page."""
    form = await form_of(request)
    key = form.text("key") or None
    try:
        match order:
            case "cancel":
                await services.callbacks.cancel(actor, call_id, key)
            case "call-now":
                await services.callbacks.call_now(actor, call_id, key)
            case "change":
                zone = await services.organization.zone(actor)
                wish = _wish(form, zone)
                await services.callbacks.change(
                    actor,
                    call_id,
                    number=form.text("number") or None,
                    next_at=wish,
                    when_it_is_due=wish is None and form.text("when") == "turn",
                    key=key,
                )
            case _:
                raise NotFound
    except CarelineError as error:
        if error.status not in (400, 404, 409):
            raise
        return await _page(services, actor, error)
    return Redirect("/callbacks", status_code=303)


def _wish(form: Form, zone: str) -> datetime | None:
    """The moment a form asks for: a wall time where the practice is."""
    text = form.text("next_at")
    if form.text("when") == "turn" or not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    except ValueError as error:
        raise InvalidInput(_("Write the moment as a day and a time.")) from error


handlers: list[Any] = [callbacks, change]
