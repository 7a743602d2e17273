"""The public API of calls: records, notes, the agent's desk, and orders to call control."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from litestar import Controller, Request, get, post, put
from litestar.params import FromPath

from careline.calls import callback_api
from careline.calls.service import CallSearch
from careline.calls.views import CallPage, CallRecord, DeskSnapshot, NoteView, Target
from careline.kernel.errors import InvalidInput
from careline.kernel.phone import to_e164
from careline.security.actor import Actor
from careline.security.idempotency import HEADER

_Request = Request[Any, Any, Any]
#: A locked screen may still steer the call in hand; the actor's permissions are narrowed accordingly.
_EVEN_LOCKED = {"while_locked": True}


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
class Done:
    """An order was carried out. `result` holds what call control has to say about it, if anything."""

    result: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusOrder:
    """What an agent wants to be. While a call is in hand it takes effect afterwards."""

    status: Literal["available", "away", "offline"]
    reason: str | None = None
    #: Somebody else, for supervisors.
    person_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneOrder:
    """The telephone to use: a desk phone's user name (`d-…`), or this browser's (`s-…`)."""

    endpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitsOrder:
    """Keys to send to the caller's side."""

    digits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferTarget:
    """An agent or queue by its id, or an outside number."""

    kind: Literal["agent", "queue", "number"]
    id: UUID | None = None
    number: str | None = None
    #: For an agent who is busy: the caller waits for them alone, so many seconds, then in the queue of the call.
    wait: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferOrder:
    """Hand the caller on: at once (blind), or after talking to the other side first (consult)."""

    to: TransferTarget
    mode: Literal["blind", "consult"] = "blind"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapUpOrder:
    """The reason to close the call with: a wrap-up code."""

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveOrder:
    """The queue to move a call to."""

    queue_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityOrder:
    """The priority of a waiting call, added to its queue's: from -900 to 900, higher first."""

    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignOrder:
    """The agent to ring."""

    person_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class NotesToSave:
    """The whole text of one's notes on a call."""

    body: str
    #: The version the text was typed over; 0 for the first.
    based_on: int


async def _give(request: _Request, services: Any, actor: Actor, kind: str, body: dict[str, Any]) -> Done:
    result = await services.commands.give(actor, kind, body, key=request.headers.get(HEADER))
    return Done(result=result)


