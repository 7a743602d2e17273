"""Callbacks on real telephones: a caller who is rung first and proves to be a person, and a machine that does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from psycopg.types.json import Jsonb

from careline.calls import callback_rules
from careline.calls.callback_model import Stage
from careline.calls.model import Phase
from careline.platform.db import Database
from careline.telephony.process import AsteriskProcess
from careline.testing.asterisk import private_asterisk
from careline.testing.callcenter import NUMBER, CallCenter, call_center, until
from careline.testing.postgres import Urls
from careline.testing.sip_peer import SipPeers
from careline.testing.trunk_peer import TrunkPeer, hears_tone, hum

pytestmark = pytest.mark.telephony

CALLER = "+15555550123"


@pytest.fixture(scope="module")
def network() -> TrunkPeer:
    """The telephone network, at a port that the switch is told of."""
    return TrunkPeer()


@pytest.fixture(scope="module")
def trunked(network: TrunkPeer) -> Iterator[AsteriskProcess]:
    """An Asterisk whose trunk leads there."""
    with private_asterisk(trunk_outbound=network.address) as process:
        yield process


@pytest.fixture
async def center(
    db: Database, pg_urls: Urls, tenant: int, trunked: AsteriskProcess, network: TrunkPeer
) -> AsyncIterator[CallCenter]:
    """A call center whose queue offers to ring the caller first, at an hour when people may be rung."""
    async with call_center(db, pg_urls.app, tenant, trunked, trunked.home / "prompts", direct=True) as running:
        ahead = datetime.now(UTC).hour - 12
        rules = {"callback": {"offered": True, "mode": "caller-first", "retries": 1}}
        async with db.tenant(tenant) as tx:
            await tx.run("UPDATE location SET zone = %s", (f"Etc/GMT{ahead:+d}" if ahead else "Etc/GMT",))
            await tx.run("UPDATE queue SET rules = %s", (Jsonb(rules),))
        await running.control.refresh()
        await network.start()
        yield running
        await network.stop()


async def hang_up_and_wait(center: CallCenter, network: TrunkPeer) -> None:
    """A caller asks to be called back."""
    floor = center.control.floor
    call = await network.call(NUMBER, center.sip, caller=CALLER)
    await until(lambda: any(c.phase is Phase.WAITING for c in floor.calls.values()), 30)
    call.media.press("2")
    await until(lambda: any(c.arranging for c in floor.calls.values()), 20)
    call.media.press("1")
    await asyncio.wait_for(call.ended.wait(), 60)
    await until(lambda: all(c.callback and c.callback.stage is Stage.WAITING for c in floor.calls.values()), 20)


async def test_o11_customer_first_on_real_telephones(center: CallCenter, network: TrunkPeer):
    await hang_up_and_wait(center, network)
    call_id = center.only_call()
    place = center.control.floor.calls[call_id].place_at
    ana = await center.agent("Ana Ruiz")
    async with SipPeers() as peers:
        user, password = await center.grant_desk_phone(ana)
        desk = await peers.phone(user, password, center.sip, hz=1000.0)
        await center.sign_on(ana, user)
        ringing = await asyncio.wait_for(network.rung.get(), 60)
        assert ringing.number == CALLER
        await ringing.answer()
        await until(lambda: center.control.floor.calls[call_id].callback.stage is Stage.ASKING, 20)
        assert not desk.calls, "no agent waits for a telephone that may not be picked up"
        ringing.media.press("1")
        with_agent = await desk.next_call(20)
        await until(lambda: center.control.floor.calls[call_id].handling is not None, 20)
        hum(ringing.media, 440.0, 8)
        with_agent.forget()
        await with_agent.hears_tone(440.0)
        await hears_tone(ringing.media, 1000.0)
        assert center.control.floor.calls[call_id].place_at == place
        ringing.hang_up()
        await with_agent.ended.wait()
    kinds = await center.events(call_id)
    assert kinds.index("callback_answered") < kinds.index("offered") < kinds.index("connected")


async def test_o11_phi_free_voicemail_a_machine_presses_no_key(
    center: CallCenter, network: TrunkPeer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(callback_rules, "QUESTION", timedelta(seconds=3))
    await hang_up_and_wait(center, network)
    call_id = center.only_call()
    ana = await center.agent("Ana Ruiz")
    async with SipPeers() as peers:
        user, password = await center.grant_desk_phone(ana)
        desk = await peers.phone(user, password, center.sip, hz=1000.0)
        await center.sign_on(ana, user)
        ringing = await asyncio.wait_for(network.rung.get(), 60)
        await ringing.answer()
        await asyncio.wait_for(ringing.ended.wait(), 60)
        await until(lambda: center.control.floor.calls[call_id].callback.attempts == 1, 20)
        assert not desk.calls
    callback = center.control.floor.calls[call_id].callback
    assert callback is not None
    assert callback.next_at is not None
    kinds = await center.events(call_id)
    assert kinds.index("callback_answered") < kinds.index("callback_message") < kinds.index("callback_missed")
