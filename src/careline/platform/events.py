"""Event rows: at once history, outbox, statistics and the wallboard's source.

`append` writes them inside the transaction that caused them; `careline.platform.outbox` follows them without loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from careline.platform.db import Tx, queries

_q = queries("careline.platform")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """A fact that has just happened. `stream` is the kind of thing (`call`, `agent`, `message`), `kind` past tense."""

    stream: str
    stream_id: UUID
    kind: str
    #: JSON values; identifiers and codes, no free text about a patient.
    body: dict[str, Any]
    person_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact as it was recorded. Ordered by (`xid`, `id`); `id` alone is unique but not the order of commits."""

    id: int
    xid: int
    at: datetime
    tenant_id: int
    stream: str
    stream_id: UUID
    kind: str
    body: dict[str, Any]
    person_id: UUID | None


async def append(tx: Tx, events: Sequence[NewEvent]) -> None:
    """Append events in order, and wake the followers once the transaction is committed."""
    for event in events:
        await tx.run(
            _q["append_event"],
            {
                "stream": event.stream,
                "stream_id": event.stream_id,
                "kind": event.kind,
                "body": Jsonb(event.body),
                "person_id": event.person_id,
            },
        )
    if events:
        tx.wake_followers()