class CallsController(Controller):
    """Records of calls, and orders to a call in progress."""

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

    @post(
        "/{call_id:uuid}/{order:str}",
        operation_id="steerCall",
        summary="Hold, resume, mute, unmute, hang up, decline, answer, emergency, end, notes-time, transfer-…",
        status_code=200,
        opt=_EVEN_LOCKED,
    )
    async def steer(
        self,
        request: _Request,
        services: Any,
        actor: Actor,
        call_id: FromPath[UUID],
        order: FromPath[
            Literal[
                "hold",
                "resume",
                "mute",
                "unmute",
                "hang-up",
                "answer",
                "decline",
                "emergency",
                "end",
                "notes-time",
                "transfer-complete",
                "transfer-cancel",
            ]
        ],
    ) -> Done:
        """An order without further facts. `emergency` is never refused on a live call; `end` is a supervisor's."""
        return await _give(request, services, actor, f"call.{order.replace('-', '_')}", {"call_id": str(call_id)})

    @post(
        "/{call_id:uuid}/digits",
        operation_id="sendDigits",
        summary="Send keypad tones",
        status_code=200,
        opt=_EVEN_LOCKED,
    )
    async def digits(
        self, request: _Request, services: Any, actor: Actor, call_id: FromPath[UUID], data: DigitsOrder
    ) -> Done:
        """Keys 0 to 9, * and #, to the caller's side."""
        return await _give(request, services, actor, "call.digits", {"call_id": str(call_id), "digits": data.digits})

    @post("/{call_id:uuid}/transfer", operation_id="transferCall", summary="Transfer or consult", status_code=200)
    async def transfer(
        self, request: _Request, services: Any, actor: Actor, call_id: FromPath[UUID], data: TransferOrder
    ) -> Done:
        """The agent stays with the caller until the other side has accepted."""
        to: dict[str, Any] = {"kind": data.to.kind}
        if data.to.kind == "number":
            number = to_e164(data.to.number)
            if number is None:
                raise InvalidInput("The number must be complete, like +1 555 201 0100.", field="number")
            to["number"] = number
        elif data.to.id is None:
            raise InvalidInput("Say which agent or queue.", field="id")
        else:
            to["id"] = str(data.to.id)
            if data.to.wait is not None:
                to["wait"] = data.to.wait
        body = {"call_id": str(call_id), "mode": data.mode, "to": to}
        return await _give(request, services, actor, "call.transfer", body)

    @post("/{call_id:uuid}/wrap-up", operation_id="wrapUpCall", summary="Close one's work on a call", status_code=200)
    async def wrap_up(
        self, request: _Request, services: Any, actor: Actor, call_id: FromPath[UUID], data: WrapUpOrder
    ) -> Done:
        """With a coded reason."""
        return await _give(request, services, actor, "call.wrap_up", {"call_id": str(call_id), "code": data.code})

    @post("/{call_id:uuid}/move", operation_id="moveCall", summary="Move a call to another queue", status_code=200)
    async def move(
        self, request: _Request, services: Any, actor: Actor, call_id: FromPath[UUID], data: MoveOrder
    ) -> Done:
        """A supervisor's order; the caller keeps the waiting time."""
        body = {"call_id": str(call_id), "queue_id": str(data.queue_id)}
        return await _give(request, services, actor, "call.move", body)

    @post(
        "/{call_id:uuid}/priority",
        operation_id="setPriority",
        summary="Change a waiting call's priority",
        status_code=200,
    )
    async def priority(
        self, request: _Request, services: Any, actor: Actor, call_id: FromPath[UUID], data: PriorityOrder
    ) -> Done:
        """A supervisor's order; it holds at once. Audited."""
        body = {"call_id": str(call_id), "priority": data.priority}
        return await _give(request, services, actor, "call.priority", body)

    @post(
        "/{call_id:uuid}/assign", operation_id="assignCall", summary="Ring an agent for a waiting call", status_code=200
    )
    async def assign(
        self, request: _Request, services: Any, actor: Actor, call_id: FromPath[UUID], data: AssignOrder
    ) -> Done:
        """A supervisor's order: this agent now, whatever turn and skills say. Audited."""
        body = {"call_id": str(call_id), "person_id": str(data.person_id)}
        return await _give(request, services, actor, "call.assign", body)

    @get("/{call_id:uuid}/why", operation_id="explainCall", summary="Why a waiting call is, or is not, offered")
    async def why(self, services: Any, actor: Actor, call_id: FromPath[UUID]) -> Done:
        """For supervisors: the queue's rules at this moment, every candidate, and what speaks against each."""
        return Done(result=await services.commands.give(actor, "call.explain", {"call_id": str(call_id)}))


class DeskController(Controller):
    """One's own desk."""

    path = "/api/v1/desk"
    tags = ["Desk"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/", operation_id="getDesk", summary="One's desk as it stands", opt=_EVEN_LOCKED)
    async def desk(self, services: Any, actor: Actor) -> DeskSnapshot:
        """Own state, queues, the ringing call, the call in hand, open work."""
        snapshot: DeskSnapshot = await services.desk.read(actor)
        return snapshot

    @get("/targets", operation_id="listTransferTargets", summary="Where a call can be transferred to")
    async def targets(self, services: Any, actor: Actor) -> list[Target]:
        """Queues and agents on the floor."""
        targets: list[Target] = await services.desk.targets(actor)
        return targets

    @post("/status", operation_id="setStatus", summary="Become available, away or offline", status_code=200)
    async def status(self, request: _Request, services: Any, actor: Actor, data: StatusOrder) -> Done:
        """One's own status; a supervisor may set another person's."""
        body: dict[str, Any] = {"status": data.status}
        if data.reason:
            body["reason"] = data.reason
        if data.person_id is not None and data.person_id != actor.person_id:
            body["person_id"] = str(data.person_id)
        return await _give(request, services, actor, "agent.status", body)

    @post("/phone", operation_id="setPhone", summary="Choose the telephone to use", status_code=200)
    async def phone(self, request: _Request, services: Any, actor: Actor, data: PhoneOrder) -> Done:
        """A desk phone of one's own, or this browser's softphone."""
        return await _give(request, services, actor, "agent.phone", {"endpoint": data.endpoint})

    @post("/more-time", operation_id="moreWrapUpTime", summary="A minute more to wrap up", status_code=200)
    async def more_time(self, request: _Request, services: Any, actor: Actor) -> Done:
        """Puts off the end of the present wrap-up."""
        return await _give(request, services, actor, "agent.more_time", {})


handlers: list[Any] = [CallsController, DeskController, *callback_api.handlers]
