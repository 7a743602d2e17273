"""Call flows: the list, new ones from a pattern, versions with their shares, and the lines that use them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Response, Template

from careline.flows import editor, table_pages
from careline.flows.patterns import PATTERNS
from careline.flows.views import FlowView
from careline.kernel.errors import CarelineError, InvalidInput
from careline.organization.model import FlowChoice
from careline.platform.i18n import gettext as _
from careline.security.actor import Actor
from careline.security.forms import Form, form_of
from careline.security.permissions import Permission

_Request = Request[Any, Any, Any]
_Answer = Response[Any]


def patterns() -> list[tuple[str, str, str]]:
    """What a new flow may begin from: code, name, what it is."""
    return [
        ("two-queues", _("Menu, two queues, overflow, callback"), _("Who waits too long is offered a callback.")),
        ("one-queue", _("Menu and one queue"), _("A choice between a person and a voicemail.")),
        ("after-hours", _("After hours"), _("A notice and a voicemail.")),
        ("blank", _("Blank"), _("A greeting, and everything else is yours.")),
    ]


def _status(error: CarelineError | None) -> int:
    """Wrong entries come back with the page; anything worse has a page of its own."""
    if error is not None and error.status not in (400, 409):
        raise error
    return error.status if error else 200


async def _list(services: Any, actor: Actor, error: CarelineError | None = None, **entered: str) -> _Answer:
    return Template(
        "flows/list.html",
        context={
            "flows": await services.flows.list(actor),
            "patterns": patterns(),
            "problem": _(error.detail) if error else "",
            "entered": entered,
            "zone": await services.organization.zone(actor),
            "may_edit": actor.may(Permission.FLOW_EDIT),
            "here": "flows",
        },
        status_code=_status(error),
    )


@get("/flows", name="flows")
async def flows(services: Any, actor: Actor) -> _Answer:
    """Every flow: what is live, what is being written, which lines use it."""
    return await _list(services, actor)


@post("/flows", status_code=200)
async def create(request: _Request, services: Any, actor: Actor) -> _Answer:
    """A new flow from a pattern; its editor opens."""
    form = await form_of(request)
    name, pattern = form.text("name"), form.text("pattern")
    try:
        if pattern not in PATTERNS:
            raise InvalidInput(_("That choice does not exist."), field="pattern")
        known = await services.flows.names(actor)
        body = PATTERNS[pattern](name, [queue.name for queue in known.queues])
        made: FlowView = await services.flows.create(actor, name, body)
    except CarelineError as error:
        return await _list(services, actor, error, name=name, pattern=pattern)
    return Redirect(f"/flows/{made.id}", status_code=303)


async def _versions(
    request: _Request, services: Any, actor: Actor, flow_id: UUID, error: CarelineError | None = None
) -> _Answer:
    flow: FlowView = await services.flows.get(actor, flow_id)
    found = await services.flows.versions(actor, flow_id)
    old, new = _two(request, [v.number for v in found])
    may_assign = actor.may(Permission.ORGANIZATION_MANAGE)
    return Template(
        "flows/versions.html",
        context={
            "flow": flow,
            "versions": found,
            "releases": await services.flows.releases(actor, flow_id),
            "diff": await services.flows.diff(actor, flow_id, old, new) if old and new else None,
            "compared": (old, new),
            "published": "published" in request.query_params,
            "used_by": await services.flows.used_by(actor, flow_id),
            "lines": [line for line in await services.organization.lines(actor) if line.active] if may_assign else [],
            "hours": await services.organization.hours(actor) if may_assign else [],
            "may_publish": actor.may(Permission.FLOW_PUBLISH),
            "may_edit": actor.may(Permission.FLOW_EDIT),
            "problem": _(error.detail) if error else "",
            "zone": await services.organization.zone(actor),
            "here": "flows",
        },
        status_code=_status(error),
    )


def _two(request: _Request, numbers: list[int]) -> tuple[int | None, int | None]:
    """The versions to compare: those asked for, else the two newest."""

    def asked(name: str) -> int | None:
        text = request.query_params.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and int(text) in numbers else None

    if len(numbers) < 2:
        return None, None
    return asked("old") or numbers[1], asked("new") or numbers[0]


@get("/flows/{flow_id:uuid}/versions")
async def versions(request: _Request, services: Any, actor: Actor, flow_id: FromPath[UUID]) -> _Answer:
    """Every version of a flow, what changed between any two, and which calls get which."""
    return await _versions(request, services, actor, flow_id)


@post("/flows/{flow_id:uuid}/do/{what:str}", status_code=200)
async def act(request: _Request, services: Any, actor: Actor, flow_id: FromPath[UUID], what: FromPath[str]) -> _Answer:
    """Change what callers get: the share of a version, the release before, away with the flow or its draft."""
    form = await form_of(request)
    try:
        match what:
            case "share":
                number, share = _whole(form, "number"), _whole(form, "share")
                await services.flows.set_share(actor, flow_id, number, share, note=form.text("note"))
            case "roll-back":
                await services.flows.roll_back(actor, flow_id)
            case "validate":
                found = await services.flows.validate(actor, flow_id)
                wrong = [p for p in found.problems if p.severity == "error"] or [t for t in found.tests if not t.ok]
                if wrong:
                    raise InvalidInput(_("Not valid yet: open the flow to see what is wrong."))
            case "discard":
                await services.flows.discard_draft(actor, flow_id)
            case "archive" | "restore":
                await services.flows.archive(actor, flow_id, archived=what == "archive")
            case _:
                raise InvalidInput(_("That choice does not exist."))
    except CarelineError as error:
        return await _versions(request, services, actor, flow_id, error)
    return Redirect(f"/flows/{flow_id}/versions", status_code=303)


# --- lines ------------------------------------------------------------------------------------------------------------


@post("/lines/{line_id:uuid}/flows", status_code=200)
async def assign(request: _Request, services: Any, actor: Actor, line_id: FromPath[UUID]) -> _Answer:
    """Let a line's callers meet a flow, or a version of it: always, or at some door, days or hours."""
    form = await form_of(request)
    line = await services.organization.line(actor, line_id)
    flow_id = _id(form, "flow_id")
    choice = FlowChoice(
        flow_id=flow_id,
        doors=tuple(door for door in form.many("door") if door),
        first_day=_day(form, "first_day"),
        last_day=_day(form, "last_day"),
        hours_id=_id(form, "hours_id") if form.text("hours_id") else None,
        version=_whole(form, "version") if form.text("version") else None,
    )
    rules = _with(line.config.flows, choice)
    await services.organization.configure_line(
        actor, line_id, replace(line.config, flows=rules), note=form.text("note")
    )
    return Redirect(_back(form, line_id, flow_id), status_code=303)


