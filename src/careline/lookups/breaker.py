"""A circuit breaker: a system that fails again and again is left alone for a while. Pure: it is told the time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Breaker:
    """One system's. Closed: everybody may ask. Open: nobody. After a rest one question is let through to try."""

    failures_allowed: int = 3
    rest_seconds: float = 30.0
    failures: int = 0
    opened_at: float | None = None
    trying: bool = False

    def allows(self, now: float) -> bool:
        """Whether a question may be asked now (seconds on a monotonic clock)."""
        if self.opened_at is None:
            return True
        if self.trying or now - self.opened_at < self.rest_seconds:
            return False
        self.trying = True
        return True

    def succeeded(self) -> None:
        """It answered, be it with an error of its own about one question."""
        self.failures, self.opened_at, self.trying = 0, None, False

    def failed(self, now: float) -> None:
        """It did not answer, or answered that it cannot."""
        self.failures += 1
        self.trying = False
        if self.failures >= self.failures_allowed:
            self.opened_at = now
