"""Alarms on the board, the line's emergency settings, and the page of voice agents, as people meet them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from careline.kernel.clock import SystemClock
from careline.security.permissions import Role
from careline.testing.browser import Visit, axe
from careline.testing.builders import make_practice
from careline.testing.floor import Floor
from careline.testing.scene import Scene
from careline.testing.web import WebApp

pytestmark = pytest.mark.browser


@pytest.fixture
def scene(app: WebApp) -> Scene:
    return Scene(app)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_v6_an_alarm_stands_on_the_board_until_somebody_looks_after_it(
    scene: Scene, visit: Visit, scheme: Any
) -> None:
    scene.ring()

    async def unseen(floor: Floor) -> None:
        for why in ("nobody-signed-on", "caller-left"):
            await floor.insert("emergency_alarm", call_id=scene.call, why=why, raised_at=floor.now)

    scene.do(unseen)
    visitor = await visit(secret=scene.app.cookie_for("vera@example.org"), color_scheme=scheme)
    page: Page = await visitor.open("/board")
    alarm = page.get_by_text("Nobody was signed on. The caller hung up before a person was there.")
    await expect(alarm).to_be_visible()
    assert await axe(page) == []
    await page.reload()
    await expect(alarm).to_be_visible()
    await page.get_by_role("button", name="I am looking after it").click()
    await expect(alarm).to_have_count(0)
    await page.reload()
    await expect(page.locator("#board-queues")).to_be_visible()
    await expect(alarm).to_have_count(0)


async def opened(app: WebApp, visit: Visit, path: str, tenant: int | None = None) -> tuple[Page, int]:
    """A page as an administrator sees it."""
    tenant = tenant or app.make_tenant()
    person = app.make_person(tenant, "admin@example.org", Role.ADMINISTRATOR, name="Hal Ames")
    visitor = await visit(app.session_of(tenant, person))
    page: Page = await visitor.open(path)
    return page, tenant


async def test_v6_a_line_says_who_is_rung_and_whether_callers_are_listened_to(app: WebApp, visit: Visit) -> None:
    tenant = app.make_tenant()

    async def furnish(services: Any) -> UUID:
        practice = await make_practice(services.db, tenant, SystemClock())
        return practice.line_id

    line = app.run(furnish)
    page, _ = await opened(app, visit, f"/lines/{line}", tenant)
    assert await axe(page) == []
    listen = page.get_by_label("Listen for words that may mean danger")
    await expect(listen).to_be_checked()
    await listen.uncheck()
    await page.get_by_label("Who 1").fill("Charge nurse")
    await page.get_by_label("Telephone 1").fill("911")
    async with page.expect_navigation():
        await page.get_by_role("button", name="Save", exact=True).click()
    assert "911 is never rung from here" in await page.inner_text("#error-summary")
    await page.goto(f"{app.url}/lines/{line}")
    await page.get_by_label("Listen for words that may mean danger").uncheck()
    await page.get_by_label("Who 1").fill("Charge nurse")
    await page.get_by_label("Telephone 1").fill("(414) 555-0111")
    await page.get_by_label("Ring them after so many seconds in line").fill("45")
    async with page.expect_navigation():
        await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_label("Listen for words that may mean danger")).not_to_be_checked()
    assert await page.get_by_label("Telephone 1").input_value() == "+14145550111"
    assert await page.get_by_label("Ring them after so many seconds in line").input_value() == "45"
    assert await axe(page) == []


async def test_v6_a_voice_agent_is_added_tested_switched_off_and_removed(app: WebApp, visit: Visit) -> None:
    page, _ = await opened(app, visit, "/voice-agents")
    assert await axe(page) == []

    async def press(name: str) -> None:
        async with page.expect_navigation():
            await page.get_by_role("button", name=name, exact=True).click()

    async def fill() -> None:
        await page.get_by_label("Name, as flows call it").fill("triage")
        await page.locator("#url").fill("wss://agents.example.org/careline")
        await page.locator("#secret").fill("a-word-nobody-reads-back")
        await page.get_by_label("A business associate agreement is signed").check()

    await fill()
    await press("Add")
    assert "allow the host first" in await page.inner_text("#error-summary")
    await page.get_by_label("Host", exact=True).fill("agents.example.org")
    await press("Allow it")
    await fill()
    await press("Add")
    row = page.locator("tbody tr")
    await expect(row).to_contain_text("on")
    assert "a-word-nobody-reads-back" not in await page.content()
    await press("Test triage")
    await expect(row).to_contain_text("Test failed: it could not be reached")
    assert await axe(page) == []
    await press("Switch off triage")
    await expect(row).to_contain_text("switched off")
    await press("No longer agents.example.org")
    await press("Switch on triage")
    await expect(row).to_contain_text("its host is not allowed")
    await page.get_by_text("Remove", exact=False).first.click()
    await press("Remove it")
    await expect(page.get_by_text("No voice agent yet")).to_be_visible()
