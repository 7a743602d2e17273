"""What call control needs from a telephone switch: commands it gives, events it hears, and a way to look again.

Two implementations pass the same contract tests: `careline.telephony` (Asterisk over ARI) and
`careline.testing.fake_switch` (in memory, on any clock). Identifiers of channels, bridges, playbacks and recordings
are chosen by the caller before the command is given, so that an event can never arrive for something unknown.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from careline.calls.switch_commands import Command
from careline.calls.switch_events import SwitchEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSeen:
    """One channel as the switch lists it."""

    channel: str
    #: In our application (commandable), or still in the switch's own waiting loop.
    ours: bool
    up: bool
    inbound: bool
    dialled: str
    caller: str | None
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchSnapshot:
    """Everything the switch holds at one moment."""

    channels: Mapping[str, ChannelSeen] = field(default_factory=dict)
    bridges: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    endpoints_online: frozenset[str] = frozenset()


class Switch(Protocol):
    """A telephone switch. A vanished channel is a normal outcome of any command, never an exception."""

    def run(self, commands: Sequence[Command]) -> Awaitable[None]:
        """Carry out commands in order. Fails with `Unavailable` when the switch cannot be reached."""
        ...

    def events(self) -> AsyncIterator[SwitchEvent]:
        """Everything that happens, in the order the switch said it; begins with SwitchUp. One reader only."""
        ...

    async def snapshot(self) -> SwitchSnapshot:
        """All channels, bridges and reachable telephones now. Raises `Unavailable`."""
        ...

    async def grant_softphone(self, username: str, password: str, *, kind: Literal["agent", "caller", "desk"]) -> None:
        """Let a telephone register as `username` (`s-…` agent's browser, `w-…` caller's page, `d-…` desk phone)."""
        ...

    async def revoke_softphone(self, username: str) -> None:
        """Withdraw it: no new registration and no new call; a call in progress stays up."""
        ...

    async def close(self) -> None:
        """Leave the switch; calls stay up."""
        ...