@post("/lines/{line_id:uuid}/flows/remove", status_code=200)
async def unassign(request: _Request, services: Any, actor: Actor, line_id: FromPath[UUID]) -> _Answer:
    """Take a rule away again."""
    form = await form_of(request)
    line = await services.organization.line(actor, line_id)
    place = _whole(form, "place")
    if not 0 <= place < len(line.config.flows):
        raise InvalidInput(_("That choice does not exist."))
    gone = line.config.flows[place]
    rules = (*line.config.flows[:place], *line.config.flows[place + 1 :])
    await services.organization.configure_line(actor, line_id, replace(line.config, flows=rules))
    return Redirect(_back(form, line_id, gone.flow_id), status_code=303)


def _with(rules: tuple[FlowChoice, ...], choice: FlowChoice) -> tuple[FlowChoice, ...]:
    """The first rule that fits counts: special ones go first, one for everything else is the last and only one."""
    if choice.special:
        return (choice, *(rule for rule in rules if rule != choice))
    return (*(rule for rule in rules if rule.special), choice)


def _back(form: Form, line_id: UUID, flow_id: UUID) -> str:
    return f"/flows/{flow_id}/versions#lines" if form.text("here") == "flow" else f"/lines/{line_id}#flows"


def _whole(form: Form, name: str) -> int:
    text = form.text(name)
    if not text.isascii() or not text.isdigit():
        raise InvalidInput(_("Fill in whole numbers."), field=name)
    return int(text)


def _id(form: Form, name: str) -> UUID:
    try:
        return UUID(form.text(name))
    except ValueError as error:
        raise InvalidInput(_("That choice does not exist."), field=name) from error


def _day(form: Form, name: str) -> date | None:
    text = form.text(name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise InvalidInput(_("Write the day as year-month-day."), field=name) from error


handlers: list[Any] = [
    flows, create, versions, act, assign, unassign, *editor.handlers, *table_pages.handlers,
]  # fmt: skip
