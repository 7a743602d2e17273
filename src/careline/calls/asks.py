"""What a call has found out outside of the floor: a look-up, a verification, a program that talks. Pure data.

The floor never waits. An `Ask` leaves it with the outcome of a step, is carried out by an `Asker`, and its answer comes
back as a cause of its own. A lost answer is no trouble: the call keeps the moment at which it goes on without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Something to find out for one call. `body` may hold what the caller typed: it is used and forgotten."""

    id: str
    call_id: UUID
    tenant_id: int
    #: `lookup`, `verify`, `agent`.
    kind: str
    body: Mapping[str, Any] = field(repr=False)
    #: When the call goes on without an answer, and how many seconds that is from the asking.
    until: datetime
    seconds: float
    caller: str | None
    language: str
    #: The caller's channel.
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of an ask: the exit of the flow's node, and values for its variables."""

    exit: str
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Asker(Protocol):
    """Carries out asks of one kind. Cancelled when the call goes on without the answer (hung up, emergency)."""

    async def __call__(self, ask: Ask) -> Answer:
        """Find it out. An exception counts as the exit `failed`."""
        ...
