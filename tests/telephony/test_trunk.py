"""The trunk: signing in to the provider's server with a name and password, and nobody else passing for it."""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
from collections.abc import Iterator
from typing import cast

import pytest

from careline.calls.switch_commands import Ring
from careline.calls.switch_events import LegEnded, SwitchUp
from careline.kernel.ids import new_id
from careline.telephony.process import AsteriskProcess
from careline.telephony.switch import AsteriskSwitch
from careline.testing.asterisk import private_asterisk

pytestmark = pytest.mark.telephony

NAME, PASSWORD, REALM, NONCE = "clinic", "pass;word=1", "provider", "abcdef0123456789"
#: Where the provider is; and a stranger, who is not in the trunk's list of addresses.
PROVIDER, STRANGER = "127.0.0.2", "127.0.0.9"


def header(message: str, name: str) -> str:
    found = re.search(rf"^{name}:\s*(.*)\r$", message, re.IGNORECASE | re.MULTILINE)
    return found[1] if found else ""


def reply(request: str, status: str, *more: str) -> bytes:
    """A response with the headers that must be repeated."""
    vias = re.findall(r"^Via:.*\r$", request, re.IGNORECASE | re.MULTILINE)
    copied = [f"{name}: {header(request, name)}" for name in ("From", "To", "Call-ID", "CSeq")]
    copied[1] += ";tag=provider"
    lines = [f"SIP/2.0 {status}", *(via.strip() for via in vias), *copied, *more, "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode()


class Provider(asyncio.DatagramProtocol):
    """A provider's server: demands a digest (RFC 2617) for REGISTER and INVITE, and notes who got in."""

    def __init__(self) -> None:
        self.accepted: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.refused = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        request = data.decode(errors="replace")
        method, uri = request.split(" ")[:2]
        if method == "OPTIONS":
            self.transport.sendto(reply(request, "200 OK"), addr)
        if method not in ("REGISTER", "INVITE"):
            return
        if not self._knows(method, header(request, "Authorization")):
            self.refused += 1
            ask = f'WWW-Authenticate: Digest realm="{REALM}", nonce="{NONCE}", algorithm=MD5, qop="auth"'
            self.transport.sendto(reply(request, "401 Unauthorized", ask), addr)
            return
        self.accepted.put_nowait((method, uri))
        answer = "200 OK" if method == "REGISTER" else "486 Busy Here"
        contact = [f"Contact: {header(request, 'Contact')}"] if method == "REGISTER" else []
        self.transport.sendto(reply(request, answer, *contact), addr)

    def _knows(self, method: str, given: str) -> bool:
        values = {k: a or b for k, a, b in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', given)}
        if values.get("username") != NAME or values.get("nonce") != NONCE:
            return False

        def md5(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        who, what = md5(f"{NAME}:{REALM}:{PASSWORD}"), md5(f"{method}:{values['uri']}")
        proof = md5(f"{who}:{NONCE}:{values['nc']}:{values['cnonce']}:auth:{what}")
        return bool(values["response"] == proof)


@pytest.fixture(scope="module")
def server_port() -> int:
    """A free port of the provider's address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((PROVIDER, 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def signed_in(server_port: int) -> Iterator[AsteriskProcess]:
    """An Asterisk that must sign in to the provider."""
    with private_asterisk(
        trunk_outbound=f"{PROVIDER}:{server_port}", trunk_username=NAME, trunk_password=PASSWORD
    ) as process:
        yield process


async def test_it_registers_and_calls_with_its_name_and_password(signed_in: AsteriskProcess, server_port: int) -> None:
    loop = asyncio.get_running_loop()
    transport, provider = await loop.create_datagram_endpoint(Provider, local_addr=(PROVIDER, server_port))
    switch = AsteriskSwitch(signed_in.access())
    try:
        async with asyncio.timeout(60):
            assert (await provider.accepted.get())[0] == "REGISTER"
            events = switch.events()
            assert isinstance(await anext(events), SwitchUp)
            leg = f"leg-{new_id()}"
            ring = Ring(
                channel=leg, endpoint="tel:+15552019999", caller_id=None, caller_name=None, seconds=10, call="c"
            )
            await switch.run([ring])
            method, uri = await provider.accepted.get()
            assert method == "INVITE" and "+15552019999@" in uri
            async for event in events:
                if isinstance(event, LegEnded) and event.channel == leg:
                    assert event.cause == "busy"
                    break
        assert provider.refused >= 2, "nothing was demanded: this run would prove nothing"
    finally:
        await switch.close()
        transport.close()


class Answers(asyncio.DatagramProtocol):
    """Takes the answers to one request."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[str] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.got.put_nowait(data.decode(errors="replace").split("\r\n")[0])


@pytest.mark.parametrize("name", ["trunk", "clinic", "anonymous"])
async def test_a_stranger_is_not_the_trunk_whatever_he_calls_himself(signed_in: AsteriskProcess, name: str) -> None:
    access = signed_in.access()
    loop = asyncio.get_running_loop()
    transport, answers = await loop.create_datagram_endpoint(
        Answers, local_addr=(STRANGER, 0), remote_addr=(access.bind, access.sip_port)
    )
    here = transport.get_extra_info("sockname")
    lines = (
        f"INVITE sip:+15552010001@{access.bind} SIP/2.0",
        f"Via: SIP/2.0/UDP {here[0]}:{here[1]};branch=z9hG4bK{new_id().hex};rport",
        f"From: <sip:{name}@{here[0]}>;tag={new_id().hex}",
        f"To: <sip:+15552010001@{access.bind}>",
        f"Call-ID: {new_id().hex}",
        "CSeq: 1 INVITE",
        f"Contact: <sip:{name}@{here[0]}:{here[1]}>",
        "Max-Forwards: 70",
        "Content-Length: 0",
    )
    try:
        async with asyncio.timeout(20):
            transport.sendto("\r\n".join((*lines, "", "")).encode())
            assert await answers.got.get() == "SIP/2.0 401 Unauthorized"
    finally:
        transport.close()
