"""What calls, telephones and time mean for the agents: their statuses follow, whoever caused the change. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from careline.calls import callback, handover, talk
from careline.calls.model import Call, Event, Kind, Phase
from careline.calls.outcome import Outcome
from careline.calls.step import Step
from careline.queues.model import AgentStatus, Queue

if TYPE_CHECKING:
    from careline.calls.floor import Floor


def follow(floor: Floor, event: Event, call: Call, out: Outcome) -> None:
    """What an event of a call means for the agents in it. `call` is as it is when all its events have happened."""
    body, now, roster = event.body, event.at, floor.roster
    match event.kind:
        case Kind.OFFERED:
            roster.set_status(UUID(body["agent_id"]), AgentStatus.OFFERED, now, out, call_id=call.id)
        case Kind.OFFER_ENDED:
            roster.end_offer(UUID(body["agent_id"]), body["reason"], _queue(floor, call), now, out)
        case Kind.CONNECTED:
            roster.take(UUID(body["agent_id"]), call.id, now, out)
        case Kind.TRANSFER_STARTED if body["to"] == "agent":
            roster.set_status(UUID(body["target"]), AgentStatus.OFFERED, now, out, call_id=call.id)
        case Kind.TRANSFER_ANSWERED if call.transfer and call.transfer.to == "agent":
            roster.set_status(UUID(call.transfer.target), AgentStatus.TALKING, now, out, call_id=call.id)
        case Kind.TRANSFER_FAILED | Kind.TRANSFER_CANCELLED if body.get("agent_id"):
            roster.end_offer(UUID(body["agent_id"]), body.get("reason") or "withdrawn", None, now, out)
        case Kind.CALLBACK_DIALLED if body.get("agent_id"):
            roster.set_status(UUID(body["agent_id"]), AgentStatus.TALKING, now, out, call_id=call.id)
        case Kind.CALLBACK_MERGED | Kind.CALLBACK_CANCELLED if body.get("old"):
            _close_callback(floor, UUID(body["old"]), event, out)
        case Kind.AGENT_LEFT:
            _leave(floor, event, call, out)
        case _:
            pass


def _close_callback(floor: Floor, call_id: UUID, event: Event, out: Outcome) -> None:
    """The caller has called again and took the kept place over, or called the callback off."""
    old = floor.calls.get(call_id)
    if old is None or old.phase is not Phase.CALLBACK:
        return
    if event.kind is Kind.CALLBACK_MERGED:
        act = partial(callback.close, outcome="merged", by="system", into=str(event.call_id))
    else:
        act = partial(callback.close, outcome="callback-cancelled", by="caller")
    floor.step(call_id, event.at, out, act)


def _queue(floor: Floor, call: Call) -> Queue | None:
    return floor.queues.get(call.queue_id) if call.queue_id else None


def _leave(floor: Floor, event: Event, call: Call, out: Outcome) -> None:
    body, now, agent_id = event.body, event.at, UUID(event.body["agent_id"])
    floor.roster.end_talk(agent_id, body.get("seconds", 0.0), now)
    if body["wrap_up"]:
        # The call's queue is asked, not the agent's other ones: one clock, set once, whatever happens to the call next.
        queue_id = body.get("queue_id")
        queue = floor.queues.get(UUID(queue_id)) if queue_id else None
        floor.roster.begin_wrap_up(agent_id, call.id, queue, now, out)
    elif body["reason"] == "phone-lost":
        floor.roster.set_status(agent_id, AgentStatus.OFFLINE, now, out, reason="phone-lost")
    elif body["reason"] == "unheard":
        floor.roster.end_offer(agent_id, "unheard", None, now, out)
    else:
        floor.roster.rest(agent_id, now, out)


def wrap_up(floor: Floor, agent_id: UUID, code: str | None, now: datetime, out: Outcome) -> None:
    """End the wrap-up with a code; None when its time ran out."""
    agent = floor.agents[agent_id]
    call = floor.calls.get(agent.call_id) if agent.call_id else None
    if call and agent_id in call.wrapping:
        act = partial(_close, agent_id=agent_id, code=code)
        floor.step(call.id, now, out, act, agent_id)
    if code is not None and agent.wrap_up_forced and agent.wrap_up_until and now < agent.wrap_up_until:
        # The code is taken, the time is not shortened.
        return
    floor.roster.rest(agent_id, now, out)


def _close(s: Step, agent_id: UUID, code: str | None) -> None:
    s.happened(Kind.WRAPPED_UP, agent_id=str(agent_id), code=code)


def free_the_stuck(floor: Floor, now: datetime, out: Outcome) -> None:
    """Agents whose status names a call that is over, or knows nothing of them: they go on with their day."""
    busy = {AgentStatus.OFFERED, AgentStatus.TALKING}
    for agent in [a for a in floor.agents.values() if a.status in busy]:
        call = floor.calls.get(agent.call_id) if agent.call_id else None
        if call is None or agent.id not in _people(call):
            floor.roster.rest(agent.id, now, out)


def _people(call: Call) -> set[UUID]:
    found = {offered.agent_id for offered in call.offers}
    if call.handling:
        found.add(call.handling.agent_id)
    if call.callback and call.callback.agent_id:
        found.add(call.callback.agent_id)
    if call.transfer and call.transfer.to == "agent":
        found.add(UUID(call.transfer.target))
    return found


def endpoint_changed(floor: Floor, endpoint: str, online: bool, now: datetime, out: Outcome) -> None:
    """A telephone became reachable or vanished: its agent's readiness, and a call in hand, follow."""
    roster = floor.roster
    (roster.online.add if online else roster.online.discard)(endpoint)
    agent = roster.at(endpoint)
    if agent is None or agent.phone_online == online:
        return
    roster.put(replace(agent, phone_online=online))
    call = floor.calls.get(agent.call_id) if agent.call_id else None
    handling = call.handling if call and call.handling and call.handling.agent_id == agent.id else None
    if online:
        if call and handling and handling.lost_at:
            if endpoint == handling.endpoint and not handling.returning_leg:
                floor.step(call.id, now, out, lambda s: handover.phone_back(s, handling.leg))
            else:
                floor.step(call.id, now, out, lambda s: handover.ring_back(s, endpoint))
        return
    if call and handling:
        floor.step(call.id, now, out, handover.lose_phone)
    elif call and (offered := call.offer_to(agent.id)):
        floor.step(call.id, now, out, lambda s: talk.end_offer(s, offered, "unreachable", hang_up=True))
    elif call and call.phase is Phase.CALLBACK and call.callback and call.callback.agent_id == agent.id:
        floor.step(call.id, now, out, callback.agent_gone)
    elif agent.status is AgentStatus.AVAILABLE:
        roster.set_status(agent.id, AgentStatus.AWAY, now, out, reason="phone-offline")
