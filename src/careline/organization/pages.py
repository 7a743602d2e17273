"""Administration of the organization: places and providers, lines and numbers, hours and the closure switch."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Response, Template

from careline.kernel.errors import CarelineError, InvalidInput, NotFound
from careline.kernel.phone import pretty
from careline.organization import forms
from careline.organization.holidays import written
from careline.organization.hours import WEEKDAYS, Hours
from careline.organization.model import LineConfig, LineView
from careline.platform.i18n import gettext as _
from careline.security.actor import Actor
from careline.security.forms import form_of
from careline.security.permissions import Permission

_Request = Request[Any, Any, Any]
_Answer = Response[Any]
#: What a new set of opening hours starts from.
_OFFICE = {"weekly": {day: [["08:00", "17:00"]] for day in WEEKDAYS[:5]}}


def _page(template: str, /, error: CarelineError | None = None, **context: Any) -> _Answer:
    """A page; with an error it says what was wrong. Anything worse than a wrong entry has a page of its own."""
    problem = None
    if error is not None:
        if error.status not in (400, 409):
            raise error
        problem = {"text": _(error.detail), "field": error.facts.get("field")}
    status = error.status if error else 200
    days = dict(zip(WEEKDAYS, _days(), strict=True))
    return Template(
        f"organization/{template}.html",
        context={"problem": problem, "pretty": pretty, "written": written, "days": days, **context},
        status_code=status,
    )


def _days() -> tuple[str, ...]:
    return (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"))


# --- places and people --------------------------------------------------------------------------------------------


async def _organization(services: Any, actor: Actor, error: CarelineError | None = None) -> _Answer:
    actor.require(Permission.ORGANIZATION_MANAGE)
    service = services.organization
    accounts = await service.accounts(actor)
    return _page(
        "organization",
        error,
        accounts=accounts,
        locations=await service.locations(actor),
        departments=await service.departments(actor),
        providers=await service.providers(actor),
        information={name: await service.practice_info(actor, id_) for id_, name in accounts},
        zone=await service.zone(actor),
    )


@get("/organization", name="organization")
async def organization(services: Any, actor: Actor) -> _Answer:
    """Practices, locations, departments, providers."""
    return await _organization(services, actor)


@post("/organization/add/{kind:str}", status_code=200)
async def add(request: _Request, services: Any, actor: Actor, kind: FromPath[str]) -> _Answer:
    """Add a practice, location, department or provider."""
    form = await form_of(request)
    service = services.organization
    try:
        match kind:
            case "accounts":
                await service.add_account(actor, form.text("name"))
            case "locations":
                address = {name: form.text(name) for name in ("street", "city", "state", "postal_code", "phone")}
                account_id = forms.id_of(form, "account_id")
                await service.add_location(actor, account_id, form.text("name"), zone=form.text("zone"), **address)
            case "departments":
                location_id = forms.id_of(form, "location_id")
                await service.add_department(actor, location_id, form.text("name"), specialty=form.text("specialty"))
            case "providers":
                await service.add_provider(
                    actor,
                    forms.id_of(form, "department_id"),
                    form.text("name"),
                    credential=form.text("credential"),
                    specialty=form.text("specialty"),
                )
            case _:
                raise NotFound()
    except CarelineError as error:
        return await _organization(services, actor, error)
    return Redirect(f"/organization#{kind}", status_code=303)


@get("/organization/departments/{department_id:uuid}")
async def department(services: Any, actor: Actor, department_id: FromPath[UUID]) -> _Answer:
    """Who works a department's inbox."""
    actor.require(Permission.ORGANIZATION_MANAGE)
    found = [d for d in await services.organization.departments(actor) if d.id == department_id]
    if not found:
        raise NotFound()
    members = {id_ for id_, _name in await services.organization.members(actor, department_id)}
    return _page("department", department=found[0], people=await services.organization.staff(actor), members=members)


@post("/organization/departments/{department_id:uuid}", status_code=200)
async def set_members(request: _Request, services: Any, actor: Actor, department_id: FromPath[UUID]) -> _Answer:
    """Say who works a department's inbox."""
    form = await form_of(request)
    wanted = set(form.many("members"))
    before = {id_ for id_, _name in await services.organization.members(actor, department_id)}
    for person_id, _name in await services.organization.staff(actor):
        if (str(person_id) in wanted) != (person_id in before):
            await services.organization.set_member(actor, department_id, person_id, member=str(person_id) in wanted)
    return Redirect("/organization#departments", status_code=303)


