"""The agent's desk: one snapshot of everything an agent must see at a moment, and the targets of a transfer."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from careline.calls.codes import LateCodes, uncoded
from careline.calls.desk_views import (
    Choice,
    ContactView,
    DeskSnapshot,
    InfoView,
    LastOffer,
    LineInfo,
    MeView,
    MyQueue,
    OfferView,
    Target,
    WorkView,
)
from careline.calls.record import names_in, tell
from careline.calls.service import read_steps
from careline.calls.views import MessageView, NoteView
from careline.kernel.clock import Clock
from careline.kernel.phone import pretty
from careline.platform.db import Database, Row, Tx, queries
from careline.platform.i18n import gettext as _
from careline.platform.i18n import language
from careline.security import audit
from careline.security.actor import Actor
from careline.security.audit import Action
from careline.security.permissions import Permission

_q = queries("careline.calls")


class DeskService(LateCodes):
    """What one agent sees. Orders go to call control; only a late code is written here."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self.db = db
        self.clock = clock

    async def read(self, actor: Actor) -> DeskSnapshot:
        """The desk as it stands. Holds no patient data; earlier agents' notes are not in it (see `briefing`)."""
        actor.require(Permission.CALL_HANDLE)
        now = self.clock.now()
        params: dict[str, Any] = {"person_id": actor.person_id, "language": language(), "now": now}
        async with self.db.tenant(actor.tenant_id) as tx:
            state = await tx.one(_q["read_my_state"], params)
            offer = await tx.one(_q["read_my_offer"], params)
            last = await tx.one(_q["read_last_offer"], params)
            params["call_id"] = state["call_id"] if state else None
            contact = await tx.one(_q["read_my_contact"], params)
            # A ringing call is an offer, not yet a contact.
            if contact and offer and contact["id"] == offer["call_id"]:
                contact = None
            # With a locked screen the call can be steered; what was written about the caller stays covered.
            open_screen = actor.may(Permission.PATIENT_SEARCH)
            return DeskSnapshot(
                now=now,
                me=_me(actor, state),
                queues=[MyQueue(**r) for r in await tx.all(_q["list_my_queues"], params)],
                offer=OfferView(**offer) if offer else None,
                last_offer=LastOffer(**last) if last else None,
                contact=await self._contact(tx, actor, contact, params, open_screen) if contact else None,
                open_work=[WorkView(**r) for r in await tx.all(_q["list_my_work"], params)],
                wrap_up_codes=[Choice(**r) for r in await tx.all(_q["list_wrap_up_codes"], params)],
                phones=[Choice(**r) for r in await tx.all(_q["list_my_phones"], params)],
                uncoded=list(await uncoded(tx, actor.person_id, now)),
            )

    async def snapshot(self, actor: Actor) -> dict[str, Any]:
        """The same as plain JSON values."""
        return dict(msgspec.to_builtins(await self.read(actor)))

    async def waiting(self, actor: Actor) -> list[MyQueue]:
        """Every queue with who waits in it: the same for all agents, so it is taken once for all of them."""
        actor.require(Permission.CALL_HANDLE)
        async with self.db.tenant(actor.tenant_id) as tx:
            return [MyQueue(**row) for row in await tx.all(_q["list_waiting"])]

    async def briefing(self, actor: Actor, call_id: UUID) -> list[NoteView]:
        """What earlier agents wrote on the call in hand. May name a patient: audited."""
        actor.require(Permission.CALL_HANDLE)
        params = {"call_id": call_id, "person_id": actor.person_id}
        async with self.db.tenant(actor.tenant_id) as tx:
            if await tx.one(_q["took_part"], params) is None:
                return []
            rows = [r for r in await tx.all(_q["list_latest_notes"], params) if r["person_id"] != actor.person_id]
            if rows:
                patients = [r["patient_id"] for r in await tx.all(_q["list_verified_ids"], params)]
                await audit.record(tx, actor, Action.READ, "call-note", call_id, patients=patients, contact_id=call_id)
        return [NoteView(**r) for r in rows]

    async def targets(self, actor: Actor) -> list[Target]:
        """Agents on the floor and queues that a call can be transferred to, the ready ones first."""
        actor.require(Permission.CALL_HANDLE)
        async with self.db.tenant(actor.tenant_id) as tx:
            people = await tx.all(_q["list_transfer_agents"], {"person_id": actor.person_id})
            found = await tx.all(_q["list_transfer_queues"])
        to_queues = [
            Target(kind="queue", id=r["id"], label=r["name"], state=str(r["waiting"]), ready=r["staffed"])
            for r in found
        ]
        to_agents = [
            Target(kind="agent", id=r["id"], label=r["name"], state=r["status"], ready=r["ready"]) for r in people
        ]
        return to_queues + to_agents

    async def emergency_lines(self, actor: Actor) -> list[LineInfo]:
        """Every line with the address of its location: the emergency card must work with nothing else at hand."""
        actor.require(Permission.CALL_HANDLE)
        async with self.db.tenant(actor.tenant_id) as tx:
            rows = await tx.all(_q["list_lines_for_emergency"])
        return [
            LineInfo(
                id=r["id"],
                label=r["label"],
                number=pretty(r["number"]),
                account=r["account"],
                location=r["location"],
                address=_address(r),
                zone=r["zone"],
            )
            for r in rows
        ]

    async def _contact(self, tx: Tx, actor: Actor, row: Row, params: dict[str, Any], open_screen: bool) -> ContactView:
        call_id = row["id"]
        key = {**params, "call_id": call_id, "account_id": row["account_id"], "location_id": row["location_id"]}
        note = await tx.one(_q["read_latest_note"], key) if open_screen else None
        steps = await read_steps(tx, call_id)
        info = await tx.all(_q["list_practice_info"], key)
        callback = row["callback"]
        number = callback["number"] if callback else row["caller"]
        return ContactView(
            call_id=call_id,
            state=_contact_state(row, actor),
            colleague=row["agent_name"] if row["agent_id"] != actor.person_id else None,
            caller=pretty(number) if number else None,
            source=row["source"],
            line=LineInfo(
                id=row["line_id"],
                label=row["line_label"],
                number=pretty(row["line_number"]),
                account=row["account"],
                location=row["location"],
                address=_address(row),
                zone=row["zone"],
                info=[InfoView(**{**i, "last_confirmed": str(i["last_confirmed"])}) for i in info],
            ),
            language=row["language"],
            since=_since(row, actor),
            arrived_at=row["arrived_at"],
            ended_at=row["ended_at"],
            ended_by=row["ended_by"],
            outcome=row["outcome"],
            muted=row["muted"],
            held=row["held"],
            emergency=row["emergency"],
            emergency_how=row["emergency_how"],
            consent=row["consent"],
            noted=row["noted"],
            callback=callback["stage"] if callback else None,
            machine=bool(callback and callback.get("machine")),
            transfer=row["transfer"],
            notes_time=_notes_time(row["wrap_up_mode"], [step.kind for step in steps]),
            queue=row["queue"],
            reason=row["reason"],
            notes=note["body"] if note else "",
            notes_version=note["version"] if note else 0,
            steps=tell(steps, await names_in(tx, steps)),
            messages=[MessageView(**r) for r in await tx.all(_q["list_messages_of"], key)],
        )


