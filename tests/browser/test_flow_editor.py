"""Flows drawn, tried and published in a real Chromium, by the words on the page, watched by axe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from careline.security.actor import system_actor
from careline.speech.audio import tone, write_wav
from careline.testing.browser import Visit, axe, becomes
from careline.testing.flows import READY, Clinic
from careline.testing.web import WebApp

pytestmark = pytest.mark.browser


@pytest.fixture
def clinic(app: WebApp) -> Clinic:
    return Clinic(app)


def drawn(page: Page, name: str) -> Locator:
    """A step in the drawing."""
    return page.locator(f".step[data-name='{name}']")


async def saved(page: Page) -> None:
    await expect(page.locator("#flow-state")).to_have_text("Saved as a draft", timeout=20_000)


class Newcomer:
    """Does one thing after another by the words on the page, and counts them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.steps = 0

    def _one(self) -> Page:
        self.steps += 1
        return self.page

    async def press(self, name: str) -> None:
        await self._one().get_by_role("button", name=name, exact=True).first.click()

    async def write(self, label: str, words: str) -> None:
        await self._one().get_by_label(label, exact=True).fill(words)

    async def choose(self, label: str, choice: str) -> None:
        await self._one().get_by_label(label, exact=True).select_option(label=choice)


async def test_a_newcomer_builds_a_flow_with_a_menu_two_queues_an_overflow_and_a_callback(
    clinic: Clinic, visit: Visit
) -> None:
    """From the Manage page to a line that uses it: nothing but labels, and few enough steps for ten minutes."""
    page = await clinic.open(visit, "/manage")
    me = Newcomer(page)
    await page.get_by_role("link", name="Call flows What a caller").click()
    await me.write("Name", "Front desk")
    await page.get_by_label("Blank").check()
    await me.press("Make the flow")
    await becomes(page, READY)

    await drawn(page, "greeting").click()
    await me.choose("then", "New: Menu")
    await me.press("Open menu")
    await me.write("Words in English", "For appointments, press one. For billing, press two.")
    await me.write("Words in Español", "Para citas, oprima el uno. Para facturación, oprima el dos.")
    await me.press("Add a key")
    await me.choose("Key 1 leads to", "New: Queue")
    await me.press("Add a key")
    await me.choose("Key 2 leads to", "New: Queue")
    await me.choose("no key", "queue · Queue")
    await me.choose("wrong key", "queue · Queue")
    await me.press("Open queue")
    await me.choose("Queue", "Scheduling")
    await me.choose("overflow (optional)", "queue-2 · Queue")
    await me.choose("wants a callback (optional)", "New: Callback offer")
    await me.press("Open queue-2")
    await me.choose("Queue", "Billing")
    await me.choose("overflow (optional)", "callback · Callback offer")
    await me.press("Open callback")
    await me.choose("Queue", "Scheduling")
    await me.choose("accepted", "New: End the call")
    await me.choose("declined", "New: Voicemail")
    await me.choose("failed", "voicemail · Voicemail")
    await expect(page.get_by_text("Nothing hinders publishing")).to_be_visible()
    await saved(page)
    assert await axe(page) == []

    await me.press("Publish…")
    await me.write("What changed, for those who come after you", "The first one")
    async with page.expect_navigation():
        await me.press("Publish")
    await expect(page.get_by_text("Published.", exact=True)).to_be_visible()
    async with page.expect_navigation():
        await me.press("Use it from now on")
    await expect(page.get_by_text("Lakeside Clinic: whenever no other rule fits")).to_be_visible()
    assert await axe(page) == []
    # At a calm ten seconds for each, this is half of ten minutes.
    assert me.steps + 3 <= 35

    async def line_of(services: Any) -> Any:
        return await services.organization.line(system_actor(clinic.tenant), clinic.practice.line_id)

    (choice,) = clinic.app.run(line_of).config.flows
    (flow,) = clinic.flows("list")
    assert choice.flow_id == flow.id and flow.live[0].share == 100
    nodes = clinic.flows("draft", flow.id).body["nodes"]
    assert nodes["queue"]["exits"] == {"overflow": "queue-2", "callback": "callback"}
    assert nodes["queue-2"]["queue"] == "Billing" and nodes["callback"]["queue"] == "Scheduling"


