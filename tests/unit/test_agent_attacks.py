"""A hostile voice agent, and a hostile administrator who names one: over a real websocket, with a channel in memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Any, cast

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from careline.telephony.media import Control, Media
from careline.telephony.voice_agent import AgentCall, Conversation

pytestmark = pytest.mark.unit

LOCAL = ("127.0.0.1",)


class Channel:
    """A caller's channel: sound without end, and what was done to it."""

    def __init__(self) -> None:
        self.marks: list[str] = []
        self.said = 0

    async def frames(self) -> AsyncIterator[bytes | Control]:
        while True:
            yield b"\xff" * 160
            await asyncio.sleep(0.005)

    async def say(self, sound: bytes) -> None:
        self.said += len(sound)

    async def mark(self, name: str) -> None:
        self.marks.append(name)

    async def hush(self) -> None:
        self.marks.clear()


class Far:
    """A websocket server that does as the test says, and what it was told."""

    def __init__(self, messages: list[str], to: Callable[[], str] | None = None) -> None:
        self.messages, self.to = messages, to
        self.told: list[dict[str, Any]] = []
        self.asked: list[Request] = []

    def hand_on(self, connection: ServerConnection, request: Request) -> Response | None:
        self.asked.append(request)
        if self.to is None:
            return None
        answer = connection.respond(HTTPStatus.TEMPORARY_REDIRECT, "")
        answer.headers["Location"] = self.to()
        return answer

    async def __call__(self, socket: ServerConnection) -> None:
        self.told.append(json.loads(await socket.recv()))
        for message in self.messages:
            await socket.send(message)
        await socket.close()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        server: Server = await serve(self, "127.0.0.1", 0, process_request=self.hand_on)
        try:
            yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/agent"
        finally:
            server.close(close_connections=True)
            await server.wait_closed()


async def talk(url: str, inside: tuple[str, ...] = LOCAL) -> tuple[str, Channel]:
    channel = Channel()
    call = AgentCall(url=url, call_id="c", stream_id="s", secret="s3cret", parameters={"token": "t"}, inside=inside)
    async with asyncio.timeout(20):
        return await Conversation(call, cast(Media, channel)).run(), channel


async def test_the_sound_follows_no_redirect_to_somebody_without_an_agreement() -> None:
    thief = Far([])
    async with thief.open() as elsewhere:
        honest = Far([], to=lambda: elsewhere)
        async with honest.open() as url:
            assert (await talk(url))[0] == "failed"
    assert len(honest.asked) == 1
    assert thief.asked == [] and thief.told == []


async def test_nobodys_proxy_hears_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    far, proxied = Far([]), Far([])
    async with far.open() as url, proxied.open() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.replace("ws:", "http:"))
        monkeypatch.setenv("no_proxy", "")
        assert (await talk(url))[0] == "next"
    assert proxied.asked == [] and [body["event"] for body in far.told] == ["connected"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0"])
async def test_inside_hosts_need_the_operators_word(host: str) -> None:
    far = Far([])
    async with far.open() as url:
        assert (await talk(url.replace("127.0.0.1", host), inside=()))[0] == "failed"
        assert far.asked == []
        assert (await talk(url))[0] == "next", "the same place is reached once it is listed"


async def test_the_operators_word_is_for_the_host_or_the_port_it_names() -> None:
    far = Far([])
    async with far.open() as url:
        port = url.rpartition(":")[2].partition("/")[0]
        assert (await talk(url, inside=("127.0.0.1:1",)))[0] == "failed"
        assert (await talk(url, inside=(f"127.0.0.1:{port}",)))[0] == "next"


@pytest.mark.parametrize(
    "message",
    [
        "[" * 100_000, '{"event":' * 50_000, "null", "[]", '"media"', '{"event": []}', '{"event": "media"}',
        '{"event": "media", "media": {"payload": "***"}}', '{"event": "media", "media": {"payload": 7}}',
        '{"event": "mark", "mark": null}', '{"event": "clear", "x": "\\ud800"}', "\x00", "1" * 5000,
    ],
)  # fmt: skip
async def test_no_message_breaks_the_conversation(message: str) -> None:
    """What is not understood is ignored: the good message after it is still heard."""
    good = json.dumps({"event": "media", "media": {"payload": "/" * 216}})
    async with Far([message, good]).open() as url:
        why, channel = await talk(url)
    assert (why, channel.said) == ("next", 162)


async def test_marks_without_end_are_not_kept_without_end() -> None:
    mark = json.dumps({"event": "mark", "mark": {"name": "m" * 100}})
    async with Far([mark] * 5000).open() as url:
        why, channel = await talk(url)
    assert why == "next" and 0 < len(channel.marks) <= 200
