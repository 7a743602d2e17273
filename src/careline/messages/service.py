"""Use cases on messages: taking one, working an inbox, and what happens when nobody acts in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from careline.kernel.clock import Clock
from careline.kernel.errors import Forbidden, NotFound
from careline.kernel.ids import new_id
from careline.kernel.phone import to_e164
from careline.messages import store
from careline.messages.model import (
    OUTCOMES,
    REASONS,
    TRANSITIONS,
    Draft,
    Inbox,
    InvalidMessage,
    Item,
    Message,
    MessageChanged,
    Move,
    RecipientUnknown,
    State,
    Step,
    Urgency,
    Voicemail,
    after,
    due_after,
    due_forwarded,
)
from careline.messages.store import TIMER, q
from careline.patients.policy import shipped
from careline.platform.db import Database, Row, Tx
from careline.platform.timers import Handler, Timer
from careline.security import audit
from careline.security.actor import Actor, system_actor
from careline.security.permissions import Permission

#: Longest body of a message or note.
LONGEST = 4000
#: Rows of a list.
PAGE = 200
#: The mark of a voicemail whose caller had raised an emergency, where others bear the rule that their words matched.
RAISED = "raised-by-caller"


class MessageService:
    """Takes messages and moves them along. An open message always has an inbox or owner, and a running timer."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self.db = db
        self.clock = clock

    # --- taking ---------------------------------------------------------------------------------------------------

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
        if department_id is None or await _recipient(tx, department_id, None) is None:
            row = await tx.one(q["department_for_line"], {"call_id": draft.call_id})
            if row is None:
                return None
            draft = replace(draft, department_id=row["id"])
        actor = system_actor(tx.tenant_id)
        message_id, _ = await self._insert(tx, actor, draft, to_e164(draft.callback), self.clock.now())
        return message_id

    # --- reading --------------------------------------------------------------------------------------------------

    async def inboxes(self, actor: Actor) -> list[Inbox]:
        """The inboxes the actor works, with what is open and overdue. No patient data."""
        actor.require(Permission.MESSAGE_READ, Permission.MESSAGE_READ_ALL)
        async with self.db.tenant(actor.tenant_id) as tx:
            rows = await tx.all(q["list_inboxes"], {**_reach(actor), "now": self.clock.now()})
        return [Inbox(**row) for row in rows]

    async def items(
        self, actor: Actor, *, inbox: UUID | None = None, call_id: UUID | None = None, done: bool = False
    ) -> list[Item]:
        """Messages in the actor's inboxes, the most pressing first. No patient data."""
        actor.require(Permission.MESSAGE_READ, Permission.MESSAGE_READ_ALL)
        params = {**_reach(actor), "inbox": inbox, "call_id": call_id, "done": done, "limit": PAGE}
        async with self.db.tenant(actor.tenant_id) as tx:
            return [_item(row) for row in await tx.all(q["list_items"], params)]

    async def on_call(self, actor: Actor, call_id: UUID) -> list[Item]:
        """The messages the actor has taken on a call (for supervisors: all of them), each with its own state."""
        actor.require(Permission.MESSAGE_TAKE, Permission.MESSAGE_READ_ALL)
        async with self.db.tenant(actor.tenant_id) as tx:
            return [_item(row) for row in await tx.all(q["list_for_call"], {**_reach(actor), "call_id": call_id})]

    async def snapshot(self, actor: Actor) -> dict[str, Any]:
        """The live view of the inbox page: no patient data."""
        actor.require(Permission.MESSAGE_READ, Permission.MESSAGE_READ_ALL)
        return {"inboxes": await self.inboxes(actor), "items": await self.items(actor)}

    async def open(self, actor: Actor, message_id: UUID) -> Message:
        """One message, audited. Opened by somebody of its inbox, a new one becomes read."""
        actor.require(Permission.MESSAGE_READ, Permission.MESSAGE_READ_ALL)
        now = self.clock.now()
        async with self.db.tenant(actor.tenant_id) as tx:
            row = await self._locked(tx, actor, message_id, reading=True)
            if row["state"] == State.NEW and row["mine"]:
                await store.change(tx, row, state=State.READ)
                await store.add_step(tx, actor, message_id, "read", now, **_facts(row))
            message = await self._message(tx, actor, row)
            await audit.record(
                tx,
                actor,
                audit.Action.READ,
                "message",
                message_id,
                patients=[message.patient_id] if message.patient_id else [],
                contact_id=message.call_id,
                fields=["patient", "caller", "callback", "body", "steps", *["transcript" for _ in message.voicemails]],
            )
        return message

    # --- moving along ---------------------------------------------------------------------------------------------

    async def acknowledge(self, actor: Actor, message_id: UUID, *, version: int | None = None) -> None:
        """Take a message on: the actor becomes its owner. Doing it twice is harmless."""
        actor.require(Permission.MESSAGE_READ, Permission.MESSAGE_READ_ALL)
        now = self.clock.now()
        async with self.db.tenant(actor.tenant_id) as tx:
            row = await self._locked(tx, actor, message_id)
            if row["state"] == State.ACKNOWLEDGED and row["owner_id"] == actor.person_id:
                return
            state = _moved(row, Move.ACKNOWLEDGE, version)
            due = due_after(Urgency(row["urgency"]), state, now)
            await store.change(tx, row, state=state, owner_id=actor.person_id, due_at=due)
            await self._told(tx, actor, row, "acknowledged", now)

    async def forward(
        self,
        actor: Actor,
        message_id: UUID,
        *,
        department_id: UUID | None = None,
        provider_id: UUID | None = None,
        note: str = "",
        version: int | None = None,
    ) -> None:
        """Put a message into another inbox. Its clock runs on. Raises `RecipientUnknown`."""
        actor.require(Permission.MESSAGE_READ, Permission.MESSAGE_READ_ALL)
        now = self.clock.now()
        async with self.db.tenant(actor.tenant_id) as tx:
            row = await self._locked(tx, actor, message_id)
            state = _moved(row, Move.FORWARD, version)
            if await _recipient(tx, department_id, provider_id) is None:
                raise RecipientUnknown()
            await store.change(
                tx,
                row,
                state=state,
                owner_id=None,
                department_id=department_id,
                provider_id=provider_id,
                due_at=due_forwarded(row["due_at"], now),
            )
            to = str(department_id or provider_id)
            await self._told(tx, actor, row, "forwarded", now, _note(note, needed=False), to=to)

    async def reply(self, actor: Actor, message_id: UUID, note: str) -> None:
        """Write an answer or a remark under a message."""
        actor.require(Permission.MESSAGE_READ, Permission.MESSAGE_READ_ALL)
        now = self.clock.now()
        async with self.db.tenant(actor.tenant_id) as tx:
            row = await self._locked(tx, actor, message_id)
            state = _moved(row, Move.REPLY, None)
            await store.change(tx, row, state=state)
            await self._told(tx, actor, row, "replied", now, _note(note, needed=True))

    async def finish(
        self, actor: Actor, message_id: UUID, outcome: str, *, note: str = "", version: int | None = None
    ) -> None:
        """Done, with an outcome. Repeating it with the same outcome is harmless."""
        actor.require(Permission.MESSAGE_READ, Permission.MESSAGE_READ_ALL)
        if outcome not in OUTCOMES:
            raise InvalidMessage("There is no such outcome.", field="outcome")
        now = self.clock.now()
        async with self.db.tenant(actor.tenant_id) as tx:
            row = await self._locked(tx, actor, message_id)
            if row["state"] == State.DONE and row["outcome"] == outcome:
                return
            state = _moved(row, Move.FINISH, version)
            owner = row["owner_id"] or actor.person_id
            await store.change(tx, row, state=state, owner_id=owner, due_at=None, done_at=now, outcome=outcome)
            await self._told(tx, actor, row, "done", now, _note(note, needed=False), outcome=outcome)

    async def reopen(self, actor: Actor, message_id: UUID, note: str = "") -> None:
        """It was not done after all: back into the inbox, with a fresh limit."""
        actor.require(Permission.MESSAGE_READ, Permission.MESSAGE_READ_ALL)
        now = self.clock.now()
        async with self.db.tenant(actor.tenant_id) as tx:
            row = await self._locked(tx, actor, message_id)
            state = _moved(row, Move.REOPEN, None)
            due = due_after(Urgency(row["urgency"]), state, now)
            await store.change(tx, row, state=state, owner_id=None, due_at=due, done_at=None, outcome=None)
            await self._told(tx, actor, row, "reopened", now, _note(note, needed=False))

    # --- time -----------------------------------------------------------------------------------------------------

    def timer_handlers(self) -> Mapping[str, Handler]:
        """What the worker does when a message's time has run out."""

        async def overdue(tx: Tx, timer: Timer) -> None:
            await store.remind(tx, timer.ref, system_actor(timer.tenant_id), self.clock.now())

        return {TIMER: overdue}

    # --- inside a transaction -------------------------------------------------------------------------------------

    async def _insert(
        self, tx: Tx, actor: Actor, draft: Draft, callback: str | None, now: datetime
    ) -> tuple[UUID, bool]:
        """The message's id, and whether it is new."""
        recipient = await _recipient(tx, draft.department_id, draft.provider_id)
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

    async def _locked(self, tx: Tx, actor: Actor, message_id: UUID, *, reading: bool = False) -> Row:
        """A message the actor may act on (or, `reading`, has taken), locked. To others there is nothing here."""
        row = await tx.one(q["lock_message"], {"id": message_id, "person_id": actor.person_id})
        if row is None:
            raise NotFound()
        if row["mine"] or actor.may(Permission.MESSAGE_READ_ALL) or (reading and row["sent"]):
            return row
        if row["sent"]:
            raise Forbidden("Only the people of this inbox can act on this message.")
        raise NotFound()

    async def _told(
        self, tx: Tx, actor: Actor, row: Row, kind: str, now: datetime, note: str = "", **facts: Any
    ) -> None:
        await store.add_step(tx, actor, row["id"], kind, now, note, **_facts(row), **facts)
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

    async def _message(self, tx: Tx, actor: Actor, locked: Row) -> Message:
        row = await tx.one(q["read_message"], {"id": locked["id"]})
        assert row is not None
        steps = await tx.all(q["list_steps"], {"id": row["id"]})
        left = await tx.all(q["list_voicemails"], {"call_id": row["call_id"]}) if row["reason"] == "voicemail" else []
        may_act = locked["mine"] or actor.may(Permission.MESSAGE_READ_ALL)
        state = State(row["state"])
        same = (
            "id", "to", "department_id", "provider_id", "call_id", "patient_id", "verified_level", "caller_name",
            "caller_role", "callback", "callback_confirmed", "voicemail_ok", "language", "reason", "body", "due_at",
            "overdue", "owner_id", "owner", "taken_at", "done_at", "outcome", "version", "red_flag",
        )  # fmt: skip
        name = " ".join(x for x in (row["given"], row["middle"], row["family"], row["suffix"]) if x)
        return Message(
            **{field: row[field] for field in same},
            patient_name=name or None,
            patient_mrn=row["mrn"],
            patient_birth_date=row["birth_date"].isoformat() if row["birth_date"] else None,
            urgency=Urgency(row["urgency"]),
            state=state,
            taken_by=row["taken_by_name"],
            steps=tuple(Step(**step) for step in steps),
            voicemails=tuple(Voicemail(**one) for one in left),
            moves=tuple(m for m in Move if (state, m) in TRANSITIONS and m is not Move.READ) if may_act else (),
        )


async def _recipient(tx: Tx, department_id: UUID | None, provider_id: UUID | None) -> Row | None:
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
    _note(draft.body, needed=True)
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


def _note(text: str, *, needed: bool) -> str:
    text = text.strip()
    if needed and not text:
        raise InvalidMessage("Write the message first.", field="body")
    if len(text) > LONGEST or "\x00" in text:
        raise InvalidMessage(f"At most {LONGEST} characters, without NUL.", field="body")
    return text


def _moved(row: Row, move: Move, version: int | None) -> State:
    if version is not None and version != row["version"]:
        raise MessageChanged()
    return after(State(row["state"]), move)


def _facts(row: Row) -> dict[str, Any]:
    return {"inbox": str(row["department_id"] or row["provider_id"]), "urgency": row["urgency"]}


def _reach(actor: Actor) -> dict[str, Any]:
    return {"person_id": actor.person_id, "all": actor.may(Permission.MESSAGE_READ_ALL)}


def _item(row: Row) -> Item:
    return Item(**{**row, "urgency": Urgency(row["urgency"]), "state": State(row["state"])})
