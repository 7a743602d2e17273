"""Rows of calls and agents: reading what call control takes over, writing its batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from careline.calls.fold import fold
from careline.calls.model import Call, Event, Kind
from careline.calls.outcome import AgentEvent, FloorEvent, Happening
from careline.calls.plan import FloorPlan
from careline.calls.roster import LIVE, live
from careline.kernel.text import storable
from careline.platform.db import Tx, queries
from careline.queues.explain import Reasons
from careline.queues.model import Agent, Member, Queue
from careline.queues.rules import from_body
from careline.queues.surge import surged

_q = queries("careline.calls", "control.sql")


#: For how long it is remembered that nobody staffed a queue; no grace time is as long.
REMEMBERED = timedelta(days=30)


@dataclass(slots=True)
class Batch:
    """What is to be appended for one tenant in one transaction."""

    #: Everything that happened, in order: the order of the rows.
    log: list[Happening] = field(default_factory=list)
    calls: dict[UUID, Call] = field(default_factory=dict)
    agents: dict[UUID, Agent] = field(default_factory=dict)
    #: Order id -> (state, result).
    orders: dict[UUID, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def events(self) -> list[Event]:
        """What happened to calls."""
        return [e for e in self.log if isinstance(e, Event)]


async def write(tx: Tx, batch: Batch) -> None:
    """Append a batch: events, projections, handlings and the answers to orders."""
    rows = [_row(n, happening) for n, happening in enumerate(batch.log)]
    if batch.calls:
        await tx.run(_q["save_calls"], {"rows": _json([_call_row(c) for c in batch.calls.values()])})
    if batch.agents:
        await tx.run(_q["save_agents"], {"rows": _json([_agent_row(a) for a in batch.agents.values()])})
    if rows:
        await tx.run(_q["append_events"], {"rows": _json(rows)})
        tx.wake_followers()
    await _handlings(tx, batch.events)
    for order_id, (state, result) in batch.orders.items():
        await tx.run(_q["finish_order"], {"id": order_id, "state": state, "result": Jsonb(dict(result))})


def _json(rows: list[dict[str, Any]]) -> Jsonb:
    return Jsonb(rows, dumps=encoded)


def encoded(value: object) -> bytes:
    """JSON of events. The reasons of a decision are put into words here, when its commands have long been sent. What
    the database cannot hold goes: one hostile text from outside must not stop everything from being written."""
    try:
        made = msgspec.json.encode(value, enc_hook=_plain)
    except (UnicodeEncodeError, ValueError):
        return msgspec.json.encode(storable(value), enc_hook=_plain)
    return msgspec.json.encode(storable(value), enc_hook=_plain) if b"\\u0000" in made else made


def _plain(value: object) -> object:
    if isinstance(value, Reasons):
        return value.plain()
    raise TypeError(f"{type(value).__name__} does not belong into an event")


async def _handlings(tx: Tx, events: Sequence[Event]) -> None:
    """Who talked with whom, from when to when. A talk may begin and end in one batch: in that order."""
    rows = {
        "open_handlings": [_opened(e) for e in events if e.kind is Kind.CONNECTED],
        "close_handlings": [_left(e) for e in events if e.kind is Kind.AGENT_LEFT],
        "wrap_up_handlings": [_wrapped_up(e) for e in events if e.kind is Kind.WRAPPED_UP],
    }
    for name, found in rows.items():
        if found:
            await tx.run(_q[name], {"rows": _json(found)})


def _opened(event: Event) -> dict[str, Any]:
    body = event.body
    return {
        "id": body["handling_id"],
        "call_id": str(event.call_id),
        "person_id": body["agent_id"],
        "queue_id": body["queue_id"] or None,
        "at": event.at.isoformat(),
    }


def _left(event: Event) -> dict[str, Any]:
    at = event.at.isoformat()
    # Without time for notes the work is over now: nothing of the patient stays open, the code may come later.
    machine = event.body.get("reason") == "callback-machine"
    done = None if event.body["wrap_up"] else at
    return {"id": event.body["handling_id"], "at": at, "done": done, "machine": machine}


def _wrapped_up(event: Event) -> dict[str, Any]:
    body = event.body
    at = event.at.isoformat()
    return {"call_id": str(event.call_id), "person_id": body["agent_id"], "at": at, "code": body["code"]}


def _row(n: int, happened: Happening) -> dict[str, Any]:
    match happened:
        case Event() as e:
            return _event_row(n, "call", e.call_id, e.kind.value, e.at, e.body, e.person_id)
        case AgentEvent() as e:
            return _event_row(n, "agent", e.agent_id, e.kind, e.at, e.body, e.person_id)
        case FloorEvent() as e:
            return _event_row(n, "floor", floor_of(e.tenant_id), e.kind, e.at, e.body, None)


def floor_of(tenant_id: int) -> UUID:
    """The id of a tenant's floor: what its `floor` events are about."""
    return UUID(int=tenant_id)


