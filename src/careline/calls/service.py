"""Records of calls: find them, open one, and keep the agent's notes. Call control alone writes the calls themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from careline.calls import reasons, timeline, wording
from careline.calls.commands import CallCommands
from careline.calls.record import RecordReader, names_in, tell
from careline.calls.views import CallPage, CallRecord, CallSummary, NoteView, StepView, WhyView
from careline.kernel.clock import Clock
from careline.kernel.errors import Conflict, InvalidInput, NotFound
from careline.kernel.ids import new_id
from careline.kernel.phone import pretty, to_e164
from careline.platform.db import Database, Row, Tx, queries
from careline.security import audit
from careline.security.actor import Actor
from careline.security.audit import Action
from careline.security.permissions import Permission

_q = queries("careline.calls")

#: Longest text of one person's notes on one call.
NOTE_LIMIT = 20_000
PAGE = 50


class StaleNotes(Conflict):
    """These notes were changed in another window. Nothing is lost: both texts are kept; look at the newer one first."""

    id = "stale-notes"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSearch:
    """What to look for. Everything given must hold."""

    #: A telephone number in any spelling, or its last digits (at least 4).
    number: str | None = None
    #: Words in the notes, or in the transcripts one may read.
    text: str | None = None
    agent: UUID | None = None
    queue: UUID | None = None
    line: UUID | None = None
    #: An outcome, or `open` for calls in progress, or `emergency`.
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    #: Where the previous page ended.
    before: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchChoices:
    """What the search form offers."""

    agents: list[tuple[UUID, str]]
    queues: list[tuple[UUID, str]]


class CallService:
    """Reads of calls, and notes."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self.db = db
        self.clock = clock

    async def search(self, actor: Actor, wanted: CallSearch) -> CallPage:
        """Calls that match, newest first; without CALL_READ only those the actor handled. Audited."""
        actor.require(Permission.CALL_READ, Permission.CALL_READ_OWN)
        params = _search_params(wanted)
        params["own"] = None if actor.may(Permission.CALL_READ) else actor.person_id
        # Transcripts are searched for those who may hear what they say.
        params["transcripts"] = actor.may(Permission.RECORDING_PLAY) or (
            params["own"] is not None and actor.may(Permission.RECORDING_PLAY_OWN)
        )
        async with self.db.tenant(actor.tenant_id) as tx:
            now = self.clock.now()
            rows = await tx.all(_q["search_calls"], {**params, "now": now, "limit": PAGE + 1})
            calls = [summary(row, now) for row in rows[:PAGE]]
            more = f"{calls[-1].arrived_at.isoformat()}~{calls[-1].id}" if len(rows) > PAGE else None
            fields = [k for k in ("number", "text", "agent", "queue", "line", "outcome") if getattr(wanted, k)]
            await audit.record(tx, actor, Action.SEARCH, "call", fields=fields, detail={"found": len(calls)})
        return CallPage(calls=calls, next=more)

    async def zone(self, actor: Actor) -> str:
        """The time zone in which this tenant reads its days."""
        actor.require(Permission.CALL_READ, Permission.CALL_READ_OWN)
        async with self.db.tenant(actor.tenant_id) as tx:
            row = await tx.one(_q["read_zone"])
        return str(row["zone"]) if row else "UTC"

    async def choices(self, actor: Actor) -> SearchChoices:
        """Agents and queues to choose from when searching."""
        actor.require(Permission.CALL_READ, Permission.CALL_READ_OWN)
        async with self.db.tenant(actor.tenant_id) as tx:
            agents = await tx.all(_q["list_agents_to_search"]) if actor.may(Permission.CALL_READ) else []
            found = await tx.all(_q["list_queues_to_search"])
        return SearchChoices(
            agents=[(r["id"], r["name"]) for r in agents], queues=[(r["id"], r["name"]) for r in found]
        )

    async def open(self, actor: Actor, call_id: UUID) -> CallRecord:
        """The whole record of one call. Audited, for each patient who was verified on it."""
        actor.require(Permission.CALL_READ, Permission.CALL_READ_OWN)
        async with self.db.tenant(actor.tenant_id) as tx:
            row = await self._readable(tx, actor, call_id)
            now = self.clock.now()
            record, patients = await RecordReader(tx, actor, call_id, now).read(row, summary(row, now))
            await audit.record(
                tx,
                actor,
                Action.READ,
                "call",
                call_id,
                patients=patients,
                contact_id=call_id,
                fields=["timeline", "notes", "messages", "recordings", "verified"],
            )
        return record

    async def story(self, actor: Actor, call_id: UUID) -> list[StepView]:
        """The steps of a call for those who may open it. Holds no patient data, hence leaves no audit row."""
        actor.require(Permission.CALL_READ, Permission.CALL_READ_OWN)
        async with self.db.tenant(actor.tenant_id) as tx:
            await self._readable(tx, actor, call_id)
            steps = await read_steps(tx, call_id)
            return tell(steps, await names_in(tx, steps))

    async def why(self, actor: Actor, call_id: UUID, commands: CallCommands) -> WhyView:
        """Why a waiting call rings nobody just now. For supervisors; refused for a call that waits no more."""
        actor.require(Permission.AGENT_MANAGE)
        answer = await commands.give(actor, "call.explain", {"call_id": str(call_id)})
        async with self.db.tenant(actor.tenant_id) as tx:
            rows = await tx.all(_q["list_people_names"], {"ids": list(reasons.people_in(answer["why"]))})
        return reasons.tell(self.clock.now(), answer["why"], {row["id"]: row["name"] for row in rows})

    async def save_notes(self, actor: Actor, call_id: UUID, body: str, *, based_on: int) -> NoteView:
        """Keep the actor's notes as a new version. `based_on` is the version the text was typed over.

        A repeated save of the same text gives the version there is. Raises `StaleNotes` with the newer text when
        another window has saved meanwhile.
        """
        actor.require(Permission.CALL_HANDLE)
        if len(body) > NOTE_LIMIT:
            raise InvalidInput(f"Notes may be up to {NOTE_LIMIT} characters long.")
        if "\x00" in body:
            raise InvalidInput("Notes may not contain the character NUL.")
        person_id = actor.person_id
        if person_id is None:
            raise InvalidInput("Notes belong to a person.")
        async with self.db.tenant(actor.tenant_id) as tx:
            key = {"call_id": call_id, "person_id": person_id}
            if await tx.one(_q["took_part"], key) is None:
                raise NotFound
            await tx.run(_q["lock_notes"], key)
            last = await tx.one(_q["read_latest_note"], key)
            version, text = (last["version"], last["body"]) if last else (0, "")
            now = self.clock.now()
            if text != body or last is None:
                if version != based_on:
                    raise StaleNotes(version=version, body=text)
                version += 1
                await tx.run(_q["insert_note"], {"id": new_id(), **key, "version": version, "body": body, "now": now})
                patients = [r["patient_id"] for r in await tx.all(_q["list_verified_ids"], key)]
                await audit.record(
                    tx, actor, Action.UPDATE, "call-note", call_id, patients=patients, contact_id=call_id
                )
        return NoteView(person_id=person_id, author=actor.name, version=version, body=body, saved_at=now)

    async def note_versions(self, actor: Actor, call_id: UUID) -> list[NoteView]:
        """Every saved version of the notes on a call, oldest first. Audited."""
        actor.require(Permission.CALL_READ, Permission.CALL_READ_OWN)
        async with self.db.tenant(actor.tenant_id) as tx:
            await self._readable(tx, actor, call_id)
            rows = await tx.all(_q["list_note_versions"], {"call_id": call_id})
            patients = [r["patient_id"] for r in await tx.all(_q["list_verified_ids"], {"call_id": call_id})]
            await audit.record(
                tx, actor, Action.READ, "call", call_id, patients=patients, contact_id=call_id, fields=["note-versions"]
            )
        return [NoteView(**row) for row in rows]

    async def _readable(self, tx: Tx, actor: Actor, call_id: UUID) -> Row:
        """The call's row, if the actor may open it; otherwise there is nothing here."""
        params = _search_params(CallSearch())
        params["id"] = call_id
        params["own"] = None if actor.may(Permission.CALL_READ) else actor.person_id
        row = await tx.one(_q["search_calls"], {**params, "now": self.clock.now(), "limit": 1})
        if row is None:
            raise NotFound
        return row