async def test_the_drawing_is_walked_and_changed_by_keyboard_and_undone(clinic: Clinic, visit: Visit) -> None:
    page = await clinic.edit(visit, clinic.make("Main line"))
    await drawn(page, "hours").focus()
    for key, there in (("ArrowDown", "greeting"), ("ArrowRight", "closed"), ("ArrowLeft", "greeting"),
                       ("ArrowDown", "language"), ("ArrowDown", "menu"), ("ArrowUp", "language")):  # fmt: skip
        await page.keyboard.press(key)
        assert await page.evaluate("document.activeElement.dataset.name") == there, key
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "f-name"
    await page.keyboard.press("ControlOrMeta+A")
    await page.keyboard.type("tongue")
    await page.keyboard.press("Tab")
    await expect(drawn(page, "tongue")).to_be_visible()
    await drawn(page, "tongue").focus()
    await page.keyboard.press("Delete")
    await expect(drawn(page, "tongue")).to_have_count(0)
    await expect(page.get_by_role("button", name="greeting: The exit")).to_be_visible()
    await page.get_by_role("button", name="greeting: The exit").click()
    assert await page.evaluate("document.activeElement.id") == "f-exits-next", "the problem leads to its field"
    await page.get_by_role("button", name="Undo").click()
    await page.get_by_role("button", name="Undo").click()
    await expect(drawn(page, "language")).to_be_visible()
    await page.get_by_role("button", name="Redo").click()
    await expect(drawn(page, "tongue")).to_be_visible()
    await saved(page)
    flow = clinic.flows("list")[0]
    body = clinic.flows("draft", flow.id).body
    assert body["nodes"]["greeting"]["exits"]["next"] == "tongue"
    assert list(body["nodes"])[:3] == ["hours", "greeting", "tongue"], "the order of the steps stays"


async def test_an_exit_is_dragged_to_a_step(clinic: Clinic, visit: Visit) -> None:
    page = await clinic.edit(visit, clinic.make("Main line"))
    port = await drawn(page, "closed").locator(".port").first.bounding_box()
    target = await drawn(page, "menu").locator(".body").bounding_box()
    assert port and target
    await page.mouse.move(port["x"] + port["width"] / 2, port["y"] + port["height"] / 2)
    await page.mouse.down()
    await page.mouse.move(target["x"] + 30, target["y"] + 20, steps=4)
    await page.mouse.up()
    await saved(page)
    flow = clinic.flows("list")[0]
    assert clinic.flows("draft", flow.id).body["nodes"]["closed"]["exits"]["next"] == "menu"


async def test_an_exit_dragged_to_empty_ground_asks_for_a_new_step(clinic: Clinic, visit: Visit) -> None:
    page = await clinic.edit(visit, clinic.make("Night", "after-hours"))
    port = await drawn(page, "notice").locator(".port").first.bounding_box()
    assert port
    await page.mouse.move(port["x"] + port["width"] / 2, port["y"] + port["height"] / 2)
    await page.mouse.down()
    await page.mouse.move(60, 400, steps=4)
    await page.mouse.up()
    await page.get_by_role("dialog").get_by_role("button", name="Ask for digits").click()
    await page.get_by_label("Variable", exact=True).fill("member")
    await page.keyboard.press("Tab")
    await saved(page)
    flow = clinic.flows("list")[0]
    body = clinic.flows("draft", flow.id).body
    assert body["nodes"]["notice"]["exits"]["next"] == "collect"
    assert body["nodes"]["collect"]["exits"]["next"] == "voicemail", "put in between"
    assert body["variables"]["member"] == {"type": "digits"}, "a new name is declared at once"


async def test_a_large_flow_is_drawn_without_a_wait(clinic: Clinic, visit: Visit) -> None:
    flow = clinic.make("Large", "after-hours")
    nodes: dict[str, Any] = {}
    for n in range(150):
        to = {str(k): {"next": f"m{min(149, n * 3 + k)}"} for k in range(1, 4)}
        nodes[f"m{n}"] = {"kind": "menu", "prompts": ["menu.intro"], "options": to,
                          "exits": {"no_input": "voicemail", "no_match": "m0"}}  # fmt: skip
    nodes["voicemail"] = {"kind": "voicemail"}
    draft = clinic.flows("draft", flow)
    body = {**draft.body, "nodes": nodes, "start": "m0"}
    clinic.flows("save_draft", flow, body, based_on=draft.revision)
    page = await clinic.edit(visit, flow)
    assert await page.locator(".step").count() == 151
    took = await page.evaluate(
        """async () => {
          const loaded = performance.getEntriesByType("resource").map((e) => e.name);
          const { layOut } = await import(loaded.find((n) => n.includes("flow-layout.js")));
          const steps = [...document.querySelectorAll(".step")].map((g, n) => ({
            name: `m${n}`, width: 180, height: 88,
            ways: [1, 2, 3].map((k) => ({ to: `m${Math.min(149, n * 3 + k)}`, at: k * 30 })) }));
          const begun = performance.now();
          layOut("m0", steps);
          return performance.now() - begun;
        }"""
    )
    assert took < 1000, "milliseconds for one change of 150 steps, on a busy machine"


