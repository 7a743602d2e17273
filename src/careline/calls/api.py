"""The public API of calls: records, notes, and why a call waits. See also `steering_api` and `desk_api`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Controller, get, post, put
from litestar.params import FromPath

from careline.calls import callback_api, desk_api, steering_api
from careline.calls.service import CallSearch
from careline.calls.steering_api import Done
from careline.calls.views import CallPage, CallRecord, NoteView
from careline.kernel.errors import InvalidInput
from careline.security.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """What to look for. Everything given must hold."""

    #: A number in any spelling, or its last digits.
    number: str | None = None
    #: Words in the notes.
    text: str | None = None
    agent: UUID | None = None
    queue: UUID | None = None
    line: UUID | None = None
    #: An outcome, or `open`, or `emergency`.
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    #: `next` of the page before.
    before: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotesToSave:
    """The whole text of one's notes on a call."""

    body: str
    #: The version the text was typed over; 0 for the first.
    based_on: int


class CallsController(Controller):
    """Records of calls."""

    path = "/api/v1/calls"
    tags = ["Calls"]  # noqa: RUF012 (Litestar reads it from the class)

    @post("/search", operation_id="searchCalls", summary="Find calls", status_code=200)
    async def search(self, services: Any, actor: Actor, data: CallFilter) -> CallPage:
        """Calls that match everything given, newest first; without `call.read` only one's own. Audited.

        A search and not a list with parameters: a number or words of a note must not stand in an address.
        """
        for moment in (data.since, data.until):
            if moment is not None and moment.tzinfo is None:
                raise InvalidInput("A moment needs its offset from UTC, for example 2026-11-23T12:00:00Z.")
        page: CallPage = await services.calls.search(actor, CallSearch(**asdict(data)))
        return page

    @get("/{call_id:uuid}", operation_id="getCall", summary="The whole record of a call")
    async def record(self, services: Any, actor: Actor, call_id: FromPath[UUID]) -> CallRecord:
        """Timeline, notes, recordings, messages and verified patients of one call. Audited."""
        record: CallRecord = await services.calls.open(actor, call_id)
        return record

    @get("/{call_id:uuid}/notes", operation_id="listNoteVersions", summary="Every saved version of the notes")
    async def note_versions(self, services: Any, actor: Actor, call_id: FromPath[UUID]) -> list[NoteView]:
        """Oldest first. Audited."""
        notes: list[NoteView] = await services.calls.note_versions(actor, call_id)
        return notes

    @put("/{call_id:uuid}/notes", operation_id="saveNotes", summary="Save one's notes on a call")
    async def save_notes(self, services: Any, actor: Actor, call_id: FromPath[UUID], data: NotesToSave) -> NoteView:
        """Saved as a new version. Refused with the newer text when another window has saved meanwhile."""
        note: NoteView = await services.calls.save_notes(actor, call_id, data.body, based_on=data.based_on)
        return note

    @get("/{call_id:uuid}/briefing", operation_id="getBriefing", summary="Notes of the agents before")
    async def briefing(self, services: Any, actor: Actor, call_id: FromPath[UUID]) -> list[NoteView]:
        """What earlier agents wrote on the call in hand. Audited."""
        notes: list[NoteView] = await services.desk.briefing(actor, call_id)
        return notes

    @get("/{call_id:uuid}/why", operation_id="explainCall", summary="Why a waiting call is, or is not, offered")
    async def why(self, services: Any, actor: Actor, call_id: FromPath[UUID]) -> Done:
        """For supervisors: the queue's rules at this moment, every candidate, and what speaks against each."""
        return Done(result=await services.commands.give(actor, "call.explain", {"call_id": str(call_id)}))


handlers: list[Any] = [CallsController, *steering_api.handlers, *desk_api.handlers, *callback_api.handlers]
