"""Orders from pages and the API to call control, through rows that survive a crash, with the answer waited for.

An order is a row in `control_command` and a NOTIFY that wakes call control. Its key makes a repeated order (a button
pressed twice, a request sent again) the same order: the second gets the first one's answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from careline.calls.orders import KINDS, QUESTIONS, SUPERVISORS_ONLY
from careline.kernel.errors import CarelineError, Conflict, InvalidInput, NotSignedIn, Unavailable
from careline.kernel.ids import new_id
from careline.platform.db import Database, queries
from careline.security import audit
from careline.security.actor import Actor
from careline.security.audit import Action
from careline.security.permissions import Permission

log = logging.getLogger(__name__)
_q = queries("careline.calls", "control.sql")

#: Wakes call control; the payload is `tenant:order`.
CHANNEL = "careline_order"
#: How long an order is waited for. Call control answers within milliseconds or is away.
PATIENCE = 5.0


class ControlAway(Unavailable):
    """Call control does not answer just now. Calls in progress go on; try again in a moment."""

    id = "call-control-away"


class OrderRefused(CarelineError):
    """Call control refused the order."""

    id = "order-refused"

    def __init__(self, result: Mapping[str, Any]) -> None:
        """Carries id, status and sentence of the refusal."""
        super().__init__(str(result.get("detail") or self.__doc__))
        self.id = str(result.get("error") or "order-refused")  # type: ignore[misc]
        self.status = int(result.get("status") or 409)  # type: ignore[misc]


class KeyReused(Conflict):
    """This idempotency key was used for another order."""

    id = "idempotency-key-reused"


class CallCommands:
    """Gives orders and waits for their answers."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def give(self, actor: Actor, kind: str, body: Mapping[str, Any], key: str | None = None) -> dict[str, Any]:
        """Have an order carried out. Raises the refusal, or `ControlAway` when nobody answers in time; the order may
        still be carried out then, and repeating it with the same key is safe."""
        if kind not in KINDS:
            raise InvalidInput(f"Unknown order: {kind}.")
        actor.require(
            Permission.AGENT_MANAGE if kind in SUPERVISORS_ONLY else Permission.CALL_HANDLE, Permission.AGENT_MANAGE
        )
        if actor.person_id is None:
            raise NotSignedIn("Orders are given by a person.")
        stored = {**body, "_manage": True} if actor.may(Permission.AGENT_MANAGE) else dict(body)
        scoped = f"{actor.person_id}:{key}" if key else None
        order_id = await self._place(actor, kind, stored, scoped)
        return await self._answer(actor.tenant_id, order_id)

    async def _place(self, actor: Actor, kind: str, body: dict[str, Any], key: str | None) -> UUID:
        body.pop("_manage", None) if not actor.may(Permission.AGENT_MANAGE) else None
        async with self._db.tenant(actor.tenant_id) as tx:
            values = {"id": new_id(), "person_id": actor.person_id, "kind": kind, "body": Jsonb(body), "key": key}
            row = await tx.one(_q["give_order"], values)
            if row is None:
                known = await tx.one(_q["find_order"], {"key": key})
                assert known is not None
                if known["kind"] != kind or known["body"] != body or known["person_id"] != actor.person_id:
                    raise KeyReused
                return UUID(str(known["id"]))
            await tx.run("SELECT pg_notify(%s, %s)", (CHANNEL, f"{actor.tenant_id}:{row['id']}"))
            if kind in SUPERVISORS_ONLY and kind not in QUESTIONS:
                call_id = body.get("call_id")
                detail: dict[str, object] = {"order": kind}
                await audit.record(tx, actor, Action.EXECUTE, "call", call_id, contact_id=_uuid(call_id), detail=detail)
            return UUID(str(row["id"]))

    async def _answer(self, tenant_id: int, order_id: UUID) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        pause = 0.008
        while loop.time() < end:
            await asyncio.sleep(pause)
            pause = min(pause * 1.4, 0.1)
            async with self._db.tenant(tenant_id) as tx:
                row = await tx.one(_q["read_result"], {"id": order_id})
            if row and row["state"] == "done":
                return dict(row["result"] or {})
            if row and row["state"] == "refused":
                raise OrderRefused(row["result"])
        raise ControlAway


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None


async def orders(url: str, db: Database) -> AsyncIterator[tuple[int, UUID]]:
    """For call control: every order as it is given, and those given while nobody listened. Never ends."""
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
                await conn.execute(f"LISTEN {CHANNEL}")
                for waiting in await _given(db):
                    yield waiting
                while True:
                    heard = False
                    async for notice in conn.notifies(timeout=1.0):
                        heard = True
                        tenant, _, order = notice.payload.partition(":")
                        with contextlib.suppress(ValueError):
                            yield int(tenant), UUID(order)
                    if not heard:
                        for waiting in await _given(db):
                            yield waiting
        except (psycopg.OperationalError, psycopg.InterfaceError, OSError):
            log.warning("orders cannot be heard: the database is away")
            await asyncio.sleep(0.5)


async def _given(db: Database) -> list[tuple[int, UUID]]:
    async with db.system() as tx:
        tenants = [row["id"] for row in await tx.all(_q["list_tenants"])]
    found: list[tuple[int, UUID]] = []
    for tenant_id in tenants:
        async with db.tenant(tenant_id) as tx:
            found += [(tenant_id, row["id"]) for row in await tx.all(_q["list_given_orders"])]
    return found
