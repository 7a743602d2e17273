"""The public API of messages: taking them, and working an inbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import Controller, get, post
from litestar.params import FromPath

from careline.messages.model import Draft, Inbox, Item, Message
from careline.security.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The message that was made, or that there was already for the same key."""

    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """`version`: the one the reader saw; refused when the message has changed since."""

    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarding:
    """The inbox a message goes to: exactly one of the two."""

    department_id: UUID | None = None
    provider_id: UUID | None = None
    note: str = ""
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Words to write under a message."""

    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a message was done."""

    #: resolved, called-back, not-reached, entered-in-ehr, duplicate, cancelled-by-caller
    outcome: str
    note: str = ""
    version: int | None = None


class MessagesController(Controller):
    """Messages for providers and departments."""

    path = "/api/v1/messages"
    tags = ["Messages"]  # noqa: RUF012 (Litestar reads it from the class)

    @post("/", operation_id="takeMessage", summary="Put a message into an inbox")
    async def take(self, services: Any, actor: Actor, data: Draft) -> Taken:
        """For a provider or a department. The same `key` again answers with the message there is."""
        return Taken(id=await services.messages.take(actor, data))

    @get("/", operation_id="listMessages", summary="Messages in one's inboxes")
    async def items(
        self,
        services: Any,
        actor: Actor,
        inbox: UUID | None = None,
        call_id: UUID | None = None,
        done: bool = False,
    ) -> list[Item]:
        """The most pressing first; without patient data."""
        items: list[Item] = await services.messages.items(actor, inbox=inbox, call_id=call_id, done=done)
        return items

    @get("/inboxes", operation_id="listInboxes", summary="The inboxes one works")
    async def inboxes(self, services: Any, actor: Actor) -> list[Inbox]:
        """With what is open and overdue."""
        inboxes: list[Inbox] = await services.messages.inboxes(actor)
        return inboxes

    @get("/{message_id:uuid}", operation_id="openMessage", summary="Open a message")
    async def message(self, services: Any, actor: Actor, message_id: FromPath[UUID]) -> Message:
        """Audited; opened by somebody of its inbox, a new one becomes read."""
        message: Message = await services.messages.open(actor, message_id)
        return message

    @post("/{message_id:uuid}/acknowledge", operation_id="acknowledgeMessage", summary="Take it on", status_code=204)
    async def acknowledge(self, services: Any, actor: Actor, message_id: FromPath[UUID], data: Acknowledgement) -> None:
        """One becomes its owner."""
        await services.messages.acknowledge(actor, message_id, version=data.version)

    @post("/{message_id:uuid}/forward", operation_id="forwardMessage", summary="To another inbox", status_code=204)
    async def forward(self, services: Any, actor: Actor, message_id: FromPath[UUID], data: Forwarding) -> None:
        """The clock runs on."""
        await services.messages.forward(
            actor,
            message_id,
            department_id=data.department_id,
            provider_id=data.provider_id,
            note=data.note,
            version=data.version,
        )

    @post("/{message_id:uuid}/reply", operation_id="replyToMessage", summary="Write under it", status_code=204)
    async def reply(self, services: Any, actor: Actor, message_id: FromPath[UUID], data: Remark) -> None:
        """An answer or a remark, seen by whoever opens the message."""
        await services.messages.reply(actor, message_id, data.note)

    @post("/{message_id:uuid}/finish", operation_id="finishMessage", summary="Done", status_code=204)
    async def finish(self, services: Any, actor: Actor, message_id: FromPath[UUID], data: Ending) -> None:
        """With an outcome."""
        await services.messages.finish(actor, message_id, data.outcome, note=data.note, version=data.version)

    @post("/{message_id:uuid}/reopen", operation_id="reopenMessage", summary="Not done after all", status_code=204)
    async def reopen(self, services: Any, actor: Actor, message_id: FromPath[UUID], data: Remark) -> None:
        """Back into the inbox with a fresh limit."""
        await services.messages.reopen(actor, message_id, data.note)


handlers: list[Any] = [MessagesController]
