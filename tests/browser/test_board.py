"""The board in a real Chromium: live, explained, sortable, operable by keyboard, and readable on a wall."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import pytest
from playwright.async_api import Page, expect
from psycopg.types.json import Jsonb

from careline.testing.browser import Visit, axe
from careline.testing.floor import Floor
from careline.testing.scene import Scene
from careline.testing.web import WebApp

pytestmark = pytest.mark.browser


@pytest.fixture
def scene(app: WebApp) -> Scene:
    return Scene(app)


async def board(visit: Visit, scene: Scene, path: str = "/board", who: str = "vera@example.org") -> Page:
    visitor = await visit(secret=scene.app.cookie_for(who), viewport={"width": 1440, "height": 900})
    return await visitor.open(path)


async def test_r5_axe_finds_nothing(scene: Scene, visit: Visit) -> None:
    scene.talk()
    scene.set_call(emergency=True)
    for path in ("/board", "/board?kiosk=1"):
        page = await board(visit, scene, path)
        await expect(page.get_by_role("rowheader", name="Scheduling")).to_be_visible()
        assert await axe(page) == []


async def test_the_board_moves_by_itself_and_shows_no_number(scene: Scene, visit: Visit) -> None:
    page = await board(visit, scene)
    row = page.locator(".queues tr", has=page.get_by_role("rowheader", name="Scheduling"))
    await expect(row.locator(".waiting")).to_have_text(re.compile("^0"))

    async def arrive(floor: Floor) -> None:
        scene.call = await floor.call(
            scene.line, queue_id=scene.queue, place_at=floor.ago(70), queued_at=floor.ago(70), caller="+13125550123"
        )
        await floor.event(scene.call, "queued", 70, queue_id=scene.queue)
        await scene.happen(floor, agent=False)

    scene.do(arrive)
    await expect(row.locator(".waiting")).to_have_text(re.compile("^1"))
    await expect(page.locator("#board-calls").get_by_role("link", name="waiting")).to_be_visible()
    assert "555-0123" not in await page.content()
    assert "5550123" not in await page.content()


async def test_a_number_explains_itself_on_focus_and_keeps_quiet_on_escape(scene: Scene, visit: Visit) -> None:
    page = await board(visit, scene)
    name = page.locator("#board-queues .explain", has_text="Service level").first
    tooltip = name.get_by_role("tooltip", include_hidden=True)
    await expect(tooltip).to_be_hidden()
    await name.focus()
    await expect(tooltip).to_be_visible()
    await expect(tooltip).to_contain_text("negative abandon")
    await page.keyboard.press("Escape")
    await expect(tooltip).to_be_hidden()


async def test_agents_sort_and_a_sorted_table_stays_sorted(scene: Scene, visit: Visit) -> None:
    async def more(floor: Floor) -> None:
        await floor.agent("Zoe Abt", scene.queue, status="away", reason="lunch")
        await floor.agent("Abe Zorn", scene.queue, status="talking")

    scene.do(more)
    page = await board(visit, scene)
    names = page.locator("#board-agents tbody th")
    await page.locator("#board-agents").get_by_role("button", name="Name").press("Enter")
    await expect(names).to_have_text(["Abe Zorn", "Ben Cho", "Zoe Abt"])
    await page.locator("#board-agents").get_by_role("button", name="Name").press("Enter")
    await expect(names).to_have_text(["Zoe Abt", "Ben Cho", "Abe Zorn"])
    scene.stand("available")
    await expect(names).to_have_text(["Zoe Abt", "Ben Cho", "Ana Ruiz", "Abe Zorn"])
    await expect(page.locator("#board-agents").get_by_role("button", name="Name")).to_be_focused()


async def test_a_supervisor_acts_by_keyboard(scene: Scene, visit: Visit) -> None:
    scene.talk()
    page = await board(visit, scene)
    call = page.locator("#board-calls tbody tr").first
    await call.locator("summary").press("Enter")
    await call.get_by_role("button", name="Move to a queue").press("Enter")
    await page.get_by_role("dialog").get_by_role("button", name="Billing").press("Enter")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await call.locator("summary").press("Enter")
    await call.get_by_role("button", name="End the call").press("Enter")
    await page.get_by_role("button", name="Let it go on").press("Enter")
    await expect(call.locator("summary")).to_be_focused()
    await call.locator("summary").press("Enter")
    await call.get_by_role("button", name="End the call").press("Enter")
    await page.get_by_role("dialog").get_by_role("button", name="End the call").press("Enter")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    agent = page.locator("#board-agents tbody tr", has_text="Ben Cho")
    await agent.locator("summary").press("Enter")
    await agent.get_by_role("button", name="Set to away").press("Enter")
    async with asyncio.timeout(10):
        while len(scene.orders.given) < 3:
            await asyncio.sleep(0.02)
    assert scene.orders.kinds() == ["call.move", "call.end", "agent.status"]
    assert scene.orders.given[2][1]["status"] == "away"
    assert scene.orders.given[2][1]["person_id"] != str(scene.vera)


async def test_a_waiting_call_is_ranked_rung_moved_and_explained_by_keyboard(scene: Scene, visit: Visit) -> None:
    async def arrive(floor: Floor) -> None:
        scene.call = await floor.call(scene.line, queue_id=scene.queue, place_at=floor.ago(70), queued_at=floor.ago(70))
        await scene.happen(floor, agent=False)

    async def pressed(body: Mapping[str, Any]) -> None:
        async with scene.app.services.db.tenant(scene.tenant) as tx:
            await tx.run("UPDATE call SET priority = %s WHERE id = %s", (body["priority"], scene.call))

    scene.orders.effects["call.priority"] = pressed
    scene.do(arrive)
    page = await board(visit, scene)
    call = page.locator("#board-calls tbody tr").first
    dialog = page.get_by_role("dialog")

    async def choose(entry: str) -> None:
        await call.locator("summary").press("Enter")
        await call.get_by_role("button", name=entry).press("Enter")

    await choose("Priority")
    await expect(dialog.get_by_role("button", name="Ordinary As its queue says.")).to_have_attribute(
        "aria-pressed", "true"
    )
    await dialog.get_by_role("button", name="Urgent Before").press("Enter")
    await expect(dialog).to_be_hidden()
    scene.do(lambda floor: scene.happen(floor, agent=False))
    await expect(call).to_contain_text("priority +100")

    await choose("Ring somebody now")
    await expect(dialog.get_by_role("listitem")).to_have_count(1)
    scene.stand("available")
    await expect(
        dialog.get_by_role("listitem"), "who has become free is offered while the sheet is open"
    ).to_have_count(2)
    assert await axe(page) == []
    await dialog.get_by_role("button", name="Ana Ruiz").press("Enter")
    await expect(dialog).to_be_hidden()
    await expect(call.locator("summary")).to_be_focused()

    await choose("Move to a queue")
    await dialog.get_by_role("button", name="Billing").press("Enter")
    await expect(dialog).to_be_hidden()
    given = dict(scene.orders.given)
    assert list(given) == ["call.priority", "call.assign", "call.move"], "no question was asked: nothing here does harm"
    assert (given["call.priority"]["priority"], given["call.assign"]["person_id"]) == (100, str(scene.ana))

    await call.locator("summary").press("Enter")
    await expect(call.get_by_role("link", name="Why is nobody ringing?")).to_have_attribute(
        "href", f"/calls/{scene.call}/why"
    )


async def test_a_sheet_says_when_its_call_has_gone_on(scene: Scene, visit: Visit) -> None:
    async def arrive(floor: Floor) -> None:
        scene.call = await floor.call(scene.line, queue_id=scene.queue, place_at=floor.ago(70), queued_at=floor.ago(70))
        await scene.happen(floor, agent=False)

    scene.do(arrive)
    page = await board(visit, scene)
    call = page.locator("#board-calls tbody tr").first
    await call.locator("summary").click()
    await call.get_by_role("button", name="Ring somebody now").click()
    scene.set_call(phase="talking", agent_id=scene.ana)
    await expect(page.get_by_role("dialog")).to_contain_text("The call has gone on")
    await expect(page.get_by_role("dialog").get_by_role("button")).to_have_text(["Close"])
    assert scene.orders.given == []


async def test_m9_the_closure_switch(scene: Scene, visit: Visit) -> None:
    page = await board(visit, scene)
    await page.get_by_role("button", name="Close for an emergency").click()
    await page.fill("#closure-reason", "Burst pipe")
    await page.get_by_role("button", name="Close now").click()
    await expect(page.locator("#board-banner")).to_contain_text("Everything is closed: Burst pipe")
    await page.get_by_role("button", name="Open again").click()
    await expect(page.locator("#board-banner")).not_to_contain_text("Burst pipe")


async def test_m9_the_surge_switch_is_one_click_each_way(scene: Scene, visit: Visit) -> None:
    page = await board(visit, scene)
    await page.get_by_role("button", name="Surge: more calls than usual").click()
    await expect(page.locator("#board-banner")).to_contain_text("the reserve takes calls")
    await expect(page.get_by_role("button", name="Surge: more calls than usual")).to_have_count(0)
    await page.get_by_role("button", name="Back to normal").click()
    await expect(page.locator("#board-banner")).not_to_contain_text("the reserve takes calls")


async def test_m9_a_switch_that_is_on_stands_on_every_page_of_a_supervisor(scene: Scene, visit: Visit) -> None:
    page = await board(visit, scene)
    await page.get_by_role("button", name="Surge: more calls than usual").click()
    await expect(page.locator("#board-banner")).to_contain_text("by Vera Lund, since")
    for path in ("/queues", "/calls", "/manage", "/desk"):
        await page.goto(scene.app.url + path)
        await expect(page.locator("#switches")).to_contain_text("the reserve takes calls")
        await expect(page.locator("#switches")).to_contain_text("by Vera Lund, since")
        assert await axe(page) == []
    await page.locator("#switches").get_by_role("button", name="Back to normal").press("Enter")
    await expect(page.locator("#switches")).to_be_empty()
    ana = await board(visit, scene, "/desk", who="ana@example.org")
    await expect(ana.locator("#switches")).to_have_count(0)


async def test_what_is_away_is_said_plainly(scene: Scene, visit: Visit) -> None:
    scene.do(lambda floor: floor.component("switch", "down", "The telephone switch does not answer."))
    page = await board(visit, scene)
    await expect(page.locator("#board-banner")).to_contain_text("Telephone switch: The telephone switch")
    scene.do(lambda floor: floor.component("switch", "up", seen=-3600))
    scene.do(lambda floor: floor.component("callcontrol", seen=600))
    await expect(page.locator("#board-banner")).to_contain_text("Call control does not answer")
    await expect(page.locator("#board-banner")).not_to_contain_text("Telephone switch")


async def test_the_wall_display_has_no_controls(scene: Scene, visit: Visit) -> None:
    scene.talk()
    page = await board(visit, scene, "/board?kiosk=1")
    await expect(page.get_by_role("rowheader", name="Scheduling")).to_be_visible()
    assert await page.get_by_role("navigation").count() == 0
    assert await page.get_by_role("button").count() == 0
    size = await page.locator(".queues td.waiting").first.evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
    assert size >= 32


async def test_an_agent_may_not_see_the_board(scene: Scene, visit: Visit) -> None:
    page = await board(visit, scene, who="ana@example.org")
    await expect(page.get_by_text("You do not have permission to do this.")).to_be_visible()


async def test_a_queue_says_how_long_whoever_joins_now_will_wait(scene: Scene, visit: Visit) -> None:
    """And each waiting caller how much longer; on a small screen nothing of the table is out of sight."""

    async def arrive(floor: Floor) -> None:
        scene.call = await floor.call(scene.line, queue_id=scene.queue, place_at=floor.ago(70), queued_at=floor.ago(70))
        await floor.insert("expected_wait", queue_id=scene.queue, seconds=301.0, calls=Jsonb({str(scene.call): 95.0}))
        await scene.happen(floor, agent=False)

    scene.do(arrive)
    page = await board(visit, scene)
    await page.set_viewport_size({"width": 1280, "height": 800})
    row = page.locator(".queues tr", has=page.get_by_role("rowheader", name="Scheduling"))
    await expect(row.locator(".expected")).to_have_text("6 min")
    other = page.locator(".queues tr", has=page.get_by_role("rowheader", name="Billing"))
    await expect(other.locator(".expected")).to_have_text("–")
    await expect(page.locator("#board-calls tbody tr").first).to_contain_text("about 2 min more")
    heads = page.locator(".queues thead th")
    for n in range(await heads.count()):
        box = await heads.nth(n).bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 1280
    assert await page.evaluate("document.documentElement.scrollWidth <= 1280")
    assert await axe(page) == []