def _me(actor: Actor, state: Row | None) -> MeView:
    status = state["status"] if state else "offline"
    return MeView(
        person_id=actor.person_id or UUID(int=0),
        name=actor.name,
        status=status,
        since=state["since"] if state else None,
        reason=state["reason"] if state else None,
        phone=state["endpoint"] if state else None,
        phone_online=bool(state and state["phone_online"]),
        wrap_up_until=state["wrap_up_until"] if state else None,
        misses=state["misses"] if state else 0,
    )


def _contact_state(row: Row, actor: Actor) -> str:
    transfer = row["transfer"] or {}
    if row["ended_at"] is not None:
        return "wrap_up"
    if row["agent_id"] == actor.person_id:
        if row["phase"] == "callback":
            return "calling"
        return "held" if row["held"] else "talking"
    asked = transfer.get("target") == str(actor.person_id) and transfer.get("state") == "talking"
    return "consulting" if asked else "wrap_up"


def _notes_time(mode: str | None, kinds: list[str]) -> str | None:
    """Whether time for notes must be asked for (`ask`), has been (`asked`), or comes by itself (None)."""
    if mode not in ("optional", "requested"):
        return None
    asked = "notes_asked" in kinds[max((n for n, kind in enumerate(kinds) if kind == "connected"), default=0) :]
    return "asked" if asked else "ask"


def _since(row: Row, actor: Actor) -> datetime:
    """When the present state of the contact began, as far as the desk's clock is concerned."""
    if _contact_state(row, actor) == "wrap_up":
        found = row["left_at"] or row["ended_at"]
    else:
        found = row["my_connected_at"] or row["connected_at"]
    return found if isinstance(found, datetime) else row["arrived_at"]


def _address(row: Row) -> str:
    """The location's address on one line, for a dispatcher."""
    town = " ".join(part for part in (row["us_state"], row["postal_code"]) if part)
    parts = [row["street"], row["city"], town]
    return ", ".join(part for part in parts if part) or _("No address is recorded for this location")
