"""Who changed which of a queue's rules, and when: read from the events of the queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from careline.platform.db import Database, queries
from careline.security.actor import Actor
from careline.security.permissions import Permission

_q = queries("careline.queues", "history.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One change: the settings that differ from before, as (name, before, after); dotted inside the routing rules."""

    at: datetime
    by: str | None
    kind: str
    settings: tuple[tuple[str, str, str], ...]


class QueueHistory:
    """Reading the history. Part of the queue service."""

    db: Database

    async def history(self, actor: Actor, queue_id: UUID) -> list[Changed]:
        """The last hundred changes of a queue, the newest first."""
        actor.require(Permission.QUEUE_MANAGE)
        async with self.db.tenant(actor.tenant_id) as tx:
            rows = await tx.all(_q["list_changes"], {"id": queue_id})
        return [
            Changed(
                at=row["at"],
                by=row["by"],
                kind=row["kind"],
                settings=tuple(differences(row["body"].get("was", {}), row["body"].get("rules", {}))),
            )
            for row in rows
        ]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What differs between two settings, each as words. Pure."""
    old, new = dict(_flat("", before)), dict(_flat("", after))
    return [
        (name, old.get(name, "–"), new.get(name, "–"))
        for name in [*old, *(n for n in new if n not in old)]
        if old.get(name) != new.get(name)
    ]


def _flat(where: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [
            pair for name, inner in value.items() for pair in _flat(f"{where}.{name}" if where else str(name), inner)
        ]
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], Mapping):
        return [pair for n, inner in enumerate(value, 1) for pair in _flat(f"{where} {n}", inner)]
    if isinstance(value, (list, tuple)):
        return [(where, ", ".join(map(str, value)) or "–")]
    return [(where, "–" if value in (None, "") else str(value))]
