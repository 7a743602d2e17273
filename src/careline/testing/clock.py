"""A clock that stands still until it is moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class ManualClock:
    """Tells the time it was set to. For tests of rules in which hours and days pass."""

    def __init__(self, now: datetime = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        """The instant it stands at."""
        return self._now

    def advance(self, **parts: float) -> datetime:
        """Move on by a `timedelta` of the given parts; returns the new instant."""
        self._now += timedelta(**parts)
        return self._now
