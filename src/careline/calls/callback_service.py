"""The list of callbacks, and what people may do with one. Call control carries the orders out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from careline.kernel.clock import Clock
from careline.kernel.errors import NotFound
from careline.kernel.phone import pretty
from careline.platform.db import Database, Row, Tx, queries
from careline.security import audit
from careline.security.actor import Actor
from careline.security.audit import Action
from careline.security.permissions import Permission

_q = queries("careline.calls", "callbacks.sql")

#: How much of a number those see who do not manage the floor.
SHOWN_DIGITS = 4


class Orders(Protocol):
    """Gives orders to call control (`calls.commands.CallCommands`)."""

    async def give(self, actor: Actor, kind: str, body: Mapping[str, Any], key: str | None = None) -> dict[str, Any]:
        """Have an order carried out; raises the refusal."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackView:
    """A caller who waits to be called back."""

    #: The call's id: the callback is the call itself, which goes on.
    id: UUID
    #: As people read it; for those who do not manage the floor all but the last digits are hidden.
    number: str
    #: How the number was confirmed: calling-number, keys, staff.
    verified: str
    #: agent-first or caller-first.
    mode: str
    #: goodbye, waiting, dialling, asking, message.
    stage: str
    queue_id: UUID
    queue: str
    line: str
    language: str
    reason: str | None
    emergency: bool
    #: When it was arranged, and since when the place counts.
    since: datetime
    place_at: datetime
    #: Among callers on the line and callbacks; None until its moment has come.
    place: int | None
    #: When it is expected to be its turn; None when nobody is staffed.
    expected_at: datetime | None
    #: Not before this moment, when one was chosen or a retry is due.
    next_at: datetime | None
    #: When it is given up and becomes a message for the department.
    expires_at: datetime
    #: Times the caller was rung in vain.
    attempts: int
    #: What came of the last of them (no-answer, busy, machine …), and when; None before the first.
    missed: str | None
    missed_at: datetime | None
    #: Who is being rung for it, or listens while the caller's telephone rings.
    agent: str | None


class CallbackService:
    """Use cases on callbacks."""

    def __init__(self, db: Database, clock: Clock, orders: Orders) -> None:
        self.db = db
        self.clock = clock
        self.orders = orders

    async def list(self, actor: Actor) -> Sequence[CallbackView]:
        """Every callback that waits; for agents those of their own queues. Audited, since it shows numbers."""
        actor.require(Permission.BOARD_READ, Permission.AGENT_MANAGE, Permission.CALL_HANDLE)
        async with self.db.tenant(actor.tenant_id) as tx:
            found = [self._view(row, actor) for row in await self._rows(tx, actor)]
            await audit.record(tx, actor, Action.SEARCH, "callback", fields=["number"], detail={"found": len(found)})
        return found

    async def count(self, actor: Actor) -> int:
        """How many wait: the live topic, which tells open pages to look again and holds no number."""
        actor.require(Permission.BOARD_READ, Permission.AGENT_MANAGE, Permission.CALL_HANDLE)
        async with self.db.tenant(actor.tenant_id) as tx:
            return len(await self._rows(tx, actor))

    async def cancel(self, actor: Actor, call_id: UUID, key: str | None = None) -> None:
        """Call it off. Raises `NotFound`, or call control's refusal."""
        actor.require(Permission.AGENT_MANAGE)
        await self._order(actor, call_id, "callback.cancel", {}, key)

    async def call_now(self, actor: Actor, call_id: UUID, key: str | None = None) -> None:
        """Take it at once when one is free in its queue, else put it first in line. Raises `NotAtThisHour`."""
        actor.require(Permission.AGENT_MANAGE, Permission.CALL_HANDLE)
        await self._order(actor, call_id, "callback.call_now", {}, key)

    async def change(
        self,
        actor: Actor,
        call_id: UUID,
        *,
        number: str | None = None,
        next_at: datetime | None = None,
        when_it_is_due: bool = False,
        key: str | None = None,
    ) -> None:
        """Another number or moment; `when_it_is_due` takes a chosen moment back. Raises `NotDialable`."""
        actor.require(Permission.AGENT_MANAGE)
        body: dict[str, Any] = {}
        if number:
            body["number"] = number
        if next_at is not None:
            body["next_at"] = next_at.isoformat()
        elif when_it_is_due:
            body["next_at"] = None
        await self._order(actor, call_id, "callback.change", body, key)

    async def machine(self, actor: Actor, call_id: UUID, key: str | None = None) -> None:
        """An answering machine picked up the agent's callback: leave the message, and be free."""
        actor.require(Permission.CALL_HANDLE)
        async with self.db.tenant(actor.tenant_id) as tx:
            mine = {"id": call_id, "person_id": actor.person_id}
            if await tx.one(_q["know_callback_in_hand"], mine) is None:
                raise NotFound("This is not a callback of yours, or it is over.")
        await self.orders.give(actor, "callback.machine", {"call_id": str(call_id)}, key)

    async def _order(self, actor: Actor, call_id: UUID, kind: str, body: dict[str, Any], key: str | None) -> None:
        async with self.db.tenant(actor.tenant_id) as tx:
            if not await self._rows(tx, actor, call_id):
                raise NotFound("There is no such callback, or it is over.")
        await self.orders.give(actor, kind, {**body, "call_id": str(call_id)}, key)
        async with self.db.tenant(actor.tenant_id) as tx:
            detail: dict[str, object] = {"order": kind}
            await audit.record(
                tx, actor, Action.UPDATE, "callback", call_id, contact_id=call_id, fields=sorted(body), detail=detail
            )

    async def _rows(self, tx: Tx, actor: Actor, call_id: UUID | None = None) -> Sequence[Row]:
        every = actor.may(Permission.BOARD_READ) or actor.may(Permission.AGENT_MANAGE)
        params = {"id": call_id, "person_id": None if every else actor.person_id}
        return await tx.all(_q["list_callbacks"], params)

    def _view(self, row: Row, actor: Actor) -> CallbackView:
        ringing = row.pop("ringing")
        # An estimate that has passed means: at any moment.
        coming = row["expected_at"]
        expected = row["next_at"] or (max(coming, self.clock.now()) if coming else None)
        stage = "ringing-agent" if ringing else row["stage"]
        number = pretty(row["number"]) if actor.may(Permission.AGENT_MANAGE) else masked(row["number"])
        return CallbackView(**{**row, "number": number, "stage": stage, "expected_at": expected})


def masked(number: str) -> str:
    """A number of which only the last digits can be read: enough to tell two callers apart, not to call one."""
    return f"••• {number[-SHOWN_DIGITS:]}"
