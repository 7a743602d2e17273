"""The page of voice agents: programs that may talk with callers, and where their sound may go."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Response, Template

from careline.kernel.errors import CarelineError
from careline.platform.i18n import gettext as _
from careline.security.actor import Actor
from careline.security.forms import form_of

_Request = Request[Any, Any, Any]
_Answer = Response[Any]


def reasons() -> dict[str, str]:
    """Why a voice agent is not connected, or broke off, by code."""
    return {
        "no-agreement": _("no agreement is signed"),
        "switched-off": _("switched off"),
        "host-not-allowed": _("its host is not allowed"),
        "unreachable": _("it could not be reached"),
        "broke-off": _("it broke off"),
    }


async def _page(
    services: Any,
    actor: Actor,
    error: CarelineError | None = None,
    entered: dict[str, str] | None = None,
    tested: tuple[UUID, str | None] | None = None,
) -> _Answer:
    problem = None
    if error is not None:
        if error.status not in (400, 409):
            raise error
        problem = {"text": _(error.detail), "field": error.facts.get("field")}
    context = {
        "agents": await services.voice_agents.list(actor),
        "hosts": await services.voice_agents.hosts(actor),
        "failures": await services.voice_agents.failures(actor),
        "zone": await services.organization.zone(actor),
        "reasons": reasons(),
        "problem": problem,
        "entered": entered or {},
        "tested": tested,
    }
    return Template("voice_agents/agents.html", context=context, status_code=error.status if error else 200)


@get("/voice-agents", name="voice-agents")
async def agents(services: Any, actor: Actor) -> _Answer:
    """Every program that may talk with callers."""
    return await _page(services, actor)


@post("/voice-agents", status_code=200)
async def add(request: _Request, services: Any, actor: Actor) -> _Answer:
    """Add one."""
    form = await form_of(request)
    try:
        await services.voice_agents.add(
            actor,
            name=form.text("name"),
            url=form.text("url"),
            secret=form.text("secret") or None,
            baa_signed=form.text("baa_signed") == "on",
        )
    except CarelineError as error:
        return await _page(services, actor, error, {name: form.text(name) for name in ("name", "url", "baa_signed")})
    return Redirect("/voice-agents", status_code=303)


@post("/voice-agents/hosts", status_code=200)
async def hosts(request: _Request, services: Any, actor: Actor) -> _Answer:
    """Allow a host, or no longer."""
    form = await form_of(request)
    try:
        await services.voice_agents.allow(actor, form.text("host"), allowed=form.text("allowed") != "no")
    except CarelineError as error:
        return await _page(services, actor, error, {"host": form.text("host")})
    return Redirect("/voice-agents#hosts", status_code=303)


@post("/voice-agents/{agent_id:uuid}/test", status_code=200)
async def test(services: Any, actor: Actor, agent_id: FromPath[UUID]) -> _Answer:
    """Connect with it, without sound."""
    return await _page(services, actor, tested=(agent_id, await services.voice_agents.test(actor, agent_id)))


@post("/voice-agents/{agent_id:uuid}/switch", status_code=200)
async def switch(request: _Request, services: Any, actor: Actor, agent_id: FromPath[UUID]) -> _Answer:
    """Switch it on or off."""
    form = await form_of(request)
    await services.voice_agents.switch(actor, agent_id, enabled=form.text("enabled") == "yes")
    return Redirect("/voice-agents", status_code=303)


@post("/voice-agents/{agent_id:uuid}/retire", status_code=200)
async def retire(services: Any, actor: Actor, agent_id: FromPath[UUID]) -> _Answer:
    """Remove it, and forget its secret."""
    await services.voice_agents.retire(actor, agent_id)
    return Redirect("/voice-agents", status_code=303)


handlers: list[Any] = [agents, add, hosts, test, switch, retire]
