"""Queues and skills: plain tables and forms for those who arrange the floor."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.datastructures import FormMultiDict
from litestar.params import FromPath
from litestar.response import Redirect, Response, Template

from careline.kernel.errors import CarelineError, InvalidInput
from careline.platform.i18n import gettext as _
from careline.queues import agent_pages, routing_pages
from careline.queues.agent_form import read_skills
from careline.queues.views import QueueRules, QueueView, WrapUpCode
from careline.security.actor import Actor

_Request = Request[Any, Any, Any]
_Answer = Response[Any]


def _number(form: FormMultiDict, name: str) -> int:
    try:
        return int(str(form.get(name, "")).strip())
    except ValueError as error:
        raise InvalidInput(_("Fill in whole numbers."), field=name) from error


def _rules(form: FormMultiDict) -> QueueRules:
    return QueueRules(
        name=str(form.get("name", "")),
        skills=read_skills(str(form.get("skills", ""))),
        match_language="match_language" in form,
        priority=_number(form, "priority"),
        ring_seconds=_number(form, "ring_seconds"),
        wrap_up_seconds=_number(form, "wrap_up_seconds"),
        announce_seconds=_number(form, "announce_seconds"),
        service_level_seconds=_number(form, "service_level_seconds"),
        service_level_target=_number(form, "service_level_target") / 100,
        expected_handle_seconds=_number(form, "expected_handle_seconds"),
        active="active" in form,
    )


def _ids(form: FormMultiDict, name: str) -> list[UUID]:
    try:
        return [UUID(str(value)) for value in form.getall(name, [])]
    except ValueError as error:
        raise InvalidInput(_("That choice does not exist.")) from error


def _wrong(error: CarelineError) -> int:
    """The status of a page that shows what was wrong with its form; anything worse has a page of its own."""
    if error.status not in (400, 409):
        raise error
    return error.status


@get("/queues", name="queues")
async def queues(services: Any, actor: Actor) -> Template:
    """Every queue with its rules in a line."""
    found = await services.queues.list(actor)
    people = {one.id: one.name for one in await services.queues.agents(actor)}
    return Template("queues/list.html", context={"queues": found, "people": people, "here": "queues"})


async def _form(
    services: Any, actor: Actor, queue: QueueView | None, rules: QueueRules, members: set[UUID], error: str, status: int
) -> _Answer:
    context = {
        "queue": queue,
        "rules": rules,
        "members": members,
        "agents": await services.queues.agents(actor),
        "error": error,
        "here": "queues",
    }
    return Template("queues/queue.html", context=context, status_code=status)


@get("/queues/new")
async def new_queue(services: Any, actor: Actor) -> _Answer:
    """An empty form."""
    return await _form(services, actor, None, QueueRules(name=""), set(), "", 200)


@get("/queues/{queue_id:uuid}")
async def edit_queue(services: Any, actor: Actor, queue_id: FromPath[UUID]) -> _Answer:
    """A queue's rules and members."""
    queue: QueueView = await services.queues.get(actor, queue_id)
    return await _form(services, actor, queue, queue.rules, set(queue.members), "", 200)


@post("/queues/new", status_code=200)
async def create_queue(request: _Request, services: Any, actor: Actor) -> _Answer:
    """Make a queue; wrong entries come back with the form as it was filled in."""
    form = await request.form()
    rules, members = QueueRules(name=str(form.get("name", ""))), set(_ids(form, "members"))
    try:
        rules = _rules(form)
        made = await services.queues.create(actor, rules)
        await services.queues.set_members(actor, made.id, sorted(members))
    except CarelineError as error:
        return await _form(services, actor, None, rules, members, error.detail, _wrong(error))
    return Redirect("/queues", status_code=303)


@post("/queues/{queue_id:uuid}", status_code=200)
async def save_queue(request: _Request, services: Any, actor: Actor, queue_id: FromPath[UUID]) -> _Answer:
    """Change a queue's rules and members."""
    queue: QueueView = await services.queues.get(actor, queue_id)
    form = await request.form()
    rules, members = queue.rules, set(_ids(form, "members"))
    try:
        rules = _rules(form)
        await services.queues.update(actor, queue_id, rules)
        await services.queues.set_members(actor, queue_id, sorted(members))
    except CarelineError as error:
        return await _form(services, actor, queue, rules, members, error.detail, _wrong(error))
    return Redirect("/queues", status_code=303)


async def _codes(services: Any, actor: Actor, error: str = "", status: int = 200) -> _Answer:
    context = {"codes": await services.queues.codes(actor), "error": error, "here": "codes"}
    return Template("queues/codes.html", context=context, status_code=status)


@get("/queues/codes")
async def codes(services: Any, actor: Actor) -> _Answer:
    """The reasons to close a call with."""
    return await _codes(services, actor)


@post("/queues/codes", status_code=200)
async def save_code(request: _Request, services: Any, actor: Actor) -> _Answer:
    """Add a reason, or change its words, place or use."""
    form = await request.form()
    try:
        code = WrapUpCode(
            code=str(form.get("code", "")).strip(),
            label_en=str(form.get("label_en", "")),
            label_es=str(form.get("label_es", "")),
            position=_number(form, "position"),
            active="active" in form,
        )
        await services.queues.save_code(actor, code)
    except CarelineError as error:
        return await _codes(services, actor, error.detail, _wrong(error))
    return Redirect("/queues/codes", status_code=303)


async def _phones(services: Any, actor: Actor, error: str = "", made: Any = None, status: int = 200) -> _Answer:
    context = {
        "phones": await services.queues.phones(actor),
        "agents": await services.queues.agents(actor),
        "error": error,
        "made": made,
        "here": "phones",
    }
    return Template("queues/phones.html", context=context, status_code=status)


@get("/queues/phones")
async def phones(services: Any, actor: Actor) -> _Answer:
    """SIP telephones on desks."""
    return await _phones(services, actor)


@post("/queues/phones", status_code=200)
async def add_phone(request: _Request, services: Any, actor: Actor) -> _Answer:
    """Give a person a desk phone; its password is shown on the answer, this once."""
    form = await request.form()
    try:
        people = _ids(form, "person_id")
        if not people:
            raise InvalidInput(_("Choose whose telephone it is."))
        made = await services.queues.add_phone(actor, people[0], str(form.get("label", "")))
    except CarelineError as error:
        return await _phones(services, actor, error.detail, status=_wrong(error))
    return await _phones(services, actor, made=made)


@post("/queues/phones/{phone_id:uuid}/revoke", status_code=200)
async def revoke_phone(services: Any, actor: Actor, phone_id: FromPath[UUID]) -> _Answer:
    """Withdraw a desk phone."""
    await services.queues.revoke_phone(actor, phone_id)
    return Redirect("/queues/phones", status_code=303)


handlers: list[Any] = [
    *routing_pages.handlers,
    *agent_pages.handlers,
    queues,
    new_queue,
    create_queue,
    edit_queue,
    save_queue,
    codes,
    save_code,
    phones,
    add_phone,
    revoke_phone,
]
