"""A whole call with a voice agent: the flow connects it, it asks for a person over HTTP, and the caller is in line."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from websockets.asyncio.server import ServerConnection, serve

from careline.calls.model import Phase
from careline.flows.reading import read
from careline.flows.text import load
from careline.kernel.clock import SystemClock
from careline.platform.db import Database
from careline.security.actor import system_actor
from careline.security.keys import Keyring
from careline.speech.audio import encode_ulaw, tone
from careline.telephony.agent_asker import AgentAsker
from careline.telephony.process import AsteriskProcess
from careline.telephony.switch import AsteriskSwitch
from careline.testing.callcenter import NUMBER, CallCenter, call_center, until
from careline.testing.postgres import Urls
from careline.testing.voice import voice_process
from careline.testing.voices import public_network
from careline.testing.web import WebApp, web_app
from careline.voice_agents.service import VoiceAgentService

pytestmark = pytest.mark.telephony


class Receptionist:
    """Talks, and asks for a person with what it learned, over HTTP, as a program outside would."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[int] = []
        self.heard = 0

    async def __call__(self, socket: ServerConnection) -> None:
        async for message in socket:
            body = json.loads(message)
            if body["event"] == "start":
                payload = base64.b64encode(encode_ulaw(tone(1000, 1.0))).decode()
                await socket.send(json.dumps({"event": "media", "media": {"payload": payload}}))
                asked = body["start"]["customParameters"]
            elif body["event"] == "media":
                self.heard += 1
                if self.heard == 50:
                    path = asked["next"].split("/", 3)[3]
                    async with httpx.AsyncClient(base_url=self.url) as http:
                        told = {"token": asked["token"], "exit": "person", "values": {"intent": "billing"}}
                        self.answers.append((await http.post(f"/{path}", json=told)).status_code)
                        self.answers.append((await http.post(f"/{path}", json=told)).status_code)


FLOW = """
careline: flow/1
name: Receptionist
languages: [en, es]
start: talk
variables: {wish: {type: text, shown: true}}
nodes:
  talk: {kind: agent, endpoint: receptionist, seconds: 120, into: {wish: intent}, next: message,
         exits: {person: queue, timeout: message, failed: message}}
  queue: {kind: queue, queue: QUEUE}
  message: {kind: voicemail}
"""


class Later:
    """An asker that is put together once the call center has its switch."""

    asker: AgentAsker

    async def __call__(self, ask: Any) -> Any:
        return await self.asker(ask)


@pytest.fixture
async def web(pg_urls: Urls, tmp_path: Any) -> AsyncIterator[WebApp]:
    with web_app(pg_urls, tmp_path) as running:
        yield running


async def test_v5_a_voice_agent_in_a_whole_call_hands_over_to_the_queue(
    db: Database, pg_urls: Urls, tenant: int, asterisk: AsteriskProcess, prompts: Any, web: WebApp
):
    later = Later()
    async with (
        voice_process() as ears,
        public_network() as network,
        call_center(db, pg_urls.app, tenant, asterisk, prompts, askers={"agent": later}, voice=ears.line) as center,
    ):
        assert isinstance(center, CallCenter)
        assert isinstance(center.switch, AsteriskSwitch)
        await until(lambda: center.switch.listening[0] != "down")
        agents = VoiceAgentService(db, SystemClock(), Keyring.ephemeral())
        later.asker = AgentAsker(agents, center.switch, web.url, ["127.0.0.1"])
        program = Receptionist(web.url)
        async with serve(program, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            await agents.add(system_actor(tenant), name="receptionist", url=f"ws://127.0.0.1:{port}/x", baa_signed=True)
            floor = center.control.floor
            reading = read(load(FLOW.replace("QUEUE", str(center.queue_id))))
            assert reading.sound, reading.problems

            async def as_it_is() -> None:
                """The line keeps the flow of this test."""

            center.control.refresh = as_it_is  # type: ignore[method-assign]
            floor.lines[NUMBER] = replace(floor.lines[NUMBER], flow=reading.flow)
            call = await network.call(NUMBER, center.sip, caller="+15555550123")
            call.media.say(encode_ulaw(tone(440, 60.0)))
            await until(lambda: floor.calls)
            call_id = center.only_call()
            await until(lambda: floor.calls[call_id].phase is Phase.WAITING, 60)
            assert program.answers == [204, 401], "once, and not twice"
            assert dict(floor.calls[call_id].noted) == {"wish": "billing"}
            call.hang_up()
            await asyncio.wait_for(call.ended.wait(), 20)
        kinds = await center.events(call_id)
        wanted = ["asked", "ask_ended", "queued", "ended"]
        assert [kind for kind in kinds if kind in wanted] == wanted
