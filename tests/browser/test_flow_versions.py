"""Versions of flows, the lines that use them, and tables, as an administrator meets them in a real Chromium."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import expect

from careline.flows.patterns import after_hours
from careline.security.actor import system_actor
from careline.security.permissions import Role
from careline.testing.browser import Visit, axe, becomes
from careline.testing.flows import READY, Clinic
from careline.testing.web import WebApp

pytestmark = pytest.mark.browser


@pytest.fixture
def clinic(app: WebApp) -> Clinic:
    return Clinic(app)


def published_twice(clinic: Clinic) -> UUID:
    """A flow with two published versions; the second is for a tenth of the calls."""
    flow = clinic.make("Night", "after-hours")
    clinic.flows("publish", flow, note="First")
    body = after_hours("Night", [])
    body["nodes"]["notice"]["prompts"] = ["closed.hours"]
    clinic.flows("save_draft", flow, body, based_on=0)
    clinic.flows("publish", flow, note="Without the notice", share=10)
    return flow


async def test_versions_are_compared_staged_and_rolled_back_with_a_confirmation(clinic: Clinic, visit: Visit) -> None:
    flow = published_twice(clinic)
    page = await clinic.open(visit, "/flows")
    text = await page.inner_text("main")
    assert "version 2: 10 %" in text and "version 1: 90 %" in text
    assert await axe(page) == []
    async with page.expect_navigation():
        await page.get_by_role("link", name="Versions Night").click()
    text = await page.inner_text("main")
    assert "Without the notice" in text and "Version 2: 10 of 100 new calls" in text
    assert "notice: prompts" in text, "the difference is told in words"
    assert await axe(page) == []
    slider = page.get_by_label("Share of new calls for version 2")
    await slider.focus()
    for _ in range(8):
        await page.keyboard.press("ArrowRight")
    assert await page.inner_text("#shown-2") == "50 %"
    async with page.expect_navigation():
        await page.get_by_role("button", name="Set 2").click()
    assert [(s.number, s.share) for s in clinic.flows("get", flow).live] == [(2, 50), (1, 50)]
    await page.get_by_text("Roll back…").click()
    assert "version 2 (10 %)" in await page.inner_text(".confirm")
    async with page.expect_navigation():
        await page.get_by_role("button", name="Roll back now").click()
    assert [(s.number, s.share) for s in clinic.flows("get", flow).live] == [(2, 10), (1, 90)]
    await page.emulate_media(color_scheme="dark")
    assert await axe(page) == []


async def test_a_line_is_given_a_flow_from_its_own_page_for_some_days_and_a_door(clinic: Clinic, visit: Visit) -> None:
    flow = published_twice(clinic)
    page = await clinic.open(visit, f"/lines/{clinic.practice.line_id}")
    await page.get_by_text("Use a flow on this line…").click()
    await page.get_by_label("closed", exact=True).check()
    await page.get_by_label("First day").fill("2027-01-01")
    await page.get_by_label("Last day").fill("2027-01-03")
    async with page.expect_navigation():
        await page.get_by_role("button", name="Use it from now on").click()
    assert "Night, when closed, from 2027-01-01, until 2027-01-03" in await page.inner_text(".rules")
    # At its top, where the header lies over nothing.
    await page.evaluate("scrollTo(0, 0)")
    assert await axe(page) == []

    async def rules(services: Any) -> Any:
        return (await services.organization.line(system_actor(clinic.tenant), clinic.practice.line_id)).config.flows

    (rule,) = clinic.app.run(rules)
    assert (rule.flow_id, rule.doors, rule.first_day) == (flow, ("closed",), date(2027, 1, 1))
    async with page.expect_navigation():
        await page.get_by_role("button", name="Remove 1").click()
    assert clinic.app.run(rules) == ()


async def test_a_table_is_kept_by_hand_with_its_history_and_a_stale_save_is_told(clinic: Clinic, visit: Visit) -> None:
    page = await clinic.open(visit, "/tables")
    await page.get_by_label("Name, as flows write it").fill("insurers")
    await page.get_by_label("Column 1", exact=True).fill("prefix")
    await page.get_by_label("Column 2", exact=True).fill("accepted")
    await page.get_by_label("Type of column 2").select_option(label="Yes or no")
    async with page.expect_navigation():
        await page.get_by_role("button", name="Make the table").click()
    await becomes(page, "document.documentElement.dataset.ready === 'table'")
    await page.get_by_role("button", name="Add a row").click()
    assert await page.evaluate("document.activeElement.ariaLabel") == "prefix, row 1"
    await page.keyboard.type("ABC")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await page.get_by_label("Why").fill("New contract")
    assert await axe(page) == []
    async with page.expect_navigation():
        await page.get_by_role("button", name="Save", exact=True).click()
    await becomes(page, "document.documentElement.dataset.ready === 'table'")
    assert await page.get_by_label("accepted, row 1").is_checked()
    history = await page.locator("section, .table-wrap").last.inner_text()
    assert "New contract" in history and "Hal Ames" in history and "new: ABC" in history

    async def somebody_else(services: Any) -> None:
        (table,) = await services.tables.list(system_actor(clinic.tenant))
        await services.tables.save(system_actor(clinic.tenant), table.id, [["XYZ", False]], based_on=table.version)

    clinic.app.run(somebody_else)
    await page.get_by_label("prefix, row 1").fill("DEF")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_text("Somebody else saved this table meanwhile.")).to_be_visible()
    assert await page.get_by_label("prefix, row 1").input_value() == "DEF", "what was typed is still there"
    async with page.expect_navigation():
        await page.get_by_role("button", name="Save mine on top").click()
    await becomes(page, "document.documentElement.dataset.ready === 'table'")
    assert await page.get_by_label("prefix, row 1").input_value() == "DEF"
    async with page.expect_download() as saving:
        await page.get_by_role("link", name="Save as CSV").click()
    download = await saving.value
    assert (await download.path()).read_text("utf-8").splitlines()[0].endswith("prefix,accepted")
    await page.emulate_media(color_scheme="dark")
    assert await axe(page) == []


async def test_a_supervisor_writes_flows_but_does_not_publish_them(clinic: Clinic, visit: Visit) -> None:
    flow = published_twice(clinic)
    supervisor = clinic.app.make_person(clinic.tenant, "gil@example.org", Role.SUPERVISOR, name="Gil Ray")
    visitor = await visit(clinic.app.session_of(clinic.tenant, supervisor))
    page = await visitor.open(f"/flows/{flow}")
    await becomes(page, READY)
    assert not await page.get_by_role("button", name="Publish…").is_visible()
    await page.locator(".step[data-name=notice]").click(position={"x": 14, "y": 14})
    await page.get_by_label("Name of the step").fill("word")
    await page.keyboard.press("Tab")
    await expect(page.locator("#flow-state")).to_have_text("Saved as a draft", timeout=20_000)
    await page.goto(f"{clinic.app.url}/flows/{flow}/versions")
    assert await page.get_by_role("button", name="Roll back now").count() == 0
    assert await page.get_by_label("Share of new calls for version 2").count() == 0
    async with page.expect_navigation():
        await page.get_by_role("button", name="Validate").click()
    assert "Validated" in await page.inner_text("main")
    await page.get_by_text("Discard the draft…").click()
    async with page.expect_navigation():
        await page.get_by_role("button", name="Discard it").click()
    assert clinic.flows("get", flow).draft is None
