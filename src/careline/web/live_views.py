"""Views that many pages share: taken and encoded once for each state of a tenant's events, whoever looks."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import Any

import msgspec

from careline.platform.i18n import language
from careline.platform.live import Topic
from careline.security.actor import Actor


def encode(value: Any) -> str:
    """JSON, as it is sent."""
    return msgspec.json.encode(value).decode()


class SharedViews:
    """The latest encoded view of each shared topic, for each set of roles, scopes and language of a tenant."""

    def __init__(self) -> None:
        self._held: dict[tuple[object, ...], tuple[int, asyncio.Task[str]]] = {}
        self._version: dict[int, int] = defaultdict(int)

    def changed(self, tenant_id: int) -> None:
        """Something happened at a tenant: what is held of it is of yesterday."""
        self._version[tenant_id] += 1

    async def take(self, actor: Actor, topic: Topic) -> str:
        """The view of everybody with the actor's roles and scopes. Raises what the topic's snapshot raises."""
        version = self._version[actor.tenant_id]
        if topic.every:
            version = hash((version, int(time.monotonic() / topic.every)))
        place = (actor.tenant_id, topic.name, actor.roles, actor.scopes, language())
        held = self._held.get(place)
        if held is None or held[0] != version or (held[1].done() and held[1].exception() is not None):

            async def view() -> str:
                return encode(await topic.snapshot(actor, None))

            held = (version, asyncio.create_task(view()))
            self._held[place] = held
        return held[1].result() if held[1].done() else await asyncio.shield(held[1])
