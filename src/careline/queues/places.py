"""Waiting calls in the router's indexes: where each stands, and what time will change about it. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from uuid import UUID

from careline.queues import ageing, rings, standing, strategies
from careline.queues.index import Group, Ordering, People, bits
from careline.queues.model import Agent, Queue, Waiting
from careline.queues.reserves import Reserves
from careline.queues.rules import Ring
from careline.queues.strategies import Deal, Strategy
from careline.queues.turns import Entry, Line, Turns, turn_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Places:
    """Every waiting call, in its bucket."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.queues: dict[UUID, Queue] = {}
        self.lines: dict[UUID, Line] = {}
        #: Call's number -> entry.
        self.entries: dict[int, Entry] = {}
        #: Calls whose queue does not exist just now.
        self.astray: dict[int, Waiting] = {}
        #: The rings a call entered with, where its queue freezes them: (queue, rings).
        self.entered: dict[UUID, tuple[UUID, tuple[Ring, ...]]] = {}
        self.orderings: dict[Hashable, Ordering] = {}
        #: Agent -> the queues the agent serves; agent -> calls that name the agent.
        self.serves: dict[UUID, list[Line]] = {}
        self._naming: dict[UUID, set[int]] = {}
        self.turns = Turns(people, self.entries)
        self.reserves = Reserves(people, self.entries)
        self._serial = 0
        #: (microseconds, note, call)
        self._agenda: list[tuple[int, int, int]] = []
        self._strategies: dict[str, Strategy] = {}

    # --- configuration ----------------------------------------------------------------------------------------------

    def configure(self, queues: Mapping[UUID, Queue], now: datetime) -> set[int]:
        """Take new rules; the calls they concern are placed anew, and returned."""
        changed = {q for q in {*queues, *self.queues} if queues.get(q) != self.queues.get(q)}
        if not changed:
            return set()
        self.queues = dict(queues)
        concerned = [
            e.call
            for e in self.entries.values()
            if e.queue.id in changed
            or e.call.queue_id in changed
            or (e.call.direct is not None and e.call.direct.then in changed)
        ]
        for call in concerned:
            self._unplace(call.call_id.int)
        for queue_id in changed:
            old = self.lines.pop(queue_id, None)
            if queue := queues.get(queue_id):
                level = min(old.reserve_on, len(queue.rules.reserve)) if old else 0
                self.lines[queue_id] = Line(queue, reserve_on=level)
        self.reserves.lines = [line for line in self.lines.values() if line.queue.rules.reserve]
        self.serves = {}
        for line in self.lines.values():
            for member in line.queue.members:
                self.serves.setdefault(member, []).append(line)
        concerned += self.astray.values()
        for call in concerned:
            self._place(call, now)
        return {call.call_id.int for call in concerned}

    def strategy(self, queue: Queue) -> Strategy:
        """A queue's strategy; the longest idle where a strategy of a third party is no longer installed."""
        found = self._strategies.get(queue.rules.strategy)
        if found is None:
            found = self._strategies[queue.rules.strategy] = strategies.get(queue.rules.strategy)
        return found

    def ordering(self, queue: Queue) -> Ordering:
        """Free agents in the order of a queue's strategy, which looks at agents only."""
        name = (queue.rules.strategy, queue.rules.idle_reset_by_outbound)
        found = self.orderings.get(name)
        if found is None:
            nobody = Waiting(call_id=UUID(int=0), queue_id=queue.id, language="", place_at=_EPOCH)
            found = self.orderings[name] = Ordering(self.strategy(queue), Deal(queue=queue, call=nobody))
            for number in bits(self.people.free()):
                if agent := self.people.agents[number]:
                    found.put(number, agent)
        return found

    # --- agents -----------------------------------------------------------------------------------------------------

    def reconsider(self, number: int, agent_id: UUID, agent: Agent | None, now: datetime) -> set[int]:
        """An agent came, went, signed on or off, or can do something else; the calls that stand elsewhere for it."""
        anew = set(self._naming.get(agent_id, ()))
        for line in self.serves.get(agent_id, ()):
            for group in line.groups.values():
                group.consider(number, agent, line.reserve_on)
                anybody = bool(group.able & self.people.present)
                if group.ringed and anybody != group.anybody:
                    anew |= {c for c in line.entries if self.rings(self.entries[c].call, line.queue)}
                group.anybody = anybody
        for call in anew:
            self._place(self.entries[call].call, now)
        return anew

    def make_room(self) -> None:
        """Have room for more agents everywhere."""
        for line in self.lines.values():
            for group in line.groups.values():
                group.flags.extend(bytes(max(0, self.people.room - len(group.flags))))

    # --- calls ------------------------------------------------------------------------------------------------------

    def rings(self, call: Waiting, queue: Queue) -> tuple[Ring, ...]:
        """The rings that hold for a call."""
        held = self.held(call)
        return rings.rings_of(call, queue) if held is None else held

    def held(self, call: Waiting) -> tuple[Ring, ...] | None:
        """The rings a call entered with, as far as they were only noted here."""
        entered = self.entered.get(call.call_id) if call.rings is None and self.entered else None
        return entered[1] if entered else None

    def put(self, call: Waiting, now: datetime) -> None:
        """A call joins or changes."""
        queue = self.queues.get(call.queue_id)
        entered = self.entered.get(call.call_id)
        if queue and queue.rules.rings_frozen:
            if entered is None or entered[0] != call.queue_id:
                self.entered[call.call_id] = (call.queue_id, queue.rules.rings)
        elif entered and entered[0] != call.queue_id:
            del self.entered[call.call_id]
        self._place(call, now)

    def drop(self, number: int) -> None:
        """A call goes."""
        if number in self.entries:
            self._unplace(number)
        self.astray.pop(number, None)

    def _unplace(self, number: int) -> None:
        entry = self.entries.pop(number)
        line = entry.line
        line.entries.discard(number)
        bucket = entry.bucket
        if bucket is None:
            line.gated.discard(number)
        else:
            self.turns.remove(line, bucket, entry.key)
        call = entry.call
        if call.direct is not None or call.preferred:
            for agent_id in _named(call):
                self._naming[agent_id].discard(number)

    def _place(self, call: Waiting, now: datetime) -> None:
        number = call.call_id.int
        if number in self.entries:
            self._unplace(number)
        step, gate = 0, None
        moments: list[datetime] = []
        where = self.queues.get(call.queue_id)
        if call.direct:
            moments.append(call.direct.until)
            where = standing.current_queue(call, self.queues, self.people.known(call.direct.agent_id), now)
        if where is None:
            self.astray[number] = call
            return
        if self.astray:
            self.astray.pop(number, None)
        if call.direct or call.preferred:
            moments += [p.until for p in call.preferred]
            for agent_id in _named(call):
                self._naming.setdefault(agent_id, set()).add(number)
        line = self.lines[where.id]
        held = self.rings(call, where)
        if held:
            step, _ = standing.settle_step(
                rings.opened(call, held, now),
                len(held),
                lambda n: self._group(line, call, held, n),
                lambda g: g.anybody,
            )
            if opens := rings.next_opens(call, held, now):
                moments.append(opens)
        group = self._group(line, call, held, step)
        if call.direct is not None or call.preferred:
            group, step = self._kept_group(line, call, group, step, now)
        if call.ringing or call.not_before is not None:
            gate = standing.gate_of(call, line.queue)
        lane, key, turns = turn_of(call, line.queue, now)
        moments += turns
        bucket = None
        if gate is None or gate <= now:
            bucket = self.turns.add(line, group, lane, key)
        else:
            line.gated.add(number)
            if gate != standing.NEVER:
                moments.append(gate)
        line.entries.add(number)
        if line.queue.rules.reserve:
            self.reserves.note(line, call)
        self._serial += 1
        self.entries[number] = Entry(call, line, group, lane, key, bucket, step, self._serial)
        if moments and (soonest := min((m for m in moments if m > now), default=None)):
            heappush(self._agenda, (ageing.micros(soonest), self._serial, number))

    def _group(self, line: Line, call: Waiting, held: tuple[Ring, ...], step: int) -> Group:
        key = (call.channel, call.language, call.requirement, step, held)
        found = line.groups.get(key)
        if found is None:
            self.people.watch(call.channel)
            whom = standing.open_to_all(rings.reach(call, line.queue, held, step), line.queue)
            found = Group(line.queue, whom, call.channel, call.language, self.people, line.reserve_on)
            found.ringed = bool(held)
            line.groups[key] = found
        return found

    def _kept_group(self, line: Line, call: Waiting, base: Group, step: int, now: datetime) -> tuple[Group, int]:
        """The group of a call that is kept for somebody, if it still is."""
        people = self.people
        if call.direct and standing.waits_for(people.known(call.direct.agent_id), call.direct.until, now):
            step, base = 0, self._anyone(line, call)
            kept = [call.direct.agent_id]
        else:
            named = {p.agent_id: a for p in call.preferred if (a := people.known(p.agent_id))}
            kept = [p.agent_id for p in standing.preferred(call, line.queue, base.reach, named, now)]
        if not kept:
            return base, step
        numbers = tuple(
            people.number[a] for a in kept if (k := people.known(a)) and k.tenant_id == line.queue.tenant_id
        )
        found = Group(line.queue, base.reach, call.channel, call.language, people, kept=numbers)
        found.base = base
        return found, step

    def _anyone(self, line: Line, call: Waiting) -> Group:
        key = (call.channel, "direct")
        found = line.groups.get(key)
        if found is None:
            self.people.watch(call.channel)
            found = Group(line.queue, standing.ANYONE, call.channel, "", self.people, line.reserve_on)
            line.groups[key] = found
        return found

    # --- time -------------------------------------------------------------------------------------------------------

    def advance(self, now: datetime, micros: int) -> set[int]:
        """Let time pass: the calls that stand elsewhere for it."""
        moved: set[int] = set()
        while self._agenda and self._agenda[0][0] <= micros:
            _, note, number = heappop(self._agenda)
            entry = self.entries.get(number)
            if entry is not None and entry.note == note:
                self._place(entry.call, now)
                moved.add(number)
        for call in [c for c in self.astray.values() if c.direct]:
            self._place(call, now)  # its queue is gone, but its backup may not be
            moved.add(call.call_id.int)
        return moved

    def next_change(self, micros: int) -> datetime | None:
        """The next moment that is noted."""
        while self._agenda:
            soonest, note, number = self._agenda[0]
            entry = self.entries.get(number)
            if soonest > micros and entry is not None and entry.note == note:
                break
            heappop(self._agenda)
        moments = [self._agenda[0][0]] if self._agenda else []
        if (called := self.reserves.next_change(micros)) is not None:
            moments.append(called)
        return _EPOCH + timedelta(microseconds=min(moments)) if moments else None


def _named(call: Waiting) -> set[UUID]:
    named = {p.agent_id for p in call.preferred}
    return named | {call.direct.agent_id} if call.direct else named
