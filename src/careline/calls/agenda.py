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

    def next(self) -> datetime | None:
        """The earliest moment."""
        while self._heap:
            moment, key = self._heap[0]
            if self._moments.get(key) == moment:
                return moment
            heapq.heappop(self._heap)  # moved or taken out since
        return None

    def due(self, now: datetime) -> list[UUID]:
        """Everything due, earliest first. Each stays until it is put anew."""
        found = sorted((moment, key) for moment, key in set(self._heap) if moment <= now)
        return [key for moment, key in found if self._moments.get(key) == moment]
