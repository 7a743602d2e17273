"""Rate limits: token buckets in this process's memory.

Several web processes each allow the full rate, which is fine for what they are for: one runaway script must not starve
the rest. What must hold over all processes and restarts, guessing passwords, is counted in PostgreSQL (`throttle.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from careline.kernel.errors import TooManyRequests


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, and then so many a second. A rate of 0 means no limit."""

    burst: int
    per_second: float


class Limiter:
    """One bucket for each key (a person, a token, an address)."""

    #: Full buckets are forgotten when there are this many.
    MOST = 10_000

    def __init__(self, rate: Rate, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._now = now
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key: str) -> None:
        """Use one; raises `TooManyRequests` with the seconds to wait when the bucket is empty."""
        if self._rate.per_second <= 0:
            return
        now = self._now()
        level, then = self._buckets.get(key, (float(self._rate.burst), now))
        level = min(float(self._rate.burst), level + (now - then) * self._rate.per_second)
        if level < 1:
            raise TooManyRequests(seconds=max(1, round((1 - level) / self._rate.per_second)))
        self._buckets[key] = (level - 1, now)
        if len(self._buckets) > self.MOST:
            self._forget(now)

    def _forget(self, now: float) -> None:
        full = float(self._rate.burst)
        self._buckets = {
            key: (level, then)
            for key, (level, then) in self._buckets.items()
            if level + (now - then) * self._rate.per_second < full
        }