async def test_a_call_is_tried_with_keypad_and_prompts_and_kept_as_a_test(clinic: Clinic, visit: Visit) -> None:
    page = await clinic.edit(visit, clinic.make("Main line"))
    await page.get_by_role("tab", name="Try it").click()
    assert await axe(page) == []
    async with page.expect_response("**/flows/speech") as spoken:
        await page.get_by_role("button", name="Call", exact=True).click()
    sound = await spoken.value
    assert sound.headers["content-type"] == "audio/wav" and int(sound.headers["content-length"]) > 8000
    await expect(drawn(page, "greeting")).to_have_class("step lit")
    await expect(page.locator(".transcript")).to_contain_text("dial nine, one, one")
    await page.get_by_label("Key 1", exact=True).click()
    await page.get_by_label("Key 1", exact=True).click()
    await expect(page.locator(".transcript")).to_contain_text("waits in the queue “Scheduling”")
    await page.get_by_label("How does it go on?").select_option(label="wants a callback")
    await page.get_by_role("button", name="Go on").click()
    await expect(page.locator(".transcript")).to_contain_text("is offered a callback from “Scheduling”")
    assert await axe(page) == []
    await page.get_by_label("How does it go on?").select_option(label="accepted")
    await page.get_by_role("button", name="Go on").click()
    await expect(page.get_by_text("The call is over.")).to_be_visible()
    await page.get_by_role("button", name="Keep it as a test").click()
    await page.get_by_role("tab", name="Tests").click()
    await page.get_by_role("button", name="Run the tests").click()
    await expect(page.get_by_text("All 1 tests passed")).to_be_visible()
    assert await axe(page) == []


async def test_the_text_is_the_same_flow_and_keeps_its_comments(clinic: Clinic, visit: Visit) -> None:
    page = await clinic.edit(visit, clinic.make("Night", "after-hours"))
    await page.get_by_role("tab", name="Text").click()
    box = page.get_by_label("The same flow as text (YAML)")
    await expect(box).to_have_value(lambda_pattern("voicemail"))
    text = await box.input_value()
    await box.fill(
        "# Asked for by the nurses\n" + text.replace("voicemail", "inbox").replace("kind: inbox", "kind: voicemail")
    )
    await expect(drawn(page, "inbox")).to_be_visible()
    await saved(page)
    flow = clinic.flows("list")[0]
    assert clinic.flows("draft", flow.id).text.startswith("# Asked for by the nurses")
    await box.fill("nodes: [")
    await expect(page.locator("#flow-text-wrong")).to_contain_text("The text cannot be read")
    await expect(drawn(page, "inbox")).to_be_visible()
    assert await axe(page) == []


def lambda_pattern(words: str) -> Any:
    """A text with these words in it."""
    import re

    return re.compile(f"[\\s\\S]*{re.escape(words)}[\\s\\S]*")


