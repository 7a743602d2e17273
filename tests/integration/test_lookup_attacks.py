"""A tenant's administrator tries to reach what lies inside the operator's network through a look-up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from careline.kernel.errors import InvalidInput
from careline.kernel.ids import new_id
from careline.lookups.client import LookupClient
from careline.lookups.model import Endpoint, Question, check_endpoint

pytestmark = pytest.mark.integration


@pytest.fixture
async def listener() -> AsyncIterator[tuple[int, list[object]]]:
    """A port on this machine, and who connected to it."""
    came: list[object] = []

    async def meet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer.get_extra_info("peername"))
        writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], came
    server.close()
    await server.wait_closed()


def endpoint(base_url: str, kind: Any = "http") -> Endpoint:
    return Endpoint(
        id=new_id(), name="x", kind=kind, base_url=base_url, header=None, has_secret=False, max_seconds=5
    )  # fmt: skip


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "127.0.0.1.", "0x7f.1", "0177.0.0.1", "localhost", "LOCALHOST.",
        "１２７.0.0.1", "①②⑦.⓪.⓪.①", "127。0。0。1", "0.0.0.0", "0", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
        "[::127.0.0.1]", "[::]",
    ],
)  # fmt: skip
async def test_no_spelling_of_this_machine_is_connected_to(listener: tuple[int, list[object]], host: str) -> None:
    port, came = listener
    base_url = f"https://{host}:{port}/v1"
    try:
        check_endpoint("x", "http", base_url, None, 5)
    except InvalidInput:
        return
    client = LookupClient()
    try:
        found = await client.ask(endpoint(base_url), None, Question(endpoint="x", into={"a": "b"}, seconds=3.0))
    finally:
        await client.close()
    assert found.exit == "failed" and came == [], f"{host} was connected to"


async def test_the_listener_would_notice(listener: tuple[int, list[object]]) -> None:
    """The test above can fail: with the operator's word the same port is reached."""
    port, came = listener
    client = LookupClient(["127.0.0.1"])
    try:
        await client.ask(endpoint(f"https://127.0.0.1:{port}"), None, Question(endpoint="x", seconds=3.0))
    finally:
        await client.close()
    assert len(came) == 1


async def test_a_name_that_changes_its_address_is_judged_at_every_connection(
    listener: tuple[int, list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the name was public when it was looked at, and points here when it is connected to."""
    port, came = listener
    asked: list[str] = []

    async def rebound(host: str, at: Any, **_: Any) -> list[Any]:
        asked.append(host)
        public = len(asked) == 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("203.0.114.1" if public else "127.0.0.1", at))]

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "getaddrinfo", rebound)
    client = LookupClient()
    one = endpoint(f"https://ehr.example.org:{port}")
    try:
        # The client connects to what our resolver answered: looking and connecting are one, and judged every time.
        first = await client._resolver.resolve("ehr.example.org", port)
        found = await client.ask(one, None, Question(endpoint="x", seconds=3.0))
    finally:
        await client.close()
    assert [r["host"] for r in first] == ["203.0.114.1"]
    assert (found.exit, found.why, came) == ("failed", "host-not-allowed", [])


async def test_one_inner_address_among_public_ones_spoils_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async def mixed(_host: str, at: Any, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, at)) for ip in ("203.0.114.1", "10.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", mixed)
    client = LookupClient()
    with pytest.raises(OSError):
        await client._resolver.resolve("ehr.example.org", 443)
    await client.close()


async def test_the_secret_and_the_question_follow_no_redirect_to_another_place() -> None:
    """Another host, another port, another scheme: the secret stays with the address it was given for."""
    heard: list[str] = []

    async def thief(request: web.Request) -> web.Response:
        heard.append(request.headers.get("X-Key", "") + await request.text())
        return web.json_response({"b": "stolen"})

    async def serve(handler: Any) -> tuple[web.AppRunner, int]:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner, runner.addresses[0][1]

    other, there = await serve(thief)

    async def honest(request: web.Request) -> web.Response:
        status = int(request.path.rpartition("/")[2])
        return web.Response(status=status, headers={"Location": f"http://127.0.0.1:{there}/take"})

    first, here = await serve(honest)
    client = LookupClient(["127.0.0.1"])
    try:
        for status in (301, 302, 303, 307, 308):
            for query in ({}, {"member": "M-1"}):
                question = Question(endpoint="x", path=str(status), query=query, into={"a": "b"}, seconds=3.0)
                found = await client.ask(
                    Endpoint(
                        id=new_id(), name="x", kind="http", base_url=f"http://127.0.0.1:{here}", header="X-Key",
                        has_secret=True, max_seconds=5,
                    ),
                    "s3cret", question,
                )  # fmt: skip
                assert (found.exit, found.why) == ("failed", "redirect")
    finally:
        await client.close()
        await other.cleanup()
        await first.cleanup()
    assert heard == []


@pytest.mark.parametrize(
    "base_url",
    [
        "https://good.example\\@10.0.0.1/", "https://good.example#@10.0.0.1/", "https://good.example%2f@10.0.0.1/",
        "https://u@10.0.0.1", "file:///etc/passwd", "gopher://x.example", "https://", "https://x.example:0", "https://[",
        "https://x.example?next=1", "//x.example", "https://x.example:99999", "https:x.example",
    ],
)  # fmt: skip
def test_addresses_that_two_readers_read_differently_are_refused(base_url: str) -> None:
    with pytest.raises(InvalidInput):
        check_endpoint("x", "http", base_url, None, 5)


@pytest.mark.parametrize(
    "header", ["Host", "content-length", "Transfer-Encoding", "connection", "X: y", "X\r\nY", "", "X\u0130"]
)
def test_headers_that_change_the_request_itself_are_refused(header: str) -> None:
    with pytest.raises(InvalidInput):
        check_endpoint("x", "http", "https://x.example.org", header, 5)
