"""The public API of callbacks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Controller, Request, get, patch, post
from litestar.params import FromPath

from careline.calls.callback_service import CallbackView
from careline.kernel.errors import InvalidInput
from careline.security.actor import Actor
from careline.security.idempotency import HEADER

_Request = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackChange:
    """What is to be different. What is not given stays."""

    #: A complete number of the practice's own country.
    number: str | None = None
    #: Not before this moment, with its offset from UTC.
    next_at: datetime | None = None
    #: Take a chosen moment back: called when it is its turn.
    when_it_is_due: bool = False


class CallbacksController(Controller):
    """Callers who wait to be called back."""

    path = "/api/v1/callbacks"
    tags = ["Callbacks"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/", operation_id="listCallbacks", summary="Who waits to be called back")
    async def callbacks(self, services: Any, actor: Actor) -> list[CallbackView]:
        """In the order of their queues and places; an agent sees those of the own queues, with shortened numbers.
        Audited."""
        found: list[CallbackView] = await services.callbacks.list(actor)
        return found

    @post("/{call_id:uuid}/cancel", operation_id="cancelCallback", summary="Call it off", status_code=204)
    async def cancel(self, request: _Request, services: Any, actor: Actor, call_id: FromPath[UUID]) -> None:
        """The caller is not called any more."""
        await services.callbacks.cancel(actor, call_id, request.headers.get(HEADER))

    @post("/{call_id:uuid}/call-now", operation_id="callBackNow", summary="Call back now", status_code=204)
    async def call_now(self, request: _Request, services: Any, actor: Actor, call_id: FromPath[UUID]) -> None:
        """An agent who is free in its queue takes it; for anybody else it becomes first in line. Refused outside the
        hours in which the caller may be rung."""
        await services.callbacks.call_now(actor, call_id, request.headers.get(HEADER))

    @patch("/{call_id:uuid}", operation_id="changeCallback", summary="Another number or moment", status_code=204)
    async def change(
        self, request: _Request, services: Any, actor: Actor, call_id: FromPath[UUID], data: CallbackChange
    ) -> None:
        """The place in the queue stays."""
        if data.next_at is not None and data.next_at.tzinfo is None:
            raise InvalidInput("A moment needs its offset from UTC, for example 2026-11-23T12:00:00Z.", field="next_at")
        await services.callbacks.change(
            actor,
            call_id,
            number=data.number,
            next_at=data.next_at,
            when_it_is_due=data.when_it_is_due,
            key=request.headers.get(HEADER),
        )

    @post(
        "/{call_id:uuid}/machine",
        operation_id="leaveCallbackMessage",
        summary="An answering machine picked up",
        status_code=204,
    )
    async def machine(self, request: _Request, services: Any, actor: Actor, call_id: FromPath[UUID]) -> None:
        """The agent on the call leaves the recorded message, which says nothing private, and is free at once."""
        await services.callbacks.machine(actor, call_id, request.headers.get(HEADER))


handlers: list[Any] = [CallbacksController]
