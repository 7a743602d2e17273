"""How a message begins: taken by a person, or filed by call control for a voicemail or a missed callback."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from careline.kernel.clock import Clock
from careline.kernel.errors import NotFound
from careline.kernel.ids import new_id
from careline.kernel.phone import to_e164
from careline.messages import store
from careline.messages.model import (
    REASONS,
    Draft,
    InvalidMessage,
    RecipientUnknown,
    State,
    Urgency,
    due_after,
)
from careline.messages.store import q
from careline.patients.policy import shipped
from careline.platform.db import Database, Row, Tx
from careline.security import audit
from careline.security.actor import Actor, system_actor
from careline.security.permissions import Permission

#: Longest body of a message or note.
LONGEST = 4000
#: The mark of a voicemail whose caller had raised an emergency, where others bear the rule that their words matched.
RAISED = "raised-by-caller"


class Intake:
    """Puts messages into inboxes."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self.db = db
        self.clock = clock

    async def take(self, actor: Actor, draft: Draft) -> UUID:
        """Put a message into an inbox; returns its id. The same `key` again returns the message there is."""
        actor.require(Permission.MESSAGE_TAKE)
        callback = _checked(draft)
        now = self.clock.now()
        async with self.db.tenant(actor.tenant_id) as tx:
            if draft.call_id is not None:
                call = await tx.one(q["know_call"], {"call_id": draft.call_id, "person_id": actor.person_id})
                if call is None or not (call["took_part"] or actor.may(Permission.CALL_READ)):
                    raise NotFound("There is no such call.")
            message_id, fresh = await self._insert(tx, actor, draft, callback, now)
            if fresh:
                await audit.record(
                    tx,
                    actor,
                    audit.Action.CREATE,
                    "message",
                    message_id,
                    patients=[draft.patient_id] if draft.patient_id else [],
                    contact_id=draft.call_id,
                )
        return message_id

    async def take_voicemail(
        self,
        tx: Tx,
        *,
        call_id: UUID,
        department_id: UUID | None,
        caller: str | None,
        language: str,
        seconds: float | None = None,
        emergency: bool = False,
    ) -> UUID | None:
        """For call control, inside its transaction: a voicemail becomes a message, so that somebody must deal with it.

        Repeating it for the same call changes nothing. None when the tenant has no department at all. `emergency`: the
        caller had raised one; then it is critical, and marked.
        """
        draft = Draft(
            department_id=department_id,
            call_id=call_id,
            caller_name="",
            caller_role="unknown",
            callback=caller,
            language=language,
            reason="voicemail",
            body="Voicemail." if seconds is None else f"Voicemail, {round(seconds)} seconds.",
            key=f"voicemail:{call_id}",
        )
        filed = await self._file(tx, draft)
        if filed is not None and emergency:
            await self.flag_voicemail(tx, call_id=call_id, rule=RAISED, urgency=Urgency.CRITICAL)
        return filed

    async def flag_voicemail(self, tx: Tx, *, call_id: UUID, rule: str, urgency: Urgency) -> bool:
        """Inside a transaction: a voicemail may be about an emergency. It becomes as urgent as that, due at once, and
        is marked with the rule; one audited step. False when it is marked already, done, or there is none."""
        assert tx.tenant_id is not None
        found = await tx.one(q["find_by_key"], {"key": f"voicemail:{call_id}"})
        row = await tx.one(q["lock_message"], {"id": found["id"], "person_id": None}) if found else None
        if row is None or row["red_flag"] is not None or row["state"] == State.DONE:
            return False
        now, actor = self.clock.now(), system_actor(tx.tenant_id)
        graver = max(Urgency(row["urgency"]), urgency, key=list(Urgency).index)
        due = due_after(graver, State(row["state"]), now)
        assert due is not None
        await tx.run(q["flag_message"], {"id": row["id"], "rule": rule, "urgency": graver.value})
        await store.change(tx, row, due_at=min(due, row["due_at"]))
        await self._told(tx, actor, row, "red-flag", now, rule=rule)
        return True

    async def take_missed_callback(
        self, tx: Tx, *, call_id: UUID, number: str, language: str, attempts: int
    ) -> UUID | None:
        """For call control, inside its transaction: a caller who asked to be called back and could not be reached is
        the line's department's to reach. Repeating it changes nothing. None when the tenant has no department."""
        draft = Draft(
            department_id=None,
            call_id=call_id,
            caller_name="",
            caller_role="unknown",
            callback=number,
            callback_confirmed=True,
            language=language,
            reason="callback",
            body=f"Asked to be called back; not reached. Times called: {attempts}.",
            key=f"callback:{call_id}",
        )
        return await self._file(tx, draft)

    async def _file(self, tx: Tx, draft: Draft) -> UUID | None:
        """Put what call control files into the inbox meant, else into one of the line's own department."""
        assert tx.tenant_id is not None
        department_id = draft.department_id
        if department_id is None or await find_recipient(tx, department_id, None) is None:
            row = await tx.one(q["department_for_line"], {"call_id": draft.call_id})
            if row is None:
                return None
            draft = replace(draft, department_id=row["id"])
        actor = system_actor(tx.tenant_id)
        message_id, _ = await self._insert(tx, actor, draft, to_e164(draft.callback), self.clock.now())
        return message_id

    async def _insert(
        self, tx: Tx, actor: Actor, draft: Draft, callback: str | None, now: datetime
    ) -> tuple[UUID, bool]:
        """The message's id, and whether it is new."""
        recipient = await find_recipient(tx, draft.department_id, draft.provider_id)
        if recipient is None:
            raise RecipientUnknown()
        patient_id = None
        level = 0
        if draft.patient_id is not None:
            patient = await tx.one(q["know_patient"], {"patient_id": draft.patient_id})
            if patient is None:
                raise InvalidMessage("There is no such patient.", field="patient_id")
            patient_id = patient["id"]
            verified = await tx.one(q["verified_level"], {"call_id": draft.call_id, "patient_id": draft.patient_id})
            level = verified["level"] if verified else 0
        message_id = new_id()
        due = due_after(draft.urgency, State.NEW, now)
        values = {
            "id": message_id,
            "call_id": draft.call_id,
            "department_id": draft.department_id,
            "provider_id": draft.provider_id,
            "patient_id": patient_id,
            "verified_level": level,
            "caller_name": draft.caller_name.strip(),
            "caller_role": draft.caller_role,
            "callback": callback,
            "callback_confirmed": draft.callback_confirmed and callback is not None,
            "voicemail_ok": draft.voicemail_ok,
            "language": draft.language,
            "reason": draft.reason,
            "body": draft.body.strip(),
            "urgency": draft.urgency.value,
            "due_at": due,
            "taken_at": now,
            "taken_by": actor.person_id,
            "key": draft.key,
        }
        if not await tx.run(q["insert_message"], values):
            row = await tx.one(q["find_by_key"], {"key": draft.key})
            assert row is not None
            return row["id"], False
        await store.schedule(tx, message_id, due)
        inbox = str(draft.department_id or draft.provider_id)
        call = str(draft.call_id) if draft.call_id else None
        await store.add_step(
            tx, actor, message_id, "taken", now, inbox=inbox, urgency=draft.urgency.value, call_id=call
        )
        return message_id, True

    async def _told(
        self, tx: Tx, actor: Actor, row: Row, kind: str, now: datetime, note: str = "", **facts: Any
    ) -> None:
        await store.add_step(tx, actor, row["id"], kind, now, note, **facts_of(row), **facts)
        await audit.record(
            tx,
            actor,
            audit.Action.UPDATE,
            "message",
            row["id"],
            patients=[row["patient_id"]] if row["patient_id"] else [],
            contact_id=row["call_id"],
            detail={"step": kind},
        )


