"""Another system hangs, fails and answers while callers wait for it, and call control is killed in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import web

from careline.organization.model import FlowChoice
from careline.security.actor import system_actor
from careline.security.permissions import Role
from careline.testing.callcenter import NUMBER, until
from careline.testing.sip_peer import SipPeers
from careline.testing.system import System, registered, running_system

pytestmark = pytest.mark.faults

FLOW = """
careline: flow/1
name: Look-up
languages: [en]
start: find
variables: {status: {type: number}}
nodes:
  find: {kind: lookup, endpoint: ehr, path: orders, query: {phone: "= caller.number"}, into: {status: total},
         seconds: 12, prompts: [lookup.wait], next: which, exits: {not_found: message, timeout: message, failed: queue}}
  which: {kind: branch, cases: [{when: "status == 7", next: found}], exits: {otherwise: message}}
  found: {kind: menu, prompts: [menu.intro], options: {"1": queue}, exits: {no_input: queue, no_match: queue}}
  queue: {kind: queue, queue: Front desk}
  message: {kind: voicemail}
"""


class Ehr:
    """Another system with a mood."""

    def __init__(self) -> None:
        self.mood = "hangs"
        self.asked = 0
        self.released = asyncio.Event()

    async def answer(self, _: web.Request) -> web.StreamResponse:
        self.asked += 1
        if self.mood == "hangs":
            await self.released.wait()
        if self.mood == "fails":
            return web.Response(status=503)
        return web.json_response({"total": 7})


@pytest.fixture
async def ehr() -> AsyncIterator[tuple[Ehr, int]]:
    one, app = Ehr(), web.Application()
    # A telephone inside shows no number, so nothing is asked in a body: the question is a GET.
    app.router.add_route("*", "/{tail:.*}", one.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield one, runner.addresses[0][1]
    one.released.set()
    await runner.cleanup()


@pytest.fixture
async def system(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[System]:
    """A system that may ask this machine."""
    monkeypatch.setenv("CARELINE_LOOKUP_HOSTS", "127.0.0.1")
    async with running_system() as running:
        yield running


async def answer_by(system: System, text: str) -> None:
    """Let the line's callers meet this flow."""
    actor, services = system_actor(system.tenant_id), system.services
    flow = await services.flows.create(actor, "Look-up", text)
    await services.flows.publish(actor, flow.id)
    line = await services.organization.line(actor, system.practice.line_id)
    config = replace(line.config, direct=False, flows=(FlowChoice(flow_id=flow.id),))
    await services.organization.configure_line(actor, system.practice.line_id, config)


async def asked_within(server: Ehr, seconds: float) -> bool:
    """Whether the other system is asked soon."""
    try:
        await until(lambda: server.asked > 0, seconds)
    except TimeoutError:
        return False
    return True


async def test_q1_a_look_up_under_way_survives_a_kill_and_no_caller_is_stuck(system: System, ehr: tuple[Ehr, int]):
    server, port = ehr
    ana = await system.person("Ana Ruiz", Role.AGENT)
    actor = system_actor(system.tenant_id)
    await system.services.lookups.add(actor, name="ehr", kind="http", base_url=f"http://127.0.0.1:{port}/v1")
    await answer_by(system, FLOW)
    async with SipPeers() as peers:
        name, secret = await system.desk_phone(ana)
        phone = await registered(peers, name, secret, system, hz=440.0)

        # The line's new configuration reaches call control within seconds; until then the line is as it was.
        call = await phone.dial(NUMBER)
        for _ in range(10):
            if await asked_within(server, 3):
                break
            await call.hang_up()
            call = await phone.dial(NUMBER)
        assert server.asked, "the other system was never asked"
        first = await system.call_in("flow")
        asked = server.asked
        old = system.kill("callcontrol")
        await system.restarted("callcontrol", old)
        await until(lambda: server.asked > asked, 30)
        server.mood = "well"
        server.released.set()

        async def found() -> bool:
            kinds = await system.events(first)
            return "ask_ended" in kinds and kinds[-1] != "ask_ended"

        await until(found, 30)
        exits = await system.rows(
            "SELECT body ->> 'exit' AS exit FROM event WHERE stream_id = %s AND kind = 'ask_ended'", first
        )
        assert [row["exit"] for row in exits] == ["next"], "the answer of the second asking leads on"
        assert (await system.events(first)).count("asked") == 2
        await call.hang_up()

        server.mood = "fails"
        failing = await phone.dial(NUMBER)
        await system.call_in("waiting")
        await failing.hang_up()

        server.mood = "hangs"
        server.released.clear()
        slow = await phone.dial(NUMBER)
        await system.call_in("voicemail", seconds=40)
        await slow.hang_up()