def _event_row(
    n: int, stream: str, stream_id: UUID, kind: str, at: datetime, body: Mapping[str, Any], person_id: UUID | None
) -> dict[str, Any]:
    return {
        "n": n,
        "at": at.isoformat(),
        "stream": stream,
        "stream_id": str(stream_id),
        "kind": kind,
        "body": dict(body),
        "person_id": _text(person_id),
    }


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _call_row(call: Call) -> dict[str, Any]:
    transfer, callback = call.transfer, call.callback
    return {
        "id": str(call.id),
        "line_id": str(call.line_id),
        "source": call.source,
        "dialled": call.dialled,
        "caller": call.caller,
        "caller_name": call.caller_name,
        "language": call.language,
        "phase": call.phase.value,
        "reason": call.reason,
        "queue_id": _text(call.queue_id),
        "queued_at": _time(call.queued_at),
        "place_at": _time(call.place_at),
        "priority": call.priority,
        "offered_to": _text(call.offer.agent_id) if call.offer else None,
        "ringing": [str(offered.agent_id) for offered in call.offers],
        "agent_id": _text(call.handling.agent_id) if call.handling else _text(callback.agent_id) if callback else None,
        "held": call.held,
        "muted": call.muted,
        "emergency": call.emergency,
        "emergency_how": call.emergency_how,
        "consent": call.consent,
        "noted": dict(call.noted),
        "transfer": {
            "mode": transfer.mode,
            "to": transfer.to,
            "target": transfer.target,
            "label": transfer.label,
            "state": "talking" if transfer.answered else "ringing",
        }
        if transfer
        else None,
        "arrived_at": _time(call.arrived_at),
        "answered_at": _time(call.answered_at),
        "connected_at": _time(call.connected_at),
        "ended_at": _time(call.ended_at),
        "ended_by": call.ended_by,
        "outcome": call.outcome,
        "channel": call.channel,
        "callback": callback.to_row() if callback else None,
        "merged_into": _text(callback.merged_into) if callback else None,
    }


def _agent_row(agent: Agent) -> dict[str, Any]:
    return {"person_id": str(agent.id), **live(agent)}


async def open_calls(tx: Tx, tenant_id: int) -> list[Call]:
    """Every call of the tenant that is not over, or not wrapped up, folded from its events."""
    found: dict[UUID, list[Event]] = {}
    for row in await tx.all(_q["list_open_call_events"]):
        event = Event(
            call_id=row["stream_id"],
            kind=Kind(row["kind"]),
            at=row["at"],
            body=row["body"],
            person_id=row["person_id"],
        )
        found.setdefault(event.call_id, []).append(event)
    return [fold(events, tenant_id) for events in found.values()]


async def floor_plan(tx: Tx, tenant_id: int, since: datetime, at: datetime) -> FloorPlan:
    """Read the configuration of a tenant's floor as it is at `at`; handling times are measured from `since`."""
    queues = [
        Queue(
            id=row["id"],
            tenant_id=tenant_id,
            name=row["name"],
            skills={k: float(v) for k, v in row["skills"].items()},
            match_language=row["match_language"],
            priority=row["priority"],
            ring_seconds=row["ring_seconds"],
            wrap_up_seconds=row["wrap_up_seconds"],
            announce_seconds=row["announce_seconds"],
            service_level_seconds=row["service_level_seconds"],
            expected_handle_seconds=row["expected_handle_seconds"],
            members=frozenset(row["members"]),
            places={
                UUID(person): Member(position=int(p), rank=int(r), weight=float(w), reserve=int(v))
                for person, (p, r, w, v) in row["places"].items()
            },
            rules=from_body(row["rules"]),
        )
        for row in await tx.all(_q["list_queues"])
    ]
    people = [
        Agent(
            id=row["id"],
            tenant_id=tenant_id,
            name=row["name"],
            languages=frozenset(row["languages"]) or frozenset({"en"}),
            skills={k: float(v) for k, v in row["skills"].items()},
            level=row["level"],
            wrap_up_seconds=row["wrap_up_seconds"],
            capacity=row["capacity"],
            interrupts={channel: frozenset(others) for channel, others in row["interrupts"].items()},
        )
        for row in await tx.all(_q["list_people"])
    ]
    codes = frozenset(row["code"] for row in await tx.all(_q["list_codes"]))
    handling = {row["queue_id"]: row["seconds"] for row in await tx.all(_q["measure_handling"], {"since": since})}
    surging = {row["queue_id"] for row in await tx.all(_q["list_surging"], {"at": at})}
    queues = [surged(q) if surging & {q.id, None} else q for q in queues]
    return FloorPlan(queues=queues, people=people, codes=codes, handling=handling)


async def empty_queues(tx: Tx, now: datetime) -> dict[UUID, datetime]:
    """Since when nobody staffs a queue whose callers leave then, as the floor's events have it."""
    rows = await tx.all(_q["list_staffing"], {"since": now - REMEMBERED})
    return {row["queue_id"]: row["at"] for row in rows if row["kind"] == "queue_emptied"}


async def agent_states(tx: Tx) -> dict[UUID, dict[str, Any]]:
    """The live part of every agent, to be laid over the configured one."""
    return {row["person_id"]: {name: row[name] for name in LIVE} for row in await tx.all(_q["list_agent_states"])}
