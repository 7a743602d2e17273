"""A router that decides everything anew each time, straight from the rules: slow, and obviously right.

The real one (`careline.queues.router`) must decide the same, whatever happens in whatever order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from careline.queues import ageing, estimate, explain, overflow, standing, strategies
from careline.queues.explain import Why
from careline.queues.model import Agent, Match, Queue, Waiting
from careline.queues.rules import Ring
from careline.queues.standing import Standing


class PlainRouter:
    """Waiting calls, agents, and the queues' rules."""

    def __init__(self) -> None:
        self.queues: dict[UUID, Queue] = {}
        self.agents: dict[UUID, Agent] = {}
        self.calls: dict[UUID, Waiting] = {}
        #: Agents taken out by a match until they are put again.
        self._taken: set[UUID] = set()
        #: The rings a call entered with, where its queue freezes them: (queue, rings).
        self._entered: dict[UUID, tuple[UUID, tuple[Ring, ...]]] = {}
        self._reserve: dict[UUID, int] = {}
        self._now = datetime.min.replace(tzinfo=UTC)
        self._last: dict[UUID, UUID] = {}
        #: Measured handling seconds of queues; their own expectation until there is one.
        self.handling: dict[UUID, float] = {}

    # --- what there is ----------------------------------------------------------------------------------------------

    def configure(self, queues: Mapping[UUID, Queue]) -> None:
        """Take new rules while calls wait; places are kept. Calls of a queue that is gone wait until it is back."""
        self.queues = dict(queues)
        self._reserve = {q: min(on, len(queues[q].rules.reserve)) for q, on in self._reserve.items() if q in queues}

    def put_agent(self, agent: Agent) -> None:
        """An agent, in whatever state; taken for the present truth."""
        self.agents[agent.id] = agent
        self._taken.discard(agent.id)

    def drop_agent(self, agent_id: UUID) -> None:
        """The agent is no longer on this floor."""
        self.agents.pop(agent_id, None)
        self._taken.discard(agent_id)

    def put_call(self, waiting: Waiting) -> None:
        """A call joins, changes, or comes back from an offer that came to nothing."""
        self.calls[waiting.call_id] = waiting
        self._freeze(waiting)

    def drop_call(self, call_id: UUID) -> None:
        """The call does not wait any more, for whatever reason."""
        self.calls.pop(call_id, None)
        self._entered.pop(call_id, None)

    def remember(self, queue_id: UUID, agent_id: UUID) -> None:
        """Where round robin goes on, after a restart: the agent offered a call of the queue last."""
        self._last[queue_id] = agent_id

    def _freeze(self, call: Waiting) -> None:
        entered = self._entered.get(call.call_id)
        if entered is None or entered[0] != call.queue_id:
            queue = self.queues.get(call.queue_id)
            if queue and queue.rules.rings_frozen:
                self._entered[call.call_id] = (call.queue_id, queue.rules.rings)
            else:
                self._entered.pop(call.call_id, None)

    # --- decisions --------------------------------------------------------------------------------------------------

    def match(self, now: datetime, limit: int | None = None, *, why: bool = False) -> list[Match]:
        """Everything that can be decided now, the first in turn first. Matched calls and agents are out until put
        again. `why` has each match carry its reasons."""
        self._now = now
        self._call_on_reserve(now)
        found: list[Match] = []
        for call, where in self._in_turn(now):
            if limit is not None and len(found) >= limit:
                break
            if where.not_before is not None and where.not_before > now:
                continue
            chosen = self._choose(call, where)
            if not chosen:
                continue
            passed = sum(1 for c in self._before(call, where, now) if not self._gated(c, now))
            reasons = self._why(call, where, now, chosen, passed) if why else None
            found.append(
                Match(call_id=call.call_id, queue_id=where.queue.id, agents=chosen, ring=where.step, why=reasons)
            )
            del self.calls[call.call_id]
            self._taken.update(chosen)
            self._last[where.queue.id] = chosen[-1]
        return found

    def _choose(self, call: Waiting, where: Standing) -> tuple[UUID, ...]:
        on = self._reserve.get(where.queue.id, 0)
        able = [
            a for a in self.agents.values() if a.id not in self._taken and standing.against(a, call, where, on) is None
        ]
        if not able:
            return ()
        strategy = strategies.get(where.queue.rules.strategy)
        order = explain.ordered(able, where, call, strategy, self._last.get(where.queue.id))
        several = strategy.at_once == "all" and where.kept_for is None
        return tuple(a.id for a in order) if several else (order[0].id,)

    def _in_turn(self, now: datetime) -> list[tuple[Waiting, Standing]]:
        found = [(c, w) for c in self.calls.values() if (w := self._standing(c, now))]
        return sorted(found, key=lambda pair: ageing.rank(pair[0], pair[1].queue, now))

    def _standing(self, call: Waiting, now: datetime) -> Standing | None:
        entered = self._entered.get(call.call_id)
        held = entered[1] if entered and call.rings is None else None
        return standing.standing(call, self.queues, self.agents, now, held)

    def _call_on_reserve(self, now: datetime) -> None:
        for queue in self.queues.values():
            if queue.rules.reserve:
                here = [c for c in self.calls.values() if (w := self._standing(c, now)) and w.queue.id == queue.id]
                longest = max(((now - c.place_at).total_seconds() for c in here), default=0.0)
                on = self._reserve.get(queue.id, 0)
                self._reserve[queue.id] = overflow.reserve_level(queue.rules.reserve, on, longest, len(here))

    # --- questions --------------------------------------------------------------------------------------------------

    def explain(self, call_id: UUID, now: datetime) -> Why:
        """Why this waiting call is, or is not, about to be offered. Raises `KeyError` for a call that does not wait."""
        call = self.calls[call_id]
        where = self._standing(call, now)
        if where is None:
            return {"queue": str(call.queue_id), "state": "no-such-queue", "candidates": []}
        return self._why(call, where, now, (), 0)

    def _why(self, call: Waiting, where: Standing, now: datetime, chosen: tuple[UUID, ...], passed: int) -> Why:
        return explain.explain(
            call,
            where,
            self.agents.values(),
            strategies.get(where.queue.rules.strategy),
            now,
            reserve_on=self._reserve.get(where.queue.id, 0),
            last=self._last.get(where.queue.id),
            chosen=chosen,
            position=self._position(call, where, now),
            passed_over=passed,
            taken=self._taken,
        )

    def position(self, call_id: UUID, now: datetime | None = None) -> int:
        """The call's place in its queue, from 1, now or at the last `match`. Raises `KeyError` if it does not wait."""
        call = self.calls[call_id]
        now = now or self._now
        where = self._standing(call, now)
        return self._position(call, where, now) if where else 1

    def _before(self, call: Waiting, where: Standing, now: datetime) -> list[Waiting]:
        own = ageing.rank(call, where.queue, now)
        return [
            other
            for other in self.calls.values()
            if (w := self._standing(other, now))
            and w.queue.id == where.queue.id
            and ageing.rank(other, w.queue, now) < own
        ]

    def _position(self, call: Waiting, where: Standing, now: datetime) -> int:
        return 1 + len(self._before(call, where, now))

    def _gated(self, call: Waiting, now: datetime) -> bool:
        where = self._standing(call, now)
        return where is not None and where.not_before is not None and where.not_before > now

    def estimate(self, call_id: UUID, now: datetime) -> float | None:
        """Seconds the call is expected to wait from now on; None when nobody who suits is on the floor."""
        call = self.calls[call_id]
        where = self._standing(call, now)
        if where is None:
            return None
        waiting = Counter(w.queue.id for c in self.calls.values() if (w := self._standing(c, now)))
        able = self._able(call, now)
        staff = sum(
            estimate.staff_share(
                waiting[where.queue.id], sum(waiting[q.id] for q in self.queues.values() if agent in q.members)
            )
            for agent in sorted(able, key=list(self.agents).index)
        )
        before = [c for c in self._before(call, where, now) if self._able(c, now) & able]
        seconds = self.handling.get(where.queue.id, where.queue.expected_handle_seconds)
        return estimate.expected_wait(1 + len(before), staff, seconds)

    def _able(self, call: Waiting, now: datetime) -> set[UUID]:
        where = self._standing(call, now)
        assert where is not None
        return {
            a.id
            for a in self.agents.values()
            if a.staffed and standing.suits(a, call.language, where.queue, where.reach) is None
        }
