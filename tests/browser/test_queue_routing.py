"""How a queue finds its agents, set in a real Chromium: strategy, rings, overflow, callback, places, history."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from careline.testing.browser import Visit, axe
from careline.testing.scene import Scene
from careline.testing.web import WebApp

pytestmark = pytest.mark.browser


@pytest.fixture
def scene(app: WebApp) -> Scene:
    return Scene(app)


async def routing(visit: Visit, scene: Scene) -> Page:
    visitor = await visit(secret=scene.app.cookie_for("vera@example.org"), viewport={"width": 1280, "height": 900})
    page = await visitor.open("/queues")
    await page.get_by_role("row", name="Ana Ruiz").locator("th a").first.click()
    await page.get_by_role("link", name="Routing: strategy, rings, overflow, callback").click()
    return page


async def test_m1_o1_a_supervisor_arranges_a_queue(scene: Scene, visit: Visit) -> None:
    page = await routing(visit, scene)
    assert await axe(page) == []
    await page.get_by_label("Strategy").select_option("round-robin")
    await page.get_by_label("What an agent must be able to do, as an expression").fill(
        "scheduling >= 50 or agent:nobody"
    )
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_contain_text("Nothing was changed")
    assert await axe(page) == []
    await page.get_by_label("What an agent must be able to do, as an expression").fill("scheduling >= 50")
    await page.locator("[name='rings.0.after_seconds']").fill("30")
    await page.locator("[name='rings.0.requirement']").fill("scheduling >= 20")
    await page.locator("[name='overflow.0.measure']").select_option("waiting")
    await page.locator("[name='overflow.0.above']").fill("12")
    await page.locator("[name='overflow.0.target']").select_option("callback")
    await page.get_by_label("Waiting callers may be called back and keep their place").check()
    await page.get_by_label(": Team").first.fill("1")
    await page.get_by_role("button", name="Save").click()

    await expect(page.get_by_label("Strategy")).to_have_value("round-robin")
    await expect(page.locator("[name='rings.0.after_seconds']")).to_have_value("30")
    await expect(page.locator("[name='overflow.0.target']")).to_have_value("callback")
    await expect(page.get_by_label("Waiting callers may be called back and keep their place")).to_be_checked()
    await expect(page.get_by_label(": Team").first).to_have_value("1")
    history = page.get_by_role("region", name="Who changed what")
    await expect(history).to_contain_text("Vera")
    await expect(history).to_contain_text("routing.overflow")
    assert await axe(page) == []


async def test_w3_a_supervisor_changes_many_agents_and_takes_it_back(scene: Scene, visit: Visit) -> None:
    visitor = await visit(secret=scene.app.cookie_for("vera@example.org"), viewport={"width": 1280, "height": 900})
    page = await visitor.open("/queues/agents")
    assert await axe(page) == []
    for name in ("Ana Ruiz", "Ben Cho"):
        await page.get_by_role("checkbox", name=name).press("Space")
    skill = page.get_by_role("group", name="Skill")
    await skill.get_by_role("textbox").fill("Not a skill!")
    await skill.get_by_role("button", name="Set").press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Nothing was changed")
    await expect(page.get_by_role("checkbox", name="Ana Ruiz")).to_be_checked()
    await skill.get_by_role("textbox").fill("pediatrics 40")
    await skill.get_by_role("button", name="Set").press("Enter")
    await expect(page.get_by_role("status").filter(has_text="Changed for 2 people")).to_be_visible()
    ana = page.get_by_role("row", name="Ana Ruiz")
    await expect(ana).to_contain_text("pediatrics 40")
    assert await axe(page) == []
    await page.get_by_role("button", name="Take it back").press("Enter")
    await expect(ana).not_to_contain_text("pediatrics 40")

    await page.get_by_role("link", name="Ana Ruiz").click()
    assert await axe(page) == []
    await page.get_by_label("Billing", exact=True).check()
    await page.get_by_label("Billing: Reserve level").fill("1")
    await page.get_by_label("Text chats: At once").fill("3")
    await page.get_by_label("Text chats: Telephone calls").check()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_contain_text("speaks at least one language")
    await expect(page.get_by_label("Text chats: At once"), "what was filled in stays").to_have_value("3")
    await page.get_by_label("English").check()
    await page.get_by_role("button", name="Save").click()
    history = page.get_by_role("region", name="Who changed what").get_by_role("row").nth(1)
    await expect(history).to_contain_text("Vera Lund")
    await expect(history).to_contain_text("Serves Billing: – → reserve 1")
    await expect(history).to_contain_text("At once chat: – → 3")
    await expect(page.get_by_label("Text chats: Telephone calls")).to_be_checked()
    await history.get_by_role("button", name="Take it back").click()
    await expect(page.get_by_role("row", name="Ana Ruiz")).not_to_contain_text("Billing")
