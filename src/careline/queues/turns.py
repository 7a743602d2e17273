"""Calls in the order of their turn: buckets, the lanes they form, and the best call for an agent. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from careline.queues import ageing
from careline.queues.index import Bucket, Group, Key, Lane, LaneKey, People
from careline.queues.model import Agent, Queue, Waiting
from careline.queues.rules import EMERGENCY

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True, eq=False)
class Entry:
    """A waiting call in the indexes."""

    call: Waiting
    line: Line
    #: Whom it may be offered to.
    group: Group
    lane: LaneKey
    key: Key
    #: None while it is not to be offered.
    bucket: Bucket | None
    step: int
    #: Which of the notes in the agenda is about this entry.
    note: int

    @property
    def queue(self) -> Queue:
        """The queue it waits in now."""
        return self.line.queue


@dataclass(slots=True, eq=False)
class Line:
    """A queue, and what waits in it."""

    queue: Queue
    groups: dict[Hashable, Group] = field(default_factory=dict)
    buckets: set[Bucket] = field(default_factory=set)
    entries: set[int] = field(default_factory=set)
    #: Calls with a place that are not to be offered now.
    gated: set[int] = field(default_factory=set)
    reserve_on: int = 0
    #: Places by age, where a reserve looks at them: (microseconds, call), calls that left included.
    oldest: list[tuple[int, int]] = field(default_factory=list)


#: Every waiting call, by its number.
Entries: TypeAlias = dict[int, Entry]


class Turns:
    """Which calls come first, for everybody and for each agent."""

    def __init__(self, people: People, entries: Entries) -> None:
        self.people = people
        self.entries = entries
        self._lanes: dict[LaneKey, Lane] = {}
        #: Lanes by tier, weight and kind, in that order; lanes of one place compare by score.
        self._tiers: list[tuple[tuple[int, int, int], list[Lane]]] = []
        self._serial = 0
        #: Agent's number -> buckets kept for the agent.
        self._kept: dict[int, set[Bucket]] = {}

    def add(self, line: Line, group: Group, lane_key: LaneKey, key: Key) -> Bucket:
        """A call may be offered: it takes its turn."""
        bucket = self._bucket(line, group, lane_key)
        bucket.add(key)
        return bucket

    def remove(self, line: Line, bucket: Bucket, key: Key) -> None:
        """A call is not to be offered any more."""
        bucket.remove(key)
        if bucket.group.kept is not None:
            line.buckets.discard(bucket)
            for agent in bucket.group.kept:
                self._kept[agent].discard(bucket)

    def _bucket(self, line: Line, group: Group, lane_key: LaneKey) -> Bucket:
        bucket = group.buckets.get(lane_key)
        if bucket is None:
            lane = self._lanes.get(lane_key)
            if lane is None:
                lane = self._lanes[lane_key] = Lane(lane_key)
                tiers: dict[tuple[int, int, int], list[Lane]] = {}
                for key in sorted(self._lanes):
                    tiers.setdefault(key[:3], []).append(self._lanes[key])
                self._tiers = list(tiers.items())
            self._serial += 1
            bucket = group.buckets[lane_key] = Bucket(group, lane, self._serial)
            lane.buckets[self._serial] = bucket
            if group.kept is not None:
                del lane.buckets[self._serial]
                for agent in group.kept:
                    self._kept.setdefault(agent, set()).add(bucket)
        line.buckets.add(bucket)
        return bucket

    def rank(self, entry: Entry, micros: int) -> ageing.Rank:
        """A call's place in the order of all calls at a moment."""
        (tier, weight, scored, slope), (base, start, number) = entry.lane, entry.key
        return tier, weight, scored, base - slope * micros, start, number

    def best_call(self, number: int, micros: int) -> tuple[ageing.Rank, int] | None:
        """The first call in turn that a free agent suits: its rank and number."""
        agent = self.people.agents[number]
        assert agent is not None
        best: ageing.Rank | None = None
        for bucket in self._kept.get(number, ()):
            key = self._first(bucket, agent)
            if key is not None and self.people.ready[bucket.group.channel] >> number & 1:
                rank = self.rank(self.entries[key[2]], micros)
                best = rank if best is None or rank < best else best
        for prefix, lanes in self._tiers:
            if best is not None and best[:3] < prefix:
                break
            for lane in lanes:
                if lane.heads and (key := self._first_in(lane, number, agent)):
                    rank = (*prefix, key[0] - lane.slope * micros, key[1], key[2])
                    best = rank if best is None or rank < best else best
        return None if best is None else (best, best[5])

    def _first_in(self, lane: Lane, number: int, agent: Agent) -> Key | None:
        best: Key | None = None
        ready = self.people.ready
        for base, start, call, serial in lane.heads:
            if best is not None and best < (base, start, call):
                break
            bucket = lane.buckets[serial]
            group = bucket.group
            if group.flags[number] and ready[group.channel] >> number & 1:
                key = self._first(bucket, agent)
                if key is not None and (best is None or key < best):
                    best = key
        return best

    def _first(self, bucket: Bucket, agent: Agent) -> Key | None:
        for key in bucket.keys:
            call = self.entries[key[2]].call
            if not (call.excluded and agent.id in call.excluded) and not (call.ringing and agent.id in call.ringing):
                return key
        return None


def turn_of(call: Waiting, queue: Queue, now: datetime) -> tuple[LaneKey, Key, list[datetime]]:
    """A call's lane and place in it, and when they change."""
    number, rules = call.call_id.int, queue.rules
    if call.klass == EMERGENCY:
        return (ageing.DANGER, 0, 0, 0), (0, ageing.micros(call.place_at), number), []
    moments = []
    if rules.max_wait and (late := ageing.overdue_at(call, queue)):
        if late <= now:
            return (ageing.OVERDUE, 0, 0, 0), (0, ageing.micros(call.place_at), number), []
        moments.append(late)
    line = ageing.line_of(call, queue)
    scored = int(rules.ageing.formula != "priority")
    if line.cap is not None:
        capped = line.capped_at()
        if capped is not None and capped <= ageing.micros(now):
            return (ageing.IN_TURN, -rules.weight, 1, 0), (-line.cap, line.start, number), moments
        if capped is not None:
            moments.append(_EPOCH + timedelta(microseconds=capped))
    return (ageing.IN_TURN, -rules.weight, scored, line.slope), (line.base, line.start, number), moments
