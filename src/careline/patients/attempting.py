"""What verification leaves behind, inside a transaction: attempts, their events, the audited opening of a card."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from careline.kernel.ids import new_id
from careline.patients import store
from careline.patients.card import build_card
from careline.patients.model import Card, Outcome, Verification
from careline.patients.policy import Policy
from careline.patients.store import q
from careline.patients.verification import Authority, similar
from careline.platform.db import Tx
from careline.platform.events import NewEvent, append
from careline.security import audit
from careline.security.actor import Actor


async def near(tx: Tx, patient_id: UUID) -> list[UUID]:
    """Other patients born on the same day or of the same household: who the caller could be mixed up with."""
    return [row["id"] for row in await tx.all(q["list_near_people"], {"id": patient_id})]


async def failures(tx: Tx, patient_id: UUID, policy: Policy, now: datetime) -> int:
    """How often verification for a patient has failed within the policy's window, on any contact."""
    row = await tx.one(q["count_failures"], {"patient_id": patient_id, "since": now - policy.failure_window})
    return int(row["failures"]) if row else 0


async def insert(
    tx: Tx,
    actor: Actor,
    call_id: UUID,
    result: Verification,
    policy: Policy,
    right: Authority | None,
    now: datetime,
) -> None:
    """Write an attempt down as it went."""
    await tx.run(
        q["insert_verification"],
        {
            "id": new_id(),
            "call_id": call_id,
            "patient_id": result.patient_id,
            "outcome": result.outcome.value,
            "level": result.level,
            "caller_role": result.caller_role,
            "agreed": list(result.agreed),
            "disagreed": list(result.disagreed),
            "scope": list(result.scope),
            "grant_id": right.grant.id if right and right.grant else None,
            "policy": policy.name,
            "at": now,
            "by": actor.person_id,
        },
    )


async def note(
    tx: Tx,
    actor: Actor,
    call_id: UUID,
    result: Verification,
    policy: Policy,
    right: Authority | None,
    now: datetime,
) -> None:
    """Write an attempt down, with its event and its entry in the audit log; refused ones too."""
    await insert(tx, actor, call_id, result, policy, right, now)
    body = {"patient_id": str(result.patient_id), "level": result.level, "caller_role": result.caller_role}
    await append(tx, [event(actor, call_id, result.outcome.value, body)])
    await audit.record(
        tx,
        actor,
        audit.Action.VERIFY,
        "patient",
        result.patient_id,
        patients=[result.patient_id],
        contact_id=call_id,
        fields=[*result.agreed, *(f"not-{name}" for name in result.disagreed)],
        outcome=result.outcome.value,
        detail={"level": result.level, "caller_role": result.caller_role},
    )


async def open_card(
    tx: Tx,
    actor: Actor,
    call_id: UUID,
    standing: Verification,
    policy: Policy,
    now: datetime,
    reason: str = "",
) -> Card:
    """Build the card that a standing allows, and audit what of it is shown."""
    people = await store.records(tx, [standing.patient_id, *await near(tx, standing.patient_id)])
    record = people.pop(standing.patient_id)
    alike = sum(1 for other in people.values() if similar(record, other))
    card, shown = await build_card(tx, call_id, record, standing, policy, now, look_alikes=alike)
    emergency = standing.outcome is Outcome.EMERGENCY
    await audit.record(
        tx,
        actor,
        audit.Action.EMERGENCY if emergency else audit.Action.READ,
        "patient",
        record.id,
        patients=[record.id],
        contact_id=call_id,
        fields=shown,
        purpose="ETREAT" if emergency else "HOPERAT",
        detail={"reason": reason} if emergency and reason else None,
    )
    return card


def event(actor: Actor, stream_id: UUID, kind: str, body: dict[str, Any]) -> NewEvent:
    """An event of verification: ids and codes, never what was said."""
    return NewEvent(stream="verification", stream_id=stream_id, kind=kind, body=body, person_id=actor.person_id)
