"""Repeatable chance for the demo health system: the same seed makes the same people with the same ids."""

from __future__ import annotations

from random import Random
from uuid import UUID

#: 2026-01-01T00:00Z in milliseconds: the time part of every seeded id.
_EPOCH = 1_767_225_600_000


class Dice(Random):
    """A seeded random generator that also makes ids."""

    def id(self) -> UUID:
        """A repeatable UUID of version 7."""
        value = _EPOCH << 80 | self.getrandbits(80)
        value = value & ~(0xF << 76) | 0x7 << 76
        return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)

    def chance(self, percent: float) -> bool:
        """True so often in a hundred."""
        return self.random() * 100 < percent
