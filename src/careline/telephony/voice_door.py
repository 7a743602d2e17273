"""The way to the voice process: lines of JSON both ways over its Unix socket, one connection for each call control.

We ask it to listen to a channel's sound or to connect it with a voice agent; it tells what was heard. When it is
restarted, the connection ends here, and whoever holds it asks again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from careline.kernel.errors import Unavailable

_SECONDS = 3.0
_LONGEST_LINE = 1 << 20

Json = dict[str, Any]


def socket_path(home: Path) -> Path:
    """Where the voice process listens, in a state folder."""
    return home / "run" / "voice.sock"


class VoiceLine:
    """A connection that is there or not; `say` fails when it is not."""

    def __init__(self, home: Path) -> None:
        self._path = socket_path(home)
        self._writer: asyncio.StreamWriter | None = None

    async def hold(self, told: Callable[[Json], None]) -> None:
        """Connect and read until the connection ends. Raises `Unavailable` when there is no voice process."""
        try:
            async with asyncio.timeout(_SECONDS):
                reader, self._writer = await asyncio.open_unix_connection(str(self._path), limit=_LONGEST_LINE)
        except (OSError, TimeoutError) as error:
            raise Unavailable("The voice process cannot be reached.") from error
        try:
            told({"connected": True})
            while line := await reader.readline():
                told(json.loads(line))
        except (OSError, ValueError):
            return
        finally:
            self._writer.close()
            self._writer = None

    def say(self, message: Json) -> bool:
        """Send one line; False when nobody is there."""
        if self._writer is None or self._writer.is_closing():
            return False
        self._writer.write(json.dumps(message).encode() + b"\n")
        return True
