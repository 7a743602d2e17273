"""The public API of one's own desk: what is on it, one's state and telephone, and codes that are given later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from litestar import Controller, Request, get, post
from litestar.params import FromPath

from careline.calls.desk_views import DeskSnapshot, Target
from careline.calls.steering_api import EVEN_LOCKED, Done, WrapUpOrder, give
from careline.security.actor import Actor

_Request = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusOrder:
    """What an agent wants to be. While a call is in hand it takes effect afterwards."""

    status: Literal["available", "away", "offline"]
    reason: str | None = None
    #: Somebody else, for supervisors.
    person_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneOrder:
    """The telephone to use: a desk phone's user name (`d-…`), or this browser's (`s-…`)."""

    endpoint: str


class DeskController(Controller):
    """One's own desk."""

    path = "/api/v1/desk"
    tags = ["Desk"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/", operation_id="getDesk", summary="One's desk as it stands", opt=EVEN_LOCKED)
    async def desk(self, services: Any, actor: Actor) -> DeskSnapshot:
        """Own state, queues, the ringing call, the call in hand, open work."""
        snapshot: DeskSnapshot = await services.desk.read(actor)
        return snapshot

    @get("/targets", operation_id="listTransferTargets", summary="Where a call can be transferred to")
    async def targets(self, services: Any, actor: Actor) -> list[Target]:
        """Queues and agents on the floor."""
        targets: list[Target] = await services.desk.targets(actor)
        return targets

    @post("/status", operation_id="setStatus", summary="Become available, away or offline", status_code=200)
    async def status(self, request: _Request, services: Any, actor: Actor, data: StatusOrder) -> Done:
        """One's own status; a supervisor may set another person's."""
        body: dict[str, Any] = {"status": data.status}
        if data.reason:
            body["reason"] = data.reason
        if data.person_id is not None and data.person_id != actor.person_id:
            body["person_id"] = str(data.person_id)
        return await give(request, services, actor, "agent.status", body)

    @post("/phone", operation_id="setPhone", summary="Choose the telephone to use", status_code=200)
    async def phone(self, request: _Request, services: Any, actor: Actor, data: PhoneOrder) -> Done:
        """A desk phone of one's own, or this browser's softphone."""
        return await give(request, services, actor, "agent.phone", {"endpoint": data.endpoint})

    @post("/more-time", operation_id="moreWrapUpTime", summary="A minute more to wrap up", status_code=200)
    async def more_time(self, request: _Request, services: Any, actor: Actor) -> Done:
        """Puts off the end of the present wrap-up."""
        return await give(request, services, actor, "agent.more_time", {})

    @post("/calls/{call_id:uuid}/code", operation_id="giveCode", summary="Give a call its code later", status_code=204)
    async def code(self, services: Any, actor: Actor, call_id: FromPath[UUID], data: WrapUpOrder) -> None:
        """For a call that was left without one. The same code again changes nothing."""
        await services.desk.give_code(actor, call_id, data.code)


handlers: list[Any] = [DeskController]
