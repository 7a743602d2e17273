"""Finding calls and reading a call's record in a real Chromium, and the pages where the floor is arranged."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from careline.kernel.ids import new_id
from careline.testing.browser import Visit, axe
from careline.testing.floor import Floor
from careline.testing.scene import Scene
from careline.testing.web import WebApp

pytestmark = pytest.mark.browser


@pytest.fixture
def scene(app: WebApp) -> Scene:
    return Scene(app)


async def page_at(visit: Visit, scene: Scene, path: str, who: str = "vera@example.org") -> Page:
    visitor = await visit(secret=scene.app.cookie_for(who), viewport={"width": 1280, "height": 720})
    return await visitor.open(path)


def finished(scene: Scene) -> None:
    """A call with notes, a message, a verified patient, a recording and a voicemail without a transcript."""
    scene.talk()

    async def go(floor: Floor) -> None:
        await floor.insert(
            "call_note", id=new_id(), call_id=scene.call, person_id=scene.ana, version=1, body="Wants a visit on Monday"
        )
        for kind, state in (("call", "ready"), ("voicemail", "ready")):
            await floor.insert(
                "recording",
                id=new_id(),
                call_id=scene.call,
                kind=kind,
                state=state,
                started_at=floor.ago(20),
                seconds=18,
                bytes=10,
                sha256="0",
                transcript_state="no-speech-extra" if kind == "voicemail" else None,
            )
        await floor.insert(
            "verification",
            id=new_id(),
            call_id=scene.call,
            patient_id=scene.odette,
            outcome="verified",
            level=1,
            caller_role="self",
            at=floor.now,
        )
        await floor.event(scene.call, "agent_left", 1, agent_id=scene.ana, wrap_up=True)
        await floor.event(scene.call, "ended", 1, by="caller", outcome="handled")

    scene.wrap_up()
    scene.do(go)


async def test_a_record_tells_the_whole_call(scene: Scene, visit: Visit) -> None:
    finished(scene)
    page = await page_at(visit, scene, f"/calls/{scene.call}")
    await expect(page.get_by_role("heading", name="(312) 555-0123")).to_be_visible()
    for words in ("Wants a visit on Monday", "Odette Quillfeather", "Connected with Ana Ruiz", "Ended by the caller"):
        await expect(page.get_by_text(words)).to_be_visible()
    await expect(page.get_by_text("No transcript: the speech extra is not installed.")).to_be_visible()
    assert await page.locator("audio").count() == 2
    # Drawn to scale: the wait of 30 s is 1.5 times as long as the talk of 19 s after it.
    wide = {
        kind: await page.locator(f".bar.{kind} rect").first.evaluate("e => e.getBoundingClientRect().width")
        for kind in ("waiting", "talk")
    }
    assert wide["waiting"] / wide["talk"] == pytest.approx(40 / 19, rel=0.12)
    # And as a table, for those who cannot see it.
    await page.get_by_text("As a table").press("Enter")
    rows = page.locator("#scale-table tbody tr")
    await expect(rows).to_have_count(6)
    await expect(rows.first).to_contain_text("Menu")
    assert await axe(page) == []


async def test_an_open_record_grows_by_itself(scene: Scene, visit: Visit) -> None:
    scene.talk()
    page = await page_at(visit, scene, f"/calls/{scene.call}")
    await expect(page.locator("#steps li")).to_have_count(4)

    async def hold(floor: Floor) -> None:
        await floor.event(scene.call, "held", 0)
        await scene.happen(floor, agent=False)

    scene.do(hold)
    await expect(page.locator("#steps")).to_contain_text("On hold")


async def test_only_an_agents_own_records_open(scene: Scene, visit: Visit) -> None:
    async def other(floor: Floor) -> None:
        scene.call = await floor.call(scene.line, phase="ended", ended_at=floor.now, outcome="abandoned")

    scene.do(other)
    page = await page_at(visit, scene, f"/calls/{scene.call}", who="ana@example.org")
    await expect(page.get_by_text("There is nothing here, or you may not see it.")).to_be_visible()
    await page.goto(scene.app.url + "/calls")
    await expect(page.get_by_text("The calls that you handled.")).to_be_visible()
    await expect(page.get_by_text("No calls yet.")).to_be_visible()


async def test_finding_calls(scene: Scene, visit: Visit) -> None:
    finished(scene)
    page = await page_at(visit, scene, "/calls")
    assert await axe(page) == []
    await page.fill("#f-number", "555-0123")
    await page.get_by_role("button", name="Find").click()
    await expect(page.locator("tbody tr")).to_have_count(1)
    await page.fill("#f-text", "tuesday")
    await page.get_by_role("button", name="Find").click()
    await expect(page.get_by_text("No call matches.")).to_be_visible()
    await page.get_by_role("link", name="Clear").click()
    await page.fill("#f-number", "12")
    await page.get_by_role("button", name="Find").click()
    await expect(page.get_by_role("alert").get_by_text("at least its last 4 digits")).to_be_visible()
    await page.fill("#f-number", "")
    await page.select_option("#f-outcome", label="Handled")
    await page.get_by_role("button", name="Find").click()
    await page.locator("tbody a").first.click()
    await expect(page).to_have_url(re.compile(str(scene.call)))


async def test_a_queue_is_made_and_changed(scene: Scene, visit: Visit) -> None:
    page = await page_at(visit, scene, "/queues/new")
    assert await axe(page) == []
    await page.fill("#q-name", "Refills")
    await page.fill("#q-skills", "pharmacy 40, spanish")
    await page.get_by_label("Ben Cho").check()
    await page.get_by_role("button", name="Save").click()
    row = page.get_by_role("row", name=re.compile("Refills"))
    await expect(row).to_contain_text("pharmacy 40, spanish 1")
    await expect(row).to_contain_text("Ben Cho")
    assert await axe(page) == []
    await page.goto(scene.app.url + "/queues/new")
    await page.fill("#q-name", "refills")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert").get_by_text("Another queue has this name.")).to_be_visible()


async def test_agents_codes_and_telephones(scene: Scene, visit: Visit) -> None:
    page = await page_at(visit, scene, "/queues/agents")
    assert await axe(page) == []
    await page.get_by_role("link", name="Ana Ruiz").click()
    assert await axe(page) == []
    await page.get_by_label("Skills with proficiency").fill("scheduling 70")
    await page.get_by_label("Spanish").check()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    await page.get_by_role("link", name="← Agents and skills").click()
    row = page.get_by_role("row", name="Ana Ruiz")
    await expect(row).to_contain_text("ES")
    await expect(row).to_contain_text("scheduling 70")

    await page.goto(scene.app.url + "/queues/codes")
    assert await axe(page) == []
    await page.fill("#code-new", "refill")
    await page.fill("#en-new", "Refill")
    await page.fill("#es-new", "Receta")
    await page.get_by_role("button", name="Add").click()
    await expect(page.get_by_role("rowheader", name="refill", exact=True)).to_be_visible()

    await page.goto(scene.app.url + "/queues/phones")
    await page.select_option("#p-person", label="Ana Ruiz")
    await page.fill("#p-label", "Front desk")
    await page.get_by_role("button", name="Add").click()
    password = await page.locator(".notice dd code").nth(1).inner_text()
    assert len(password) >= 20
    assert await axe(page) == []
    await page.goto(scene.app.url + "/queues/phones")
    assert password not in await page.content()
    await page.get_by_role("button", name="Withdraw").click()
    await expect(page.get_by_text("withdrawn")).to_be_visible()
