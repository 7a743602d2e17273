"""How calls reach each agent: a table of everybody with one change for many, and a page for each person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Response, Template

from careline.kernel.errors import CarelineError
from careline.queues.agent_form import CHANNELS, identifier, read_change, read_places, read_skills, read_work
from careline.queues.views import AgentProfile, MemberPlace
from careline.queues.wording import channels, languages, profile_settings
from careline.security.actor import Actor
from careline.security.forms import Form

_Request = Request[Any, Any, Any]
_Answer = Response[Any]


def _error(error: CarelineError | None) -> dict[str, Any]:
    if error is not None and error.status not in (400, 409):
        raise error
    return {"error": error.detail if error else ""}


async def _table(
    request: _Request, services: Any, actor: Actor, error: CarelineError | None = None, ticked: Sequence[str] = ()
) -> _Answer:
    everybody: Sequence[AgentProfile] = await services.queues.agents(actor)
    wanted = request.query_params.get("queue", "")
    shown = [a for a in everybody if not wanted or wanted in map(str, a.places)]
    context = {
        **_error(error),
        "agents": shown,
        "everybody": len(everybody),
        "wanted": wanted,
        "ticked": set(ticked),
        "queues": await services.queues.list(actor),
        "languages": languages(),
        "channels": channels(),
        "changed": request.query_params.get("changed", ""),
        "people": request.query_params.get("people", ""),
        "here": "agents",
    }
    return Template("queues/agents.html", context=context, status_code=error.status if error else 200)


@get("/queues/agents")
async def agents(request: _Request, services: Any, actor: Actor) -> _Answer:
    """Everybody who can serve a queue, at a glance; `queue` shows only those who serve it."""
    return await _table(request, services, actor)


@post("/queues/agents", status_code=200)
async def change_agents(request: _Request, services: Any, actor: Actor) -> _Answer:
    """One change for everybody who is ticked: for all of them or, when anything is wrong, for nobody."""
    form = Form(await request.form())
    try:
        people = [identifier(one) for one in form.many("people")]
        batch = await services.queues.change_agents(actor, people, read_change(form))
    except CarelineError as error:
        return await _table(request, services, actor, error, form.many("people"))
    return Redirect(f"/queues/agents?changed={batch.id}&people={batch.people}", status_code=303)


@post("/queues/agents/undo/{batch:uuid}", status_code=200)
async def undo(request: _Request, services: Any, actor: Actor, batch: FromPath[UUID]) -> _Answer:
    """Take a change back for everybody it was made for."""
    try:
        back = await services.queues.undo_agents(actor, batch)
    except CarelineError as error:
        return await _table(request, services, actor, error)
    return Redirect(f"/queues/agents?changed={back.id}&people={back.people}", status_code=303)


async def _person(
    request: _Request, services: Any, actor: Actor, profile: AgentProfile, error: CarelineError | None = None
) -> _Answer:
    context = {
        **_error(error),
        "agent": profile,
        "queues": await services.queues.list(actor),
        "ordinary": MemberPlace(),
        "languages": languages(),
        "channels": [(code, words) for code, words in channels().items() if code in CHANNELS],
        "history": await services.queues.agent_history(actor, profile.id),
        "settings": profile_settings(),
        "zone": await services.organization.zone(actor),
        "saved": "saved" in request.query_params,
        "here": "agents",
    }
    return Template("queues/agent.html", context=context, status_code=error.status if error else 200)


@get("/queues/agents/{person_id:uuid}")
async def agent(request: _Request, services: Any, actor: Actor, person_id: FromPath[UUID]) -> _Answer:
    """One person: skills, languages, places in queues, what they can do at once, and who changed it."""
    return await _person(request, services, actor, await services.queues.agent(actor, person_id))


@post("/queues/agents/{person_id:uuid}", status_code=200)
async def save_agent(request: _Request, services: Any, actor: Actor, person_id: FromPath[UUID]) -> _Answer:
    """Change one person's profile; calls that wait keep their places."""
    before: AgentProfile = await services.queues.agent(actor, person_id)
    form = Form(await request.form())
    entered = replace(before, languages=form.many("languages"))
    try:
        entered = replace(entered, places=read_places(form))
        entered = replace(entered, work=read_work(form, before.work))
        entered = replace(entered, skills=read_skills(form.text("skills")))
        await services.queues.set_profile(
            actor,
            person_id,
            skills=entered.skills,
            languages=entered.languages,
            queues=entered.places,
            places=entered.places,
            work=entered.work,
        )
    except CarelineError as error:
        return await _person(request, services, actor, entered, error)
    return Redirect(f"/queues/agents/{person_id}?saved=1", status_code=303)


handlers: list[Any] = [agents, change_agents, undo, agent, save_agent]