# --- lines --------------------------------------------------------------------------------------------------------


@get("/lines", name="lines")
async def lines(services: Any, actor: Actor) -> _Answer:
    """Which number belongs to which practice, and what callers meet there now."""
    actor.require(Permission.ORGANIZATION_MANAGE)
    return _page(
        "lines",
        lines=await services.organization.lines(actor, retired=True),
        hours={h.id: h.name for h in await services.organization.hours(actor)},
        queues={q.id: q.rules.name for q in await services.queues.list(actor)},
        zone=await services.organization.zone(actor),
    )


async def _line(
    services: Any,
    actor: Actor,
    line: LineView | None,
    config: LineConfig,
    entered: dict[str, str],
    error: CarelineError | None = None,
) -> _Answer:
    actor.require(Permission.ORGANIZATION_MANAGE)
    service = services.organization
    return _page(
        "line",
        error,
        line=line,
        config=config,
        entered=entered,
        accounts=await service.accounts(actor),
        locations=await service.locations(actor),
        hours=await service.hours(actor),
        departments=await service.departments(actor),
        queues=await services.queues.list(actor),
        history=await service.line_history(actor, line.line_id) if line else [],
        flows=[flow for flow in await services.flows.list(actor) if not flow.archived] if line else [],
        reasons=forms.REASONS,
        rows=range(forms.MENU_ROWS),
        contact_rows=range(forms.CONTACT_ROWS),
        zone=line.zone if line else await service.zone(actor),
    )


@get("/lines/new")
async def new_line(services: Any, actor: Actor) -> _Answer:
    """An empty form."""
    return await _line(services, actor, None, LineConfig(languages=("en", "es")), {})


@post("/lines/new", status_code=200)
async def add_line(request: _Request, services: Any, actor: Actor) -> _Answer:
    """Add a number."""
    form = await form_of(request)
    config = LineConfig(languages=("en", "es"))
    try:
        config = forms.line_config_of(form)
        line_id = await services.organization.add_line(
            actor,
            account_id=_account_of(await services.organization.locations(actor), forms.id_of(form, "location_id")),
            location_id=forms.id_of(form, "location_id"),
            number=form.text("number"),
            label=form.text("label"),
            config=config,
        )
    except CarelineError as error:
        entered = {name: form.text(name) for name in ("number", "label", "location_id")}
        return await _line(services, actor, None, config, entered, error)
    return Redirect(f"/lines/{line_id}", status_code=303)


@get("/lines/{line_id:uuid}")
async def line(services: Any, actor: Actor, line_id: FromPath[UUID]) -> _Answer:
    """How a line behaves, and every version of it."""
    view = await services.organization.line(actor, line_id)
    return await _line(services, actor, view, view.config, {"label": view.label})


@post("/lines/{line_id:uuid}", status_code=200)
async def change_line(request: _Request, services: Any, actor: Actor, line_id: FromPath[UUID]) -> _Answer:
    """A new version, from now or a later moment."""
    form = await form_of(request)
    view = await services.organization.line(actor, line_id)
    config = view.config
    try:
        config = forms.line_config_of(form, view.config)
        valid_from = forms.moment_of(form, view.zone)
        active = form.text("active") == "on"
        if form.text("label") != view.label or active != view.active:
            await services.organization.rename_line(actor, line_id, label=form.text("label"), active=active)
        if config != view.config or valid_from is not None:
            await services.organization.configure_line(
                actor, line_id, config, valid_from=valid_from, note=form.text("note")
            )
    except CarelineError as error:
        return await _line(services, actor, view, config, {"label": form.text("label")}, error)
    return Redirect(f"/lines/{line_id}", status_code=303)


def _account_of(locations: list[Any], location_id: UUID) -> UUID:
    for location in locations:
        if location.id == location_id:
            return UUID(str(location.account_id))
    raise InvalidInput(_("That choice does not exist."), field="location_id")


# --- hours and closures -------------------------------------------------------------------------------------------


