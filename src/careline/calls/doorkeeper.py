"""The doorkeeper: lets callers in as fast as the switch can follow, and says so when some have to wait outside."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from careline.calls.door import Door
from careline.calls.floor import Floor
from careline.calls.outcome import Outcome
from careline.calls.switch_commands import Answer, Command, Park, RingBack, Unpark
from careline.calls.switch_events import Arrived, LegEnded, SwitchEvent
from careline.kernel.clock import Clock
from careline.platform.metrics import gauge

log = logging.getLogger(__name__)

HELD = gauge("careline_callers_held", "Callers who ring before the door because more come than can be served.")

#: A rush is told of once; callers may have to stand outside for moments again and again in it.
TOLD_AGAIN = timedelta(minutes=1)


class Doorkeeper:
    """Stands between the switch's events and the floor."""

    def __init__(
        self,
        floor: Floor,
        clock: Clock,
        *,
        apply: Callable[[Outcome], None],
        give: Callable[[Sequence[Command]], None],
    ) -> None:
        """`apply` carries out what the floor decided; `give` sends commands that are no floor's decision."""
        self.door = Door()
        #: Commands under way to the switch that serve somebody who has been let in.
        self.under_way = 0
        self._floor = floor
        self._clock = clock
        self._apply = apply
        self._give = give
        self._told = clock.now() - TOLD_AGAIN

    def hear(self, event: SwitchEvent, now: datetime) -> bool:
        """Whether an event is about somebody before the door, and dealt with."""
        if isinstance(event, Arrived):
            if self.door.holds(event, self.under_way, now):
                self._give([RingBack(channel=event.channel)])
                self._tell()
                return True
        elif isinstance(event, LegEnded):
            gone = self.door.gone(event.channel)
            if gone is not None:
                self._apply(self._floor.missed(gone.arrived, now))
                return True
        return False

    def let_in(self) -> None:
        """Let in as many as may come now."""
        while held := self.door.next(self.under_way):
            now = self._clock.now()
            if held.answered:
                self._give([Unpark(channel=held.arrived.channel)])
            try:
                self._apply(self._floor.handle(held.arrived, now))
            except Exception:
                # One call must not keep the others out; the look around finds it again.
                log.exception("a caller could not be let in", extra={"channel": held.arrived.channel})
        self._tell()

    def comfort(self) -> None:
        """Answer those who have stood outside for long, with music; to be called every second or so."""
        for held in self.door.tired(self._clock.now()):
            self._give([Answer(channel=held.arrived.channel), Park(channel=held.arrived.channel)])

    def clear(self) -> None:
        """The switch is out of sight: who stands there is seen again when it is back."""
        self.door = Door()

    @property
    def report(self) -> str:
        """For the board: how many stand outside; empty when nobody does."""
        count = len(self.door.held)
        return f"Busy: {count} callers held at the door." if count else ""

    def _tell(self) -> None:
        count = len(self.door.held)
        HELD.set(count)
        now = self._clock.now()
        if count and now - self._told >= TOLD_AGAIN:
            self._told = now
            log.warning("more callers come than can be served; new ones ring before the door", extra={"count": count})
