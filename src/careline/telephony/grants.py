"""Letting a browser's telephone register: asked by the web process, carried out at the switch."""

from __future__ import annotations

from pathlib import Path

from careline.calls.commands import CallCommands
from careline.kernel.errors import Unavailable
from careline.security.actor import Actor
from careline.telephony.ari import Ari
from careline.telephony.installation import switch_home
from careline.telephony.instance import Access, read_access
from careline.telephony.phones import Kind, Phones


class TelephoneGrants:
    """Grants browser telephones, and makes an agent's telephone the agent's own."""

    def __init__(self, home: Path, commands: CallCommands) -> None:
        self._home = switch_home(home)
        self._commands = commands
        self._ari: Ari | None = None
        self._access: Access | None = None

    async def __call__(self, username: str, password: str, kind: Kind, actor: Actor | None) -> None:
        """Let it register as `username`. Raises `Unavailable` when the switch or call control cannot be reached."""
        await Phones(await self._connection()).grant(username, password, kind)
        if actor is not None and kind == "agent":
            await self._commands.give(actor, "agent.phone", {"endpoint": username})

    async def retire(self, username: str) -> None:
        """Withdraw a telephone that nobody uses any more; one that is reachable stays. Raises `Unavailable`."""
        phones = Phones(await self._connection())
        if not (await phones.listed()).get(username):
            await phones.revoke(username)

    async def close(self) -> None:
        """Close the connections to the switch."""
        if self._ari is not None:
            await self._ari.close()
            self._ari = None

    async def _connection(self) -> Ari:
        try:
            access = read_access(self._home)
        except (OSError, ValueError, TypeError) as error:
            raise Unavailable("The telephone switch has not been started yet.") from error
        if access != self._access:
            # Another switch, or the same one with other ports, since last time.
            await self.close()
            self._access = access
        if self._ari is None:
            self._ari = Ari(access)
        return self._ari
