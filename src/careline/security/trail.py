"""Reading the audit log: who saw this chart, what did this person do, and is the chain whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from careline.kernel.errors import InvalidInput
from careline.platform.db import Database, queries
from careline.security import audit
from careline.security.actor import Actor
from careline.security.audit import Action
from careline.security.chain import ChainState, verify_chain
from careline.security.keys import Keyring
from careline.security.permissions import Permission

_q = queries("careline.security")

MOST_ROWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """What to look for. All given parts must match; `before` continues an earlier answer."""

    patient_id: UUID | None = None
    person_id: UUID | None = None
    contact_id: UUID | None = None
    action: Action | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One entry of the log. `fields` names what was shown or changed, never values."""

    seq: int
    at: datetime
    actor_kind: str
    person_id: UUID | None
    actor_name: str
    ip: str | None
    action: str
    object_type: str
    object_id: str | None
    patient_id: UUID | None
    contact_id: UUID | None
    fields: Sequence[str]
    purpose: str
    outcome: str
    detail: dict[str, Any]


class AuditService:
    """The audit log for those who answer for privacy. Looking into it is itself written into it."""

    def __init__(self, db: Database, keyring: Keyring, anchors: Path) -> None:
        self._db = db
        self._keyring = keyring
        self._anchors = anchors

    async def search(self, actor: Actor, wanted: AuditQuery) -> Sequence[AuditRow]:
        """Rows, newest first. Raises `InvalidInput` for an impossible time range."""
        actor.require(Permission.AUDIT_READ)
        if wanted.since and wanted.until and wanted.since >= wanted.until:
            raise InvalidInput("The beginning must be before the end.", field="since")
        async with self._db.tenant(actor.tenant_id) as tx:
            rows = await tx.all(
                _q["search_audit"],
                {
                    "patient_id": wanted.patient_id,
                    "person_id": wanted.person_id,
                    "contact_id": wanted.contact_id,
                    "action": wanted.action.value if wanted.action else None,
                    "since": wanted.since,
                    "until": wanted.until,
                    "before": wanted.before,
                    "limit": max(1, min(wanted.limit, MOST_ROWS)),
                },
            )
            await audit.record(
                tx,
                actor,
                Action.SEARCH,
                "audit-log",
                patients=[wanted.patient_id] if wanted.patient_id else [],
                detail={
                    "person": str(wanted.person_id) if wanted.person_id else None,
                    "contact": str(wanted.contact_id) if wanted.contact_id else None,
                    "rows": len(rows),
                },
            )
        return [AuditRow(**row) for row in rows]

    async def who_saw(self, actor: Actor, patient_id: UUID, *, before: int | None = None) -> Sequence[AuditRow]:
        """Everybody who saw or changed anything of one patient."""
        return await self.search(actor, AuditQuery(patient_id=patient_id, before=before))

    async def verify(self, actor: Actor) -> ChainState:
        """Check the tenant's whole chain against itself and the signed anchors."""
        actor.require(Permission.AUDIT_READ)
        state = await verify_chain(self._db, actor.tenant_id, self._keyring, self._anchors)
        async with self._db.tenant(actor.tenant_id) as tx:
            outcome = "ok" if state.whole else "broken"
            await audit.record(tx, actor, Action.VERIFY, "audit-log", outcome=outcome, detail={"rows": state.rows})
        return state
