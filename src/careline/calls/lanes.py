"""Lanes: commands of one call run in order, calls run side by side, and ringing waits for nobody."""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from careline.calls.ports import Command, Hangup, Ring, Switch
from careline.kernel.errors import CarelineError

log = logging.getLogger(__name__)


class Lanes:
    """Sends commands to the switch."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._tails: dict[UUID, asyncio.Task[None]] = {}
        self._rings: dict[str, asyncio.Task[None]] = {}
        self._loose: set[asyncio.Task[None]] = set()

    def send(self, commands: list[tuple[UUID | None, Command]]) -> None:
        """Begin to carry out commands; returns at once."""
        lanes: dict[UUID | None, list[Command]] = {}
        for lane, command in commands:
            if isinstance(command, Ring):
                # A new leg depends on nothing in its call's lane: it rings while the caller is still being answered.
                task = self._start([command], ())
                self._rings[command.channel] = task
                task.add_done_callback(lambda _, c=command.channel: self._rings.pop(c, None))  # type: ignore[misc]
            else:
                lanes.setdefault(lane, []).append(command)
        for lane, batch in lanes.items():
            # A leg can only be hung up when the switch knows it.
            after = [self._rings[c.channel] for c in batch if isinstance(c, Hangup) and c.channel in self._rings]
            if lane is None:
                self._start(batch, after)
                continue
            if lane in self._tails:
                after.append(self._tails[lane])
            task = self._start(batch, after)
            self._tails[lane] = task
            task.add_done_callback(lambda t, k=lane: self._forget(k, t))  # type: ignore[misc]

    def _forget(self, lane: UUID, task: asyncio.Task[None]) -> None:
        if self._tails.get(lane) is task:
            del self._tails[lane]

    def _start(self, commands: list[Command], after: list[asyncio.Task[None]] | tuple[()]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._run(commands, after))
        self._loose.add(task)
        task.add_done_callback(self._loose.discard)
        return task

    async def _run(self, commands: list[Command], after: list[asyncio.Task[None]] | tuple[()]) -> None:
        if after:
            await asyncio.wait(after)
        try:
            await self._switch.run(commands)
        except CarelineError as error:
            # The switch is away; when it is back, reconciling puts every call where its state says.
            log.warning("commands did not reach the switch", extra={"error": error.id, "count": len(commands)})

    async def drained(self) -> None:
        """Wait for everything under way."""
        while self._loose:
            await asyncio.wait(self._loose)
