"""A caller talks with a program over a real websocket: sound both ways, keys, marks, and every way it can end."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve

from careline.calls.asks import Answer, Ask
from careline.calls.switch_commands import Answer as PickUp
from careline.calls.switch_events import Arrived
from careline.demo.phone import PhoneCall
from careline.kernel.clock import SystemClock
from careline.kernel.ids import new_id
from careline.platform.db import Database
from careline.security.actor import system_actor
from careline.security.keys import Keyring
from careline.speech.audio import decode_ulaw, encode_ulaw, tone
from careline.speech.listening import dominant
from careline.telephony.agent_asker import AgentAsker
from careline.telephony.process import AsteriskProcess
from careline.telephony.switch import AsteriskSwitch
from careline.testing.callcenter import NUMBER, until
from careline.testing.voice import voice_process
from careline.testing.voices import public_network
from careline.voice_agents.model import InvalidVoiceAgent, NoSuchConversation
from careline.voice_agents.service import VoiceAgentService

pytestmark = pytest.mark.telephony
HUM = 440


@dataclass
class Program:
    """The far side: keeps what it was told, and does as the test says."""

    act: Callable[[ServerConnection, dict[str, Any]], Coroutine[Any, Any, None]]
    told: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    async def __call__(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.headers = {name.lower(): value for name, value in socket.request.headers.raw_items()}
        async for message in socket:
            body = json.loads(message)
            self.told.append(body)
            await self.act(socket, body)

    def events(self) -> list[str]:
        return [str(body["event"]) for body in self.told]

    def start(self) -> dict[str, Any]:
        return dict(next(body["start"] for body in self.told if body["event"] == "start"))


async def echo(socket: ServerConnection, body: dict[str, Any]) -> None:
    if body["event"] == "media":
        await socket.send(json.dumps({"event": "media", "media": {"payload": body["media"]["payload"]}}))


async def listen_only(_socket: ServerConnection, _body: dict[str, Any]) -> None:
    pass


async def die(socket: ServerConnection, body: dict[str, Any]) -> None:
    if body["event"] == "media":
        socket.transport.abort()


async def speak_with_mark(socket: ServerConnection, body: dict[str, Any]) -> None:
    if body["event"] == "start":
        payload = base64.b64encode(encode_ulaw(tone(1000, 2.0))).decode()
        await socket.send(json.dumps({"event": "media", "media": {"payload": payload}}))
        await socket.send(json.dumps({"event": "mark", "mark": {"name": "said it: é"}}))
        await socket.send("not json")
        await socket.send(json.dumps({"event": "unheard-of"}))


@contextlib.asynccontextmanager
async def program(act: Any) -> AsyncIterator[tuple[Program, str]]:
    made = Program(act)
    server: Server = await serve(made, "127.0.0.1", 0)
    try:
        port = next(iter(server.sockets)).getsockname()[1]
        yield made, f"ws://127.0.0.1:{port}/agent"
    finally:
        server.close(close_connections=True)
        await server.wait_closed()


@dataclass
class Bench:
    """One answered caller and what is needed to connect an agent."""

    switch: AsteriskSwitch
    agents: VoiceAgentService
    asker: AgentAsker
    tenant: int
    call: PhoneCall
    channel: str

    async def ask(self, name: str = "receptionist") -> Ask:
        return Ask(
            id=f"{new_id()}.1",
            call_id=new_id(),
            tenant_id=self.tenant,
            kind="agent",
            body={"endpoint": name, "tells": {"topic": "billing"}, "into": {"wish": "intent"}},
            until=SystemClock().now() + timedelta(minutes=5),
            seconds=300,
            caller=None,
            language="en",
            channel=self.channel,
        )

    async def add(self, url: str, *, baa: bool = True) -> None:
        await self.agents.add(system_actor(self.tenant), name="receptionist", url=url, secret="s3cret", baa_signed=baa)


@pytest.fixture
async def bench(db: Database, tenant: int, asterisk: AsteriskProcess) -> AsyncIterator[Bench]:
    async with voice_process() as ears, public_network() as network:
        switch = AsteriskSwitch(asterisk.access(), voice=ears.line)
        arrived: asyncio.Queue[Arrived] = asyncio.Queue()

        async def read() -> None:
            async for event in switch.events():
                if isinstance(event, Arrived):
                    arrived.put_nowait(event)

        reading = asyncio.create_task(read())
        await until(lambda: switch.listening[0] != "down")
        access = asterisk.access()
        call = await network.call(NUMBER, (access.bind, access.sip_port), caller="+15555550123")
        call.media.say(encode_ulaw(tone(HUM, 120.0)))
        channel = (await arrived.get()).channel
        await switch.run([PickUp(channel=channel)])
        agents = VoiceAgentService(db, SystemClock(), Keyring.ephemeral())
        asker = AgentAsker(agents, switch, "http://127.0.0.1:1", ["127.0.0.1"])
        yield Bench(switch, agents, asker, tenant, call, channel)
        call.hang_up()
        await asyncio.wait_for(call.ended.wait(), 20)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await switch.close()


async def hears(call: PhoneCall, hz: int) -> None:
    def found() -> bool:
        heard = dominant(decode_ulaw(call.media.tail(0.3)))
        return heard is not None and abs(heard - hz) < 15

    await until(found, 20)


async def test_v5_sound_goes_both_ways_and_the_agent_asks_for_a_person(bench: Bench):
    async with program(echo) as (far, url):
        await bench.add(url)
        ask = await bench.ask()
        talking = asyncio.create_task(bench.asker(ask))
        await hears(bench.call, HUM)
        bench.call.media.press("5")
        await until(lambda: "dtmf" in far.events())
        start = far.start()
        assert far.events()[:2] == ["connected", "start"]
        assert start["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        assert start["customParameters"]["topic"] == "billing"
        assert far.headers["authorization"] == "Bearer s3cret"
        token = start["customParameters"]["token"]
        with pytest.raises(NoSuchConversation):
            await bench.agents.decide(token + "x", ask.call_id, "person", {})
        await bench.agents.decide(token, ask.call_id, "person", {"intent": "billing", "other": 1})
        assert await talking == Answer(exit="person", values={"wish": "billing"})
        with pytest.raises(NoSuchConversation):
            await bench.agents.decide(token, ask.call_id, "person", {})
        (digit,) = [body["dtmf"]["digit"] for body in far.told if body["event"] == "dtmf"]
        assert digit == "5"


async def test_what_the_agent_says_is_heard_and_its_mark_comes_back(bench: Bench):
    async with program(speak_with_mark) as (far, url):
        await bench.add(url)
        talking = asyncio.create_task(bench.asker(await bench.ask()))
        await until(lambda: "start" in far.events(), 20)
        await hears(bench.call, 1000)
        await until(lambda: "mark" in far.events(), 20)
        assert [body["mark"]["name"] for body in far.told if body["event"] == "mark"] == ["said it: é"]
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)


async def test_an_agent_that_dies_is_a_failure_and_the_caller_stays(bench: Bench):
    async with program(die) as (_, url):
        await bench.add(url)
        assert await bench.asker(await bench.ask()) == Answer(exit="failed")
    assert not bench.call.ended.is_set()


async def test_an_agent_that_is_not_there_is_a_failure(bench: Bench):
    await bench.add("ws://127.0.0.1:1/nobody")
    assert (await bench.asker(await bench.ask())).exit == "failed"
    assert (await bench.asker(await bench.ask("unknown"))).exit == "failed"


async def test_without_a_signed_agreement_no_sound_is_sent(bench: Bench):
    async with program(listen_only) as (far, url):
        await bench.add(url, baa=False)
        assert (await bench.asker(await bench.ask())).exit == "failed"
        assert far.told == []


async def test_a_cancelled_conversation_leaves_nothing_behind(bench: Bench):
    async with program(echo) as (far, url):
        await bench.add(url)
        ask = await bench.ask()
        talking = asyncio.create_task(bench.asker(ask))
        await until(lambda: "media" in far.events())
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)

        async def cleared() -> bool:
            channels = await bench.switch._ari.get("channels")
            return [c["id"] for c in channels] == [bench.channel] and not await bench.switch._ari.get("bridges")

        await until(cleared)
        assert await bench.agents.decision(system_actor(bench.tenant), ask.id) is None


async def test_only_encrypted_addresses_outside_are_taken(bench: Bench):
    with pytest.raises(InvalidVoiceAgent):
        await bench.add("ws://agents.example.com/x")
