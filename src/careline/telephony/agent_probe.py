"""Tries a voice agent from the page: connects as a call would, sends no sound, and leaves in good order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from careline.telephony.voice_agent import place_of
from careline.voice_agents.model import Why

_SECONDS: Final = 5.0


class AgentProbe:
    """The probe of an installation."""

    def __init__(self, inside: Sequence[str] = ()) -> None:
        """`inside`: hosts of the operator's own network that may be agents (`lookup_hosts`)."""
        self._inside = tuple(host.lower() for host in inside)

    async def __call__(self, url: str, secret: str) -> Why | None:
        """Why it failed; None: it answered."""
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        try:
            host, port = await place_of(url, self._inside)
            socket = await connect(
                url, host=host, port=port, proxy=None, additional_headers=headers, open_timeout=_SECONDS,
                compression=None,
            )  # fmt: skip
        except (OSError, TimeoutError, WebSocketException, ValueError):
            return "unreachable"
        await socket.close()
        return None
