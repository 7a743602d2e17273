"""An emergency at an hour when nobody is signed on, on real telephones: the notice, then somebody outside who helps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from careline.calls.alarm import alarming
from careline.calls.model import Phase
from careline.kernel.clock import SystemClock
from careline.organization.model import EmergencyContact
from careline.organization.service import OrganizationService
from careline.platform.db import Database
from careline.security.actor import system_actor
from careline.telephony.process import AsteriskProcess
from careline.testing.asterisk import private_asterisk
from careline.testing.callcenter import NUMBER, CallCenter, call_center, until
from careline.testing.postgres import Urls
from careline.testing.trunk_peer import TrunkPeer, hears_tone, hum

pytestmark = pytest.mark.telephony

NURSE, DESK = "+14145550111", "+14145550112"


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
    """A call center without anybody, whose line names two people outside."""
    prompts = trunked.home / "prompts"
    async with call_center(db, pg_urls.app, tenant, trunked, prompts, companions=(alarming,), direct=True) as running:
        organization, actor = OrganizationService(db, SystemClock()), system_actor(tenant)
        (line,) = await organization.lines(actor)
        contacts = (EmergencyContact(name="Charge nurse", number=NURSE), EmergencyContact(name="Desk", number=DESK))
        config = replace(line.config, emergency_contacts=contacts)
        await organization.configure_line(actor, line.line_id, config=config)
        await running.control.refresh()
        await network.start()
        yield running
        await network.stop()


async def test_v6_nobody_is_signed_on_and_the_second_number_takes_the_call(center: CallCenter, network: TrunkPeer):
    floor = center.control.floor
    call = await network.call(NUMBER, center.sip, caller="+15555550123")
    await until(lambda: any(c.phase is Phase.WAITING for c in floor.calls.values()), 30)
    call_id = center.only_call()
    call.media.press("*")
    await until(lambda: floor.calls[call_id].help is not None, 20)
    nurse = await asyncio.wait_for(network.rung.get(), 60)
    assert nurse.number == NURSE
    await nurse.answer()
    await until(lambda: floor.calls[call_id].help.asked_until is not None, 20)  # type: ignore[union-attr]
    # A machine picks up, presses nothing, and hangs up.
    nurse.hang_up()
    desk = await asyncio.wait_for(network.rung.get(), 60)
    assert desk.number == DESK
    await desk.answer()
    await until(lambda: floor.calls[call_id].help.asked_until is not None, 20)  # type: ignore[union-attr]
    desk.media.press("1")
    await until(lambda: floor.calls[call_id].outside is not None, 20)
    hum(desk.media, 440.0, 8)
    await hears_tone(call.media, 440.0)
    hum(call.media, 1000.0, 8)
    await hears_tone(desk.media, 1000.0)
    call.hang_up()
    await asyncio.wait_for(desk.ended.wait(), 20)
    kinds = await center.events(call_id)
    wanted = ["emergency_raised", "help_called", "transfer_failed", "help_called", "transferred", "ended"]
    assert [kind for kind in kinds if kind in wanted] == wanted
    played = await center.rows("SELECT body FROM event WHERE kind = 'played' AND stream_id = %s ORDER BY id", call_id)
    said = [key for row in played for key in row["body"]["prompts"]]
    assert said.index("greeting.emergency-notice") < said.index("emergency.calling-help")
    alarms = await center.rows("SELECT why FROM emergency_alarm WHERE call_id = %s ORDER BY why", call_id)
    assert [row["why"] for row in alarms] == ["nobody-signed-on", "not-taken"]
