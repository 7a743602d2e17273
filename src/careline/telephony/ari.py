"""Asterisk's REST interface: commands over a pool of HTTP connections, events over one websocket.

The client knows nothing of calls. It never does work between two events: whoever reads them puts them on a queue.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from careline.kernel.errors import Unavailable
from careline.telephony.instance import Access

APP = "careline"
#: Connections for commands: one alone serialises them at under half the rate.
_POOL = 32
#: Below the server's 15 s, or a request races with the server's close.
_KEEP_ALIVE = 10.0
_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=3)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """What ARI said to a request."""

    status: int
    body: Any

    @property
    def ok(self) -> bool:
        """Done; False: the thing it was about is not (or no longer) there, or not in a state for it."""
        return self.status < 400


class Ari:
    """One Asterisk's ARI, for one Stasis application."""

    def __init__(self, access: Access) -> None:
        self._base = access.ari
        token = base64.b64encode(f"{access.user}:{access.secret}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}"}
        self._http: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: object | None = None,
        *,
        seconds: float | None = None,
    ) -> Answered:
        """One command. Raises `Unavailable` when Asterisk cannot be reached or does not answer in time."""
        timeout = _TIMEOUT if seconds is None else aiohttp.ClientTimeout(total=seconds)
        for attempt in (1, 2):
            try:
                async with self._session().request(
                    method, f"{self._base}/{path}", params=query, json=body, timeout=timeout
                ) as answer:
                    text = await answer.read()
                    parsed = json.loads(text) if text and answer.content_type == "application/json" else None
                    if attempt == 2 and answer.status == 409:  # the first attempt had arrived after all
                        return Answered(200, parsed)
                    return Answered(answer.status, parsed)
            except aiohttp.ServerDisconnectedError as error:
                if attempt == 2:
                    raise Unavailable("The telephone switch closed the connection") from error
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise Unavailable("The telephone switch cannot be reached") from error
        raise AssertionError("unreachable")

    async def get(self, path: str, query: Mapping[str, str] | None = None, *, seconds: float | None = None) -> Any:
        """What a GET returns. Raises `Unavailable` for any refusal."""
        answer = await self.request("GET", path, query, seconds=seconds)
        if not answer.ok:
            raise Unavailable(f"The telephone switch refused to say what it holds ({answer.status})")
        return answer.body

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[Json]]:
        """Register the application and read its events until the connection ends. Raises `Unavailable`."""
        try:
            async with self._session().ws_connect(
                f"{self._base}/events", params={"app": APP, "subscribeAll": "false"}, heartbeat=10, max_msg_size=2**22
            ) as socket:
                yield _messages(socket)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable("The telephone switch cannot be reached") from error

    async def close(self) -> None:
        """Close every connection. Channels stay where they are."""
        if self._http is not None:
            await self._http.close()
            await asyncio.sleep(0)  # lets the transports close before the loop does

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                headers=self._headers, connector=aiohttp.TCPConnector(limit=_POOL, keepalive_timeout=_KEEP_ALIVE)
            )
        return self._http


async def _messages(socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[Json]:
    async for message in socket:
        if message.type is aiohttp.WSMsgType.TEXT:
            yield json.loads(message.data)