async def _hours(services: Any, actor: Actor, error: CarelineError | None = None) -> _Answer:
    actor.require(Permission.ORGANIZATION_MANAGE, Permission.CLOSURE_SWITCH)
    service = services.organization
    return _page(
        "hours",
        error,
        hours=await service.hours(actor),
        closures=await service.closures(actor),
        locations=await service.locations(actor),
        lines=await service.lines(actor),
        zone=await service.zone(actor),
        may_manage=actor.may(Permission.ORGANIZATION_MANAGE),
        may_close=actor.may(Permission.CLOSURE_SWITCH),
    )


@get("/hours", name="hours")
async def hours(services: Any, actor: Actor) -> _Answer:
    """When lines are open, and the switch that closes them at once."""
    return await _hours(services, actor)


@post("/hours/closures", status_code=200)
async def close(request: _Request, services: Any, actor: Actor) -> _Answer:
    """Throw the closure switch."""
    form = await form_of(request)
    try:
        kind, _colon, id_ = form.text("scope").partition(":")
        scope = {f"{kind}_id": UUID(id_)} if kind in ("location", "line") and id_ else {}
        until = forms.moment_of(form, await services.organization.zone(actor))
        await services.organization.close(actor, reason=form.text("reason"), until=until, **scope)
    except ValueError:
        return await _hours(services, actor, InvalidInput(_("That choice does not exist."), field="scope"))
    except CarelineError as error:
        return await _hours(services, actor, error)
    return Redirect("/hours", status_code=303)


@post("/hours/closures/{closure_id:uuid}/lift", status_code=200)
async def lift(services: Any, actor: Actor, closure_id: FromPath[UUID]) -> _Answer:
    """Open again."""
    await services.organization.reopen(actor, closure_id)
    return Redirect("/hours", status_code=303)


async def _one(
    services: Any, actor: Actor, found: Any, entered: Hours, name: str, error: CarelineError | None = None
) -> _Answer:
    actor.require(Permission.ORGANIZATION_MANAGE)
    return _page(
        "hours-edit",
        error,
        found=found,
        entered=entered,
        called=name,
        exceptions=forms.exceptions_written(entered),
        history=await services.organization.hours_history(actor, found.id) if found else [],
        zone=await services.organization.zone(actor),
    )


@get("/hours/new")
async def new_hours(services: Any, actor: Actor) -> _Answer:
    """A form filled in with office hours."""
    zone = await services.organization.zone(actor)
    return await _one(services, actor, None, Hours.from_body({"zone": zone, **_OFFICE}), "")


@post("/hours/new", status_code=200)
async def add_hours(request: _Request, services: Any, actor: Actor) -> _Answer:
    """New opening hours."""
    form = await form_of(request)
    zone = await services.organization.zone(actor)
    entered = Hours.from_body({"zone": zone, **_OFFICE})
    try:
        entered = forms.hours_of(form)
        hours_id = await services.organization.add_hours(actor, form.text("name"), entered)
    except CarelineError as error:
        return await _one(services, actor, None, entered, form.text("name"), error)
    return Redirect(f"/hours/{hours_id}", status_code=303)


async def _find(services: Any, actor: Actor, hours_id: UUID) -> Any:
    for found in await services.organization.hours(actor):
        if found.id == hours_id:
            return found
    raise NotFound()


@get("/hours/{hours_id:uuid}")
async def one_hours(services: Any, actor: Actor, hours_id: FromPath[UUID]) -> _Answer:
    """The week, the exceptions, and every version."""
    found = await _find(services, actor, hours_id)
    return await _one(services, actor, found, found.hours, found.name)


@post("/hours/{hours_id:uuid}", status_code=200)
async def change_hours(request: _Request, services: Any, actor: Actor, hours_id: FromPath[UUID]) -> _Answer:
    """A new version, from now or a later moment."""
    form = await form_of(request)
    found = await _find(services, actor, hours_id)
    entered = found.hours
    try:
        entered = forms.hours_of(form)
        valid_from = forms.moment_of(form, entered.zone)
        await services.organization.change_hours(
            actor, hours_id, entered, valid_from=valid_from, note=form.text("note")
        )
    except CarelineError as error:
        return await _one(services, actor, found, entered, found.name, error)
    return Redirect(f"/hours/{hours_id}", status_code=303)


handlers: list[Any] = [
    organization, add, department, set_members,
    lines, new_line, add_line, line, change_line,
    hours, close, lift, new_hours, add_hours, one_hours, change_hours,
]  # fmt: skip
