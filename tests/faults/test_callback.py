"""A real callback: asked for by key, kept over kill -9, made from an agent's telephone, heard by both."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from careline.security.permissions import Role
from careline.testing.callcenter import NUMBER, until
from careline.testing.sip_peer import SipPeers
from careline.testing.system import System, registered, running_system
from careline.testing.trunk_peer import TrunkPeer, hears_tone, hum

pytestmark = pytest.mark.faults

CALLER = "+15555550123"


async def noon_everywhere(system: System, **callback: object) -> None:
    """Callers may be rung at the hour of this test, and the queue offers callbacks."""
    ahead = datetime.now(UTC).hour - 12
    zone = f"Etc/GMT{ahead:+d}" if ahead else "Etc/GMT"
    rules = {"callback": {"offered": True, **callback}}
    async with system.services.db.tenant(system.tenant_id) as tx:
        await tx.run("UPDATE location SET zone = %s", (zone,))
        await tx.run("UPDATE queue SET rules = %s", (Jsonb(rules),))


async def happened(system: System, call_id: UUID, kind: str, times: int = 1) -> None:
    async def written() -> bool:
        return (await system.events(call_id)).count(kind) >= times

    await until(written, 30)


async def test_m2_a_callback_survives_kill_9_and_both_sides_talk():
    network = TrunkPeer()
    await network.start()
    try:
        async with running_system(CARELINE_TRUNK_HOST=network.address) as system, SipPeers() as peers:
            await noon_everywhere(system)
            ana = await system.person("Ana Ruiz", Role.AGENT)
            user, password = await system.desk_phone(ana)
            desk = await registered(peers, user, password, system, hz=1000.0)

            call = await network.call(NUMBER, system.sip, caller=CALLER)
            call_id = await system.call_in("waiting")
            place = (await system.row("SELECT place_at FROM call WHERE id = %s", call_id))["place_at"]
            call.media.press("2")

            await happened(system, call_id, "callback_asked")
            call.media.press("1")
            await asyncio.wait_for(call.ended.wait(), 60)
            assert call.end == "hung up by the other side", "after the goodbye"

            await happened(system, call_id, "callback_waiting")
            old = system.kill("callcontrol")
            await system.restarted("callcontrol", old)
            await happened(system, call_id, "recovered")
            row = await system.row("SELECT phase, place_at, callback FROM call WHERE id = %s", call_id)
            assert (row["phase"], row["place_at"], row["callback"]["number"]) == ("callback", place, CALLER)

            await system.sign_on(ana, user)
            with_agent = await desk.next_call(30)
            ringing = await asyncio.wait_for(network.rung.get(), 60)
            assert ringing.number == CALLER
            await happened(system, call_id, "callback_dialled")
            await with_agent.hears(lambda found: found is not None)  # "We are calling the person now."
            # Once more, while the caller's telephone rings: nothing is lost, nobody is rung twice.
            old = system.kill("callcontrol")
            await system.restarted("callcontrol", old)
            await happened(system, call_id, "recovered", 2)
            await ringing.answer()
            await system.call_in("talking")
            hum(ringing.media, 440.0, 8)
            with_agent.forget()
            await with_agent.hears_tone(440.0)
            await hears_tone(ringing.media, 1000.0)
            assert network.rung.empty()
            await system.services.commands.give(ana, "call.hang_up", {"call_id": str(call_id)})
            await asyncio.wait_for(ringing.ended.wait(), 60)
            kinds = await system.events(call_id)
            for kind in ("queued", "callback_arranged", "recovered", "callback_dialled", "connected", "ended"):
                assert kind in kinds
            assert (await system.row("SELECT outcome FROM call WHERE id = %s", call_id))["outcome"] == "handled"
            assert len(await system.rows("SELECT id FROM call")) == 1, "one record"
    finally:
        await network.stop()
