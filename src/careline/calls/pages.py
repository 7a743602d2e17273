"""The desk, the list of calls and a call's page."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from babel.dates import format_time
from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Template

from careline.calls import callback_pages, wording
from careline.calls.drawing import draw
from careline.calls.service import CallSearch
from careline.kernel.errors import InvalidInput
from careline.platform.i18n import gettext as _
from careline.platform.i18n import language
from careline.platform.words import words
from careline.queues.wording import languages, statuses
from careline.security.actor import Actor
from careline.security.permissions import Permission

_Request = Request[Any, Any, Any]
#: The scripts of the desk.
_SCRIPTS = tuple(
    f"static/{name}.js"
    for name in (
        "desk", "desk-bar", "desk-contact", "desk-keys", "desk-line", "desk-message", "desk-notes", "desk-orders",
        "desk-patient", "desk-sheets", "desk-side",
    )
)  # fmt: skip
#: What calls can be searched by; and of that, what must never be in an address, since addresses are kept everywhere.
_FILTERS = ("number", "text", "queue", "agent", "outcome", "since", "until", "before")
_PRIVATE = ("number", "text")
#: What the desk's scripts show or leave out; the services check again.
_ON_THE_DESK = (Permission.PATIENT_SEARCH, Permission.PATIENT_READ, Permission.MESSAGE_TAKE)


@get("/desk", name="desk", opt={"while_locked": True})
async def desk(services: Any, actor: Actor) -> Template:
    """The agent's desk: one page that lives by itself."""
    departments = await services.organization.departments(actor)
    providers = await services.organization.providers(actor)
    data = {
        "recipients": {
            "departments": [{"id": one.id, "name": one.name} for one in departments],
            "providers": [{"id": one.id, "name": one.name} for one in providers],
        },
        "snapshot": await services.desk.read(actor),
        "lines": await services.desk.emergency_lines(actor),
        "words": words("careline.web", *_SCRIPTS),
        "languages": languages(),
        "statuses": statuses(),
        "offer_ends": wording.offer_ends(),
        "may": {str(p): actor.may(p) for p in _ON_THE_DESK},
        "person": str(actor.person_id),
    }
    return Template("calls/desk.html", context={"data": msgspec.to_builtins(data)})


@get("/calls", name="calls")
async def calls(request: _Request, services: Any, actor: Actor) -> Template:
    """The newest calls, or those of a queue, an agent or a day: what may stand in an address."""
    asked = {key: value.strip() for key, value in request.query_params.items() if value.strip()}
    return await _found(services, actor, {key: value for key, value in asked.items() if key not in _PRIVATE})


@post("/calls", name="calls-search", status_code=200)
async def search(request: _Request, services: Any, actor: Actor) -> Template:
    """Find calls. A number or words of a note may name a patient, so they are sent in the body."""
    form = await request.form()
    return await _found(services, actor, {key: str(form[key]).strip() for key in _FILTERS if form.get(key)})


async def _found(services: Any, actor: Actor, form: dict[str, str]) -> Template:
    form = {key: value for key, value in form.items() if value}
    zone = await services.calls.zone(actor)
    problem: str | None = None
    page = None
    try:
        page = await services.calls.search(actor, _wanted(form, zone))
    except InvalidInput as wrong:
        problem = wrong.detail
    context = {
        "form": form,
        "page": page,
        "problem": problem,
        "choices": await services.calls.choices(actor),
        "outcomes": {"open": _("In progress"), "emergency": _("Emergency"), **wording.outcomes()},
        "zone": zone,
        "own_only": not actor.may(Permission.CALL_READ),
        "languages": languages(),
    }
    return Template("calls/search.html", context=context)


@get("/calls/{call_id:uuid}", name="call")
async def record(services: Any, actor: Actor, call_id: FromPath[UUID]) -> Template:
    """The record of one call."""
    found = await services.calls.open(actor, call_id)
    zone = await services.calls.zone(actor)
    context = {
        "to_second": lambda at: format_time(at.astimezone(ZoneInfo(zone)), "medium", locale=language()),
        "record": found,
        "call": found.call,
        "drawing": draw(found.segments, services.clock.now()),
        "zone": zone,
        "languages": languages(),
        "outcomes": wording.outcomes(),
        "stretches": wording.stretches(),
        "offer_ends": wording.offer_ends(),
        "parties": wording.parties(),
        "transcript_states": wording.transcript_states(),
        "may_supervise": actor.may(Permission.AGENT_MANAGE),
    }
    return Template("calls/record.html", context=context)


@get("/calls/{call_id:uuid}/why", name="call-why")
async def why(services: Any, actor: Actor, call_id: FromPath[UUID]) -> Template:
    """Why a waiting call rings nobody just now, asked of call control at this moment."""
    zone = await services.calls.zone(actor)
    found = await services.calls.why(actor, call_id, services.commands)
    return Template("calls/why.html", context={"call_id": call_id, "why": found, "zone": zone})


def _wanted(form: dict[str, str], zone: str) -> CallSearch:
    """The search a form asks for. Days are the tenant's local days."""
    return CallSearch(
        number=form.get("number"),
        text=form.get("text"),
        agent=_uuid(form.get("agent")),
        queue=_uuid(form.get("queue")),
        outcome=form.get("outcome"),
        since=_day(form.get("since"), zone),
        until=_day(form.get("until"), zone, after=True),
        before=form.get("before"),
    )


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise InvalidInput(_("That choice does not exist.")) from error


def _day(text: str | None, zone: str, *, after: bool = False) -> datetime | None:
    """The beginning of a local day, or of the day after it."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text) + timedelta(days=1 if after else 0)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(_("Write the day as year-month-day.")) from error
    return datetime.combine(day, time(), ZoneInfo(zone))


handlers: list[Any] = [desk, calls, search, record, why, *callback_pages.handlers]
