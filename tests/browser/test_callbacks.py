"""The page of callbacks in a real Chromium: live, by role, operable by keyboard, without a finding of axe."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from playwright.async_api import Page, expect
from psycopg.types.json import Jsonb

from careline.calls.callback_model import Callback, Stage
from careline.kernel.errors import Conflict
from careline.testing.browser import Visit, axe
from careline.testing.floor import Floor
from careline.testing.scene import Scene
from careline.testing.web import WebApp

pytestmark = pytest.mark.browser


@pytest.fixture
def scene(app: WebApp) -> Scene:
    made = Scene(app)
    app.services.callbacks.orders = made.orders
    return made


def wait(scene: Scene, number: str = "+13125550123") -> None:
    """A caller hangs up and waits to be called back."""

    async def go(floor: Floor) -> None:
        row = Callback(
            number=number,
            verified="calling-number",
            mode="agent-first",
            stage=Stage.WAITING,
            since=floor.ago(100),
            expires_at=datetime.now(UTC) + timedelta(hours=20),
            attempts=1,
            missed="busy",
            missed_at=datetime.now(UTC),
        ).to_row()
        scene.call = await floor.call(
            scene.line, phase="callback", queue_id=scene.queue, place_at=floor.ago(120), callback=Jsonb(row)
        )
        await floor.event(scene.call, "callback_arranged", 100)
        await scene.happen(floor, agent=False)

    scene.do(go)


def ends(scene: Scene, call_id: UUID) -> None:
    async def go(floor: Floor) -> None:
        over = "UPDATE call SET phase = 'ended', ended_at = now(), outcome = 'callback-cancelled' WHERE id = %(id)s"
        await scene.happen(floor, (over, {"id": call_id}), agent=False)

    scene.do(go)


async def callbacks(visit: Visit, scene: Scene, who: str = "vera@example.org", **options: object) -> Page:
    visitor = await visit(secret=scene.app.cookie_for(who), **options)
    return await visitor.open("/callbacks")


async def test_complaint_60_the_list_shows_who_waits_and_moves_by_itself(scene: Scene, visit: Visit) -> None:
    page = await callbacks(visit, scene)
    await expect(page.get_by_text("Nobody waits to be called back.")).to_be_visible()
    assert await axe(page) == []
    wait(scene)
    row = page.get_by_role("row").filter(has_text="(312) 555-0123")
    await expect(row).to_contain_text("Scheduling")
    await expect(row).to_contain_text("confirmed by key")
    await expect(row).to_contain_text("busy")
    await expect(row).to_contain_text("being estimated")
    await row.locator("summary").click()
    assert await axe(page) == []
    ends(scene, scene.call)
    await row.locator("summary").click()
    await expect(row).to_have_count(0)


async def test_a_supervisor_cancels_changes_and_hastens(scene: Scene, visit: Visit) -> None:
    wait(scene)
    page = await callbacks(visit, scene)
    await page.get_by_role("button", name=re.compile("^Call now")).press("Enter")
    await expect(page.get_by_role("row").filter(has_text="(312) 555-0123")).to_be_visible()
    await page.locator("#callbacks-live summary").press("Enter")
    await page.get_by_label("Number").fill("312 555 0188")
    await page.get_by_label("Not before").check()
    await page.get_by_label("Day and time").fill("2030-01-02T15:30")
    await page.get_by_role("button", name=re.compile("^Save")).click()
    await expect(page.get_by_role("row").filter(has_text="(312) 555-0123")).to_be_visible()
    cancel = page.get_by_role("button", name=re.compile("^Cancel the callback"))
    await expect(cancel).to_have_count(0, timeout=2000)
    await page.locator("#callbacks-live summary").press("Enter")
    await cancel.click()
    await expect(page.get_by_role("heading", name="Callbacks")).to_be_visible()
    assert scene.orders.kinds() == ["callback.call_now", "callback.change", "callback.cancel"]
    changed = scene.orders.given[1][1]
    assert changed["number"] == "312 555 0188"
    assert changed["next_at"].startswith("2030-01-02T15:30:00-")


async def test_a_refusal_is_said_on_the_page(scene: Scene, visit: Visit) -> None:
    class TooLate(Conflict):
        """The caller may not be rung at this hour."""

        id = "not-at-this-hour"

    scene.orders.refusals["callback.call_now"] = TooLate()
    wait(scene)
    page = await callbacks(visit, scene)
    await page.get_by_role("button", name=re.compile("^Call now")).click()
    await expect(page.get_by_role("alert")).to_contain_text("may not be rung at this hour")
    await expect(page.get_by_role("alert")).to_contain_text("Nothing was changed.")
    assert await axe(page) == []


async def test_an_agent_sees_the_own_queues_with_shortened_numbers(scene: Scene, visit: Visit) -> None:
    wait(scene)
    page = await callbacks(visit, scene, "ana@example.org")
    row = page.get_by_role("row").filter(has_text="••• 0123")
    await expect(row).to_be_visible()
    assert "312" not in await page.locator("#callbacks-live").inner_text()
    await expect(row.get_by_role("button", name=re.compile("^Call now"))).to_be_visible()
    await expect(row.locator("summary")).to_have_count(0)
    assert await axe(page) == []


async def test_the_desk_says_that_it_is_a_callback_and_leaves_a_message_on_a_machine(
    scene: Scene, visit: Visit
) -> None:
    wait(scene)
    scene.set_call(offered_to=scene.ana)
    scene.stand("offered", call_id=scene.call)
    visitor = await visit(secret=scene.app.cookie_for("ana@example.org"))
    page = await visitor.open("/desk")
    await expect(page.get_by_text("Callback: the person is called when you answer")).to_be_visible()
    bar = page.locator("#call-bar")
    scene.set_call(offered_to=None, agent_id=scene.ana)
    scene.stand("talking", call_id=scene.call)
    await expect(bar).to_contain_text("Calling the person back")
    await expect(bar).to_contain_text("(312) 555-0123")
    await expect(bar.get_by_role("button", name="Answering machine")).to_have_count(0)
    assert await axe(page) == []
    await page.keyboard.press("Alt+Q")
    scene.set_call(
        phase="talking",
        connected_at=datetime.now(UTC),
        callback=Jsonb({"number": "+13125550123", "stage": "joined", "machine": True}),
    )
    await expect(bar).to_contain_text("Sounds like a machine")
    async with page.expect_response("**/machine") as answered:
        await bar.get_by_role("button", name="Answering machine").click()
    assert (await answered.value).status == 204
    assert scene.orders.kinds() == ["call.hang_up", "callback.machine"]
    assert await axe(page) == []
