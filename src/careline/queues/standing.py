"""Where a waiting call stands at a moment, and what speaks against an agent for it. Pure.

This is the plain meaning of a queue's rules, one call and one agent at a time. The router decides the same from its
indexes; what it explains, it explains from here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from careline.queues import skills, strategies
from careline.queues.model import Agent, Preferred, Queue, Waiting
from careline.queues.rings import Reach, opened, reach, rings_of
from careline.queues.rules import Ring

T = TypeVar("T")

NEVER = datetime.max.replace(tzinfo=UTC)

#: Whoever serves the queue.
ANYONE = Reach(skills.ANYBODY, language=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A call's place in the rules at a moment."""

    queue: Queue
    #: How many rings are open, and whom the call may reach.
    step: int
    reach: Reach
    #: Agents for whom it is kept just now, the first preferred; None: for everybody who suits.
    kept_for: tuple[UUID, ...] | None = None
    #: Whether it is kept by the caller's own wish: then neither queue nor skills matter.
    direct: bool = False
    #: Not to be offered before.
    not_before: datetime | None = None


def suits(agent: Agent, language: str, queue: Queue, whom: Reach) -> str | None:
    """What speaks against an agent for a call whatever they are doing just now: a code, None for nothing."""
    if agent.tenant_id != queue.tenant_id or agent.id not in queue.members:
        return "not-member"
    if whom.agents is not None and agent.id not in whom.agents:
        return "not-in-ring"
    if whom.max_rank is not None and queue.place(agent.id).rank > whom.max_rank:
        return "not-in-ring"
    if whom.language and language not in agent.languages:
        return "language"
    if whom.requirement == skills.ANYBODY or skills.holds(whom.requirement, agent.id, agent.skills):
        return None
    return "skills"


def current_queue(call: Waiting, queues: Mapping[UUID, Queue], person: Agent | None, now: datetime) -> Queue | None:
    """The queue a call waits in: its own, or its backup once the person it was for is not to be waited for."""
    queue = queues.get(call.queue_id)
    direct = call.direct
    if direct is None or direct.then is None or waits_for(person, direct.until, now):
        return queue
    return queues.get(direct.then) or queue


def waits_for(person: Agent | None, until: datetime, now: datetime) -> bool:
    """Whether a call is still kept for a person: signed on, and its time not over."""
    return person is not None and person.present and now < until


def standing(
    call: Waiting,
    queues: Mapping[UUID, Queue],
    agents: Mapping[UUID, Agent],
    now: datetime,
    rings: tuple[Ring, ...] | None = None,
) -> Standing | None:
    """Where a call stands; None when its queue does not exist. `rings`: those it is held to, else its queue's."""
    person = agents.get(call.direct.agent_id) if call.direct else None
    queue = current_queue(call, queues, person, now)
    if queue is None:
        return None
    gate = gate_of(call, queue)
    if call.direct and waits_for(person, call.direct.until, now):
        kept = (call.direct.agent_id,)
        return Standing(queue=queue, step=0, reach=ANYONE, kept_for=kept, direct=True, not_before=gate)
    rings = rings_of(call, queue) if rings is None else rings
    members = [agents[m] for m in queue.members if m in agents]
    step, whom = settle_step(
        opened(call, rings, now),
        len(rings),
        lambda n: reach(call, queue, rings, n),
        lambda r: any(a.present and suits(a, call.language, queue, open_to_all(r, queue)) is None for a in members),
    )
    whom = open_to_all(whom, queue)
    kept_for = tuple(p.agent_id for p in preferred(call, queue, whom, agents, now)) or None
    return Standing(queue=queue, step=step, reach=whom, kept_for=kept_for, not_before=gate)


def open_to_all(whom: Reach, queue: Queue) -> Reach:
    """Under a strategy that disregards skills, everybody in the ring is asked."""
    strategy = strategies.find(queue.rules.strategy)
    if strategy is None or not strategy.any_skill:
        return whom
    return Reach(skills.ANYBODY, language=False, agents=whom.agents, max_rank=whom.max_rank)


def settle_step(step: int, most: int, reach_of: Callable[[int], T], anybody: Callable[[T], bool]) -> tuple[int, T]:
    """The ring that time has opened or, where nobody signed on can serve it, the next at once that somebody can."""
    whom = reach_of(step)
    at, found = step, whom
    while not anybody(found):
        if at >= most:
            return step, whom
        at += 1
        found = reach_of(at)
    return at, found


def preferred(call: Waiting, queue: Queue, whom: Reach, agents: Mapping[UUID, Agent], now: datetime) -> list[Preferred]:
    """The agents for whom a call is still kept, the best first: those signed on whose time is not over."""
    kept = [
        p
        for p in call.preferred
        if waits_for(person := agents.get(p.agent_id), p.until, now)
        and person is not None
        and person.tenant_id == queue.tenant_id
        and (not p.member or suits(person, call.language, queue, whom) is None)
    ]
    return sorted(kept, key=lambda p: (-p.score, p.agent_id.int))


def gate_of(call: Waiting, queue: Queue) -> datetime | None:
    """Before when a call is not offered: its own wish, or the pause between two telephones of a progressive ring."""
    if not call.ringing:
        return call.not_before
    strategy = strategies.find(queue.rules.strategy)
    if strategy is None or strategy.at_once != "growing" or call.rung_at is None:
        return NEVER
    return call.rung_at + timedelta(seconds=queue.rules.progressive_seconds)


def against(agent: Agent, call: Waiting, where: Standing, reserve_on: int) -> str | None:
    """What speaks against offering this call to this agent now: a code, None for nothing."""
    if where.kept_for is not None:
        if agent.id not in where.kept_for:
            return "kept-for-another"
        if agent.tenant_id != where.queue.tenant_id:
            return "not-member"
    else:
        if code := suits(agent, call.language, where.queue, where.reach):
            return code
        if where.queue.places and where.queue.place(agent.id).reserve > reserve_on:
            return "reserve"
    if call.excluded and agent.id in call.excluded:
        return "tried"
    if call.ringing and agent.id in call.ringing:
        return "ringing"
    if agent.takes(call.channel):
        return None
    if not agent.phone_online and agent.status.value == "available":
        return "phone-offline"
    return "busy-otherwise" if agent.status.value in ("available", "talking") and agent.load else agent.status.value
