"""The supervisor's board, and the closure and surge switches on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Template

from careline.kernel.errors import InvalidInput
from careline.platform.i18n import gettext as _
from careline.platform.words import words
from careline.queues.wording import languages, statuses
from careline.security.actor import Actor
from careline.security.permissions import Permission


@get("/board", name="board")
async def board(request: Request[Any, Any, Any], services: Any, actor: Actor) -> Template:
    """The floor, live. `?kiosk=1` makes it readable from five metres and takes the controls away."""
    kiosk = request.query_params.get("kiosk") == "1"
    data = {
        "board": await services.board.read(actor),
        "health": await services.board.health(actor),
        "closures": await services.organization.closures(actor),
        "surges": await services.queues.surges(actor),
        "alarms": await services.alarms.list(actor),
        "words": words("careline.web", "static/board.js", "static/board-floor.js", "static/board-switches.js"),
        "languages": languages(),
        "statuses": statuses(),
        "kiosk": kiosk,
        "may": {str(p): actor.may(p) and not kiosk for p in (Permission.AGENT_MANAGE, Permission.CLOSURE_SWITCH)},
        "may_open": actor.may(Permission.CALL_READ) and not kiosk,
    }
    return Template("reporting/board.html", context={"data": msgspec.to_builtins(data), "kiosk": kiosk})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureOrder:
    """Close everything at once: why, and for how many hours (None: until it is lifted)."""

    reason: str
    hours: float | None = None


@post("/board/closures", status_code=200)
async def close(services: Any, actor: Actor, data: ClosureOrder) -> dict[str, str]:
    """Throw the emergency-closure switch for the whole tenant. Audited by the organization's service."""
    until = None
    if data.hours is not None:
        if not 0 < data.hours <= 24 * 30:
            raise InvalidInput(_("A closure lasts up to 30 days."), field="hours")
        until = services.clock.now() + timedelta(hours=data.hours)
    return {"id": str(await services.organization.close(actor, reason=data.reason, until=until))}


@post("/board/closures/{closure_id:uuid}/lift", status_code=200)
async def lift(services: Any, actor: Actor, closure_id: FromPath[UUID]) -> dict[str, str]:
    """Open again."""
    await services.organization.reopen(actor, closure_id)
    return {"id": str(closure_id)}


@post("/board/surge", status_code=200)
async def surge(services: Any, actor: Actor) -> dict[str, str]:
    """Throw the surge switch for every queue: one click, audited, taken back by one click."""
    return {"id": str(await services.queues.begin_surge(actor))}


@post("/board/surge/{surge_id:uuid}/end", status_code=200)
async def end_surge(services: Any, actor: Actor, surge_id: FromPath[UUID]) -> dict[str, str]:
    """Back to the ordinary rules."""
    await services.queues.end_surge(actor, surge_id)
    return {"id": str(surge_id)}


@post("/board/alarms/{call_id:uuid}/acknowledge", status_code=200)
async def acknowledge(services: Any, actor: Actor, call_id: FromPath[UUID]) -> dict[str, str]:
    """Somebody looks after an emergency that nobody took."""
    await services.alarms.acknowledge(actor, call_id)
    return {"id": str(call_id)}


handlers: list[Any] = [board, close, lift, surge, end_surge, acknowledge]
