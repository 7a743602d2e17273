"""What voice agents need from the telephone side."""

from __future__ import annotations

from typing import Protocol

from careline.voice_agents.model import Why


class Probe(Protocol):
    """Tries to connect with a voice agent, as a call would, and sends no sound."""

    async def __call__(self, url: str, secret: str) -> Why | None:
        """Why it failed; None: it answered. Never raises for what the other side does."""
        ...
