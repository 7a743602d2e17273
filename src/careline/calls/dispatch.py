"""Distribution: waiting calls and agents told to the router, and its decisions asked for. Pure.

The live floor and the replay of a day use this same class: what the router knows depends only on calls, agents and
configuration, never on how often it was asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from careline.calls.agenda import Agenda
from careline.calls.callback_fold import in_line
from careline.calls.model import FIRST_OF_ALL, Call, Phase
from careline.queues import model as queues
from careline.queues.model import Agent, Match, Preferred, Queue, Waiting
from careline.queues.router import Router
from careline.queues.rules import EMERGENCY, ROUTINE


class Dispatch:
    """The router, and what it has not been told yet."""

    def __init__(self) -> None:
        self.router = Router()
        self.queues: Mapping[UUID, Queue] = {}
        #: Who was offered a call of each queue last: where round robin goes on.
        self.last: dict[UUID, UUID] = {}
        #: Calls that moved since the router was told.
        self._moved: dict[UUID, Call] = {}
        self._agents: dict[UUID, Agent | None] = {}
        self._known: dict[UUID, Agent] = {}
        #: When an agent who was passed over for a call may be tried again.
        self._spares = Agenda()
        self._calls: dict[UUID, Call] = {}
        #: How many calls are in line for each queue.
        self._sizes: Counter[UUID] = Counter()
        self._next: datetime | None = None

    def configure(self, found: Mapping[UUID, Queue], handling: Mapping[UUID, float]) -> None:
        """Rules and measured handling times as they are now; every place is kept."""
        if found == self.queues and handling == self.router.handling:
            return
        self.queues = dict(found)
        self._configure(handling)

    def _configure(self, handling: Mapping[UUID, float]) -> None:
        self.router.configure(self.queues)
        self.router.handling = dict(handling)
        # Who is kept for whom, and which rings are frozen, is a matter of rules as well.
        self._moved.update(self._calls)

    def put_call(self, call: Call) -> None:
        """A call in any state: one that waits, or rings somewhere, has a place."""
        before = self._calls.pop(call.id, None)
        if before is not None and before.queue_id is not None:
            self._sizes[before.queue_id] -= 1
        if in_line(call):
            assert call.queue_id is not None
            self._calls[call.id] = call
            self._sizes[call.queue_id] += 1
        if before is not None or call.id in self._calls:
            self._moved[call.id] = call

    def put_agent(self, agent_id: UUID, agent: Agent | None) -> None:
        """An agent in any state; None: gone."""
        self._agents[agent_id] = agent
        if agent is None:
            self._known.pop(agent_id, None)
        else:
            self._known[agent_id] = agent

    def size(self, queue_id: UUID) -> int:
        """How many calls are in line for a queue."""
        return self._sizes[queue_id]

    def in_line(self) -> Mapping[UUID, Call]:
        """Every call that has a place now, ringing or not."""
        return self._calls

    def tell(self, now: datetime) -> None:
        """Tell the router what has changed."""
        for call_id in self._spares.take_due(now):
            if call_id in self._calls:
                self._moved[call_id] = self._calls[call_id]
        for agent_id, agent in self._agents.items():
            if agent is None:
                self.router.drop_agent(agent_id)
            else:
                self.router.put_agent(agent)
        self._agents.clear()
        for call_id, call in self._moved.items():
            if call_id in self._calls:
                self._spares.put(call_id, min((t for t in call.spared.values() if t > now), default=None))
                self.router.put_call(self.place(call, now))
            else:
                self._spares.put(call_id, None)
                self.router.drop_call(call_id)
        self._moved.clear()

    def decide(self, now: datetime) -> list[Match]:
        """Who is to be offered what now. Every match must be carried out, or its call and agents put again."""
        self.tell(now)
        if not self._calls:
            self._next = None
            return []
        matches = self.router.match(now, why=True)
        self._next = self.router.next_change(now)
        for match in matches:
            # A match takes its call and agents out: they come back with what becomes of the offer.
            self._moved[match.call_id] = self._calls[match.call_id]
            self.last[match.queue_id] = match.agents[-1]
            for agent_id in match.agents:
                self._agents.setdefault(agent_id, self._known[agent_id])
        return matches

    def next_due(self) -> datetime | None:
        """When something may be decided although nobody does anything."""
        return min((m for m in (self._next, self._spares.next()) if m), default=None)

    def rebuild(self, agents: Mapping[UUID, Agent], now: datetime) -> None:
        """Start with a new router that knows what this one knows, and nothing of how it came about."""
        handling, self.router = self.router.handling, Router()
        self._configure(handling)
        for queue_id, agent_id in self.last.items():
            self.router.remember(queue_id, agent_id)
        self._known = dict(agents)
        self._agents = dict(agents)
        self.tell(now)

    # --- a call's place -----------------------------------------------------------------------------------------------

    def place(self, call: Call, now: datetime) -> Waiting:
        """What the router must know of a call."""
        assert call.queue_id is not None
        assert call.place_at is not None
        queue = self.queues.get(call.queue_id)
        return Waiting(
            call_id=call.id,
            queue_id=call.queue_id,
            language=call.language,
            place_at=call.place_at,
            priority=call.priority,
            queued_at=call.queued_at,
            arrived_at=call.arrived_at,
            klass=EMERGENCY if call.priority >= FIRST_OF_ALL else ROUTINE,
            # In an emergency anybody who serves the queue helps.
            requirement="" if call.priority >= FIRST_OF_ALL else call.requirement,
            channel="callback" if call.phase is Phase.CALLBACK else "voice",
            preferred=_preferred(call, queue),
            direct=_direct(call),
            rings=call.rings,
            excluded=frozenset(who for who, until in call.spared.items() if until > now),
            ringing=frozenset(offered.agent_id for offered in call.offers),
            rung_at=call.rung_at,
            ring_frozen_at=call.offered_at,
        )

    def position(self, call: Call, now: datetime) -> tuple[int, float | None]:
        """A call's place in its queue from 1, and the seconds it is expected to wait; None when nobody can say."""
        self.tell(now)
        found = call.id in self._calls
        if not found:
            self.router.put_call(self.place(call, now))
        try:
            return self.router.position(call.id, now), self.router.estimate(call.id, now)
        finally:
            if not found:
                self.router.drop_call(call.id)

    def newcomer(self, queue_id: UUID, language: str, now: datetime) -> float | None:
        """Seconds that a caller who joins a queue now is expected to wait: 0 when somebody is free for it, None when
        nobody who suits is on the floor. Raises `KeyError` when there is no such queue."""
        self.tell(now)
        # Of two who join at the same moment, the highest number stands last.
        caller = Waiting(
            call_id=UUID(int=2**128 - 1), queue_id=self.queues[queue_id].id, language=language, place_at=now
        )
        self.router.put_call(caller)
        try:
            return 0.0 if self.router.free_for(caller.call_id, now) else self.router.estimate(caller.call_id, now)
        finally:
            self.router.drop_call(caller.call_id)

    def explain(self, call_id: UUID, now: datetime) -> dict[str, Any]:
        """Why a call in line is, or is not, about to be offered. Raises `KeyError` for one that is not in line."""
        self.tell(now)
        return self.router.explain(call_id, now)


def _preferred(call: Call, queue: Queue | None) -> tuple[Preferred, ...]:
    """The agent of the last time, where the queue keeps callers for theirs."""
    if queue is None or call.last_agent is None or call.last_agent_at is None or call.queued_at is None:
        return ()
    sticky = queue.rules.sticky
    if sticky.mode == "off" or call.last_agent_at < call.arrived_at - timedelta(days=sticky.days):
        return ()
    until = call.queued_at + timedelta(seconds=sticky.seconds)
    return (Preferred(agent_id=call.last_agent, until=until, member=sticky.mode == "members"),)


def _direct(call: Call) -> queues.Direct | None:
    if call.direct is None:
        return None
    return queues.Direct(agent_id=call.direct.agent_id, until=call.direct.until, then=call.queue_id)
