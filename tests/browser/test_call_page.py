"""The caller's page: a patient's browser calls the practice, presses keys, talks with an agent's browser."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from careline.testing.browser import MICROPHONE_HZ, Visit, axe, becomes, hears
from careline.testing.callcenter import NUMBER, CallCenter, until
from careline.testing.web import WebApp

pytestmark = pytest.mark.browser

FAR_END = "document.getElementById('remote').srcObject"


async def call(page: Page) -> None:
    """Press Call, as a person would."""
    await page.get_by_role("button", name="Call").click()
    await page.get_by_role("button", name="Hang up").wait_for()


async def test_a_browser_calls_the_practice_by_keyboard_and_talks_to_an_agent(
    center: CallCenter, phone_app: WebApp, visit: Visit
) -> None:
    agent = await center.agent("Ana Ruiz")
    desk = await (await visit(secret=phone_app.session_of(center.tenant_id, agent.person_id))).open("/account")
    await desk.evaluate(
        """async () => {
          const base = document.querySelector("script[src*=shell]").src.replace("shell.js", "");
          window.phone = (await import(base + "softphone.js")).createSoftphone();
          await phone.start();
        }"""
    )
    await until(lambda: center.control.floor.agents[agent.person_id].phone_online)
    await center.commands.give(agent, "agent.status", {"status": "available"})

    patient = await (await visit()).open("/call?number=" + NUMBER.replace("+", "%2B"))
    assert await axe(patient) == []
    await patient.locator("#number").focus()
    await patient.keyboard.press("Enter")
    await becomes(desk, "phone.state.call?.phase === 'ringing'")
    await desk.evaluate("phone.answer()")
    await becomes(patient, "document.getElementById('state').textContent === 'Connected'")
    assert await axe(patient) == []
    await hears(patient, FAR_END, MICROPHONE_HZ)
    await hears(desk, "phone.remote.srcObject", MICROPHONE_HZ)
    (live,) = center.control.floor.calls.values()
    assert live.source == "web"

    await patient.keyboard.press("m")
    assert await patient.locator("#mute").get_attribute("aria-pressed") == "true"
    await patient.keyboard.press("5")
    assert await patient.locator("#pressed").text_content() == "5"
    await patient.locator("#hang-up").focus()
    await patient.keyboard.press("Enter")
    await patient.get_by_text("The call has ended.").wait_for()
    await becomes(desk, "phone.state.call === null")
    # Focus is where the next call begins.
    assert await patient.evaluate("document.activeElement.id") == "call-button"


async def test_keys_reach_the_switch(center: CallCenter, phone_app: WebApp, visit: Visit) -> None:
    page = await (await visit()).open("/call?number=" + NUMBER.replace("+", "%2B"))
    await call(page)
    await until(lambda: center.control.floor.calls)
    await becomes(page, "document.getElementById('state').textContent === 'Connected'")
    call_id = center.only_call()
    await page.get_by_role("button", name="Star").click()
    await page.get_by_role("button", name="5").click()

    async def both_arrived() -> bool:
        # The star is the line's emergency key.
        seen = await center.events(call_id)
        return (seen.count("emergency_raised"), seen.count("key_pressed")) == (1, 1)

    await until(both_arrived)
    await page.get_by_role("button", name="Hang up").click()


async def test_a_number_that_is_no_line_and_a_forbidden_microphone_are_explained(app: WebApp, visit: Visit) -> None:
    page = await (await visit()).open("/call")
    await page.locator("#number").fill("12")
    await page.get_by_role("button", name="Call").click()
    await page.get_by_text("This number cannot be called from here.").wait_for()

    silent = await (await visit(permissions=[])).open("/call")
    await silent.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError')); }"
    )
    await silent.locator("#number").fill(NUMBER)
    await silent.get_by_role("button", name="Call").click()
    await silent.get_by_text("Your browser does not let this page use the microphone.", exact=False).wait_for()
    assert await silent.get_by_role("button", name="Call").is_enabled()


async def test_the_page_speaks_spanish(app: WebApp, visit: Visit) -> None:
    page = await (await visit(locale="es-MX")).open("/call")
    assert await page.locator("html").get_attribute("lang") == "es"
    await page.get_by_role("button", name="Llamar").wait_for()
    assert await axe(page) == []
