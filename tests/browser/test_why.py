"""Why a call rang there, and why nobody rings: read by a supervisor, hidden from others, in a real Chromium."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from playwright.async_api import expect

from careline.security.actor import Actor
from careline.testing.browser import Visit, axe
from careline.testing.floor import Floor
from careline.testing.scene import Orders, Scene
from careline.testing.web import WebApp

pytestmark = pytest.mark.browser


class Explaining(Orders):
    """Call control that has something to say about a waiting call."""

    why: Mapping[str, Any]

    async def give(self, actor: Actor, kind: str, body: Mapping[str, Any], key: str | None = None) -> dict[str, Any]:
        await super().give(actor, kind, body, key)
        return {"why": self.why}


def a_reason(scene: Scene, **more: Any) -> dict[str, Any]:
    agent = {"agent": str(scene.ana), "order": None, "against": "wrap_up", "merit": 80.0}
    turn = {"tier": "in-turn", "formula": "priority", "score": 0, "waited": 75.0, "weight": 0}
    return {
        "queue": str(scene.queue), "strategy": "longest-idle", "step": 1, "requirement": "triage >= 50", "turn": turn,
        "position": 2, "chosen": [], "candidates": [agent], "more": {"offline": 3}, "passed_over": 1, **more,
    }  # fmt: skip


async def test_o20_a_supervisor_reads_why_it_rang_there_and_why_nobody_rings(app: WebApp, visit: Visit) -> None:
    scene = Scene(app)
    scene.talk()
    chosen = {"agent": str(scene.ana), "order": 1, "against": None, "merit": 80.0}
    why = a_reason(scene, chosen=[str(scene.ana)], candidates=[chosen])

    async def offered(floor: Floor) -> None:
        await floor.event(scene.call, "offered", 30, agent_id=scene.ana, queue_id=scene.queue, why=why)

    scene.do(offered)
    scene.set_call(phase="waiting")
    explaining = Explaining()
    explaining.why = a_reason(scene, state="nobody-free")
    app.services.commands = explaining

    visitor = await visit(secret=app.cookie_for("vera@example.org"), viewport={"width": 1280, "height": 720})
    page = await visitor.open(f"/calls/{scene.call}")
    await page.locator("details.why summary").click()
    section = page.locator("section", has=page.locator("#why-title"))
    await expect(section.get_by_text("Longest idle")).to_be_visible()
    await expect(section.get_by_role("rowheader", name="Ana Ruiz")).to_be_visible()
    assert await axe(page) == []
    await page.get_by_role("link", name="Why is nobody ringing?").click()
    await expect(page.get_by_text("Nobody who may take this call is free")).to_be_visible()
    await expect(page.get_by_text("What keeps the others from it: Wrapping up (1)")).to_be_visible()
    await expect(page.get_by_text("and 3 more")).to_be_visible()
    assert await axe(page) == []
    assert explaining.given[-1] == ("call.explain", {"call_id": str(scene.call)})

    agent = await visit(secret=app.cookie_for("ana@example.org"), viewport={"width": 1280, "height": 720})
    plain = await agent.open(f"/calls/{scene.call}")
    assert await plain.locator("#why-title").count() == 0
