"""kill -9 of any Careline process in mid-call: the call stays up, the place is kept, nothing that happened is lost."""

from __future__ import annotations

import pytest

from careline.security.permissions import Role
from careline.testing.callcenter import NUMBER, until
from careline.testing.sip_peer import SipPeers
from careline.testing.system import System, registered

pytestmark = pytest.mark.faults


async def test_call_control_is_killed_in_mid_call(system: System):
    ana = await system.person("Ana Ruiz", Role.AGENT)
    async with SipPeers() as peers:
        user, password = await system.desk_phone(ana)
        desk = await registered(peers, user, password, system, hz=1000.0)
        callers = []
        for _ in range(3):
            name, secret = await system.desk_phone(ana)
            callers.append(await registered(peers, name, secret, system, hz=440.0))
        await system.sign_on(ana, user)

        talking = await callers[0].dial(NUMBER)
        with_ana = await desk.next_call()
        first = await system.call_in("talking")
        leaver = await callers[1].dial(NUMBER)
        second = await system.call_in("waiting")
        stayer = await callers[2].dial(NUMBER)
        third = await system.call_in("waiting", count=2)
        place = (await system.row("SELECT place_at FROM call WHERE id = %s", third))["place_at"]

        old = system.kill("callcontrol")
        talking.forget()
        with_ana.forget()
        await talking.hears_tone(1000.0)
        await with_ana.hears_tone(440.0)
        await leaver.hang_up()
        await system.restarted("callcontrol", old)

        async def noticed() -> bool:
            return (await system.row("SELECT phase FROM call WHERE id = %s", second))["phase"] == "ended"

        await until(noticed, 30)
        assert "recovered" in await system.events(first)
        assert (await system.row("SELECT outcome FROM call WHERE id = %s", second))["outcome"] == "abandoned"
        kept = await system.row("SELECT phase, place_at FROM call WHERE id = %s", third)
        assert (kept["phase"], kept["place_at"]) == ("waiting", place)
        assert not stayer.ended.is_set()

        # The new process is in command: hold, resume, hang up, and the next caller is offered to the agent.
        give = system.services.commands.give
        await give(ana, "call.hold", {"call_id": str(first)})
        await give(ana, "call.resume", {"call_id": str(first)})
        talking.forget()
        await talking.hears_tone(1000.0)
        await give(ana, "call.hang_up", {"call_id": str(first)})
        await talking.ended.wait()
        await give(ana, "call.wrap_up", {"call_id": str(first), "code": "scheduled"})
        next_call = await desk.next_call()
        stayer.forget()
        await stayer.hears_tone(1000.0)
        await next_call.hang_up()
    (row,) = await system.rows("SELECT outcome FROM call WHERE id = %s", first)
    assert row["outcome"] == "handled"


@pytest.mark.parametrize("process", ["web", "worker", "recorder"])
async def test_another_process_is_killed_in_mid_call(system: System, process: str):
    ana = await system.person("Ana Ruiz", Role.AGENT)
    async with SipPeers() as peers:
        user, password = await system.desk_phone(ana)
        name, secret = await system.desk_phone(ana)
        desk = await registered(peers, user, password, system, hz=1000.0)
        caller = await registered(peers, name, secret, system, hz=440.0)
        await system.sign_on(ana, user)
        call = await caller.dial(NUMBER)
        with_ana = await desk.next_call()
        call_id = await system.call_in("talking")
        old = system.kill(process)
        call.forget()
        with_ana.forget()
        await call.hears_tone(1000.0)
        await with_ana.hears_tone(440.0)
        await system.restarted(process, old)
        await call.hang_up()
        await with_ana.ended.wait()

        async def over() -> bool:
            return (await system.row("SELECT phase FROM call WHERE id = %s", call_id))["phase"] == "ended"

        await until(over)
