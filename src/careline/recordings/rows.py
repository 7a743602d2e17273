"""The rows of recordings: begun in the transaction of the call's own events, finished by the recorder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol
from uuid import UUID

from careline.calls.model import Event, Kind
from careline.platform import events
from careline.platform.db import Database, Tx, queries
from careline.platform.events import NewEvent

_q = queries("careline.recordings")


class HasEvents(Protocol):
    """What call control writes at once."""

    @property
    def events(self) -> Sequence[Event]:
        """Events of calls, in order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What became of a recording."""

    recording: UUID
    tenant: int
    state: Literal["ready", "failed"]
    seconds: float | None = None
    bytes: int | None = None
    sha256: str | None = None
    problem: str | None = None


async def begin_with_events(tx: Tx, batch: HasEvents) -> None:
    """A companion of call control's writer: a row for every recording that the events say has begun."""
    for event in batch.events:
        recording = event.body.get("recording_id") if event.kind in _BEGINS else None
        if recording:
            row = {"id": UUID(recording), "call_id": event.call_id, "kind": _BEGINS[event.kind], "at": event.at}
            await tx.run(_q["begin_recording"], row)


async def finish(db: Database, done: Finished) -> bool:
    """Say what became of it. False: its row is not there (yet), since call control writes a moment later."""
    async with db.tenant(done.tenant) as tx:
        row = await tx.one(
            _q["finish_recording"],
            {
                "id": done.recording,
                "state": done.state,
                "seconds": done.seconds,
                "bytes": done.bytes,
                "sha256": done.sha256,
                "problem": done.problem,
            },
        )
        if row is None:
            return await tx.one(_q["read_state"], {"id": done.recording}) is not None
        kind = "recording_ready" if done.state == "ready" else "recording_failed"
        body = {
            "recording_id": str(done.recording),
            "call_id": str(row["call_id"]),
            "kind": row["kind"],
            "seconds": done.seconds,
            "problem": done.problem,
        }
        await events.append(tx, [NewEvent(stream="recording", stream_id=done.recording, kind=kind, body=body)])
        return True


async def tenants(db: Database) -> list[int]:
    """Every tenant."""
    async with db.system() as tx:
        return [row["id"] for row in await tx.all(_q["list_tenants"])]


async def unfinished(db: Database, tenant: int, *, older_than: timedelta, now: datetime) -> list[UUID]:
    """Recordings of a tenant that were begun some time ago and are not finished."""
    async with db.tenant(tenant) as tx:
        rows = await tx.all(_q["list_unfinished"])
    return [row["id"] for row in rows if now - row["started_at"] >= older_than]


_BEGINS = {Kind.RECORDING_STARTED: "call", Kind.VOICEMAIL_STARTED: "voicemail"}