async def read_steps(tx: Tx, call_id: UUID) -> list[timeline.Step]:
    """The events of a call, in order, at the times when they happened."""
    rows = await tx.all(_q["list_steps"], {"call_id": call_id})
    return [timeline.Step(at=r["at"], kind=r["kind"], body=r["body"]) for r in rows]


def summary(row: Row, now: datetime) -> CallSummary:
    """A row of the search as a value. Waited: from the first queue until somebody took the call, or it ended; talked:
    while an agent was with the caller, hold included."""
    began = row["first_queued_at"] or row["queued_at"] or row["place_at"]
    until = row["taken_at"] or row["connected_at"] or row["ended_at"] or now
    waited = (until - began).total_seconds() if began else None
    talked = row["talked_seconds"]
    return CallSummary(
        id=row["id"],
        arrived_at=row["arrived_at"],
        ended_at=row["ended_at"],
        line=row["line"],
        caller=pretty(row["caller"]) if row["caller"] else None,
        source=row["source"],
        language=row["language"],
        phase=row["phase"],
        outcome=row["outcome"],
        queue=row["queue"],
        agents=list(dict.fromkeys(row["agents"])),
        waited_seconds=max(0.0, waited) if waited is not None else None,
        talked_seconds=talked,
        emergency=row["emergency"],
        reason=row["reason"],
        recordings=row["recordings"],
        messages=row["messages"],
    )


def _search_params(wanted: CallSearch) -> dict[str, Any]:
    if wanted.outcome is not None and wanted.outcome not in {*wording.outcomes(), "open", "emergency"}:
        raise InvalidInput("There is no such outcome.")
    number = digits = None
    if wanted.number:
        number = to_e164(wanted.number)
        only = "".join(c for c in wanted.number if c.isascii() and c.isdigit())
        if number is None and len(only) < 4:
            raise InvalidInput("Give a telephone number, or at least its last 4 digits.")
        digits = f"%{only}" if number is None else None
    before_at: datetime | None = None
    before_id: UUID | None = None
    if wanted.before:
        try:
            at, _, last = wanted.before.partition("~")
            before_at, before_id = datetime.fromisoformat(at), UUID(last)
        except ValueError as exc:
            raise InvalidInput("That is not the end of a page.") from exc
        if before_at.tzinfo is None:
            raise InvalidInput("That is not the end of a page.")
    text = wanted.text.strip() if wanted.text else ""
    if "\x00" in text:
        raise InvalidInput("The words may not contain the character NUL.")
    return {
        "id": None,
        "number": number,
        "digits": digits,
        "text": f"%{_literally(text)}%" if text else None,
        "transcripts": False,
        "agent": wanted.agent,
        "queue": wanted.queue,
        "line": wanted.line,
        "outcome": wanted.outcome,
        "since": wanted.since,
        "until": wanted.until,
        "before_at": before_at,
        "before_id": before_id,
    }


def _literally(text: str) -> str:
    """Text without the wildcards of LIKE."""
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