async def find_recipient(tx: Tx, department_id: UUID | None, provider_id: UUID | None) -> Row | None:
    """The department or provider a message is to go to; None when there is none. Raises `InvalidMessage`."""
    if (department_id is None) == (provider_id is None):
        raise InvalidMessage("A message goes to one department or one provider.", field="to")
    return await tx.one(q["know_recipient"], {"department_id": department_id, "provider_id": provider_id})


def _checked(draft: Draft) -> str | None:
    """The callback number in E.164. Raises `InvalidMessage` naming what is missing or wrong."""
    if not draft.caller_name.strip() or len(draft.caller_name) > 200:
        raise InvalidMessage("Who is calling? A name of at most 200 characters is needed.", field="caller_name")
    if draft.caller_role not in shipped().roles:
        raise InvalidMessage("There is no such caller role.", field="caller_role")
    if draft.reason not in REASONS:
        raise InvalidMessage("There is no such reason.", field="reason")
    checked_note(draft.body, needed=True)
    if draft.key is not None and not 1 <= len(draft.key) <= 200:
        raise InvalidMessage("An idempotency key has 1 to 200 characters.", field="key")
    if any("\x00" in text for text in (draft.caller_name, draft.body, draft.key or "", draft.language)):
        raise InvalidMessage("Text may not contain the character NUL.")
    if len(draft.language) > 12:
        raise InvalidMessage("There is no such language.", field="language")
    if not draft.callback:
        return None
    callback = to_e164(draft.callback)
    if callback is None:
        raise InvalidMessage("The callback number is not a telephone number.", field="callback")
    return callback


def checked_note(text: str, *, needed: bool) -> str:
    """A text as it is kept. Raises `InvalidMessage` when it is missing or too long."""
    text = text.strip()
    if needed and not text:
        raise InvalidMessage("Write the message first.", field="body")
    if len(text) > LONGEST or "\x00" in text:
        raise InvalidMessage(f"At most {LONGEST} characters, without NUL.", field="body")
    return text


def facts_of(row: Row) -> dict[str, Any]:
    """What every step tells of its message: where it lies, and how urgent it is."""
    return {"inbox": str(row["department_id"] or row["provider_id"]), "urgency": row["urgency"]}
