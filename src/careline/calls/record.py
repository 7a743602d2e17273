"""Reads everything that belongs to one call's record inside one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from careline.calls import reasons, timeline, wording
from careline.calls.views import (
    CallRecord,
    CallSummary,
    HandlingView,
    MessageView,
    NoteView,
    ReaderView,
    RecordingView,
    SegmentView,
    StepView,
    VerifiedView,
    WhyView,
)
from careline.kernel.phone import pretty
from careline.platform.db import Row, Tx, queries
from careline.platform.i18n import language
from careline.security.actor import Actor
from careline.security.permissions import Permission

_q = queries("careline.calls")


async def names_in(tx: Tx, steps: Sequence[timeline.Step]) -> dict[UUID, str]:
    """Names of the people and queues that a timeline mentions."""
    ids: set[UUID] = set()
    for step in steps:
        for key in ("agent_id", "queue_id", "target"):
            if (found := step.id(key)) is not None:
                ids.add(found)
        if isinstance(why := step.body.get("why"), dict):
            ids |= reasons.people_in(why)
    wanted = {"ids": list(ids)}
    rows = [*await tx.all(_q["list_people_names"], wanted), *await tx.all(_q["list_queue_names"], wanted)]
    return {row["id"]: row["name"] for row in rows}


def tell(steps: Sequence[timeline.Step], names: dict[UUID, str]) -> list[StepView]:
    """The steps worth telling, as sentences."""
    told = ((step, wording.sentence(step, names)) for step in steps)
    return [StepView(at=step.at, kind=step.kind, text=text) for step, text in told if text is not None]


class RecordReader:
    """One reader's view of one call."""

    def __init__(self, tx: Tx, actor: Actor, call_id: UUID, now: datetime) -> None:
        self.tx = tx
        self.actor = actor
        self.now = now
        self.key: dict[str, Any] = {"call_id": call_id, "language": language()}

    async def read(self, row: Row, call: CallSummary) -> tuple[CallRecord, list[UUID]]:
        """The record, and the patients whose data it shows."""
        found = await self.tx.all(_q["list_steps"], self.key)
        steps = [timeline.Step(at=r["at"], kind=r["kind"], body=r["body"]) for r in found]
        names = await names_in(self.tx, steps)
        verified = await self.tx.all(_q["list_verified"], self.key)
        may_see = self.actor.may(Permission.PATIENT_READ)
        merged = [step for step in steps if step.kind == "callback_merged"]
        record = CallRecord(
            call=call,
            dialled=pretty(row["dialled"]),
            location=row["location"],
            ended_by=row["ended_by"],
            steps=tell(steps, names),
            segments=[self._segment(s, names) for s in timeline.segments(steps)],
            handlings=[HandlingView(**r) for r in await self.tx.all(_q["list_handlings"], self.key)],
            notes=[NoteView(**r) for r in await self.tx.all(_q["list_latest_notes"], self.key)],
            recordings=await self._recordings(),
            messages=[MessageView(**r) for r in await self.tx.all(_q["list_messages_of"], self.key)],
            verified=[VerifiedView(**{**r, "name": r["name"] if may_see else None}) for r in verified],
            merged_into=next((into for s in merged if (into := s.id("into"))), None),
            merged_from=[old for s in merged if (old := s.id("old"))],
            reasons=self._reasons(steps, names),
            readers=await self._readers(),
        )
        return record, [r["patient_id"] for r in verified]

    def _segment(self, segment: timeline.Segment, names: dict[UUID, str]) -> SegmentView:
        return SegmentView(
            kind=segment.kind.value,
            start=segment.start,
            end=segment.end,
            seconds=segment.seconds(self.now),
            agent=names.get(segment.agent, str(segment.agent)) if segment.agent else None,
            ended=segment.ended,
        )

    def _reasons(self, steps: Sequence[timeline.Step], names: dict[UUID, str]) -> list[WhyView] | None:
        if not self.actor.may(Permission.AGENT_MANAGE):
            return None
        weighed = [(s.at, s.body["why"]) for s in steps if s.kind == "offered" and isinstance(s.body.get("why"), dict)]
        return [reasons.tell(at, why, names) for at, why in weighed]

    async def _recordings(self) -> list[RecordingView]:
        params = {**self.key, "person_id": self.actor.person_id}
        rows = await self.tx.all(_q["list_recordings"], params)
        every, own = self.actor.may(Permission.RECORDING_PLAY), self.actor.may(Permission.RECORDING_PLAY_OWN)
        views = []
        for row in rows:
            mine = row.pop("mine")
            allowed = every or (own and mine)
            # A transcript is what was said: for those who may hear it.
            row["transcript"] = row["transcript"] if allowed else None
            views.append(RecordingView(**row, playable=row["state"] == "ready" and allowed))
        return views

    async def _readers(self) -> list[ReaderView] | None:
        if not self.actor.may(Permission.AUDIT_READ):
            return None
        return [ReaderView(**r) for r in await self.tx.all(_q["list_readers"], self.key)]
