"""Asterisk's REST interface: commands over a pool of HTTP connections, events over one websocket.

The client knows nothing of calls. It never does work between two events: whoever reads them puts them on a queue.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from careline.kernel.errors import Unavailable
from careline.telephony.http import Listener, Pool, Response
from careline.telephony.instance import Access

APP = "careline"
_HOST: Final = "127.0.0.1"
_TIMEOUT: Final = 10.0

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """What ARI said to a request."""

    status: int
    content: bytes = b""

    @property
    def ok(self) -> bool:
        """Done; False: the thing it was about is not (or no longer) there, or not in a state for it."""
        return self.status < 400

    @property
    def body(self) -> Any:
        """The answer as JSON; None when it is empty."""
        return msgspec.json.decode(self.content) if self.content else None


class Ari:
    """One Asterisk's ARI, for one Stasis application."""

    def __init__(self, access: Access) -> None:
        token = base64.b64encode(f"{access.user}:{access.secret}".encode()).decode()
        self._headers = f"Authorization: Basic {token}\r\n"
        self._port = access.http_port
        self._pool = Pool(_HOST, access.http_port, self._headers)

    def send(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: object | None = None
    ) -> asyncio.Future[Response]:
        """Have a command leave at once, before this returns; `Ari.request` without its second attempt."""
        return self._pool.send(method, _target(path, query), _encoded(body), _TIMEOUT)

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: object | None = None,
        *,
        seconds: float = _TIMEOUT,
    ) -> Answered:
        """One command. Raises `Unavailable` when Asterisk cannot be reached or does not answer in time."""
        target, content = _target(path, query), _encoded(body)
        for attempt in (1, 2):
            try:
                status, text = await self._pool.send(method, target, content, seconds)
            except ConnectionResetError as error:
                if attempt == 2:
                    raise Unavailable("The telephone switch closed the connection") from error
            except (TimeoutError, OSError) as error:
                raise Unavailable("The telephone switch cannot be reached") from error
            else:
                if attempt == 2 and status == 409:  # the first attempt had arrived after all
                    status = 200
                return Answered(status, text)
        raise AssertionError("unreachable")

    async def get(self, path: str, query: Mapping[str, str] | None = None, *, seconds: float = _TIMEOUT) -> Any:
        """What a GET returns. Raises `Unavailable` for any refusal."""
        answer = await self.request("GET", path, query, seconds=seconds)
        if not answer.ok:
            raise Unavailable(f"The telephone switch refused to say what it holds ({answer.status})")
        return answer.body

    @asynccontextmanager
    async def events(self, heard: Callable[[bytes], None]) -> AsyncIterator[asyncio.Future[None]]:
        """Register the application and give its events to `heard`. Yields what is done when the connection is over.

        Raises `Unavailable`.
        """
        target = f"/ari/events?app={APP}&subscribeAll=false"
        try:
            listener = await Listener.connect(_HOST, self._port, target, self._headers, heard)
        except (TimeoutError, OSError) as error:
            raise Unavailable("The telephone switch cannot be reached") from error
        try:
            yield listener.over
        finally:
            listener.close()

    async def close(self) -> None:
        """Close every connection. Channels stay where they are."""
        await self._pool.close()


def _target(path: str, query: Mapping[str, str] | None) -> str:
    return f"/ari/{path}?{urlencode(query)}" if query else f"/ari/{path}"


def _encoded(body: object | None) -> bytes:
    return b"" if body is None else msgspec.json.encode(body)
