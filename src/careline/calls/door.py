"""The door: when more callers come than can be served, the new ones stand before it and ring, and none is lost.

Answering everybody at once would make everybody wait: the switch would work at greetings and music instead of at the
offers that let callers out of the queue again. So new callers are let in as fast as the switch carries out what it is
told, in the order in which they came. Who has rung for half a minute is answered and hears music, at the same place.
Pure: knows no clock and no switch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from careline.calls.switch_events import Arrived

#: Commands that the switch has been given and has not carried out: at so many the door closes, at so few it opens.
#: A switch that is slow, and a loop of ours that is late, both let them grow.
CLOSES_AT, OPENS_AT = 256, 192
#: How long somebody rings before the door before music is better.
RINGS = timedelta(seconds=30)


@dataclass(slots=True)
class Held:
    """Somebody before the door."""

    arrived: Arrived
    since: datetime
    answered: bool = False


class Door:
    """Who stands before the door, in order."""

    def __init__(self) -> None:
        self.held: dict[str, Held] = {}
        self.closed = False

    def holds(self, arrived: Arrived, under_way: int, now: datetime) -> bool:
        """Whether a new caller has to stay before the door. Nobody overtakes those who stand there already."""
        self._look(under_way)
        if arrived.channel in self.held:
            return True
        if not self.closed and not self.held:
            return False
        self.held[arrived.channel] = Held(arrived, now)
        return True

    def next(self, under_way: int) -> Held | None:
        """The one who may come in now."""
        self._look(under_way)
        if not self.held or self.closed:
            return None
        return self.held.pop(next(iter(self.held)))

    def gone(self, channel: str) -> Held | None:
        """Somebody gave up before the door."""
        return self.held.pop(channel, None)

    def tired(self, now: datetime) -> list[Held]:
        """Those who have rung long enough, each told once: they are to be answered, and keep their places."""
        found = [held for held in self.held.values() if not held.answered and held.since + RINGS <= now]
        for held in found:
            held.answered = True
        return found

    def _look(self, under_way: int) -> None:
        if under_way >= CLOSES_AT:
            self.closed = True
        elif under_way <= OPENS_AT:
            self.closed = False
