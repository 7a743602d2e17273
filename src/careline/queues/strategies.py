"""Who of several suitable agents gets the call: one small interface, and everything the trade knows. Pure.

A strategy puts agents in an order: `key` is small for those who come first; equal keys are ordered by the agents' ids.
Strategies of third parties come through the entry-point group `careline.strategies` (name → an object like those here).
All are deterministic: those that draw lots take the call's id as their seed, so that a day can be decided again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import blake2b
from importlib.metadata import entry_points
from typing import Any, Literal, Protocol, TypeAlias
from uuid import UUID

from careline.queues import skills
from careline.queues.model import Agent, Queue, Waiting

Key: TypeAlias = Any

_FIRST = datetime.min.replace(tzinfo=UTC)
_LATE = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """What a strategy may look at beside the agent."""

    queue: Queue
    call: Waiting
    #: What the call asks for in its present ring.
    requirement: skills.Expression = skills.ANYBODY
    #: The agent who was offered a call of this queue last.
    last: UUID | None = None


class Strategy(Protocol):
    """The interface of a strategy."""

    @property
    def name(self) -> str:
        """How queues ask for it."""
        ...

    @property
    def looks_at(self) -> Literal["agent", "call"]:
        """ "agent": the key depends on the agent's state and the queue's rules only, never on members' places, the call
        or memory; such an order is kept, not computed. "call" is always right.
        """
        ...

    @property
    def at_once(self) -> Literal["one", "all", "growing"]:
        """How many telephones ring: one; all; one, and then one more every `progressive_seconds`."""
        ...

    @property
    def any_skill(self) -> bool:
        """Whether skills and language are disregarded."""
        ...

    def key(self, agent: Agent, deal: Deal) -> Key:
        """The agent's place in the order; anything that compares."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """A strategy made of a key."""

    name: str
    by: Callable[[Agent, Deal], Key]
    looks_at: Literal["agent", "call"] = "agent"
    at_once: Literal["one", "all", "growing"] = "one"
    any_skill: bool = False

    def key(self, agent: Agent, deal: Deal) -> Key:
        """The agent's place in the order."""
        return self.by(agent, deal)


def idle(agent: Agent, deal: Deal) -> datetime:
    """Since when the agent waits for work. Where outbound calls do not count, one of them is looked past: idle time
    then runs from the last inbound call (acd-and-ivr §1, two independent timers)."""
    since = agent.idle_since or agent.since or _LATE
    outbound = agent.last_outbound_end
    if outbound is None:
        return since
    if deal.queue.rules.idle_reset_by_outbound:
        return max(since, outbound)
    inbound = agent.last_inbound_end
    return min(since, inbound) if inbound and outbound > inbound else since


def _while_ready(agent: Agent, _: Deal) -> datetime:
    return agent.since or _LATE


def _least_recent(agent: Agent, deal: Deal) -> datetime:
    inbound = agent.last_inbound_end or _FIRST
    return max(inbound, agent.last_outbound_end or _FIRST) if deal.queue.rules.idle_reset_by_outbound else inbound


def _last_inbound(agent: Agent, _: Deal) -> datetime:
    return agent.last_inbound_end or _FIRST


def _position(agent: Agent, deal: Deal) -> Key:
    return deal.queue.place(agent.id).position


def _sequence(agent: Agent, deal: Deal) -> Key:
    place = deal.queue.place(agent.id)
    return place.rank, place.position


def _round(agent: Agent, deal: Deal) -> Key:
    return not (deal.last and agent.id.int > deal.last.int), agent.id.int


def _round_ordered(agent: Agent, deal: Deal) -> Key:
    own = _position(agent, deal), agent.id.int
    last = (deal.queue.place(deal.last).position, deal.last.int) if deal.last else own
    return not own > last, own


def _lot(agent: Agent, deal: Deal) -> float:
    """A number in (0, 1) for this agent and this call, the same each time."""
    drawn = blake2b(agent.id.bytes, key=deal.call.call_id.bytes, digest_size=8).digest()
    return (int.from_bytes(drawn) + 0.5) / 2**64


def _weighted_lot(agent: Agent, deal: Deal) -> float:
    """The smallest of exponential draws with the weights as rates falls on each agent in proportion to the weight."""
    weight = deal.queue.place(agent.id).weight
    return -math.log(_lot(agent, deal)) / weight if weight > 0 else math.inf


def merit(agent: Agent, requirement: skills.Expression) -> float:
    """The sum of an agent's proficiencies in the skills that a call asks for."""
    return sum(agent.skills.get(skill, 0.0) for skill in skills.skills_in(requirement))


_OURS: tuple[Strategy, ...] = (
    Ordered(name="longest-idle", by=idle),
    Ordered(name="longest-idle-while-ready", by=_while_ready),
    Ordered(name="least-recent", by=_least_recent),
    Ordered(name="last-inbound", by=_last_inbound),
    Ordered(name="fewest-calls", by=lambda a, d: (a.calls_taken, idle(a, d))),
    Ordered(name="least-talk", by=lambda a, d: (a.talk_seconds, idle(a, d))),
    Ordered(name="level", by=lambda a, d: (-a.level, idle(a, d))),
    Ordered(name="ring-all", by=idle, at_once="all"),
    Ordered(name="progressive", by=idle, at_once="growing"),
    Ordered(name="next-agent", by=idle, any_skill=True),
    Ordered(name="linear", by=_position, looks_at="call"),
    Ordered(name="sequential", by=_sequence, looks_at="call"),
    Ordered(name="ranked", by=lambda a, d: (d.queue.place(a.id).rank, idle(a, d)), looks_at="call"),
    Ordered(name="round-robin", by=_round, looks_at="call"),
    Ordered(name="round-robin-ordered", by=_round_ordered, looks_at="call"),
    Ordered(name="random", by=_lot, looks_at="call"),
    Ordered(name="weighted-random", by=_weighted_lot, looks_at="call"),
    Ordered(name="best-skills", by=lambda a, d: (-merit(a, d.requirement), idle(a, d)), looks_at="call"),
    Ordered(name="preferred", by=lambda a, d: (-d.call.scores.get(a.id, 0.0), idle(a, d)), looks_at="call"),
)

_registered: dict[str, Strategy] = {s.name: s for s in _OURS}


def register(strategy: Strategy) -> None:
    """Add a strategy under its name. Raises `ValueError` when the name is taken by another."""
    if _registered.setdefault(strategy.name, strategy) is not strategy:
        raise ValueError(f"there is already a strategy {strategy.name!r}")


def find(name: str) -> Strategy | None:
    """The strategy of a name, None when there is none."""
    if name not in _registered:
        _load_others()
    return _registered.get(name)


def get(name: str) -> Strategy:
    """The strategy of a name; longest idle where one of a third party is no longer installed."""
    return find(name) or _registered["longest-idle"]


def names() -> list[str]:
    """Every strategy there is, ours first."""
    _load_others()
    return list(_registered)


@cache
def _load_others() -> None:
    for point in entry_points(group="careline.strategies"):
        _registered.setdefault(point.name, point.load())


def rings_several(queue: Queue) -> bool:
    """Whether a queue's strategy may ring several telephones for one call."""
    strategy = find(queue.rules.strategy)
    return strategy is not None and strategy.at_once != "one"
