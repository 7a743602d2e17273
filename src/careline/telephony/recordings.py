"""Recordings as the switch sees them: the recorder gives a pipe, Asterisk's MixMonitor writes stereo sound into it.

Our process holds every pipe open too, without reading: when the recorder dies, Asterisk's sound waits in the pipe for
the recorder's next life instead of being lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from pathlib import Path
from typing import Protocol

from careline.kernel.errors import Unavailable
from careline.telephony.ami import Ami
from careline.telephony.instance import Access

log = logging.getLogger(__name__)

_RETRY_SECONDS = 0.25
_PATIENCE_SECONDS = 15.0


class RecorderDoor(Protocol):
    """The recorder, as seen from here."""

    async def open(self, recording: str, tenant: int) -> Path:
        """Have a recording begun; the pipe to write into. Raises `Unavailable`."""
        ...


def pipe_folder(home: Path) -> Path:
    """Where the pipes of an Asterisk instance are."""
    return home / "run/rec"


class Recordings:
    """Starts and stops stereo recordings."""

    def __init__(self, access: Access, door: RecorderDoor | None) -> None:
        self._ami = Ami(access)
        self._folder = pipe_folder(access.home)
        self._door = door
        self._held: dict[Path, int] = {}
        self._late: set[asyncio.Task[None]] = set()

    async def start(self, channel: str, recording: str, tenant: int) -> None:
        """Begin. While the recorder is restarting, it is tried again in the background: the call does not wait."""
        if self._door is None:
            log.warning("no recorder is configured; the call is not recorded", extra={"recording": recording})
            return
        try:
            await self._start(channel, recording, tenant)
        except Unavailable:
            task = asyncio.create_task(self._start_late(channel, recording, tenant))
            self._late.add(task)
            task.add_done_callback(self._late.discard)

    async def stop(self, channel: str) -> None:
        """End. The recorder notices the end of the pipe by itself."""
        with contextlib.suppress(Unavailable):
            await self._ami.action("StopMixMonitor", Channel=channel)

    def hold(self) -> None:
        """Hold every pipe that is in use, and let go of those that the recorder has finished with."""
        with contextlib.suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                self._hold(path)
        for path, fd in list(self._held.items()):
            if os.fstat(fd).st_nlink == 0:
                os.close(self._held.pop(path))

    async def close(self) -> None:
        """Let go of everything; recordings go on."""
        for task in self._late:
            task.cancel()
        for fd in self._held.values():
            os.close(fd)
        self._held.clear()
        await self._ami.close()

    async def _start(self, channel: str, recording: str, tenant: int) -> None:
        assert self._door is not None
        pipe = await self._door.open(recording, tenant)
        self._hold(pipe)
        said = await self._ami.action("MixMonitor", Channel=channel, File=str(pipe), options="D")
        if said.get("Response") != "Success":
            # the channel has gone in the meantime, or Asterisk refused; the recorder closes an empty recording
            log.info("the recording was not started", extra={"recording": recording})

    async def _start_late(self, channel: str, recording: str, tenant: int) -> None:
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_RETRY_SECONDS)
            with contextlib.suppress(Unavailable):
                await self._start(channel, recording, tenant)
                return
        log.error("the recorder did not come back in time; the call is not recorded", extra={"recording": recording})

    def _hold(self, pipe: Path) -> None:
        if pipe not in self._held:
            with contextlib.suppress(OSError):
                self._held[pipe] = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
