"""The agent's telephone in a real Chromium, at a real Asterisk: heard both ways, and what happens when things break."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from careline.calls.commands import CallCommands
from careline.demo.phone import Phone, PhoneCall
from careline.security.actor import Actor
from careline.speech.audio import decode_ulaw, encode_ulaw, tone
from careline.speech.listening import dominant
from careline.telephony.ari import Ari
from careline.telephony.phones import Phones
from careline.testing.browser import MICROPHONE_HZ, Visit, becomes, hears
from careline.testing.callcenter import NUMBER, TRUNK, CallCenter, until
from careline.testing.postgres import Urls
from careline.testing.web import WebApp, web_app

pytestmark = pytest.mark.browser

#: What the page plays of the far end.
REMOTE = "phone.remote.srcObject"
#: What a caller hums.
HUM_HZ = 440


@pytest.fixture
def app(center: CallCenter, pg_urls: Urls, home: Path) -> Iterator[WebApp]:
    """The application beside the call center, granting telephones at its Asterisk."""
    access = center.asterisk.access()

    def with_telephones(services: Any) -> None:
        async def grant(username: str, password: str, kind: Any, actor: Any) -> None:
            ari = Ari(access)
            await Phones(ari).grant(username, password, kind)
            await ari.close()
            if actor is not None:
                await CallCommands(services.db).give(actor, "agent.phone", {"endpoint": username})

        services.telephony_grant = grant

    with web_app(pg_urls, home, change=with_telephones, asterisk_http_port=access.http_port) as running:
        yield running


class Caller:
    """A caller from the public network who hums a steady tone."""

    def __init__(self, call: PhoneCall) -> None:
        self.call = call
        call.media.say(encode_ulaw(tone(HUM_HZ, 120.0)))

    async def hears(self, hz: int | None) -> None:
        """Wait until the last half second heard is this tone, or silence (None)."""

        def found() -> bool:
            heard = dominant(decode_ulaw(self.call.media.tail(0.5)))
            return heard is None if hz is None else heard is not None and abs(heard - hz) < 15

        await until(found)


@pytest.fixture
async def trunk() -> AsyncIterator[Phone]:
    """The public telephone network."""
    phone = Phone(TRUNK)
    await phone.start()
    yield phone
    await phone.stop()


async def ring_in(trunk: Phone, center: CallCenter) -> Caller:
    """A call to the practice's number."""
    return Caller(await trunk.call(NUMBER, center.sip, caller="+15555550123"))


async def take_the_desk(page: Page) -> None:
    """Start the telephone on a page, as the desk does."""
    await page.evaluate(
        """async () => {
          const base = document.querySelector("script[src*=shell]").src.replace("shell.js", "");
          const { createSoftphone } = await import(base + "softphone.js");
          window.seen = { states: [], incoming: 0, ended: [] };
          window.phone = createSoftphone({
            onState: (state) => seen.states.push(state), onIncoming: () => { seen.incoming += 1; },
            onEnded: (last) => seen.ended.push(last),
          });
          await phone.start();
        }"""
    )
    await becomes(page, "phone.state.connection === 'registered'")


async def sit_down(center: CallCenter, app: WebApp, visit: Visit) -> tuple[Actor, Page]:
    """An agent at a browser, available."""
    agent = await center.agent("Ana Ruiz")
    visitor = await visit(secret=app.session_of(center.tenant_id, agent.person_id))
    page = await visitor.open("/account")
    await take_the_desk(page)
    assert await page.evaluate("phone.checkMicrophone()") == "ok"
    await until(lambda: center.control.floor.agents[agent.person_id].phone_online)
    await center.commands.give(agent, "agent.status", {"status": "available"})
    return agent, page


async def test_a_call_is_heard_both_ways_and_hung_up(
    center: CallCenter, app: WebApp, visit: Visit, trunk: Phone
) -> None:
    _, page = await sit_down(center, app, visit)
    caller = await ring_in(trunk, center)
    await becomes(page, "phone.state.call?.phase === 'ringing'")
    assert await page.evaluate("phone.ringer.ringing && seen.incoming === 1")
    assert "Incoming call" in await page.title()
    await page.evaluate("phone.answer()")
    await becomes(page, "phone.state.call?.phase === 'talking'")
    assert not await page.evaluate("phone.ringer.ringing")
    assert "Incoming call" not in await page.title()
    await hears(page, REMOTE, HUM_HZ)
    await caller.hears(MICROPHONE_HZ)
    await becomes(page, "phone.levels.in > 0.2 && phone.levels.out > 0.2")
    await page.evaluate("phone.mute(true)")
    await caller.hears(None)
    await page.evaluate("phone.mute(false)")
    await caller.hears(MICROPHONE_HZ)
    await becomes(page, "phone.state.quality !== 'unknown'")
    assert await page.evaluate("phone.state.quality") in ("good", "fair")
    await page.evaluate("phone.hangup()")
    await becomes(page, "phone.state.call === null")
    assert await page.evaluate("seen.ended.map((one) => one.outcome)") == ["ended"]
