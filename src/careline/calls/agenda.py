"""The agenda: what is due when. Moments are put in, moved and taken out in logarithmic time. Pure."""

from __future__ import annotations

import heapq
from datetime import datetime
from uuid import UUID


class Agenda:
    """The next moment of each of many things."""

    def __init__(self) -> None:
        self._moments: dict[UUID, datetime] = {}
        self._heap: list[tuple[datetime, UUID]] = []

    def put(self, key: UUID, moment: datetime | None) -> None:
        """Have something due at a moment instead of any earlier one; None: never."""
        if moment is None:
            self._moments.pop(key, None)
        elif self._moments.get(key) != moment:
            self._moments[key] = moment
            heapq.heappush(self._heap, (moment, key))

    def __contains__(self, key: UUID) -> bool:
        """Whether something is due to it."""
        return key in self._moments

    def next(self) -> datetime | None:
        """The earliest moment."""
        while self._heap:
            moment, key = self._heap[0]
            if self._moments.get(key) == moment:
                return moment
            heapq.heappop(self._heap)  # moved or taken out since
        return None

    def take_due(self, now: datetime) -> list[UUID]:
        """Everything due, earliest first. It is taken out: whoever deals with it puts in its next moment."""
        found: list[UUID] = []
        while (moment := self.next()) is not None and moment <= now:
            key = heapq.heappop(self._heap)[1]
            del self._moments[key]
            found.append(key)
        return found
