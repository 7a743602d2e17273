"""How a queue finds its agents: strategy, rings, overflow, callback and the rest, and who changed what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Response, Template

from careline.kernel.errors import CarelineError, InvalidInput
from careline.platform.i18n import gettext as _
from careline.queues import routing_form, strategies
from careline.queues.rules import InvalidRules, from_body
from careline.queues.views import MemberPlace, QueueView
from careline.queues.wording import strategy_words
from careline.security.actor import Actor
from careline.security.forms import Form
from careline.security.permissions import Permission


async def _page(
    services: Any, actor: Actor, queue: QueueView, body: dict[str, Any], error: CarelineError | None = None
) -> Response[Any]:
    if error is not None and error.status not in (400, 409):
        raise error
    words = strategy_words()
    context = {
        "queue": queue,
        "rules": body,
        "rows": {name: range(most) for name, (most, _first) in routing_form.ROWS.items()},
        "chosen": routing_form.chosen,
        "strategies": [(name, words.get(name, name)) for name in strategies.names()],
        "others": [q for q in await services.queues.list(actor) if q.id != queue.id and q.rules.active],
        "sites": [line for line in await services.organization.lines(actor) if line.active and line.config.queue_id],
        "people": [a for a in await services.queues.agents(actor) if a.id in queue.members],
        "ordinary": MemberPlace(),
        "effect": await services.queues.ring_effect(actor, queue.id) if body.get("rings") else [],
        "history": await services.queues.history(actor, queue.id),
        "told": await services.board.announced(actor, queue.id) if actor.may(Permission.BOARD_READ) else None,
        "zone": await services.organization.zone(actor),
        "error": error.detail if error else "",
        "here": "queues",
    }
    return Template("queues/routing.html", context=context, status_code=error.status if error else 200)


def _whole(routing: dict[str, Any] | None) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.to_builtins(from_body(routing or {}))
    return body


def _laid_over(whole: dict[str, Any], entered: dict[str, Any]) -> dict[str, Any]:
    """What was filled in, over the defaults: a refused form comes back as it was sent."""
    return whole | {
        name: _laid_over(whole[name], value) if isinstance(value, dict) and isinstance(whole.get(name), dict) else value
        for name, value in entered.items()
    }


@get("/queues/{queue_id:uuid}/routing")
async def routing(services: Any, actor: Actor, queue_id: FromPath[UUID]) -> Response[Any]:
    """The rules as they are."""
    queue: QueueView = await services.queues.get(actor, queue_id)
    return await _page(services, actor, queue, _whole(queue.rules.routing))


@post("/queues/{queue_id:uuid}/routing", status_code=200)
async def save_routing(
    request: Request[Any, Any, Any], services: Any, actor: Actor, queue_id: FromPath[UUID]
) -> Response[Any]:
    """Change the rules while calls wait: nobody loses a place."""
    queue: QueueView = await services.queues.get(actor, queue_id)
    data = await request.form()
    form = Form(data)
    body = _whole(queue.rules.routing)
    try:
        try:
            fields = {name: form.text(name) for name in data if not name.startswith(("place.", "_"))}
            entered = routing_form.read(fields)
            body = _laid_over(_whole(None), entered)
            body = _whole(entered)
        except ValueError as error:
            raise InvalidRules(_("Fill in a number: %(field)s.") % {"field": str(error)}) from error
        places = _places(form, queue)
        await services.queues.update(actor, queue_id, replace(queue.rules, routing=body))
        if places:
            await services.queues.set_places(actor, queue_id, places)
    except CarelineError as error:
        return await _page(services, actor, queue, body, error)
    return Redirect(f"/queues/{queue_id}/routing?saved=1", status_code=303)


def _places(form: Form, queue: QueueView) -> dict[UUID, MemberPlace]:
    """The members whose place was changed on the form."""
    found = {}
    for person_id in queue.members:
        texts = {name: form.text(f"place.{person_id}.{name}") for name in ("position", "rank", "weight", "reserve")}
        if not any(texts.values()):
            continue
        try:
            place = MemberPlace(
                position=int(texts["position"] or 0),
                rank=int(texts["rank"] or 0),
                weight=float(texts["weight"] or 1),
                reserve=int(texts["reserve"] or 0),
            )
        except ValueError as error:
            raise InvalidInput(_("Fill in whole numbers."), field=f"place.{person_id}") from error
        if place != queue.places.get(person_id, MemberPlace()):
            found[person_id] = place
    return found


handlers: list[Any] = [routing, save_routing]
