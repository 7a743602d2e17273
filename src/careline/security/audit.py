"""The audit log: who did what to whose data, when and why. Hash-chained per tenant by the database itself.

Written in the same transaction as the act, so an act without its audit row cannot be committed (45 CFR 164.312(b)).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

from psycopg.types.json import Jsonb

from careline.platform.db import Tx, queries
from careline.security.actor import Actor

_q = queries("careline.security")


class Action(StrEnum):
    """What was done (after FHIR AuditEvent and IHE ATNA)."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    EXECUTE = "execute"
    SEARCH = "search"
    LISTEN = "listen"
    EXPORT = "export"
    VERIFY = "verify"
    OVERRIDE = "override"
    EMERGENCY = "emergency"
    SIGN_IN = "sign-in"
    SIGN_OUT = "sign-out"


async def record(
    tx: Tx,
    actor: Actor,
    action: Action,
    object_type: str,
    object_id: str | UUID | None = None,
    *,
    patients: Sequence[UUID] = (),
    contact_id: UUID | None = None,
    fields: Sequence[str] = (),
    purpose: str = "HOPERAT",
    outcome: str = "ok",
    detail: dict[str, object] | None = None,
) -> None:
    """Append one audit row (one per patient when several are touched). `fields` names what was shown, never values.

    Call it last in a transaction: the chain's head row is locked until commit and serialises the tenant.
    """
    for patient in patients or (None,):
        await tx.run(
            _q["append_audit"],
            {
                "actor_kind": actor.kind,
                "person_id": actor.person_id,
                "actor_name": actor.name,
                "session_id": actor.session_id,
                "ip": actor.ip,
                "action": action.value,
                "object_type": object_type,
                "object_id": None if object_id is None else str(object_id),
                "patient_id": patient,
                "contact_id": contact_id,
                "fields": list(fields),
                "purpose": purpose,
                "outcome": outcome,
                "detail": Jsonb(detail or {}),
            },
        )
