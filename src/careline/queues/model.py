"""The ACD's nouns: agents and what they are doing, queues, waiting calls, and a decision between them. Pure.

Who gets which call is decided by `router`, by the rules of `rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from careline.queues.rules import DEFAULT, ROUTINE, Ring, Rules

#: Kinds of work that need the agent's ear: at most one at a time.
PHONE = frozenset({"voice", "callback"})


class AgentStatus(StrEnum):
    """What an agent is doing, as the floor sees it. One writer: call control."""

    #: Not signed on to the floor.
    OFFLINE = "offline"
    #: Ready for the next call.
    AVAILABLE = "available"
    #: Signed on, not taking calls; the reason says why.
    AWAY = "away"
    #: A call is ringing at the agent's telephone.
    OFFERED = "offered"
    #: Connected with a caller.
    TALKING = "talking"
    #: Finishing the notes of the last call.
    WRAP_UP = "wrap_up"
    #: Did not pick up; gets no further calls until the agent says so.
    NOT_RESPONDING = "not_responding"


#: Which status may follow which, for every cause there is. Rendered into the docs and property-tested.
AGENT_TRANSITIONS: Mapping[AgentStatus, frozenset[AgentStatus]] = {
    AgentStatus.OFFLINE: frozenset({AgentStatus.AVAILABLE, AgentStatus.AWAY}),
    AgentStatus.AVAILABLE: frozenset({AgentStatus.AWAY, AgentStatus.OFFLINE, AgentStatus.OFFERED}),
    AgentStatus.AWAY: frozenset({AgentStatus.AVAILABLE, AgentStatus.OFFLINE, AgentStatus.OFFERED}),
    AgentStatus.OFFERED: frozenset(
        {AgentStatus.TALKING, AgentStatus.NOT_RESPONDING, AgentStatus.AVAILABLE, AgentStatus.AWAY, AgentStatus.OFFLINE}
    ),
    AgentStatus.TALKING: frozenset({AgentStatus.WRAP_UP, AgentStatus.AVAILABLE, AgentStatus.AWAY, AgentStatus.OFFLINE}),
    AgentStatus.WRAP_UP: frozenset({AgentStatus.AVAILABLE, AgentStatus.AWAY, AgentStatus.OFFLINE}),
    AgentStatus.NOT_RESPONDING: frozenset({AgentStatus.AVAILABLE, AgentStatus.AWAY, AgentStatus.OFFLINE}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An agent's place in a queue."""

    #: Order of linear and round-robin strategies, smallest first.
    position: int = 0
    #: The team: 0 first; rings open the next ones.
    rank: int = 0
    #: Share of calls under weighted-random.
    weight: float = 1.0
    #: 0: serves the queue always; n: only while the reserve of level n is called on.
    reserve: int = 0


