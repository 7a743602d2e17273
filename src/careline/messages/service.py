"""Use cases on messages: working an inbox, and what happens when nobody acts in time. How they begin: `intake`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from careline.kernel.errors import Forbidden, NotFound
from careline.messages import store
from careline.messages.intake import Intake, checked_note, facts_of, find_recipient
from careline.messages.model import (
    OUTCOMES,
    TRANSITIONS,
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
from careline.platform.db import Row, Tx
from careline.platform.timers import Handler, Timer
from careline.security import audit
from careline.security.actor import Actor, system_actor
from careline.security.permissions import Permission

#: Rows of a list.
PAGE = 200


class MessageService(Intake):
    """Takes messages and moves them along. An open message always has an inbox or owner, and a running timer."""

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
                await store.add_step(tx, actor, message_id, "read", now, **facts_of(row))
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
            if await find_recipient(tx, department_id, provider_id) is None:
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
            await self._told(tx, actor, row, "forwarded", now, checked_note(note, needed=False), to=to)

    async def reply(self, actor: Actor, message_id: UUID, note: str) -> None:
        """Write an answer or a remark under a message."""
        actor.require(Permission.MESSAGE_READ, Permission.MESSAGE_READ_ALL)
        now = self.clock.now()
        async with self.db.tenant(actor.tenant_id) as tx:
            row = await self._locked(tx, actor, message_id)
            state = _moved(row, Move.REPLY, None)
            await store.change(tx, row, state=state)
            await self._told(tx, actor, row, "replied", now, checked_note(note, needed=True))

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
            await self._told(tx, actor, row, "done", now, checked_note(note, needed=False), outcome=outcome)

    async def reopen(self, actor: Actor, message_id: UUID, note: str = "") -> None:
        """It was not done after all: back into the inbox, with a fresh limit."""
        actor.require(Permission.MESSAGE_READ, Permission.MESSAGE_READ_ALL)
        now = self.clock.now()
        async with self.db.tenant(actor.tenant_id) as tx:
            row = await self._locked(tx, actor, message_id)
            state = _moved(row, Move.REOPEN, None)
            due = due_after(Urgency(row["urgency"]), state, now)
            await store.change(tx, row, state=state, owner_id=None, due_at=due, done_at=None, outcome=None)
            await self._told(tx, actor, row, "reopened", now, checked_note(note, needed=False))

    # --- time -----------------------------------------------------------------------------------------------------

    def timer_handlers(self) -> Mapping[str, Handler]:
        """What the worker does when a message's time has run out."""

        async def overdue(tx: Tx, timer: Timer) -> None:
            await store.remind(tx, timer.ref, system_actor(timer.tenant_id), self.clock.now())

        return {TIMER: overdue}

    # --- inside a transaction -------------------------------------------------------------------------------------

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


def _moved(row: Row, move: Move, version: int | None) -> State:
    if version is not None and version != row["version"]:
        raise MessageChanged()
    return after(State(row["state"]), move)


def _reach(actor: Actor) -> dict[str, Any]:
    return {"person_id": actor.person_id, "all": actor.may(Permission.MESSAGE_READ_ALL)}


def _item(row: Row) -> Item:
    return Item(**{**row, "urgency": Urgency(row["urgency"]), "state": State(row["state"])})
