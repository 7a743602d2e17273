"""The live topic of the inbox."""

from __future__ import annotations

from typing import Any

from careline.platform.live import Topic


def topics(services: Any) -> list[Topic]:
    """`inbox`: the inboxes of an actor and what is open in them; also taken by the minute, since limits just pass."""

    async def inbox(actor: Any, key: str | None) -> Any:
        del key
        return await services.messages.snapshot(actor)

    return [Topic(name="inbox", snapshot=inbox, streams=frozenset({"message"}), every=60.0)]
