"""Event rows: at once history, outbox, statistics and the wallboard's source.

`append` writes them inside the transaction that caused them; `careline.platform.outbox` follows them without loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from careline.platform.db import Tx

_APPEND = """
INSERT INTO event (tenant_id, stream, stream_id, kind, body, person_id)
VALUES (current_setting('app.tenant')::int, %(stream)s, %(stream_id)s, %(kind)s, %(body)s, %(person_id)s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """A fact that has just happened. `stream` is the kind of thing (`call`, `agent`, `message`), `kind` past tense."""

    stream: str
    stream_id: UUID
    kind: str
    #: JSON values; identifiers and codes, no free text about a patient.
    body: dict[str, Any]
    person_id: UUID | None = None


async def append(tx: Tx, events: Sequence[NewEvent]) -> None:
    """Append events in order, and wake the followers once the transaction is committed."""
    for event in events:
        await tx.run(
            _APPEND,
            {
                "stream": event.stream,
                "stream_id": event.stream_id,
                "kind": event.kind,
                "body": Jsonb(event.body),
                "person_id": event.person_id,
            },
        )
