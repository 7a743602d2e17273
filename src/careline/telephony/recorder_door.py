"""The way to the recorder process: one line of JSON over its Unix socket, one line back."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from careline.kernel.errors import Unavailable

_SECONDS = 3.0


def socket_path(home: Path) -> Path:
    """Where the recorder listens, in a state folder."""
    return home / "run" / "recorder.sock"


class RecorderClient:
    """Asks the recorder. A connection a question: the recorder may be restarted at any time."""

    def __init__(self, home: Path) -> None:
        self._path = socket_path(home)

    async def open(self, recording: str, tenant: int) -> Path:
        """Have a recording begun; the pipe that takes its sound. Raises `Unavailable`."""
        return Path((await self.ask({"do": "open", "recording": recording, "tenant": tenant}))["pipe"])

    async def status(self) -> dict[str, Any]:
        """How many recordings run, and what is wrong. Raises `Unavailable`."""
        return await self.ask({"do": "status"})

    async def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """One question. Raises `Unavailable` when there is no recorder or it cannot do it."""
        try:
            async with asyncio.timeout(_SECONDS):
                reader, writer = await asyncio.open_unix_connection(str(self._path))
                try:
                    writer.write(json.dumps(question).encode() + b"\n")
                    await writer.drain()
                    answer = json.loads(await reader.readline() or b"{}")
                finally:
                    writer.close()
        except (OSError, TimeoutError, ValueError) as error:
            raise Unavailable("The recorder cannot be reached.") from error
        if not answer.get("ok"):
            raise Unavailable("The recorder cannot record just now.")
        return dict(answer)
