"""Wrap-up codes that are chosen later: calls that were left without one wait on their agent's desk, for a week.

A queue may give no time after a call, or the time may run out. The work on the call is over then (nothing of a patient
stays open for its sake); only the code is missing, and can be given whenever there is a moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from careline.kernel.clock import Clock
from careline.kernel.errors import Conflict, InvalidInput, NotFound
from careline.platform.db import Database, Tx, queries
from careline.platform.events import NewEvent, append
from careline.security import audit
from careline.security.actor import Actor
from careline.security.audit import Action
from careline.security.permissions import Permission

_q = queries("careline.calls", "codes.sql")


class CodeGiven(Conflict):
    """This call has a code already. Nothing was changed."""

    id = "code-given"


class StillWrappingUp(Conflict):
    """You are still on this call or wrapping it up: choose the code there."""

    id = "still-wrapping-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncoded:
    """A call that its agent left without a code. No number and nothing of a patient."""

    call_id: UUID
    left_at: datetime
    queue: str | None
    line: str
    reason: str | None


class LateCodes:
    """Giving a code later. Part of the desk."""

    db: Database
    clock: Clock

    async def give_code(self, actor: Actor, call_id: UUID, code: str) -> None:
        """Give one's own part in a call the code it was left without. The same code again changes nothing.

        Raises `NotFound` without a part in the call, `StillWrappingUp` and `CodeGiven`.
        """
        actor.require(Permission.CALL_HANDLE)
        key: dict[str, Any] = {"call_id": call_id, "person_id": actor.person_id, "code": code}
        async with self.db.tenant(actor.tenant_id) as tx:
            if await tx.one(_q["know_code"], key) is None:
                raise InvalidInput("Choose one of the reasons.", field="code")
            if await tx.run(_q["give_code"], key):
                body = {"agent_id": str(actor.person_id), "code": code}
                event = NewEvent(stream="call", stream_id=call_id, kind="coded", body=body, person_id=actor.person_id)
                await append(tx, [event])
                await audit.record(tx, actor, Action.UPDATE, "call", call_id, contact_id=call_id, fields=["code"])
                return
            mine = await tx.all(_q["list_my_codes"], key)
        if not mine:
            raise NotFound
        if any(row["wrapped_up_at"] is None for row in mine):
            raise StillWrappingUp
        if all(row["wrap_up_code"] != code for row in mine):
            raise CodeGiven


async def uncoded(tx: Tx, person_id: UUID | None, now: datetime) -> Sequence[Uncoded]:
    """The calls of the last week that a person left without a code, the latest first; twenty at most."""
    return [Uncoded(**row) for row in await tx.all(_q["list_uncoded"], {"person_id": person_id, "now": now})]
