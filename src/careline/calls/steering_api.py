"""The public API of orders to call control: an agent's about the call in hand, a supervisor's about any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from litestar import Controller, Request, post
from litestar.params import FromPath

from careline.kernel.errors import InvalidInput
from careline.kernel.phone import to_e164
from careline.security.actor import Actor
from careline.security.idempotency import HEADER

_Request = Request[Any, Any, Any]
#: A locked screen may still steer the call in hand; the actor's permissions are narrowed accordingly.
EVEN_LOCKED = {"while_locked": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """An order was carried out. `result` holds what call control has to say about it, if anything."""

    result: dict[str, Any]


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


async def give(request: _Request, services: Any, actor: Actor, kind: str, body: dict[str, Any]) -> Done:
    """Have an order carried out; the request's idempotency key is the order's."""
    result = await services.commands.give(actor, kind, body, key=request.headers.get(HEADER))
    return Done(result=result)


class SteeringController(Controller):
    """Orders to a call in progress."""

    path = "/api/v1/calls"
    tags = ["Calls"]  # noqa: RUF012 (Litestar reads it from the class)

    @post(
        "/{call_id:uuid}/{order:str}",
        operation_id="steerCall",
        summary="Hold, resume, mute, unmute, hang up, decline, answer, emergency, end, notes-time, transfer-…",
        status_code=200,
        opt=EVEN_LOCKED,
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
        return await give(request, services, actor, f"call.{order.replace('-', '_')}", {"call_id": str(call_id)})

    @post(
        "/{call_id:uuid}/digits",
        operation_id="sendDigits",
        summary="Send keypad tones",
        status_code=200,
        opt=EVEN_LOCKED,
    )
    async def digits(
        self, request: _Request, services: Any, actor: Actor, call_id: FromPath[UUID], data: DigitsOrder
    ) -> Done:
        """Keys 0 to 9, * and #, to the caller's side."""
        return await give(request, services, actor, "call.digits", {"call_id": str(call_id), "digits": data.digits})

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
        return await give(request, services, actor, "call.transfer", body)

    @post("/{call_id:uuid}/wrap-up", operation_id="wrapUpCall", summary="Close one's work on a call", status_code=200)
    async def wrap_up(
        self, request: _Request, services: Any, actor: Actor, call_id: FromPath[UUID], data: WrapUpOrder
    ) -> Done:
        """With a coded reason."""
        return await give(request, services, actor, "call.wrap_up", {"call_id": str(call_id), "code": data.code})

    @post("/{call_id:uuid}/move", operation_id="moveCall", summary="Move a call to another queue", status_code=200)
    async def move(
        self, request: _Request, services: Any, actor: Actor, call_id: FromPath[UUID], data: MoveOrder
    ) -> Done:
        """A supervisor's order; the caller keeps the waiting time."""
        body = {"call_id": str(call_id), "queue_id": str(data.queue_id)}
        return await give(request, services, actor, "call.move", body)

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
        return await give(request, services, actor, "call.priority", body)

    @post(
        "/{call_id:uuid}/assign", operation_id="assignCall", summary="Ring an agent for a waiting call", status_code=200
    )
    async def assign(
        self, request: _Request, services: Any, actor: Actor, call_id: FromPath[UUID], data: AssignOrder
    ) -> Done:
        """A supervisor's order: this agent now, whatever turn and skills say. Audited."""
        body = {"call_id": str(call_id), "person_id": str(data.person_id)}
        return await give(request, services, actor, "call.assign", body)


handlers: list[Any] = [SteeringController]
