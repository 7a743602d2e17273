"""Who gets in by SIP, how far, over which transports, and what nonsense does: nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from careline.calls.switch_commands import Answer, Hangup
from careline.calls.switch_events import Arrived, HangupCause, LegEnded
from careline.telephony.process import AsteriskProcess
from careline.telephony.switch import AsteriskSwitch
from careline.testing.asterisk import TRUNK
from careline.testing.raw_sip import RawSip
from careline.testing.sipp import sipp_call
from careline.testing.switch import Listener

pytestmark = pytest.mark.telephony

NUMBER = "+15555550100"


@pytest.fixture
async def switch(asterisk: AsteriskProcess) -> AsyncIterator[AsteriskSwitch]:
    switch = AsteriskSwitch(asterisk.access())
    yield switch
    await switch.close()


@pytest.fixture
async def listener(switch: AsteriskSwitch) -> AsyncIterator[Listener]:
    async with Listener(switch) as listener:
        yield listener


@pytest.fixture
def sip(asterisk: AsteriskProcess) -> tuple[str, int]:
    return asterisk.config.bind, asterisk.config.ports.sip


async def answered(switch: AsteriskSwitch, listener: Listener) -> Arrived:
    arrived = await listener.next(Arrived)
    await switch.run([Answer(channel=arrived.channel)])
    return arrived


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
async def test_sipp_calls_over_udp_and_tcp(
    switch: AsteriskSwitch, listener: Listener, sip: tuple[str, int], tmp_path: Path, tcp: bool
):
    calling = asyncio.create_task(sipp_call(sip, NUMBER, tmp_path, seconds=0.5, tcp=tcp))
    arrived = await answered(switch, listener)
    assert (arrived.dialled, arrived.caller, arrived.source) == (NUMBER, "+15555550123", "trunk")
    await listener.next(LegEnded, channel=arrived.channel)
    assert await calling == 0


async def test_a_call_over_tls(switch: AsteriskSwitch, listener: Listener, asterisk: AsteriskProcess):
    async with await RawSip.stream((asterisk.config.bind, asterisk.config.ports.sips), TRUNK, tls=True) as peer:
        asking = asyncio.create_task(peer.ask("INVITE", NUMBER, "+15555550123"))
        arrived = await answered(switch, listener)
        assert arrived.source == "trunk"
        assert (await asking).status == 200
        await switch.run([Hangup(channel=arrived.channel)])
        await listener.next(LegEnded, channel=arrived.channel)


async def test_a_stranger_is_challenged_and_never_heard_of(listener: Listener, sip: tuple[str, int]):
    for local in ("127.0.0.1", "127.0.0.3"):
        async with await RawSip.udp(sip, local) as peer:
            for user in ("+15555550123", "trunk", "d-anna", "anonymous"):
                assert (await peer.ask("INVITE", NUMBER, user, password="guess")).status == 401
                assert (await peer.ask("REGISTER", user, user, password="guess")).status == 401
    assert not listener.all(Arrived)


async def test_the_trunk_trap_is_closed(asterisk: AsteriskProcess, listener: Listener):
    async with await RawSip.websocket(asterisk.access().websocket) as peer:
        for user in ("+15555550123", "trunk", "s-stranger", "w-stranger"):
            assert (await peer.ask("INVITE", NUMBER, user)).status == 401
            assert (await peer.ask("REGISTER", user, user, password="guess")).status == 401
    assert not listener.all(Arrived)


async def test_browsers_reach_only_what_they_should(
    asterisk: AsteriskProcess, switch: AsteriskSwitch, listener: Listener
):
    async with await RawSip.websocket(asterisk.access().websocket) as peer:
        await switch.grant_softphone("s-agent", "secret-agent", kind="agent")
        await switch.grant_softphone("w-caller", "secret-caller", kind="caller")
        assert (await peer.ask("REGISTER", "s-agent", "s-agent", password="secret-wrong")).status in (401, 403)
        assert (await peer.ask("REGISTER", "s-agent", "s-agent", password="secret-agent")).status == 200
        # An agent's browser is rung; it cannot dial, not even a practice's own line.
        for number in (NUMBER, "s-other", "trunk", "911"):
            assert (await peer.ask("INVITE", number, "s-agent", password="secret-agent")).status == 404
        assert not listener.all(Arrived)
        # A caller's page dials numbers and nothing else.
        asking = asyncio.create_task(peer.ask("INVITE", NUMBER, "w-caller", password="secret-caller"))
        arrived = await listener.next(Arrived)
        assert (arrived.dialled, arrived.source, arrived.caller) == (NUMBER, "web", None)
        await switch.run([Hangup(channel=arrived.channel, cause=HangupCause.BUSY)])
        assert (await asking).status == 486
        for number in ("s-agent", "trunk", "door"):
            assert (await peer.ask("INVITE", number, "w-caller", password="secret-caller")).status == 404
        await switch.revoke_softphone("s-agent")
        assert (await peer.ask("REGISTER", "s-agent", "s-agent", password="secret-agent")).status == 401
    assert len(listener.all(Arrived)) == 1


async def test_the_trunk_may_call_numbers_and_nothing_else(listener: Listener, sip: tuple[str, int]):
    async with await RawSip.udp(sip, TRUNK) as peer:
        for number in ("s-agent", "reception", "door", "%2B15555550100%0d%0aX:1", "++"):
            assert (await peer.ask("INVITE", number, "+15555550123")).status in (400, 404, 484)
        for method in ("MESSAGE", "REFER", "SUBSCRIBE", "PUBLISH", "NOTIFY", "INFO", "BYE"):
            assert (await peer.ask(method, NUMBER, "+15555550123", body="text")).status >= 400
    assert not listener.all(Arrived)


#: After RFC 4475 (SIP torture tests) and what scanners send.
NONSENSE = (
    b"",
    b"\r\n\r\n\r\n\r\n",
    b"\x00" * 1400,
    bytes(range(256)) * 5,
    b"INVITE",
    b"INVITE sip:+15555550100@127.0.0.1 SIP/2.0\r\n\r\n",
    b"INVITE sip:1@127.0.0.1 SIP/7.0\r\nVia: SIP/7.0/UDP x;branch=z9hG4bKx\r\n\r\n",
    b'INVITE sip:x@[::1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:1;branch=z9hG4bK\r\nTo: <<>>\r\nFrom: ";\r\n\r\n',
    b"INVITE sip:1@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:9;branch=z9hG4bKb\r\nFrom: sip:a;tag=1\r\n"
    b"To: sip:b\r\nCall-ID: 1\r\nCSeq: 99999999999999999999 INVITE\r\nContent-Length: -999\r\n\r\n",
    b"INVITE sip:1@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:9;branch=z9hG4bKc\r\nFrom: sip:a;tag=1\r\n"
    b"To: sip:b\r\nCall-ID: 2\r\nCSeq: 1 REGISTER\r\nContent-Length: 99999\r\nContent-Type: a/sdp\r\n\r\nv=0\r\n",
    b"INVITE sip:" + b"a" * 3000 + b"@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:9;branch=z9hG4bKd\r\n\r\n",
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKe\r\nCSeq: 1 INVITE\r\nCall-ID: none\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"A" * 200,
)
BAD_SDP = (
    "v=0\r\n",
    "not sdp at all",
    "v=0\r\no=x 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 999.999.999.999\r\nt=0 0\r\nm=audio 99999999 RTP/AVP 0\r\n",
    "v=0\r\no=x 1 1 IN IP4 127.0.0.2\r\ns=-\r\nt=0 0\r\nm=video 3 RTP/AVP 96\r\n",
    "v=0\r\no=x 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\n" + "a=x:y\r\n" * 500,
)


async def test_nonsense_harms_nobody(
    asterisk: AsteriskProcess, switch: AsteriskSwitch, listener: Listener, sip: tuple[str, int], tmp_path: Path
):
    pid = asterisk.pid()
    calling = asyncio.create_task(sipp_call(sip, NUMBER, tmp_path, seconds=3))
    arrived = await answered(switch, listener)
    async with await RawSip.udp(sip, TRUNK) as datagrams:
        for nonsense in NONSENSE:
            await datagrams.send(nonsense)
            async with await RawSip.stream(sip, TRUNK) as connection:
                await connection.send(nonsense)
    for body in BAD_SDP:
        async with await RawSip.udp(sip, TRUNK) as peer:
            assert (await peer.ask("INVITE", NUMBER, "+15555550199", body=body)).status >= 400
    await listener.next(LegEnded, channel=arrived.channel)
    assert await calling == 0, "the call in progress must not notice"
    again = asyncio.create_task(sipp_call(sip, NUMBER, tmp_path, seconds=0.3))
    await answered(switch, listener)
    assert await again == 0
    assert asterisk.pid() == pid
