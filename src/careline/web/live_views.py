"""Views that many pages share: taken and encoded once for each state of a tenant's events, whoever looks."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import msgspec

from careline.platform.i18n import language
from careline.platform.live import Topic
from careline.security.actor import Actor


def encode(value: Any) -> str:
    """JSON, as it is sent."""
    return msgspec.json.encode(value).decode()


@dataclass(eq=False, slots=True)
class _Held:
    """One state of a view, being taken or taken."""

    version: int
    view: str | None = None
    error: BaseException | None = None
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    @property
    def failed(self) -> bool:
        return self.error is not None

    async def fill(self, actor: Actor, topic: Topic) -> None:
        """Take the view; an error is kept for those who wait."""
        try:
            self.view = encode(await topic.snapshot(actor, None))
        except BaseException as error:
            self.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            self.filled.set()


class SharedViews:
    """The latest encoded view of each shared topic, for each set of roles, scopes and language of a tenant."""

    def __init__(self) -> None:
        self._held: dict[tuple[object, ...], _Held] = {}
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
        if held is None or held.version != version or held.failed:
            held = _Held(version)
            held.task = asyncio.create_task(held.fill(actor, topic))
            self._held[place] = held
        if held.view is None:
            # Many wait for one: whoever leaves meanwhile takes it from nobody.
            await held.filled.wait()
        if held.error is not None:
            raise held.error
        assert held.view is not None
        return held.view
