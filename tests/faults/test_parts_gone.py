"""PostgreSQL or Asterisk disappear in mid-call: said plainly, survived, and recovered without a hand."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import psycopg
import pytest

from careline.platform import postgres
from careline.security.permissions import Role
from careline.testing.callcenter import NUMBER, until
from careline.testing.sip_peer import SipPeers
from careline.testing.system import System, registered

pytestmark = pytest.mark.faults


async def test_postgres_is_killed_in_mid_call(system: System):
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
        server = postgres.attach(system.home)
        assert server is not None
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        call.forget()
        with_ana.forget()
        await call.hears_tone(1000.0)
        await with_ana.hears_tone(440.0)
        await call.hang_up()
        await with_ana.ended.wait()

        async def recorded() -> bool:
            try:
                return (await system.row("SELECT phase FROM call WHERE id = %s", call_id))["phase"] == "ended"
            except psycopg.Error:
                return False

        await until(recorded, 90)
    assert "ended" in await system.events(call_id)
    assert (await system.row("SELECT outcome FROM call WHERE id = %s", call_id))["outcome"] == "handled"


async def test_asterisk_is_killed_in_mid_call(system: System):
    ana = await system.person("Ana Ruiz", Role.AGENT)
    user, password = await system.desk_phone(ana)
    name, secret = await system.desk_phone(ana)
    async with SipPeers() as peers:
        desk = await registered(peers, user, password, system, hz=1000.0)
        caller = await registered(peers, name, secret, system, hz=440.0)
        await system.sign_on(ana, user)
        await caller.dial(NUMBER)
        await desk.next_call()
        call_id = await system.call_in("talking")
        pid = system.asterisk.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

        async def closed() -> bool:
            return (await system.row("SELECT phase FROM call WHERE id = %s", call_id))["phase"] == "ended"

        await until(closed, 60)
        assert (await system.row("SELECT outcome FROM call WHERE id = %s", call_id))["outcome"] == "failed"
        states = await system.rows("SELECT status FROM agent_state WHERE person_id = %s", ana.person_id)
        assert states[0]["status"] == "wrap_up", "the agent is not stuck in a call that is gone"
        await system.services.commands.give(ana, "call.wrap_up", {"call_id": str(call_id), "code": "scheduled"})
    async with SipPeers() as peers:
        # The telephones register again with the same passwords, which the restarted switch was told anew.
        desk = await registered(peers, user, password, system, hz=1000.0)
        caller = await registered(peers, name, secret, system, hz=440.0)
        await system.sign_on(ana, user)
        again = await caller.dial(NUMBER)
        await desk.next_call()
        again.forget()
        await again.hears_tone(1000.0)


async def test_calls_are_routed_while_postgres_stands_still(system: System):
    ana = await system.person("Ana Ruiz", Role.AGENT)
    async with SipPeers() as peers:
        user, password = await system.desk_phone(ana)
        name, secret = await system.desk_phone(ana)
        desk = await registered(peers, user, password, system, hz=1000.0)
        caller = await registered(peers, name, secret, system, hz=440.0)
        await system.sign_on(ana, user)
        control = system.pid("callcontrol")
        server = postgres.attach(system.home)
        assert server is not None
        assert server.pid is not None
        family = [server.pid, *_children(server.pid)]
        for pid in family:
            os.kill(pid, signal.SIGSTOP)
        try:
            # Longer than a lease lasts: call control goes on, since nobody else can have taken it.
            await asyncio.sleep(7)
            call = await caller.dial(NUMBER)
            with_ana = await desk.next_call()
            call.forget()
            await call.hears_tone(1000.0)
            await call.hang_up()
            await with_ana.ended.wait()
        finally:
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

        async def written() -> bool:
            return bool(await system.rows("SELECT 1 FROM call WHERE outcome = 'handled'"))

        await until(written, 60)
        assert system.pid("callcontrol") == control, "it went on, and was not replaced"
        call_id = (await system.row("SELECT id FROM call"))["id"]
        kinds = await system.events(call_id)
    assert kinds[:2] == ["arrived", "answered"]
    for kind in ("queued", "offered", "connected", "agent_left", "ended"):
        assert kinds.count(kind) == 1


def _children(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == parent:
                    found.append(int(entry.name))
    return found
