"""The agent's desk in a real Chromium: every action by keyboard, nothing lost, nothing of a patient too early."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from careline.kernel.errors import Unavailable
from careline.testing.browser import Visit, axe, becomes
from careline.testing.floor import Floor
from careline.testing.scene import Scene
from careline.testing.web import WebApp

pytestmark = pytest.mark.browser


@pytest.fixture
def scene(app: WebApp) -> Scene:
    return Scene(app)


async def desk(visit: Visit, scene: Scene, **options: Any) -> Page:
    """Ana's desk, drawn and connected."""
    visitor = await visit(secret=scene.app.cookie_for("ana@example.org"), **options)
    page = await visitor.open("/desk")
    await becomes(page, "() => document.querySelector('.me') !== null")
    return page


async def ordered(scene: Scene, kind: str, count: int = 1) -> dict[str, Any]:
    """Wait until an order of a kind was given so many times; its latest body."""
    async with asyncio.timeout(10):
        while scene.orders.kinds().count(kind) < count:
            await asyncio.sleep(0.02)
    return next(body for found, body in reversed(scene.orders.given) if found == kind)


async def test_r5_axe_finds_nothing_in_any_state(scene: Scene, visit: Visit) -> None:
    for scheme, size in (("light", (1440, 900)), ("dark", (1280, 720))):
        scene.stand("available")
        page = await desk(visit, scene, color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
        await expect(page.get_by_text("Ready for the next call")).to_be_visible()
        assert await axe(page) == []
        scene.talk()
        await expect(page.get_by_role("button", name="Candidate A")).to_be_visible()
        assert await axe(page) == []
        await page.get_by_role("button", name="Candidate A").click()
        await page.get_by_role("button", name="Write a message").click()
        assert await axe(page) == []
        await page.keyboard.press("Alt+E")
        assert await axe(page) == []
        await page.keyboard.press("Escape")
        await page.keyboard.press("Alt+T")
        await expect(page.get_by_role("button", name="Ben Cho")).to_be_visible()
        assert await axe(page) == []
        await page.keyboard.press("Escape")
        await page.keyboard.press("Alt+K")
        assert await axe(page) == []
        await page.keyboard.press("Escape")
        scene.wrap_up()
        await expect(page.get_by_role("button", name="Wrong number")).to_be_visible()
        assert await axe(page) == []
        scene.do(_wrapped(scene))


def _wrapped(scene: Scene) -> Any:
    async def go(floor: Floor) -> None:
        await floor.stand(scene.ana, status="available")
        await scene.happen(
            floor, ("UPDATE call_handling SET wrapped_up_at = now() WHERE id = %(id)s", {"id": scene.handling})
        )

    return go


async def test_r5_every_action_of_the_desk_by_keyboard(scene: Scene, visit: Visit) -> None:
    scene.stand("away", reason="break")
    page = await desk(visit, scene)
    keys = page.keyboard

    await keys.press("Alt+3")
    assert (await ordered(scene, "agent.status"))["status"] == "offline"
    await keys.press("Alt+1")
    assert (await ordered(scene, "agent.status", 2))["status"] == "available"
    await keys.press("Alt+2")
    assert (await ordered(scene, "agent.status", 3)) == {"status": "away", "reason": "break"}

    scene.ring()
    await expect(page.get_by_role("group", name="Incoming call")).to_be_visible()
    await keys.press("Alt+X")
    assert (await ordered(scene, "call.decline"))["call_id"] == str(scene.call)
    scene.set_call(offered_to=None, phase="ended", ended_at="now")

    scene.talk()
    await expect(page.get_by_role("heading", name="(312) 555-0123")).to_be_visible()
    await keys.press("Alt+H")
    assert (await ordered(scene, "call.hold"))["call_id"] == str(scene.call)
    scene.set_call(held=True)
    await expect(page.locator("[data-action=hold]")).to_have_text(re.compile("Resume"))
    await keys.press("Alt+H")
    await ordered(scene, "call.resume")
    scene.set_call(held=False)
    await expect(page.locator("[data-action=hold]")).to_have_text(re.compile("Hold"))
    await keys.press("Alt+M")
    await ordered(scene, "call.mute")

    await keys.press("Alt+K")
    await keys.press("5")
    await keys.press("#")
    assert (await ordered(scene, "call.digits", 2))["digits"] == "#"
    await keys.press("Escape")

    await keys.press("Alt+T")
    await expect(page.get_by_role("button", name="Billing")).to_be_visible()
    await keys.type("bill")
    await keys.press("Enter")
    assert (await ordered(scene, "call.transfer"))["to"]["kind"] == "queue"
    await keys.press("Alt+T")
    await expect(page.get_by_role("button", name="Ben Cho")).to_be_visible()
    await keys.type("312 555 0177")
    await keys.press("Enter")
    body = await ordered(scene, "call.transfer", 2)
    assert body["to"] == {"kind": "number", "number": "+13125550177"} and body["mode"] == "consult"
    scene.set_call(transfer='{"mode": "consult", "target": "x", "label": "Ben Cho", "state": "talking"}', held=True)
    await expect(page.get_by_text("You are talking to Ben Cho")).to_be_visible()
    await keys.press("Alt+C")
    await ordered(scene, "call.transfer_complete")
    await keys.press("Alt+B")
    await ordered(scene, "call.transfer_cancel")
    scene.set_call(transfer=None, held=False)
    await expect(page.locator("[data-action=transfer]")).to_be_visible()

    # While typing, too: the keys are with Alt, and none of them is a letter of the text.
    await keys.press("Alt+N")
    await keys.type("Asks about a visit")
    await expect(page.locator("#notes-text")).to_have_value("Asks about a visit")
    await keys.press("Alt+E")
    await expect(page.get_by_role("dialog", name="Emergency")).to_be_visible()
    await ordered(scene, "call.emergency")
    await keys.press("Escape")
    await expect(page.get_by_role("dialog", name="Emergency")).to_be_hidden()
    await keys.press("Alt+P")
    assert await page.evaluate("() => document.activeElement.id") == "find-name"
    await keys.press("Alt+Q")
    await ordered(scene, "call.hang_up")

    scene.wrap_up()
    await expect(page.get_by_role("button", name="Appointment")).to_be_visible()
    await keys.press("Alt+W")
    await keys.press("Tab")
    await keys.press("Enter")
    assert (await ordered(scene, "call.wrap_up"))["code"] == "message"


async def test_r5_the_palette_and_the_list_of_keys(scene: Scene, visit: Visit) -> None:
    scene.talk()
    page = await desk(visit, scene)
    await page.keyboard.press("Control+K")
    await page.keyboard.type("transfer")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Transfer")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.evaluate("() => document.activeElement.blur()")
    await page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    await expect(keys.get_by_text("Emergency")).to_be_visible()
    await expect(keys.get_by_text("Hold or resume")).to_be_visible()


async def test_r5_a_ringing_call_is_said_to_a_screen_reader(scene: Scene, visit: Visit) -> None:
    scene.stand("available")
    page = await desk(visit, scene)
    await becomes(page, "() => window.careline.desk.snapshot.me.status === 'available'")
    scene.ring()
    await expect(page.locator("#say-now")).to_have_text(re.compile("Incoming call: Scheduling, Spanish, waiting for"))
    await expect(page.get_by_role("group", name="Incoming call").get_by_role("button", name="Answer")).to_be_visible()


async def test_r2_nothing_of_a_patient_before_verification(scene: Scene, visit: Visit) -> None:
    scene.stand("available")
    seen: list[str] = []
    visitor = await visit(secret=scene.app.cookie_for("ana@example.org"))
    page = await visitor.context.new_page()
    page.on("websocket", lambda ws: ws.on("framereceived", lambda frame: seen.append(str(frame))))

    async def keep(response: Any) -> None:
        if "/api/" in response.url:
            seen.append(await response.text())

    page.on("response", keep)
    await page.goto(scene.app.url + "/desk")
    scene.ring()
    await expect(page.get_by_role("group", name="Incoming call")).to_be_visible()
    assert "555-0123" not in await page.content()
    scene.set_call(offered_to=None, phase="ended", ended_at="now")
    scene.talk()
    await page.get_by_role("button", name="Candidate A").click()
    await expect(page.locator("#stated-name")).to_be_focused()
    everything = " ".join([*seen, await page.content()])
    assert len(seen) > 3
    for word in ("Quillfeather", "QUILLFEATHER", "Odette", "Theo", "1984", "Lake Road", "53202"):
        # The ZIP code of the line's own clinic is public.
        if word != "53202":
            assert word not in everything

    # A wrong birthday tells that it does not match, and nothing more.
    await page.fill("#stated-name", "Odette Quillfeather")
    await page.fill("#stated-birth_date", "1984-06-05")
    await page.get_by_role("button", name="Compare").click()
    await expect(page.locator(".compared .no")).to_have_text(re.compile("Date of birth"))
    assert "1984-05-06" not in await page.content()
    await page.fill("#stated-birth_date", "1984-05-06")
    await page.fill("#stated-phone", "312 555 0123")
    await page.get_by_role("button", name="Compare").click()
    card = page.get_by_role("article", name="Patient card")
    await expect(card.get_by_role("heading", name="Odette Quillfeather")).to_be_visible()
    await expect(page.locator(".stepper [aria-current=step]")).to_have_text(re.compile("Identified"))


async def test_a_message_with_read_back_and_a_second_patient(scene: Scene, visit: Visit) -> None:
    scene.talk()
    page = await desk(visit, scene)
    await page.get_by_role("button", name="Write a message").click()
    await expect(page.locator(".read-back")).to_have_text("3 1 2 – 5 5 5 – 0 1 2 3")
    await page.select_option("#message-to", label="Family Medicine")
    await page.fill("#message-name", "Odette")
    await page.fill("#message-body", "Please call about the forms")
    # A live update meanwhile neither clears the form nor takes the focus.
    await page.focus("#message-body")
    scene.set_call(held=True)
    await expect(page.locator(".contact-head .status-pill")).to_have_text("On hold")
    await expect(page.locator("#message-body")).to_be_focused()
    await expect(page.locator("#message-body")).to_have_value("Please call about the forms")
    await page.check("#message-confirmed")
    await page.get_by_role("button", name="Send the message").dblclick()
    await expect(page.get_by_role("link", name="Family Medicine")).to_have_count(1)
    scene.set_call(held=False)
    await expect(page.get_by_role("link", name="Family Medicine")).to_have_count(1)
    await expect(page.get_by_role("button", name="Write another message")).to_be_visible()
    # Two patients in one call.
    await page.get_by_role("button", name="Candidate A").click()
    await page.get_by_role("button", name="Another patient").click()
    await page.get_by_role("button", name="Candidate B").click()
    await expect(page.get_by_role("group", name="Patients on this call").get_by_role("button")).to_have_count(3)


async def test_a_double_click_is_one_order(scene: Scene, visit: Visit) -> None:
    scene.talk()
    page = await desk(visit, scene)
    await page.locator("[data-action=hold]").dblclick()
    await ordered(scene, "call.hold")
    scene.set_call(held=True)
    await expect(page.locator("[data-action=hold]")).to_have_text(re.compile("Resume"))
    assert scene.orders.kinds() == ["call.hold"]


async def test_another_wish_while_the_first_is_on_its_way_is_not_lost(scene: Scene, visit: Visit) -> None:
    scene.stand("away", reason="break")
    page = await desk(visit, scene)
    answered = asyncio.Event()

    async def slow(route: Route) -> None:
        answer = await route.fetch()
        await answered.wait()
        await route.fulfill(response=answer)

    await page.route("**/desk/status", slow)
    await page.keyboard.press("Alt+3")
    await ordered(scene, "agent.status")
    for wish in ("Alt+1", "Alt+1"):
        await page.keyboard.press(wish)
    assert scene.orders.kinds() == ["agent.status"], "one after another, in the order they were wished"
    answered.set()
    await ordered(scene, "agent.status", 2)
    await becomes(page, "() => window.careline.desk.busy.size === 0")
    assert [body["status"] for _, body in scene.orders.given] == ["offline", "available"]


async def test_the_emergency_card_needs_no_server_and_no_patient(scene: Scene, visit: Visit) -> None:
    scene.talk()
    page = await desk(visit, scene)
    await expect(page.get_by_role("heading", name="(312) 555-0123")).to_be_visible()
    await page.context.set_offline(True)
    await page.locator("[data-action=emergency]").click()
    card = page.get_by_role("dialog", name="Emergency")
    await expect(card.get_by_text("911").first).to_be_visible()
    await expect(card.get_by_text("120 Harbor Street, Milwaukee, WI 53202")).to_be_visible()
    await expect(card.get_by_text("Not noted yet")).to_be_visible()
    assert scene.orders.given == []
    await page.context.set_offline(False)
    await ordered(scene, "call.emergency")
    await expect(card.get_by_text("Noted on the call")).to_be_visible()
    assert scene.orders.kinds() == ["call.emergency"]


async def test_the_emergency_card_opens_without_any_call(scene: Scene, visit: Visit) -> None:
    scene.stand("available")
    page = await desk(visit, scene)
    await page.keyboard.press("Alt+E")
    card = page.get_by_role("dialog", name="Emergency")
    await expect(card.get_by_text("120 Harbor Street")).to_be_visible()


async def test_the_emergency_button_is_one_click_under_any_sheet(scene: Scene, visit: Visit) -> None:
    scene.talk()
    page = await desk(visit, scene)
    box = await page.locator("[data-action=emergency]").bounding_box()
    assert box is not None
    for opened in ("Control+K", "Alt+T", "Alt+K"):
        await page.keyboard.press(opened)
        await becomes(page, "() => document.querySelector('dialog[open]') !== null")
        await page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        await expect(page.get_by_role("dialog", name="Emergency")).to_be_visible()
        await page.keyboard.press("Escape")
        await becomes(page, "() => document.querySelector('dialog[open]') === null")


async def test_notes_are_saved_as_typed_and_survive_a_refresh_without_a_server(scene: Scene, visit: Visit) -> None:
    scene.talk()
    page = await desk(visit, scene)
    await page.fill("#notes-text", "Wants a visit")
    await expect(page.locator("#notes-state")).to_have_text("Saved")
    assert scene.note_of_ana() == "Wants a visit"

    async def broken(route: Route) -> None:
        await route.abort()

    await page.route("**/notes", broken)
    await page.fill("#notes-text", "Wants a visit on Monday")
    await expect(page.locator("#notes-state")).to_have_text(re.compile("Not saved yet"))
    await page.reload()
    await expect(page.locator("#notes-text")).to_have_value("Wants a visit on Monday")
    assert scene.note_of_ana() == "Wants a visit"
    await page.unroute("**/notes", broken)
    await expect(page.locator("#notes-state")).to_have_text("Saved")
    assert scene.note_of_ana() == "Wants a visit on Monday"
    assert await page.evaluate("() => Object.keys(sessionStorage).filter((k) => k.startsWith('careline.notes'))") == []


async def test_two_windows_keep_both_texts(scene: Scene, visit: Visit) -> None:
    scene.talk()
    first = await desk(visit, scene)
    second = await first.context.new_page()
    await second.goto(scene.app.url + "/desk")
    await becomes(second, "() => document.querySelector('.me') !== null")
    await second.route("**/live", lambda route: route.abort())
    await first.fill("#notes-text", "From the first window")
    await expect(first.locator("#notes-state")).to_have_text("Saved")
    # The second window has not heard of it and types over nothing.
    await second.evaluate("() => { document.getElementById('notes-text').value = ''; }")
    await second.locator("#notes-text").press_sequentially("From the second")
    await expect(second.locator("#notes-state")).to_have_text("Saved")
    kept = scene.note_of_ana() or ""
    assert "From the first window" in kept and "From the second" in kept


async def test_r6_missed_rejected_failed_and_error_are_four_things(scene: Scene, visit: Visit) -> None:
    scene.stand("available")
    page = await desk(visit, scene)
    told: dict[str, str] = {}
    for reason in ("no-answer", "declined", "failed", "unreachable", "caller-left"):

        async def end(floor: Floor, reason: str = reason) -> None:
            call = await floor.call(scene.line)
            await floor.event(call, "offer_ended", 0, agent_id=scene.ana, reason=reason)
            await scene.happen(floor)

        scene.do(end)
        notice = page.locator(f"[data-outcome={reason}]")
        await expect(notice).to_be_visible()
        told[reason] = await notice.inner_text()
    await page.evaluate(
        "() => { const d = window.careline.desk; d.phone.state = Object.freeze({...d.phone.state,"
        " last: {outcome: 'error', cause: 'busy'}}); d.draw(); }"
    )
    error = page.locator("[data-outcome=error]")
    await expect(error).to_be_visible()
    told["error"] = await error.inner_text()
    assert len(set(told.values())) == 6
    beginnings = ("Missed", "Rejected", "Failed", "Failed", "The caller hung up", "Error")
    for text, begin in zip(told.values(), beginnings, strict=True):
        assert text.startswith(begin)
    # A missed call leaves the agent not responding, said until the agent says otherwise.
    scene.stand("not_responding", misses=1)
    await expect(page.get_by_text("Not responding", exact=True)).to_be_visible()
    await expect(page.get_by_text("No calls come until you are available again.")).to_be_visible()


async def test_a_refused_order_says_why_and_changes_nothing(scene: Scene, visit: Visit) -> None:
    scene.talk()
    scene.orders.refusals["call.hold"] = Unavailable("Call control does not answer just now.")
    page = await desk(visit, scene)
    await page.route("**/hold", _refuse)
    await page.locator("[data-action=hold]").click()
    await expect(page.locator(".toast")).to_have_text(re.compile("This is not your call"))
    await expect(page.locator("[data-action=hold]")).to_have_attribute("aria-pressed", "false")


async def _refuse(route: Route) -> None:
    await route.fulfill(
        status=403,
        content_type="application/problem+json",
        body='{"id": "forbidden", "status": 403, "detail": "This is not your call.", "retryable": false}',
    )


async def test_a_silent_switch_is_said_plainly(scene: Scene, visit: Visit) -> None:
    scene.stand("available")
    scene.do(lambda floor: floor.component("switch", "down", "The telephone switch does not answer."))
    page = await desk(visit, scene)
    await expect(page.locator("#banner")).to_have_text("The telephone switch does not answer.")
