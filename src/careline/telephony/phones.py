"""Telephones that may register: pushed into Asterisk's memory for one session, withdrawn again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Final, Literal

from careline.kernel.errors import InvalidInput, Unavailable
from careline.telephony.ari import APP, Ari

Kind = Literal["agent", "caller", "desk"]

_NAME: Final = re.compile(r"[swd]-[a-z0-9-]{1,40}")
_PREFIX: Final[Mapping[Kind, str]] = {"agent": "s-", "caller": "w-", "desk": "d-"}
_CONFIG: Final = "asterisk/config/dynamic/res_pjsip"

#: G.711 on every leg, as in the telephone network: nothing is transcoded between caller and agent, and MixMonitor's
#: stereo output, which takes the rate of the widest codec in the call, stays at 8 kHz (docs/decisions).
_NARROW: Final = "ulaw,alaw"
_EVERY: Final = {
    "disallow": "all",
    "direct_media": "no",
    "message_context": "nowhere",
    "allow_transfer": "no",
    "allow_subscribe": "no",
    "allow_overlap": "no",
    "dtmf_mode": "rfc4733",
}
_BROWSER: Final = {
    **_EVERY,
    "webrtc": "yes",
    "transport": "ws",
    "allow": _NARROW,
    # a browser that died without a word: its leg ends, the caller goes back to the queue
    "rtp_timeout": "30",
    "rtp_timeout_hold": "600",
}
_ENDPOINTS: Final[Mapping[Kind, Mapping[str, str]]] = {
    "agent": {**_BROWSER, "context": "softphones"},
    "caller": {**_BROWSER, "context": "from-web"},
    "desk": {
        **_EVERY,
        "context": "from-desk",
        "allow": _NARROW,
        "rtp_symmetric": "yes",
        "force_rport": "yes",
        "rewrite_contact": "yes",
        "rtp_timeout": "600",
    },
}
#: Browsers are asked every 15 s whether they are there, which finds a network that went away without closing.
_AORS: Final[Mapping[Kind, Mapping[str, str]]] = {
    "agent": {"maximum_expiration": "120", "qualify_frequency": "15", "qualify_timeout": "4"},
    "caller": {"maximum_expiration": "120", "qualify_frequency": "15", "qualify_timeout": "4"},
    "desk": {"maximum_expiration": "600", "minimum_expiration": "30"},
}


class Phones:
    """Who may register with one Asterisk. Remembers what it granted, to grant it again after a restart."""

    def __init__(self, ari: Ari) -> None:
        self._ari = ari
        self._granted: dict[str, tuple[str, Kind]] = {}
        #: One push at a time: Asterisk refuses the second of two that write the same thing at once.
        self._pushing = asyncio.Lock()

    async def grant(self, username: str, password: str, kind: Kind) -> None:
        """Let `username` register. Raises `InvalidInput` for a name of another kind, `Unavailable`."""
        if not _NAME.fullmatch(username) or not username.startswith(_PREFIX[kind]):
            raise InvalidInput("A telephone's name begins with s-, w- or d- by its kind, then small letters and digits")
        self._granted[username] = (password, kind)
        await self._push(username, password, kind)

    async def revoke(self, username: str) -> None:
        """Withdraw it. Nothing happens when it was not granted. Raises `Unavailable`."""
        self._granted.pop(username, None)
        if _NAME.fullmatch(username):
            for part in ("endpoint", "aor", "auth"):
                await self._ari.request("DELETE", f"{_CONFIG}/{part}/{username}")

    async def grant_again(self) -> None:
        """After a restart of Asterisk: everything granted by this process. Raises `Unavailable`."""
        for username, (password, kind) in list(self._granted.items()):
            await self._push(username, password, kind)

    async def listed(self) -> dict[str, bool]:
        """Every telephone that Asterisk knows of, and whether it is reachable. Raises `Unavailable`."""
        endpoints = await self._ari.get("endpoints/PJSIP")
        return {one["resource"]: one["state"] == "online" for one in endpoints if _NAME.fullmatch(one["resource"])}

    async def follow(self) -> None:
        """Hear of every telephone's registrations. Raises `Unavailable`.

        All at once, since following a single one would repeat every event of its calls.
        """
        await self._ari.request("POST", f"applications/{APP}/subscription", {"eventSource": "endpoint:"})

    async def _push(self, username: str, password: str, kind: Kind) -> None:
        async with self._pushing:
            await self._write(username, password, kind)

    async def _write(self, username: str, password: str, kind: Kind) -> None:
        auth = {"auth_type": "userpass", "username": username, "password": password}
        aor = {"max_contacts": "1", "remove_existing": "yes", **_AORS[kind]}
        endpoint = {**_ENDPOINTS[kind], "auth": username, "aors": username}
        for part, fields in (("auth", auth), ("aor", aor), ("endpoint", endpoint)):
            body = {"fields": [{"attribute": name, "value": value} for name, value in fields.items()]}
            answer = await self._ari.request("PUT", f"{_CONFIG}/{part}/{username}", None, body)
            if not answer.ok:
                raise Unavailable(f"The telephone switch refused the telephone's {part} ({answer.status})")
