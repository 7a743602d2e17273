"""Rows of messages, and the two rules every write keeps: a step for each change, a running timer while it is open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from careline.kernel.ids import new_id
from careline.messages.model import State, Urgency, reminder_after
from careline.platform import timers
from careline.platform.db import Row, Tx, queries
from careline.platform.events import NewEvent, append
from careline.security.actor import Actor

q = queries("careline.messages")

#: The kind of timer that runs for every open message.
TIMER = "message-due"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unowned:
    """An open message that breaks the invariant, and how."""

    id: UUID
    #: Neither in an inbox nor with an owner.
    nobody: bool
    #: No time limit, or no timer running for it.
    no_timer: bool


async def unowned(tx: Tx) -> list[Unowned]:
    """The open messages of the tenant without an owner or inbox, or without a running timer. Must be empty, always."""
    return [Unowned(**row) for row in await tx.all(q["list_unowned"])]


async def schedule(tx: Tx, message_id: UUID, due: datetime | None) -> None:
    """Have exactly one timer run for a message, or none once it is done."""
    await timers.cancel(tx, ref=message_id, kind=TIMER)
    if due is not None:
        await timers.arm(tx, TIMER, message_id, due)


async def add_step(
    tx: Tx, actor: Actor, message_id: UUID, kind: str, at: datetime, note: str = "", **detail: Any
) -> None:
    """Write what happened to a message, for its page and for whoever follows the events."""
    await tx.run(
        q["insert_step"],
        {
            "id": new_id(),
            "message_id": message_id,
            "kind": kind,
            "at": at,
            "by": actor.person_id,
            "by_name": actor.name,
            "note": note,
            "detail": Jsonb(detail),
        },
    )
    event = NewEvent(stream="message", stream_id=message_id, kind=kind, body=detail, person_id=actor.person_id)
    await append(tx, [event])


async def change(tx: Tx, row: Row, **changes: Any) -> None:
    """Write a message's new state and run its timer accordingly."""
    values = {
        name: row[name]
        for name in (
            "id", "state", "owner_id", "due_at", "department_id", "provider_id", "done_at", "outcome", "overdue",
        )
    } | changes  # fmt: skip
    await tx.run(q["update_state"], values)
    if values["due_at"] != row["due_at"]:
        await schedule(tx, row["id"], values["due_at"])


async def remind(tx: Tx, message_id: UUID, actor: Actor, now: datetime) -> None:
    """A message's time has run out: say so, and set the next limit. Nothing to do when it was acted on meanwhile."""
    row = await tx.one(q["lock_message"], {"id": message_id, "person_id": None})
    if row is None or row["state"] == State.DONE or row["due_at"] > now:
        return
    due = reminder_after(Urgency(row["urgency"]), now)
    await change(tx, row, due_at=due, overdue=row["overdue"] + 1)
    await add_step(
        tx, actor, message_id, "overdue", now, inbox=str(row["department_id"] or row["provider_id"]),
        urgency=row["urgency"], times=row["overdue"] + 1,
    )  # fmt: skip
