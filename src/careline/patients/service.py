"""Use cases on patients: who may be calling, search, verification of the caller, the card, the emergency bypass.

Nothing of a patient leaves before the caller has been verified for that patient on this contact, except by the
emergency bypass, which is never blocked and always audited.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from careline.kernel.clock import Clock
from careline.kernel.errors import InvalidInput, NotFound
from careline.kernel.ids import new_id
from careline.kernel.phone import to_e164
from careline.kernel.text import plain
from careline.patients import attempting, finding, judging, store
from careline.patients.matching import code, fit
from careline.patients.model import (
    Candidates,
    Card,
    ContactClosed,
    Lock,
    Outcome,
    Sought,
    Stated,
    TooLittleToSearch,
    Verification,
    VerificationLocked,
    VerificationNeeded,
)
from careline.patients.names import words
from careline.patients.policy import Policy, shipped_body
from careline.patients.store import q
from careline.patients.verification import authority
from careline.platform.db import Database, Row, Tx
from careline.platform.events import append
from careline.security import audit
from careline.security.actor import Actor
from careline.security.permissions import Permission

#: How well somebody must fit to be a candidate of a search.
LEAST_FIT = 15


class PatientService:
    """Finds patients, verifies callers and opens cards, always for one contact."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self.db = db
        self.clock = clock

    # --- who may be calling ---------------------------------------------------------------------------------------

    async def candidates(self, actor: Actor, call_id: UUID) -> Candidates:
        """Who may be calling, by the calling number. A hint: it shows initials and verifies nobody."""
        actor.require(Permission.PATIENT_SEARCH)
        now = self.clock.now()
        async with self.db.tenant(actor.tenant_id) as tx:
            contact = await self._contact(tx, actor, call_id)
            policy = await store.policy_at(tx, now)
            number = to_e164(contact["caller"])
            found = await finding.by_number(tx, number, call_id, now, policy) if number else Candidates(found=())
            await self._audit_found(tx, actor, call_id, found, ["phone"] if number else [])
        return found

    async def search(self, actor: Actor, call_id: UUID, sought: Sought) -> Candidates:
        """Patients who fit what the caller said, tolerantly; shown as candidates. Raises `TooLittleToSearch`."""
        actor.require(Permission.PATIENT_SEARCH)
        finding.bearable(sought)
        said = words(sought.name)
        phone = to_e164(sought.phone)
        enough = phone or code(sought.mrn) or code(sought.member_id) or len(said) >= 2
        if not enough and not (said and sought.birth_date):
            raise TooLittleToSearch()
        now = self.clock.now()
        async with self.db.tenant(actor.tenant_id) as tx:
            await self._contact(tx, actor, call_id)
            policy = await store.policy_at(tx, now)
            ids = await finding.search_ids(tx, sought, said, phone)
            scored = []
            for record in (await store.records(tx, ids)).values():
                score, reasons = fit(record, sought, phone=phone)
                if score >= LEAST_FIT:
                    # The dead rank behind the living, without saying so.
                    scored.append((score - (10 if record.deceased_on else 0), reasons, record))
            scored.sort(key=lambda s: (-s[0], str(s[2].id)))
            levels = await finding.levels(tx, call_id)
            found = judging.ranked(scored, levels, now, policy)
            by = [k for k in ("name", "birth_date", "phone", "mrn", "member_id") if getattr(sought, k)]
            await self._audit_found(tx, actor, call_id, found, by)
        return found

    # --- verification ---------------------------------------------------------------------------------------------

    async def verify(
        self, actor: Actor, call_id: UUID, patient_id: UUID, stated: Stated, *, caller_role: str = "self"
    ) -> Verification:
        """Compare what the caller stated with the record. The answer names what agrees, never what is stored.

        Raises `VerificationLocked` once a patient has had too many failures; each attempt is audited, refused ones too.
        """
        actor.require(Permission.PATIENT_SEARCH)
        finding.bearable(stated)
        now = self.clock.now()
        async with self.db.tenant(actor.tenant_id) as tx:
            await self._contact(tx, actor, call_id)
            # One attempt at a time for a patient, so that parallel guesses are counted.
            if await tx.one(q["lock_patient"], {"id": patient_id}) is None:
                raise NotFound()
            policy = await store.policy_at(tx, now)
            attempts = await tx.all(q["list_attempts"], {"call_id": call_id, "patient_id": patient_id})
            failures = await attempting.failures(tx, patient_id, policy, now)
            if failures >= policy.most_failures:
                result = judging.locked(patient_id, caller_role)
                await attempting.note(tx, actor, call_id, result, policy, None, now)
            else:
                people = await store.records(tx, [patient_id, *await attempting.near(tx, patient_id)])
                record = people.pop(patient_id)
                right = authority(policy, caller_role, stated.caller_name, record, now.date())
                result = judging.assess(policy, stated, record, people.values(), right, caller_role, attempts, failures)
                await attempting.note(tx, actor, call_id, result, policy, right, now)
        if result.outcome is Outcome.LOCKED:
            raise VerificationLocked()
        return result

    async def standing(self, actor: Actor, call_id: UUID, patient_id: UUID) -> Verification:
        """Where verification for a patient stands on this contact, and what the caller should be asked next."""
        actor.require(Permission.PATIENT_SEARCH)
        now = self.clock.now()
        async with self.db.tenant(actor.tenant_id) as tx:
            await self._contact(tx, actor, call_id)
            if await tx.one(q["living_id"], {"id": patient_id}) is None:
                raise NotFound()
            policy = await store.policy_at(tx, now)
            attempts = await tx.all(q["list_attempts"], {"call_id": call_id, "patient_id": patient_id})
            left = policy.most_failures - await attempting.failures(tx, patient_id, policy, now)
        return judging.standing(policy, patient_id, attempts, max(0, left))

    async def unlock(self, actor: Actor, patient_id: UUID, reason: str) -> None:
        """Let verification of a locked patient go on. A supervisor's decision, with its reason, audited."""
        actor.require(Permission.AGENT_MANAGE)
        reason = plain(reason, "reason", most=500)
        now = self.clock.now()
        async with self.db.tenant(actor.tenant_id) as tx:
            if await tx.one(q["lock_patient"], {"id": patient_id}) is None:
                raise NotFound()
            values = {"id": new_id(), "patient_id": patient_id, "reason": reason, "at": now}
            await tx.run(q["insert_unlock"], {**values, "by": actor.person_id})
            await append(tx, [attempting.event(actor, patient_id, "unlocked", {"patient_id": str(patient_id)})])
            await audit.record(tx, actor, audit.Action.OVERRIDE, "verification-lock", patient_id, patients=[patient_id])

    async def locks(self, actor: Actor) -> list[Lock]:
        """The patients whose verification is locked now, the latest first; initials only. Audited."""
        actor.require(Permission.AGENT_MANAGE)
        now = self.clock.now()
        async with self.db.tenant(actor.tenant_id) as tx:
            policy = await store.policy_at(tx, now)
            since = now - policy.failure_window
            rows = await tx.all(q["list_locks"], {"since": since, "most": policy.most_failures})
            locks = [Lock(initials=judging.initials(row.pop("given"), row.pop("family")), **row) for row in rows]
            if locks:
                await audit.record(
                    tx,
                    actor,
                    audit.Action.SEARCH,
                    "verification-lock",
                    patients=[lock.patient_id for lock in locks],
                    fields=["initials"],
                )
        return sorted(locks, key=lambda lock: lock.last_at, reverse=True)

    async def policy(self, actor: Actor) -> dict[str, Any]:
        """The verification policy in force, as data: the tenant's own, or the shipped one."""
        actor.require(Permission.ORGANIZATION_MANAGE, Permission.AUDIT_READ)
        async with self.db.tenant(actor.tenant_id) as tx:
            row = await tx.one(q["read_policy"], {"at": self.clock.now()})
        return dict(row["body"]) if row else shipped_body()

    async def set_policy(self, actor: Actor, body: dict[str, Any], *, valid_from: datetime | None = None) -> None:
        """The tenant's own verification policy from now or a later instant on. Raises `InvalidPolicy`."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        now = self.clock.now()
        valid_from = valid_from or now
        if valid_from.tzinfo is None:
            raise InvalidInput("A time needs its zone.", field="valid_from")
        if not timedelta(0) <= valid_from - now <= timedelta(days=3660):
            raise InvalidInput("The past cannot be changed: choose now or a later time.", field="valid_from")
        policy = Policy.from_body({**body, "valid_from": valid_from.astimezone(UTC).isoformat()})
        policy_id = new_id()
        async with self.db.tenant(actor.tenant_id) as tx:
            stored = Jsonb({**body, "valid_from": policy.valid_from.isoformat()})
            values = {"id": policy_id, "valid_from": valid_from, "body": stored, "citation": policy.citation}
            await tx.run(q["insert_policy"], {**values, "by": actor.person_id})
            await audit.record(tx, actor, audit.Action.CREATE, "verification-policy", policy_id)

    # --- the card -------------------------------------------------------------------------------------------------

    async def card(self, actor: Actor, call_id: UUID, patient_id: UUID) -> Card:
        """The patient's card, as far as the level and the caller's scope allow.

        Raises `VerificationNeeded`, saying what is missing, below the level of a card; refusals are audited too.
        """
        actor.require(Permission.PATIENT_READ)
        now = self.clock.now()
        refusal: VerificationNeeded | None = None
        card: Card | None = None
        async with self.db.tenant(actor.tenant_id) as tx:
            await self._contact(tx, actor, call_id)
            policy = await store.policy_at(tx, now)
            attempts = await tx.all(q["list_attempts"], {"call_id": call_id, "patient_id": patient_id})
            standing = judging.standing(policy, patient_id, attempts, 0)
            emergency = standing.outcome is Outcome.EMERGENCY
            if standing.level < policy.needed("card") and not emergency:
                if await tx.one(q["living_id"], {"id": patient_id}) is None:
                    raise NotFound()
                refusal = judging.needed(policy, "card", standing)
                await audit.record(
                    tx, actor, audit.Action.READ, "patient", patient_id,
                    patients=[patient_id], contact_id=call_id, outcome="refused",
                )  # fmt: skip
            else:
                card = await attempting.open_card(tx, actor, call_id, standing, policy, now)
        if refusal is not None:
            raise refusal
        assert card is not None
        return card

    async def open_in_emergency(self, actor: Actor, call_id: UUID, patient_id: UUID, reason: str = "") -> Card:
        """Open the whole card without verification, because somebody may be harmed otherwise.

        Never blocked: not by a lock, a missing reason, a contact that has ended. Always audited, for review.
        """
        actor.require(Permission.PATIENT_READ, Permission.PATIENT_SEARCH, Permission.CALL_HANDLE)
        now = self.clock.now()
        async with self.db.tenant(actor.tenant_id) as tx:
            if await tx.one(q["living_id"], {"id": patient_id}) is None:
                raise NotFound()
            policy = await store.policy_at(tx, now)
            opened = Verification(
                patient_id=patient_id,
                outcome=Outcome.EMERGENCY,
                level=0,
                caller_role="self",
                agreed=(),
                disagreed=(),
                scope=tuple(sorted(policy.authorities["own"][1])),
                ask_next=(),
                attempts_left=0,
            )
            await attempting.insert(tx, actor, call_id, opened, policy, None, now)
            body = {"patient_id": str(patient_id)}
            await append(tx, [attempting.event(actor, call_id, "emergency-opened", body)])
            # Whatever was typed as the reason, it must not stand in the way.
            reason = reason.replace("\x00", "").strip()[:500]
            return await attempting.open_card(tx, actor, call_id, opened, policy, now, reason=reason)

    # --- inside a transaction -------------------------------------------------------------------------------------

    async def _contact(self, tx: Tx, actor: Actor, call_id: UUID) -> Row:
        """The contact, if it is open and this actor's to work on."""
        row = await tx.one(q["read_contact"], {"call_id": call_id, "person_id": actor.person_id})
        if row is None or not (row["took_part"] or actor.may(Permission.CALL_READ)):
            raise NotFound()
        if row["ended_at"] is not None and not row["unfinished"]:
            raise ContactClosed()
        return row

    async def _audit_found(self, tx: Tx, actor: Actor, call_id: UUID, found: Candidates, by: Iterable[str]) -> None:
        await audit.record(
            tx,
            actor,
            audit.Action.SEARCH,
            "patient",
            patients=[c.patient_id for c in found.found],
            contact_id=call_id,
            fields=["initials", "age-group"],
            detail={"by": list(by), "more": found.more},
        )
