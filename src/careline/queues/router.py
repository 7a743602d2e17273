"""The router: which waiting call goes to which agent. Pure: no clock, no I/O, the same again for the same inputs.

What the rules mean is written in `standing`, `ageing` and `strategies`; here is how it is decided quickly. After a
`match` no waiting call has a free agent who suits it. So only what changed since then, and calls for which time has
opened a ring or ended a wait, can make a match: the best call of each agent who became free, the best agent of each
call that came or moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush
from uuid import UUID

from careline.queues import ageing, answers
from careline.queues.explain import Why
from careline.queues.index import ROOM, People, bits
from careline.queues.model import Agent, Match, Queue, Waiting
from careline.queues.places import Places
from careline.queues.strategies import Deal
from careline.queues.turns import Entry


class Router:
    """Waiting calls, agents, and the queues' rules."""

    def __init__(self) -> None:
        self.people = People()
        self.places = Places(self.people)
        #: Measured handling seconds of queues; their own expectation until there is one.
        self.handling: dict[UUID, float] = {}
        #: Who was offered a call of a queue last: where round robin goes on.
        self.last: dict[UUID, UUID] = {}
        self._now = datetime.min.replace(tzinfo=UTC)
        #: Agents (numbers) and calls (numbers) that may make a match.
        self._free: set[int] = set()
        self._moved: set[int] = set()

    @property
    def queues(self) -> Mapping[UUID, Queue]:
        """The queues as configured now."""
        return self.places.queues

    @property
    def calls(self) -> Mapping[UUID, Waiting]:
        """The calls that wait."""
        waiting = [*(e.call for e in self.places.entries.values()), *self.places.astray.values()]
        return {call.call_id: call for call in waiting}

    # --- what there is ----------------------------------------------------------------------------------------------

    def configure(self, queues: Mapping[UUID, Queue]) -> None:
        """Take new rules while calls wait; places are kept. Calls of a queue that is gone wait until it is back."""
        self._moved |= self.places.configure(queues, self._now)

    def put_agent(self, agent: Agent) -> None:
        """An agent, in whatever state; taken for the present truth."""
        people, places = self.people, self.places
        known = agent.id in people.number
        number = people.enter(agent.id)
        if not known and number % ROOM == 0:
            places.make_room()
        before = people.agents[number]
        people.agents[number] = people.by_id[agent.id] = agent
        bit = 1 << number
        people.taken &= ~bit
        was = people.present & bit
        people.present = people.present | bit if agent.present else people.present & ~bit
        people.staffed = people.staffed | bit if agent.staffed else people.staffed & ~bit
        if (
            before is None
            or was != people.present & bit
            or (agent.skills is not before.skills and agent.skills != before.skills)
            or (agent.languages is not before.languages and agent.languages != before.languages)
            or agent.tenant_id != before.tenant_id
        ):
            self._moved |= places.reconsider(number, agent.id, agent, self._now)
        ready = False
        for channel in people.ready:
            if agent.takes(channel):
                people.ready[channel] |= bit
                ready = True
            else:
                people.ready[channel] &= ~bit
        if ready:
            if places.entries:
                self._free.add(number)
            for ordering in places.orderings.values():
                ordering.put(number, agent)
        else:
            self._rest(number)

    def drop_agent(self, agent_id: UUID) -> None:
        """The agent is no longer on this floor."""
        if agent_id in self.people.number:
            number = self.people.number[agent_id]
            self._rest(number)
            self.people.leave(agent_id)
            self._moved |= self.places.reconsider(number, agent_id, None, self._now)

    def _rest(self, number: int) -> None:
        self._free.discard(number)
        for ordering in self.places.orderings.values():
            ordering.drop(number)

    def put_call(self, waiting: Waiting) -> None:
        """A call joins, changes, or comes back from an offer that came to nothing."""
        self.places.put(waiting, self._now)
        self._moved.add(waiting.call_id.int)

    def drop_call(self, call_id: UUID) -> None:
        """The call does not wait any more, for whatever reason."""
        self.places.drop(call_id.int)
        self.places.entered.pop(call_id, None)
        self._moved.discard(call_id.int)

    def remember(self, queue_id: UUID, agent_id: UUID) -> None:
        """Where round robin goes on, after a restart: the agent offered a call of the queue last."""
        self.last[queue_id] = agent_id

    # --- decisions --------------------------------------------------------------------------------------------------

    def match(self, now: datetime, limit: int | None = None, *, why: bool = False) -> list[Match]:
        """Everything that can be decided now, the first in turn first. Matched calls and agents are out until put
        again. `why` has each match carry its reasons."""
        micros = self._advance(now)
        if called := self.places.reserves.call_on(micros):
            self._free.update(bits(called & self.people.free()))
        if not (self.places.entries and (self._moved or self._free)):
            self._free.clear()
            self._moved.clear()
            return []
        found: list[Match] = []
        best: list[tuple[ageing.Rank, int, int]] = [
            (self.places.turns.rank(entry, micros), -1, call)
            for call in self._moved
            if (entry := self.places.entries.get(call)) and entry.bucket is not None
        ]
        self._moved = {call for _, _, call in best}
        for number in list(self._free):
            self._look(number, micros, best)
        heapify(best)
        while best and (limit is None or len(found) < limit):
            _, number, call = heappop(best)
            entry = self.places.entries.get(call)
            if number >= 0 and number not in self._free:
                continue
            if entry is not None and (chosen := self._choose(entry)):
                found.append(self._make(entry, chosen, now, why))
            elif number < 0:
                self._moved.discard(call)
                continue
            if number in self._free:
                self._look(number, micros, best, push=True)
        return found

    def _advance(self, now: datetime) -> int:
        """Let time pass (never back); the moment in microseconds."""
        self._now = max(now, self._now)
        micros = ageing.micros(self._now)
        self._moved |= self.places.advance(self._now, micros)
        return micros

    def _look(self, number: int, micros: int, best: list[tuple[ageing.Rank, int, int]], *, push: bool = False) -> None:
        """Note the best call for a free agent, if there is one."""
        found = self.places.turns.best_call(number, micros)
        if found is None:
            self._free.discard(number)
        elif push:
            heappush(best, (found[0], number, found[1]))
        else:
            best.append((found[0], number, found[1]))

    def _make(self, entry: Entry, chosen: tuple[int, ...], now: datetime, why: bool) -> Match:
        call, queue = entry.call, entry.queue
        ids = tuple(a.id for n in chosen if (a := self.people.agents[n]))
        reasons = answers.why(self, entry, now, ids) if why else None
        self.places.drop(call.call_id.int)
        self._moved.discard(call.call_id.int)
        for number in chosen:
            self.people.taken |= 1 << number
            self.people.clear(number)
            self._rest(number)
        self.last[queue.id] = ids[-1]
        return Match(call_id=call.call_id, queue_id=queue.id, agents=ids, ring=entry.step, why=reasons)

    def _choose(self, entry: Entry) -> tuple[int, ...]:
        """The numbers of the agents who get a call; nobody when nobody is free."""
        group, call = entry.group, entry.call
        able = group.mask & self.people.ready[group.channel]
        for who in (call.excluded, call.ringing) if able else ():
            for agent_id in who:
                number = self.people.number.get(agent_id)
                if number is not None:
                    able &= ~(1 << number)
        if not able:
            return ()
        if group.kept is not None:
            return (next(n for n in group.kept if able >> n & 1),)
        strategy = self.places.strategy(entry.queue)
        if strategy.at_once != "all" and not able & (able - 1):
            return (able.bit_length() - 1,)
        if strategy.looks_at == "agent" and strategy.at_once != "all":
            return (self.places.ordering(entry.queue).first(able),)
        deal = Deal(
            queue=entry.queue, call=call, requirement=group.reach.requirement, last=self.last.get(entry.queue.id)
        )
        keyed = [
            (strategy.key(agent, deal), agent.id.int, n)
            for n in bits(able)
            if (agent := self.people.agents[n]) is not None
        ]
        if strategy.at_once == "all":
            return tuple(number for _, _, number in sorted(keyed))
        return (min(keyed)[2],)

    # --- questions --------------------------------------------------------------------------------------------------

    def explain(self, call_id: UUID, now: datetime) -> Why:
        """Why this waiting call is, or is not, about to be offered. Raises `KeyError` for a call that does not wait."""
        self._advance(now)
        if call_id.int in self.places.astray:
            return {"queue": str(self.places.astray[call_id.int].queue_id), "state": "no-such-queue", "candidates": []}
        return answers.why(self, self._entry(call_id), now, ()).plain()

    def next_change(self, now: datetime) -> datetime | None:
        """The next moment at which a decision may come out differently although nobody does anything."""
        return self.places.next_change(self._advance(now))

    def position(self, call_id: UUID, now: datetime | None = None) -> int:
        """The call's place in its queue, from 1, now or at the last `match`. Raises `KeyError` if it does not wait."""
        micros = self._advance(now or self._now)
        return 1 if call_id.int in self.places.astray else answers.position(self, self._entry(call_id), micros)

    def estimate(self, call_id: UUID, now: datetime) -> float | None:
        """Seconds the call is expected to wait from now on; None when nobody who suits is on the floor."""
        micros = self._advance(now)
        return None if call_id.int in self.places.astray else answers.estimate(self, self._entry(call_id), micros)

    def free_for(self, call_id: UUID, now: datetime) -> bool:
        """Whether somebody is free for this waiting call and nobody waits before it."""
        micros = self._advance(now)
        if call_id.int in self.places.astray:
            return False
        entry = self._entry(call_id)
        return bool(self._choose(entry)) and answers.position(self, entry, micros) == 1

    def _entry(self, call_id: UUID) -> Entry:
        return self.places.entries[call_id.int]
