"""Steering the synthetic callers from the demo's page or by program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from careline.demo.callers import CallerControl, CallerSettings, NotADemo
from careline.security.actor import Actor
from careline.security.permissions import Permission


@dataclass(frozen=True, slots=True)
class CallerService:
    """What the page may do: see the callers and set their rate. On a real system there are none."""

    home: Path
    demo: bool

    def settings(self, actor: Actor) -> CallerSettings:
        """As set. Raises `NotADemo`."""
        return self._control(actor).settings()

    def status(self, actor: Actor) -> dict[str, object] | None:
        """What the callers do now, or None when their process is not running."""
        return self._control(actor).status()

    def set(self, actor: Actor, settings: CallerSettings) -> None:
        """Change rate, mix and limit at once. Raises `BadCallerSettings`, changing nothing."""
        self._control(actor).set(settings)

    def _control(self, actor: Actor) -> CallerControl:
        actor.require(Permission.DEMO_DRIVE)
        if not self.demo:
            raise NotADemo
        return CallerControl(self.home)
