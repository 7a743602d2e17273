"""Listening to a switch in tests: wait for the events that matter, in any order among others."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, TypeVar

from careline.calls.ports import Switch
from careline.calls.switch_events import SwitchEvent, SwitchUp

E = TypeVar("E")


class Listener:
    """Reads a switch's events from the moment it is entered; connected when entered."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        #: Every event so far, in order.
        self.heard: list[SwitchEvent] = []
        self._taken: set[int] = set()
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Listener:
        self._task = asyncio.create_task(self._listen())
        await self.next(SwitchUp)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def next(self, kind: type[E], *, seconds: float = 30.0, **fields: Any) -> E:
        """The first event of a kind (with these field values) that was not taken before. Raises TimeoutError."""
        async with asyncio.timeout(seconds), self._news:
            while True:
                for index, event in enumerate(self.heard):
                    matches = isinstance(event, kind) and all(getattr(event, k) == v for k, v in fields.items())
                    if matches and index not in self._taken:
                        self._taken.add(index)
                        assert isinstance(event, kind)
                        return event
                await self._news.wait()

    def all(self, kind: type[E], **fields: Any) -> list[E]:
        """Every event of a kind so far."""
        return [e for e in self.heard if isinstance(e, kind) and all(getattr(e, k) == v for k, v in fields.items())]

    async def _listen(self) -> None:
        async for event in self._switch.events():
            async with self._news:
                self.heard.append(event)
                self._news.notify_all()
