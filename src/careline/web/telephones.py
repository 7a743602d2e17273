"""Browser telephones that are no longer used are withdrawn from the switch, so that they do not pile up there."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

from careline.kernel.errors import CarelineError

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

#: How long a telephone may be without a socket: longer than any refresh, outage or restart that it comes back from.
UNUSED = 600.0

Retire = Callable[[str], Awaitable[None]]


class Telephones:
    """Knows which telephones have a socket in this process, and retires those that have had none for long."""

    def __init__(self, retire: Retire, unused: float = UNUSED) -> None:
        self._retire = retire
        self._unused = unused
        self._sockets: Counter[str] = Counter()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def granted(self, name: str) -> None:
        """A telephone was made; it may never be used."""
        self._wait(name)

    @contextmanager
    def in_use(self, name: str) -> Iterator[None]:
        """While it has a socket."""
        self._sockets[name] += 1
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
        try:
            yield
        finally:
            self._sockets[name] -= 1
            if self._sockets[name] <= 0:
                del self._sockets[name]
                self._wait(name)

    async def stop(self) -> None:
        """Forget everything; the telephones themselves stay, for the process that comes after this one."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _wait(self, name: str) -> None:
        loop = asyncio.get_running_loop()
        old = self._timers.pop(name, None)
        if old is not None:
            old.cancel()
        self._timers[name] = loop.call_later(self._unused, self._due, name)

    def _due(self, name: str) -> None:
        self._timers.pop(name, None)
        task = asyncio.get_running_loop().create_task(self._end(name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end(self, name: str) -> None:
        try:
            await self._retire(name)
        except CarelineError as error:
            # A switch that is away forgets its browser telephones by itself.
            log.info("unused telephone was not withdrawn", extra={"endpoint": name, "error": error.id})
