"""The reserve: agents who help only while a queue is above its limits. Pure."""

from __future__ import annotations

from heapq import heappop, heappush

from careline.queues import ageing, overflow
from careline.queues.index import People
from careline.queues.model import Waiting
from careline.queues.turns import Entries, Line


class Reserves:
    """The queues that have a reserve, and how old their calls are."""

    def __init__(self, people: People, entries: Entries) -> None:
        self.people = people
        self.entries = entries
        self.lines: list[Line] = []

    @staticmethod
    def note(line: Line, call: Waiting) -> None:
        """A call waits in a queue with a reserve."""
        heappush(line.oldest, (ageing.micros(call.place_at), call.call_id.int))

    def call_on(self, micros: int) -> int:
        """Call reserves on or send them back; the set of agents who now may take calls they might not before."""
        called = 0
        for line in self.lines:
            oldest = self._oldest(line)
            longest = 0.0 if oldest is None else max(0.0, (micros - oldest) / 1_000_000)
            on = overflow.reserve_level(line.queue.rules.reserve, line.reserve_on, longest, len(line.entries))
            if on == line.reserve_on:
                continue
            line.reserve_on = on
            for member, place in line.queue.places.items():
                number = self.people.number.get(member)
                if place.reserve and number is not None:
                    for group in line.groups.values():
                        group.consider(number, self.people.agents[number], on)
                    called |= 1 << number
        return called

    def _oldest(self, line: Line) -> int | None:
        while line.oldest:
            micros, number = line.oldest[0]
            entry = self.entries.get(number)
            if entry and entry.line is line and ageing.micros(entry.call.place_at) == micros:
                return micros
            heappop(line.oldest)
        return None

    def next_change(self, micros: int) -> int | None:
        """The next moment at which somebody's wait is long enough to call on a reserve."""
        moments = []
        for line in self.lines:
            levels = line.queue.rules.reserve
            if line.reserve_on < len(levels) and (oldest := self._oldest(line)) is not None:
                moments.append(oldest + round(levels[line.reserve_on].wait_above * 1_000_000) + 1)
        return min((m for m in moments if m > micros), default=None)