async def test_nothing_is_lost_without_a_network_nor_when_somebody_else_was_faster(
    clinic: Clinic, visit: Visit
) -> None:
    flow = clinic.make("Night", "after-hours")
    page = await clinic.edit(visit, flow)
    await page.context.set_offline(True)
    await drawn(page, "notice").click()
    await page.get_by_label("Name of the step").fill("word")
    await page.keyboard.press("Tab")
    await expect(page.locator("#flow-state")).to_contain_text("kept in this browser")
    await page.context.set_offline(False)
    await saved(page)
    assert "word" in clinic.flows("draft", flow).body["nodes"]

    await page.context.set_offline(True)
    await page.get_by_label("Name of the step").fill("sentence")
    await page.keyboard.press("Tab")
    await expect(page.locator("#flow-state")).to_contain_text("kept in this browser")
    await page.goto("about:blank")
    await page.context.set_offline(False)
    await page.goto(f"{clinic.app.url}/flows/{flow}")
    await saved(page)
    assert "sentence" in clinic.flows("draft", flow).body["nodes"], "taken up again by the next visit"

    draft = clinic.flows("draft", flow)
    body = {**draft.body, "description": "theirs"}
    clinic.flows("save_draft", flow, body, based_on=draft.revision)
    await drawn(page, "sentence").click()
    await page.get_by_label("Name of the step").fill("mine")
    await page.keyboard.press("Tab")
    await expect(page.get_by_text("Somebody else changed this flow meanwhile.")).to_be_visible()
    assert await axe(page) == []
    assert clinic.flows("draft", flow).body["description"] == "theirs", "nothing was written over"
    await page.get_by_role("button", name="Keep my changes").click()
    await saved(page)
    assert "mine" in clinic.flows("draft", flow).body["nodes"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_editor_is_accessible_in_both_schemes_and_small(clinic: Clinic, visit: Visit, scheme: str) -> None:
    page = await clinic.edit(visit, clinic.make("Main line"), color_scheme=scheme)
    sizes = await page.evaluate(
        "performance.getEntriesByType('resource').filter(e => e.name.endsWith('.js')).map(e => e.decodedBodySize)"
    )
    assert 0 < sum(sizes) < 150_000
    for name in ("hours", "menu", "appointments", "call-back"):
        await drawn(page, name).click(position={"x": 14, "y": 14})
        assert await axe(page) == [], name
    await page.get_by_role("button", name="Add a step").click()
    assert await axe(page) == []
    await page.keyboard.press("Escape")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "no sideways scrolling"


async def test_the_editor_speaks_spanish(clinic: Clinic, visit: Visit) -> None:
    page = await clinic.open(visit, "/flows", locale="es-MX")
    await page.context.add_cookies([{"name": "careline_lang", "value": "es", "url": clinic.app.url}])
    flow = clinic.make("Noche", "after-hours")
    await page.goto(f"{clinic.app.url}/flows/{flow}")
    await becomes(page, READY)
    assert await page.evaluate("document.documentElement.lang") == "es"
    await drawn(page, "voicemail").click()
    text = await page.inner_text("main")
    for english in ("Name of the step", "Undo", "Publish", "Nothing hinders", "Take a spoken message"):
        assert english not in text, english
    assert "Nombre del paso" in text
    assert await axe(page) == []


async def test_a_recording_is_uploaded_where_it_is_chosen(clinic: Clinic, visit: Visit, tmp_path: Path) -> None:
    """For each language: what cannot be used says so in place, what can is stored, chosen and heard at once."""
    write_wav(tmp_path / "Flu clinic.wav", tone(500, 2.0))
    write_wav(tmp_path / "hiss.wav", tone(500, 2.0, amplitude=8))
    flow = clinic.make("Front desk")
    page = await clinic.open(visit, f"/flows/{flow}")
    await becomes(page, READY)
    await drawn(page, "greeting").click()
    await page.get_by_role("button", name="Add a recording").click()

    await page.get_by_role("button", name="Upload… English").click()
    sheet = page.get_by_role("dialog", name="Upload a recording in English")
    await sheet.get_by_label("WAV file").set_input_files(tmp_path / "hiss.wav")
    await sheet.get_by_label("What is said").fill("Flu shots are on Saturday.")
    await sheet.get_by_role("button", name="Store and use").click()
    await expect(sheet.get_by_role("alert")).to_contain_text("nearly silent")
    await expect(sheet.get_by_label("WAV file")).to_be_focused()
    assert await axe(page) == []
    await sheet.get_by_label("Name").fill("")
    await sheet.get_by_label("WAV file").set_input_files(tmp_path / "Flu clinic.wav")
    await expect(sheet.get_by_label("Name")).to_have_value("flu-clinic")
    await expect(sheet.get_by_label("The chosen file")).to_be_visible()
    await sheet.get_by_role("button", name="Store and use").click()
    await expect(sheet).to_be_hidden()
    await expect(page.locator(".recording").get_by_label("English", exact=True)).to_have_value("flu-clinic")
    length = """async (audio) => {
      const loaded = new Promise((resolve) => { audio.onloadedmetadata = resolve; });
      audio.load();
      await loaded;
      return audio.duration;
    }"""
    assert abs(await page.get_by_label("flu-clinic, English").evaluate(length) - 2.0) < 0.2

    # The other language takes the same name, and knows that there is one.
    await page.get_by_role("button", name="Upload… Español").click()
    other = page.get_by_role("dialog", name="Upload a recording in Español")
    await expect(other.get_by_label("Name")).to_have_value("flu-clinic")
    await expect(other.get_by_text("There is a recording of this name.")).to_be_visible()
    await other.get_by_label("WAV file").set_input_files(tmp_path / "Flu clinic.wav")
    await other.get_by_label("What is said").fill("Vacunas el sábado.")
    await other.get_by_role("button", name="Store and use").click()
    await expect(page.locator(".recording").get_by_label("Español", exact=True)).to_have_value("flu-clinic")
    await saved(page)
    assert {"recording": {"en": "flu-clinic", "es": "flu-clinic"}} in clinic.flows("draft", flow).body["nodes"][
        "greeting"
    ]["prompts"]
    assert await axe(page) == []
