"""The live topics of the desk and of a call's page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from careline.kernel.errors import NotFound
from careline.platform.live import Happened, Topic

#: Events of a call after which a queue is shorter or longer than before.
_MOVES_QUEUES = frozenset({"queued", "requeued", "connected", "voicemail_started", "ending", "ended", "refused"})

#: And those after which a callback stands elsewhere; its own kinds besides.
_MOVES_CALLBACKS = frozenset({"queued", "connected", "ended", "offered", "offer_ended", "agent_left"})


def topics(services: Any) -> list[Topic]:
    """`me`: one agent's desk. `queues`: who waits, the same for all. `callbacks`: that something
    has happened to one. `call:<id>`: the steps of one call."""
    # The calls on each agent's desk: an event of any other call cannot change it, and is not worth a look.
    at_hand: dict[UUID, frozenset[UUID]] = {}

    async def me(actor: Any, key: str | None) -> Any:
        del key
        desk = await services.desk.read(actor)
        here = [found.call_id for found in (desk.offer, desk.contact, *desk.uncoded) if found is not None]
        at_hand[actor.person_id] = frozenset(here)
        return desk

    def concerns_me(event: Happened, actor: Any, key: str | None) -> bool:
        del key
        if event.stream == "agent":
            return bool(event.stream_id == actor.person_id)
        if event.stream == "call":
            return event.stream_id in at_hand.get(actor.person_id, frozenset())
        return bool(event.person_id == actor.person_id)

    async def queues(actor: Any, key: str | None) -> Any:
        del key
        return await services.desk.waiting(actor)

    def moves_queues(event: Happened, actor: Any, key: str | None) -> bool:
        del actor, key
        return event.stream == "queue" or event.kind in _MOVES_QUEUES

    async def call(actor: Any, key: str | None) -> Any:
        return {"steps": await services.calls.story(actor, _id(key))}

    async def callbacks(actor: Any, key: str | None) -> Any:
        del key
        return {"waiting": await services.callbacks.count(actor)}

    def moves_callbacks(event: Happened, actor: Any, key: str | None) -> bool:
        del actor, key
        return event.kind.startswith("callback_") or event.kind in _MOVES_CALLBACKS

    def is_this_call(event: Happened, actor: Any, key: str | None) -> bool:
        del actor
        return str(event.stream_id) == key

    return [
        Topic(name="me", snapshot=me, streams=frozenset({"agent", "call", "message"}), concerns=concerns_me),
        Topic(name="queues", snapshot=queues, streams=frozenset({"call", "queue"}), concerns=moves_queues, shared=True),
        Topic(name="callbacks", snapshot=callbacks, streams=frozenset({"call"}), concerns=moves_callbacks),
        Topic(name="call", snapshot=call, streams=frozenset({"call"}), concerns=is_this_call),
    ]


def _id(key: str | None) -> UUID:
    try:
        return UUID(key or "")
    except ValueError as error:
        raise NotFound from error
