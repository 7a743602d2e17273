"""The audit log's page: who saw this chart, what did this person do, and is the log whole."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import get, post
from litestar.datastructures import MultiDict
from litestar.response import Template

from careline.kernel.errors import CarelineError, InvalidInput
from careline.security.audit import Action
from careline.security.forms import By, Req, Services, page, security_of
from careline.security.trail import AuditQuery

_PAGE = 50


@get("/audit")
async def audit_page(request: Req, actor: By, services: Services) -> Template:
    """Search by patient, person, call, action and day."""
    asked = {name: request.query_params.get(name, "").strip() for name in _FIELDS}
    audit = security_of(services).audit
    try:
        rows = await audit.search(actor, _wanted(request.query_params))
    except InvalidInput as error:
        return _page(asked, error=error)
    older = None
    if len(rows) == _PAGE:
        older = "/audit?" + urlencode({**{k: v for k, v in asked.items() if v}, "before": rows[-1].seq})
    return _page(asked, rows=rows, older=older)


@post("/audit/verify")
async def verify(actor: By, services: Services) -> Template:
    """Check the whole chain now."""
    state = await security_of(services).audit.verify(actor)
    return _page(dict.fromkeys(_FIELDS, ""), state=state)


_FIELDS = ("patient", "person", "contact", "action", "since", "until")


def _page(asked: dict[str, str], *, error: CarelineError | None = None, **context: Any) -> Template:
    return page("audit", error=error, asked=asked, actions=[a.value for a in Action], **context)


def _wanted(query: MultiDict[Any]) -> AuditQuery:
    action, until, before = query.get("action", ""), _day(query, "until"), query.get("before", "")
    if action and action not in list(Action):
        raise InvalidInput("There is no such action.", field="action")
    if before and not (before.isascii() and before.isdigit() and len(before) < 19):
        raise InvalidInput("This page of the log does not exist.")
    return AuditQuery(
        patient_id=_id(query, "patient"),
        person_id=_id(query, "person"),
        contact_id=_id(query, "contact"),
        action=Action(action) if action else None,
        since=_day(query, "since"),
        # The last day is meant with all its hours.
        until=until + timedelta(days=1) if until else None,
        before=int(before) if before else None,
        limit=_PAGE,
    )


def _id(query: MultiDict[Any], name: str) -> UUID | None:
    text = query.get(name, "").strip()
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise InvalidInput("This is not the id of a record.", field=name) from error


def _day(query: MultiDict[Any], name: str) -> datetime | None:
    text = query.get(name, "").strip()
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC) if text else None
    except (ValueError, OverflowError) as error:
        raise InvalidInput("This is not a date.", field=name) from error


handlers = [audit_page, verify]
