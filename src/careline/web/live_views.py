"""Views that many pages share: taken and encoded once for each state of a tenant's events, whoever looks."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

import msgspec

from careline.platform.i18n import language
from careline.platform.live import Topic
from careline.security.actor import Actor

#: How many of those who wait for a view are served before others have a turn: a ringing telephone does not wait for
#: five hundred screens.
SLICE = 25


def encode(value: Any) -> str:
    """JSON, as it is sent."""
    return msgspec.json.encode(value).decode()


@dataclass(eq=False, slots=True)
class _Held:
    """One state of a view, being taken or taken."""

    version: int
    view: str | None = None
    error: BaseException | None = None
    waiters: deque[asyncio.Future[None]] = field(default_factory=deque)
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
            self._release()

    async def filled(self) -> None:
        """Wait until it is taken. Whoever leaves meanwhile takes it from nobody."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiters.append(turn)
        await turn

    def _release(self) -> None:
        """Let the next few go on, and then the loop do what else is to be done: hundreds at once would keep it."""
        for _ in range(min(SLICE, len(self.waiters))):
            turn = self.waiters.popleft()
            if not turn.done():
                turn.set_result(None)
        if self.waiters:
            asyncio.get_running_loop().call_soon(self._release)


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
        if held.view is None and held.error is None:
            await held.filled()
        if held.error is not None:
            raise held.error
        assert held.view is not None
        return held.view