#: What holds for a member of whom nothing is said.
MEMBER = Member()


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A queue's rules."""

    id: UUID
    tenant_id: int
    name: str
    #: Skill -> least proficiency (0..100); an agent needs all of them. An absent skill is not a zero.
    skills: Mapping[str, float] = field(default_factory=dict)
    match_language: bool = True
    priority: int = 0
    ring_seconds: int = 20
    wrap_up_seconds: int = 120
    announce_seconds: int = 45
    service_level_seconds: int = 30
    expected_handle_seconds: float = 240.0
    members: frozenset[UUID] = frozenset()
    #: Members of whom more is said.
    places: Mapping[UUID, Member] = field(default_factory=dict)
    rules: Rules = DEFAULT
    #: More calls than usual, as a supervisor said: see `surge`.
    surge: bool = False

    def place(self, agent_id: UUID) -> Member:
        """A member's place."""
        return self.places.get(agent_id, MEMBER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A person on the floor."""

    id: UUID
    tenant_id: int
    name: str
    languages: frozenset[str] = frozenset({"en"})
    skills: Mapping[str, float] = field(default_factory=dict)
    status: AgentStatus = AgentStatus.OFFLINE
    since: datetime | None = None
    reason: str | None = None
    #: The telephone in use and whether it can be reached just now.
    endpoint: str | None = None
    phone_online: bool = False
    #: The instant since when the agent waits for work: the key of longest-idle.
    idle_since: datetime | None = None
    call_id: UUID | None = None
    #: Offers missed in a row.
    misses: int = 0
    wrap_up_until: datetime | None = None
    #: Whether the wrap-up takes exactly its time: the code does not shorten it.
    wrap_up_forced: bool = False
    #: What the agent asked for while busy (away, offline): done when the work in hand ends.
    wanted: AgentStatus | None = None
    wanted_reason: str | None = None
    #: Calls answered and seconds talked today.
    calls_taken: int = 0
    talk_seconds: float = 0.0
    last_inbound_end: datetime | None = None
    last_outbound_end: datetime | None = None
    #: The agent's own wrap-up time, at most the queue's; None takes the queue's.
    wrap_up_seconds: int | None = None
    #: Seniority under the strategy "level", the higher first.
    level: int = 0
    #: Channel -> how much at once (default one telephone call, nothing else); work in hand by channel.
    capacity: Mapping[str, int] = field(default_factory=dict)
    load: Mapping[str, int] = field(default_factory=dict)
    #: Channel of work in hand -> channels whose work may come in beside it.
    interrupts: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def present(self) -> bool:
        """Whether the agent is signed on, whatever they are doing."""
        return self.status is not AgentStatus.OFFLINE

    @property
    def ready(self) -> bool:
        """Whether a call can be offered now."""
        return self.status is AgentStatus.AVAILABLE and self.phone_online and self.endpoint is not None

    def takes(self, channel: str) -> bool:
        """Whether work of a channel can be offered now: a free hand for it, and nothing in hand that forbids it."""
        phone = channel in PHONE
        if phone:
            if not self.ready:
                return False
        elif self.status not in (AgentStatus.AVAILABLE, AgentStatus.TALKING):
            return False
        if not self.load and not self.capacity and self.status is AgentStatus.AVAILABLE:
            return phone
        busy = {c: n for c, n in self.load.items() if n > 0}
        if self.status is AgentStatus.TALKING and not PHONE & busy.keys():
            busy["voice"] = 1
        same = PHONE if phone else frozenset({channel})
        if sum(n for c, n in busy.items() if c in same) >= self.capacity.get("voice" if phone else channel, int(phone)):
            return False
        return all(c in same or channel in self.interrupts.get(c, ()) for c in busy)

    @property
    def staffed(self) -> bool:
        """Whether the agent takes calls in turn: counted in wait estimates."""
        return self.status in (
            AgentStatus.AVAILABLE,
            AgentStatus.OFFERED,
            AgentStatus.TALKING,
            AgentStatus.WRAP_UP,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A call's place in a queue."""

    call_id: UUID
    queue_id: UUID
    language: str
    #: Since when the place counts; a requeued call keeps it.
    place_at: datetime
    priority: int = 0
    #: Agents not to be tried for this call again (they declined it or did not answer).
    excluded: frozenset[UUID] = frozenset()
    #: When the call entered this queue (rings count from here) and when it came in; None: as `place_at`.
    queued_at: datetime | None = None
    arrived_at: datetime | None = None
    #: The class of the caller: maximum waits differ by it, "emergency" goes before everything.
    klass: str = ROUTINE
    channel: str = "voice"
    #: A skill expression of this call beside its queue's.
    requirement: str = ""
    #: Agents for whom the call is kept for a while; and the one whom the caller asked for.
    preferred: tuple[Preferred, ...] = ()
    direct: Direct | None = None
    #: How well agents fit this caller, from outside; used by the strategy "preferred".
    scores: Mapping[UUID, float] = field(default_factory=dict)
    #: Not to be offered before; the place is kept and counts (a callback's next attempt).
    not_before: datetime | None = None
    #: The rings it entered with, where a queue freezes them; None: the queue's present ones.
    rings: tuple[Ring, ...] | None = None
    #: While it is being offered: no ring opens after this moment.
    ring_frozen_at: datetime | None = None
    #: Progressive ringing: who is being rung already, and since when the last of them.
    ringing: frozenset[UUID] = frozenset()
    rung_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferred:
    """An agent for whom a call is kept until a moment, unless that agent is signed off; the highest score first."""

    agent_id: UUID
    until: datetime
    score: float = 0.0
    #: Whether the agent must serve the queue and suit the call.
    member: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Direct:
    """The agent whom the caller asked for; from `until` on (at once, when signed off) the call waits in `then`."""

    agent_id: UUID
    until: datetime
    then: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A decision: offer this call to these agents (several only where a strategy rings several)."""

    call_id: UUID
    queue_id: UUID
    agents: tuple[UUID, ...]
    #: The ring in which it was decided, 0 the first.
    ring: int = 0
    #: JSON-able reasons (see `explain`), when they were asked for.
    why: Mapping[str, Any] | None = None

    @property
    def agent_id(self) -> UUID:
        """The first of the agents."""
        return self.agents[0]


def change_status(
    agent: Agent, status: AgentStatus, now: datetime, *, reason: str | None = None, call_id: UUID | None = None
) -> Agent:
    """The agent in a new status. Raises `ValueError` for a transition that the table does not allow.

    Becoming available starts the idle clock, as an agent who was away did not wait for work; an offer that came to
    nothing through no fault of the agent (the caller hung up) keeps it.
    """
    if status is agent.status:
        return agent
    if status not in AGENT_TRANSITIONS[agent.status]:
        raise ValueError(f"{agent.status} -> {status}")
    idle = agent.idle_since
    if status is AgentStatus.AVAILABLE and agent.status is not AgentStatus.OFFERED:
        idle = now
    elif status in (AgentStatus.AWAY, AgentStatus.OFFLINE, AgentStatus.NOT_RESPONDING):
        idle = None
    return replace(
        agent,
        status=status,
        since=now,
        reason=reason,
        idle_since=idle,
        call_id=call_id,
        misses=0 if status is AgentStatus.TALKING else agent.misses,
        wrap_up_until=None,
        wrap_up_forced=False,
        wanted=None if status in (AgentStatus.AWAY, AgentStatus.OFFLINE, AgentStatus.AVAILABLE) else agent.wanted,
        wanted_reason=None if status in (AgentStatus.AWAY, AgentStatus.OFFLINE) else agent.wanted_reason,
    )
