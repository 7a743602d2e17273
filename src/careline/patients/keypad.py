"""Verifying a caller by what is typed on the keypad, without a person: date of birth and a number of the patient's.

The answer is a level and nothing else: whether a patient exists, and which identifier was wrong, is never told. Wrong
keys count against every patient they were compared with, as an agent's attempts do (docs/verification.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from careline.kernel.phone import to_e164
from careline.patients import attempting, finding, judging, store
from careline.patients.matching import code
from careline.patients.model import Outcome, Record, Stated, Verification
from careline.patients.policy import Policy
from careline.patients.service import PatientService
from careline.patients.store import q
from careline.patients.verification import authority, compare
from careline.platform.db import Tx
from careline.security.actor import Actor
from careline.security.permissions import Permission

#: More patients are not compared with one caller's keys: a number that so many share says nothing.
MOST_COMPARED = 8


class Keypad:
    """Verification by keys, on the patients' service."""

    def __init__(self, patients: PatientService) -> None:
        self._patients = patients
        self.db = patients.db

    async def verify(self, actor: Actor, call_id: UUID, stated: Stated) -> int:
        """The level reached for the one patient whom everything typed fits; 0 for everything else.

        Each comparison is an attempt of this contact, audited, with its strike when it failed.
        """
        actor.require(Permission.PATIENT_SEARCH)
        patients, now = self._patients, self._patients.clock.now()
        level = 0
        async with self.db.tenant(actor.tenant_id) as tx:
            contact = await patients._contact(tx, actor, call_id)
            policy = await store.policy_at(tx, now)
            if policy.keypad is None or not policy.keypad.met(stated.given()):
                return 0
            records = await self._compared(tx, to_e164(contact["caller"]), stated, call_id, policy)
            judged = [(record, *compare(_as_stored(stated, record), record, ())) for record in records]
            fitting = [record for record, agreed, wrong in judged if not wrong and policy.keypad.met(agreed)]
            if len(fitting) > 1:
                # Neither of two whom everything fits is verified, and nobody guessed anything.
                return 0
            for record, agreed, wrong in judged:
                if fitting and record is not fitting[0]:
                    # Somebody else of the household: the keys were not meant for them.
                    continue
                await tx.one(q["lock_patient"], {"id": record.id})
                failures = await attempting.failures(tx, record.id, policy, now)
                right = authority(policy, "self", None, record, now.date())
                if failures >= policy.most_failures:
                    result = judging.locked(record.id, "self")
                elif fitting and record.deceased_on is None:
                    level = min(policy.keypad_level, right.most_level)
                    result = _result(policy, record, agreed, (), level, right.scope)
                else:
                    result = _result(policy, record, agreed, wrong, 0, ())
                await attempting.note(tx, actor, call_id, result, policy, right, now)
        return level

    async def _compared(
        self, tx: Tx, caller: str | None, stated: Stated, call_id: UUID, policy: Policy
    ) -> list[Record]:
        """The patients these keys can mean: those of the calling number, and whose number was typed."""
        ids: set[UUID] = set()
        if caller:
            now = self._patients.clock.now()
            by_number = await finding.by_number(tx, caller, call_id, now, policy)
            ids |= {candidate.patient_id for candidate in by_number.found}
        params = {
            "mrn": code(stated.mrn or ""),
            "member_id": code(stated.member_id or ""),
            "phone": "",
            "birth_dates": [],
        }
        none: dict[str, list[str]] = {"keys": [], "first": [], "rest": [], "exact": []}
        typed = {row["id"] for row in await tx.all(q["find_by_anything"], {**params, **none})}
        wanted = sorted(ids | typed, key=lambda id_: (id_ not in typed, id_))[:MOST_COMPARED]
        found = await store.records(tx, wanted)
        # One order for every caller, so that two of them never wait for one another's rows.
        return sorted(found.values(), key=lambda record: record.id)


def _as_stored(stated: Stated, record: Record) -> Stated:
    """Letters cannot be typed: a number counts when its digits do."""
    mrn = record.mrn if stated.mrn and _digits(record.mrn) == _digits(stated.mrn) else stated.mrn
    member = next((m for m in record.member_ids if stated.member_id and _digits(m) == _digits(stated.member_id)), None)
    return replace(stated, mrn=mrn, member_id=member or stated.member_id)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text) or "-"


def _result(
    policy: Policy, record: Record, agreed: Iterable[str], wrong: Iterable[str], level: int, scope: Iterable[str]
) -> Verification:
    return Verification(
        patient_id=record.id,
        outcome=Outcome.VERIFIED if level else Outcome.FAILED,
        level=level,
        caller_role="self",
        agreed=tuple(sorted(agreed)),
        disagreed=tuple(sorted(wrong)),
        scope=tuple(sorted(scope)) if level else (),
        ask_next=(),
        attempts_left=0,
        allowed=judging.allowed(policy, level),
    )
