"""How a tenant's floor is configured at a moment: queues, people, codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from careline.queues.model import Agent, Queue


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorPlan:
    """A tenant's queues, people and codes as configured now."""

    queues: Sequence[Queue]
    #: Everybody who may work on the floor, without live state.
    people: Sequence[Agent]
    #: Wrap-up codes in use.
    codes: frozenset[str]
    #: Measured handling seconds by queue.
    handling: Mapping[UUID, float]
