"""What people see when a caller raised an emergency, and the pages where it is set up."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from careline.security.permissions import Role
from careline.testing.browser import Visit, axe, becomes
from careline.testing.builders import make_practice
from careline.testing.scene import Scene
from careline.testing.web import WebApp

pytestmark = pytest.mark.browser


@pytest.fixture
def scene(app: WebApp) -> Scene:
    return Scene(app)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_v5_the_banner_is_red_on_the_offer_and_in_the_call(scene: Scene, visit: Visit, scheme: Any) -> None:
    scene.stand("available")
    visitor = await visit(secret=scene.app.cookie_for("ana@example.org"), color_scheme=scheme)
    page = await visitor.open("/desk")
    await becomes(page, "() => document.querySelector('.me') !== null")
    scene.ring()
    scene.set_call(emergency=True, emergency_how="key")
    banner = page.get_by_text("Caller pressed the emergency key")
    await expect(banner).to_be_visible()
    assert await page.locator(".offer").get_attribute("data-emergency") == "yes"
    assert await axe(page) == []
    scene.talk()
    scene.set_call(emergency=True, emergency_how="words")
    await expect(page.get_by_text("Caller said words that may mean an emergency")).to_be_visible()
    assert await axe(page) == []


async def opened(app: WebApp, visit: Visit, path: str) -> tuple[Page, int]:
    """A page as an administrator sees it."""
    tenant = app.make_tenant()
    person = app.make_person(tenant, "admin@example.org", Role.ADMINISTRATOR, name="Hal Ames")
    visitor = await visit(app.session_of(tenant, person))
    page: Page = await visitor.open(path)
    return page, tenant


async def test_an_administrator_lets_flows_ask_a_system_and_no_more(app: WebApp, visit: Visit) -> None:
    page, _ = await opened(app, visit, "/lookups")
    assert await axe(page) == []
    await page.get_by_label("Name, as flows call it").fill("ehr")
    await page.locator("#base_url").fill("http://ehr.example.org/fhir")
    async with page.expect_navigation():
        await page.get_by_role("button", name="Add", exact=True).click()
    assert "use https" in await page.inner_text("#error-summary")
    await page.locator("#base_url").fill("https://ehr.example.org/fhir")
    await page.locator("#header").fill("Authorization")
    await page.locator("#secret").fill("Bearer s3cret")
    async with page.expect_navigation():
        await page.get_by_role("button", name="Add", exact=True).click()
    row = page.locator("tbody tr")
    assert "https://ehr.example.org/fhir" in await row.inner_text()
    assert "s3cret" not in await page.content(), "secrets are never shown again"
    assert await axe(page) == []
    await page.get_by_text("Change").click()
    async with page.expect_navigation():
        await page.get_by_role("button", name="Ask it no more").click()
    assert "No flow asks another system yet" in await page.inner_text("main")


async def test_an_administrator_chooses_a_lines_emergency_key(app: WebApp, visit: Visit) -> None:
    page, tenant = await opened(app, visit, "/lines")

    async def line(services: Any) -> UUID:
        return (await make_practice(services.db, tenant, services.clock)).line_id

    line_id = app.run(line)
    await page.goto(f"{app.url}/lines/{line_id}")
    choice = page.get_by_label("Key that works everywhere")
    await expect(choice).to_have_value("*")
    await choice.select_option("0")
    async with page.expect_navigation():
        await page.get_by_role("button", name=re.compile("^Save")).click()
    await expect(page.get_by_label("Key that works everywhere")).to_have_value("0")
    assert await axe(page) == []
