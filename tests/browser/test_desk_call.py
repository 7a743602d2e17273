"""A real call on the desk: Chromium, Asterisk, call control and a caller from the public network, by keyboard alone."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from careline.demo.phone import Phone
from careline.security.actor import Actor
from careline.testing.browser import MICROPHONE_HZ, Visit, becomes, hears
from careline.testing.callcenter import CallCenter, until
from careline.testing.voices import HUM_HZ, ring_in
from careline.testing.web import WebApp

pytestmark = pytest.mark.browser

REMOTE = "careline.desk.phone.remote.srcObject"


async def sit_down(center: CallCenter, app: WebApp, visit: Visit, name: str = "Ana Ruiz") -> tuple[Actor, Page]:
    """An agent at the desk, available by pressing the key for it."""
    agent = await center.agent(name)
    assert agent.person_id is not None
    visitor = await visit(secret=app.session_of(center.tenant_id, agent.person_id))
    page = await visitor.open("/desk")
    await expect(page.get_by_text("Telephone in this browser is ready")).to_be_visible(timeout=20_000)
    await until(lambda: center.control.floor.agents[agent.person_id].phone_online)
    await page.keyboard.press("Alt+1")
    await expect(page.locator(".me-now strong")).to_have_text("Available", timeout=15_000)
    return agent, page


async def test_r5_a_call_from_ring_to_wrap_up_by_keyboard(
    center: CallCenter, phone_app: WebApp, visit: Visit, trunk: Phone
) -> None:
    _, page = await sit_down(center, phone_app, visit)
    caller = await ring_in(trunk, center)
    await expect(page.get_by_role("group", name="Incoming call")).to_contain_text("Front desk", timeout=20_000)
    await becomes(page, "careline.desk.phone.state.call?.phase === 'ringing'")
    call_id = center.only_call()
    await page.keyboard.press("Alt+A")
    await expect(page.locator("#call-bar .who strong")).to_have_text("Talking", timeout=15_000)
    await hears(page, REMOTE, HUM_HZ)
    await caller.hears(MICROPHONE_HZ)

    await page.keyboard.press("Alt+M")
    await caller.hears(None)
    await page.keyboard.press("Alt+M")
    await caller.hears(MICROPHONE_HZ)

    await page.keyboard.press("Alt+H")
    await expect(page.locator("#call-bar .who strong")).to_have_text("On hold")
    await page.keyboard.press("Alt+H")
    await expect(page.locator("#call-bar .who strong")).to_have_text("Talking")
    await caller.hears(MICROPHONE_HZ)

    await page.keyboard.press("Alt+N")
    await page.keyboard.type("Asks about parking")
    await expect(page.locator("#notes-state")).to_have_text("Saved")
    await page.keyboard.press("Alt+E")
    await expect(page.get_by_text("Noted on the call")).to_be_visible()
    await page.keyboard.press("Escape")

    await page.keyboard.press("Alt+Q")
    await expect(page.locator("#call-bar .who strong")).to_have_text("Wrap-up", timeout=15_000)
    await page.keyboard.press("Alt+W")
    await page.keyboard.press("Enter")
    await expect(page.locator(".me-now strong")).to_have_text("Available")
    await expect(page.get_by_text("Ready for the next call")).to_be_visible()

    await page.goto(f"{phone_app.url}/calls/{call_id}")
    steps = page.locator("#steps")
    for words in ("Connected with Ana Ruiz", "The agent muted", "On hold", "Off hold", "EMERGENCY", "Wrapped up"):
        await expect(steps).to_contain_text(words)
    await expect(page.get_by_text("Asks about parking")).to_be_visible()


async def test_r6_a_call_not_answered_is_told_as_missed_and_goes_on(
    center: CallCenter, phone_app: WebApp, visit: Visit, trunk: Phone
) -> None:
    agent, page = await sit_down(center, phone_app, visit)
    await ring_in(trunk, center)
    await expect(page.get_by_role("group", name="Incoming call")).to_be_visible(timeout=20_000)
    await expect(page.locator("[data-outcome=no-answer]")).to_be_visible(timeout=40_000)
    await expect(page.locator(".me-now strong")).to_have_text("Not responding")
    assert agent.person_id is not None
    assert center.control.floor.agents[agent.person_id].status == "not_responding"
    # The same caller is not tried at the same agent again at once; another one is.
    await page.keyboard.press("Alt+1")
    await expect(page.locator(".me-now strong")).to_have_text("Available")
    await ring_in(trunk, center)
    await expect(page.get_by_role("group", name="Incoming call")).to_be_visible(timeout=20_000)
    # Rejecting it is another thing, said in other words.
    await page.keyboard.press("Alt+X")
    await expect(page.locator("[data-outcome=declined]")).to_have_text(re.compile("^Rejected"), timeout=15_000)


async def test_r1_the_desk_gets_its_call_back_after_a_refresh(
    center: CallCenter, phone_app: WebApp, visit: Visit, trunk: Phone
) -> None:
    _, page = await sit_down(center, phone_app, visit)
    caller = await ring_in(trunk, center)
    await expect(page.get_by_role("group", name="Incoming call")).to_be_visible(timeout=20_000)
    await becomes(page, "careline.desk.phone.state.call?.phase === 'ringing'")
    await page.keyboard.press("Alt+A")
    await caller.hears(MICROPHONE_HZ)
    await page.reload()
    await caller.hears(MICROPHONE_HZ)
    await expect(page.locator("#call-bar .who strong")).to_have_text("Talking")
    await hears(page, REMOTE, HUM_HZ)


async def test_a_call_is_talked_over_with_a_colleague_and_handed_on(
    center: CallCenter, phone_app: WebApp, visit: Visit, trunk: Phone
) -> None:
    _, ana = await sit_down(center, phone_app, visit)
    caller = await ring_in(trunk, center)
    await becomes(ana, "careline.desk.phone.state.call?.phase === 'ringing'")
    await ana.keyboard.press("Alt+A")
    await expect(ana.locator("#call-bar .who strong")).to_have_text("Talking", timeout=15_000)
    _, ben = await sit_down(center, phone_app, visit, "Ben Cho")

    await ana.keyboard.press("Alt+T")
    await expect(ana.get_by_role("button", name="Ben Cho")).to_be_visible()
    await ana.keyboard.type("ben")
    await ana.keyboard.press("Enter")
    offer = ben.get_by_role("group", name="Incoming call")
    await expect(offer).to_contain_text("From Ana Ruiz", timeout=15_000)
    await becomes(ben, "careline.desk.phone.state.call?.phase === 'ringing'")
    await ben.keyboard.press("Alt+A")
    await expect(ben.get_by_text("Ana Ruiz asks you about this call")).to_be_visible(timeout=15_000)
    await expect(ana.get_by_text("You are talking to Ben Cho")).to_be_visible()

    await ana.keyboard.press("Alt+C")
    await expect(ben.locator("#call-bar .who strong")).to_have_text("Talking", timeout=15_000)
    await expect(ben.get_by_text("Who may be calling")).to_be_visible()
    await hears(ben, REMOTE, HUM_HZ)
    await caller.hears(MICROPHONE_HZ)
    await expect(ana.locator("#call-bar .who strong")).to_have_text("Wrap-up")
