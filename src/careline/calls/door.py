"""The door: when more callers come than can be served, the new ones stand before it and ring, and none is lost.

Answering everybody at once would make everybody wait: the switch would work at greetings and music instead of at the
offers that let callers out of the queue again. So new callers are let in as fast as the switch carries out what it is
told, in the order in which they came. Who has rung for half a minute is answered and hears music, at the same place.
Pure: knows no clock and no switch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from careline.calls.ports import Arrived

#: Commands that the switch has been given and has not carried out: at so many the door closes, at so few it opens.
CLOSES_AT, OPENS_AT = 128, 64
#: Seconds by which we hear of things too late: likewise.
CLOSES_LATE, OPENS_LATE = 0.5, 0.1
#: How long somebody rings before the door before music is better.
RINGS = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Pressure:
    """How far behind we are at this moment."""

    #: Commands under way to the switch.
    commands: int
    #: Seconds between the latest event and our hearing of it.
    late: float = 0.0


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

    def holds(self, arrived: Arrived, pressure: Pressure, now: datetime) -> bool:
        """Whether a new caller has to stay before the door. Nobody overtakes those who stand there already."""
        self._look(pressure)
        if arrived.channel in self.held:
            return True
        if not self.closed and not self.held:
            return False
        self.held[arrived.channel] = Held(arrived, now)
        return True

    def next(self, pressure: Pressure) -> Held | None:
        """The one who may come in now. With nothing under way somebody always may: no door stays closed for ever."""
        self._look(pressure)
        if not self.held or (self.closed and pressure.commands):
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

    def _look(self, pressure: Pressure) -> None:
        if pressure.commands >= CLOSES_AT or pressure.late >= CLOSES_LATE:
            self.closed = True
        elif pressure.commands <= OPENS_AT and pressure.late <= OPENS_LATE:
            self.closed = False
