"""The agent's telephone in a real Chromium, at a real Asterisk: heard both ways, and what happens when things break."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from careline.demo.phone import Phone
from careline.security.actor import Actor
from careline.testing.browser import MICROPHONE_HZ, Visit, Visitor, becomes, hears
from careline.testing.callcenter import CallCenter, until
from careline.testing.postgres import Urls
from careline.testing.voices import HUM_HZ, granting_at, ring_in
from careline.testing.web import WebApp, web_app

pytestmark = pytest.mark.browser

#: What the page plays of the far end.
REMOTE = "phone.remote.srcObject"
#: Changes with every ICE restart.
ICE_NAME = "phone.connection?.localDescription.sdp.match(/a=ice-ufrag:(\\S+)/)[1]"


async def take_the_desk(page: Page) -> None:
    """Start the telephone on a page, as the desk does, and wait until it can ring."""
    await start_the_phone(page)
    await becomes(page, "phone.state.connection === 'registered'")


async def start_the_phone(page: Page) -> None:
    """Start the telephone on a page."""
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
    center: CallCenter, phone_app: WebApp, visit: Visit, trunk: Phone
) -> None:
    _, page = await sit_down(center, phone_app, visit)
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


async def test_r1_a_refreshed_page_gets_its_call_back_by_itself(
    center: CallCenter, phone_app: WebApp, visit: Visit, trunk: Phone
) -> None:
    _, page = await sit_down(center, phone_app, visit)
    caller = await ring_in(trunk, center)
    await becomes(page, "phone.state.call?.phase === 'ringing'")
    await page.evaluate("phone.answer()")
    await caller.hears(MICROPHONE_HZ)
    call_id = center.only_call()
    await page.reload()
    await take_the_desk(page)
    await becomes(page, "phone.state.call?.phase === 'talking'")
    assert await page.evaluate("phone.state.call.resumed && seen.incoming === 0")
    await hears(page, REMOTE, HUM_HZ)
    await caller.hears(MICROPHONE_HZ)
    assert center.only_call() == call_id
    assert not caller.call.ended.is_set()


async def test_r1_a_second_tab_is_passive_until_it_takes_over_with_the_call(
    center: CallCenter, phone_app: WebApp, visit: Visit, trunk: Phone
) -> None:
    _, page = await sit_down(center, phone_app, visit)
    caller = await ring_in(trunk, center)
    await becomes(page, "phone.state.call?.phase === 'ringing'")
    await page.evaluate("phone.answer()")
    await caller.hears(MICROPHONE_HZ)
    second = await page.context.new_page()
    await second.goto(phone_app.url + "/account")
    await start_the_phone(second)
    await becomes(second, "phone.state.tab === 'passive'")
    assert await second.evaluate("phone.state.connection") == "off"
    assert await page.evaluate("phone.state.call?.phase") == "talking"
    await second.evaluate("phone.takeOver()")
    await becomes(second, "phone.state.call?.phase === 'talking'")
    await becomes(page, "phone.state.tab === 'passive' && phone.state.call === null")
    await hears(second, REMOTE, HUM_HZ)
    await caller.hears(MICROPHONE_HZ)
    await second.close()
    await becomes(page, "phone.state.tab === 'active' && phone.state.call?.phase === 'talking'")
    await caller.hears(MICROPHONE_HZ)


async def test_r1_a_lost_network_moves_the_media_by_ice_restart(
    center: CallCenter, phone_app: WebApp, visit: Visit, trunk: Phone
) -> None:
    _, page = await sit_down(center, phone_app, visit)
    caller = await ring_in(trunk, center)
    await becomes(page, "phone.state.call?.phase === 'ringing'")
    await page.evaluate("phone.answer()")
    await becomes(page, "phone.state.call?.phase === 'talking'")
    await caller.hears(MICROPHONE_HZ)
    before = await page.evaluate(ICE_NAME)
    await page.context.set_offline(True)
    await becomes(page, "phone.state.connection === 'lost'")
    await page.context.set_offline(False)
    await becomes(page, f"phone.state.connection === 'registered' && ({ICE_NAME}) !== '{before}'", seconds=5)
    await becomes(page, "phone.state.call?.phase === 'talking'")
    await hears(page, REMOTE, HUM_HZ)
    await caller.hears(MICROPHONE_HZ)


async def back_to_work(center: CallCenter, agent: Actor) -> None:
    """Available again, once the last offer is over."""
    await until(lambda: center.control.floor.agents[agent.person_id].call_id is None)
    await center.commands.give(agent, "agent.status", {"status": "available"})


async def test_r6_rejected_missed_and_error_are_told_apart(
    center: CallCenter, phone_app: WebApp, visit: Visit, trunk: Phone
) -> None:
    agent, page = await sit_down(center, phone_app, visit)
    impatient = await ring_in(trunk, center)
    await becomes(page, "phone.state.call?.phase === 'ringing'")
    impatient.call.hang_up()
    await becomes(page, "phone.state.last?.outcome === 'missed'")

    await back_to_work(center, agent)
    declined = await ring_in(trunk, center)
    await becomes(page, "phone.state.call?.phase === 'ringing'")
    await page.evaluate("phone.reject()")
    await becomes(page, "phone.state.last?.outcome === 'rejected'")
    # The caller waits on, for somebody else.
    await until(lambda: center.control.floor.agents[agent.person_id].status == "away")
    assert not declined.call.ended.is_set()

    await back_to_work(center, agent)
    await ring_in(trunk, center)
    await becomes(page, "phone.state.call?.phase === 'ringing'")
    await page.evaluate(
        """() => {
          phone.stopMicrophone();
          navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("gone", "NotFoundError"));
        }"""
    )
    await page.evaluate("phone.answer()")
    await becomes(page, "phone.state.last?.outcome === 'error'")
    assert await page.evaluate("phone.state.microphone") == "missing"


async def test_r1_a_tab_that_slept_says_so_and_connects_anew(
    center: CallCenter, phone_app: WebApp, visit: Visit
) -> None:
    _, page = await sit_down(center, phone_app, visit)
    await page.evaluate("() => { seen.states.length = 0; const now = Date.now; Date.now = () => now() + 300000; }")
    await becomes(page, "phone.state.slept >= 290")
    await becomes(page, "seen.states.some((state) => state.connection === 'lost')")
    await becomes(page, "phone.state.connection === 'registered'")


async def test_r1_a_forbidden_microphone_is_told_before_becoming_available(
    center: CallCenter, phone_app: WebApp, visit: Visit
) -> None:
    agent = await center.agent("Ana Ruiz")
    visitor = await visit(secret=phone_app.session_of(center.tenant_id, agent.person_id), permissions=[])
    page = await visitor.open("/account")
    await take_the_desk(page)
    assert await page.evaluate("phone.checkMicrophone()") == "denied"
    await page.evaluate(
        """() => {
          const silent = new AudioContext().createMediaStreamDestination().stream;
          navigator.mediaDevices.getUserMedia = async () => silent;
        }"""
    )
    assert await page.evaluate("phone.checkMicrophone()") == "silent"


async def test_a_telephone_that_the_switch_has_forgotten_gets_new_credentials(
    center: CallCenter, phone_app: WebApp, visit: Visit, trunk: Phone
) -> None:
    _, page = await sit_down(center, phone_app, visit)
    first = await page.evaluate("phone.state.username")
    await center.switch.revoke_softphone(first)
    await page.evaluate("dispatchEvent(new Event('online'))")
    await becomes(page, f"phone.state.connection === 'registered' && phone.state.username !== '{first}'")
    await until(lambda: center.control.floor.roster.by_endpoint.get(first) is None)


async def test_r1_the_sound_goes_on_while_the_web_process_is_restarted(
    center: CallCenter, pg_urls: Urls, home: Path, chromium: Browser, trunk: Phone
) -> None:
    access = center.asterisk.access()
    options: dict[str, Any] = {"change": granting_at(access), "asterisk_http_port": access.http_port}
    with ExitStack() as before, ExitStack() as after:
        app = before.enter_context(web_app(pg_urls, home, **options))
        context = await chromium.new_context(permissions=["microphone"])

        async def visit(secret: str) -> Visitor:
            visitor = Visitor(context, app)
            await visitor.sign_in(secret)
            return visitor

        _, page = await sit_down(center, app, visit)
        caller = await ring_in(trunk, center)
        await becomes(page, "phone.state.call?.phase === 'ringing'")
        await page.evaluate("phone.answer()")
        await caller.hears(MICROPHONE_HZ)
        username = await page.evaluate("phone.state.username")
        await asyncio.to_thread(before.close)
        await becomes(page, "phone.state.connection === 'lost'")
        await hears(page, REMOTE, HUM_HZ)
        await caller.hears(MICROPHONE_HZ)
        after.enter_context(web_app(pg_urls, home, port=int(app.url.rpartition(":")[2]), **options))
        await becomes(page, "phone.state.connection === 'registered'")
        assert await page.evaluate("phone.state.username") == username
        await hears(page, REMOTE, HUM_HZ)
        await caller.hears(MICROPHONE_HZ)
        assert await page.evaluate("seen.ended") == []
        await context.close()


#: JsSIP's causes, whether the call had been connected, and what it comes to.
CAUSES = [
    ("Terminated", True, "ended"),
    ("RTP Timeout", True, "failed"),
    ("Canceled", False, "missed"),
    ("No Answer", False, "missed"),
    ("Expires", False, "missed"),
    ("Busy", False, "rejected"),
    ("Rejected", False, "rejected"),
    ("Not Found", False, "failed"),
    ("Unavailable", False, "failed"),
    ("Connection Error", False, "failed"),
    ("Request Timeout", False, "failed"),
    ("SIP Failure Code", False, "failed"),
    ("User Denied Media Access", False, "error"),
    ("WebRTC Error", False, "error"),
]


async def test_r6_each_cause_comes_to_one_outcome(app: WebApp, visit: Visit) -> None:
    page = await (await visit()).open("/call")
    await page.evaluate(
        """async () => {
          const base = document.querySelector("script[src*=call-page]").src.replace("call-page.js", "");
          window.outcomeOf = (await import(base + "phone.js")).outcomeOf;
        }"""
    )
    for cause, connected, outcome in CAUSES:
        found = await page.evaluate("([cause, connected]) => outcomeOf({ cause }, connected)", [cause, connected])
        assert found == outcome, cause
