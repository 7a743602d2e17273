"""One real call, from ring to record: a SIP telephone nobody here wrote, the menu, the queue, a real Chromium.

Two-way sound is proved by its frequencies; call control is killed in the middle; the page is refreshed; then the
record, the recording (sides apart) and the audit rows are there.
"""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
from playwright.async_api import Browser, Page

from careline.security.model import Stage
from careline.security.permissions import Role
from careline.testing.browser import MICROPHONE_HZ, becomes, hears
from careline.testing.callcenter import NUMBER, until
from careline.testing.sip_peer import SipPeers
from careline.testing.system import System, registered

pytestmark = pytest.mark.journeys

CALLER_HZ = 440.0
#: What the desk page plays of the far end.
REMOTE = "document.querySelector('audio').srcObject"


async def _desk(chromium: Browser, system: System, person: object) -> Page:
    """The desk, signed in, available by keyboard."""
    context = await chromium.new_context(
        permissions=["microphone"], base_url=system.settings.url, viewport={"width": 1440, "height": 900}
    )
    async with system.services.db.tenant(system.tenant_id) as tx:
        opened = await system.services.security.sessions.open(tx, person, Stage.FULL, "127.0.0.1", "test")
    await context.add_cookies([{"name": "careline_session", "value": str(opened.secret), "url": system.settings.url}])
    page = await context.new_page()
    await page.goto("/desk")
    return page


async def _status(system: System, person: object) -> str:
    rows = await system.rows("SELECT status FROM agent_state WHERE person_id = %s", person)
    return str(rows[0]["status"]) if rows else "offline"


async def test_a_call_from_ring_to_record_with_a_kill_in_the_middle(system: System, chromium: Browser):
    ana = await system.person("Ana Ruiz", Role.AGENT)
    page = await _desk(chromium, system, ana.person_id)

    async def phone_ready() -> bool:
        rows = await system.rows("SELECT phone_online FROM agent_state WHERE person_id = %s", ana.person_id)
        return bool(rows and rows[0]["phone_online"])

    await until(phone_ready)

    async def available() -> bool:
        await page.keyboard.press("Alt+1")
        return await _status(system, ana.person_id) == "available"

    await until(available)

    async with SipPeers() as peers:
        name, secret = await system.desk_phone(ana)
        caller = await registered(peers, name, secret, system, hz=CALLER_HZ)
        call = await caller.dial(NUMBER)
        call_id = await system.call_in("flow")

        async def heard_the_notice() -> bool:
            return "played" in await system.events(call_id)

        await until(heard_the_notice)

        async def in_menu() -> bool:
            if "language_chosen" not in await system.events(call_id):
                await call.press("1")
                return False
            return True

        await until(in_menu)

        async def queued() -> bool:
            if "queued" not in await system.events(call_id):
                await call.press("1")
                return False
            return True

        await until(queued)
        await becomes(page, "!document.querySelector('[data-action=answer]').matches('[aria-disabled=true]')")
        await page.keyboard.press("Alt+a")
        await system.call_in("talking")

        await hears(page, REMOTE, CALLER_HZ)
        call.forget()
        await call.hears_tone(MICROPHONE_HZ)

        # Call control is killed: nobody hears a thing of it.
        old = system.kill("callcontrol")
        call.forget()
        await call.hears_tone(MICROPHONE_HZ)
        await hears(page, REMOTE, CALLER_HZ)
        await system.restarted("callcontrol", old)

        async def recovered() -> bool:
            return "recovered" in await system.events(call_id)

        await until(recovered)

        # The page is refreshed in mid-call: the sound comes back by itself.
        await page.reload()

        async def back() -> bool:
            return "phone_back" in await system.events(call_id)

        await until(back)
        await hears(page, REMOTE, CALLER_HZ)
        call.forget()
        await call.hears_tone(MICROPHONE_HZ)

        # Notes are saved as typed; hold by key; the agent ends and wraps up, all by keyboard.
        await page.keyboard.press("Alt+n")
        await page.keyboard.type("Wants an appointment next week.")

        async def noted() -> bool:
            rows = await system.rows("SELECT body FROM call_note WHERE call_id = %s ORDER BY version DESC", call_id)
            return bool(rows and rows[0]["body"] == "Wants an appointment next week.")

        await until(noted)
        await page.keyboard.press("Alt+q")
        await call.ended.wait()

        async def wrapping() -> bool:
            return await _status(system, ana.person_id) == "wrap_up"

        await until(wrapping)
        await page.get_by_role("button", name="scheduled", exact=True).click()

        async def ready_again() -> bool:
            return await _status(system, ana.person_id) == "available"

        await until(ready_again)

    await _record_is_complete(system, page, call_id, ana.person_id)


async def _record_is_complete(system: System, page: Page, call_id: object, person_id: object) -> None:
    row = await system.row("SELECT * FROM call WHERE id = %s", call_id)
    assert row["outcome"] == "handled"
    kinds = await system.events(call_id)
    for kind in (
        "arrived",
        "answered",
        "language_chosen",
        "menu_chosen",
        "queued",
        "offered",
        "connected",
        "recording_started",
        "recovered",
        "phone_lost",
        "phone_back",
        "agent_left",
        "ended",
        "wrapped_up",
    ):
        assert kind in kinds, kind

    async def recording_ready() -> bool:
        rows = await system.rows("SELECT state FROM recording WHERE call_id = %s", call_id)
        return [r["state"] for r in rows] == ["ready"]

    await until(recording_ready)
    recording = await system.row("SELECT * FROM recording WHERE call_id = %s", call_id)
    before = (await system.row("SELECT count(*) AS n FROM audit_log WHERE action = 'listen'"))["n"]
    answer = await page.request.get(f"{system.settings.url}/recordings/{recording['id']}/audio")
    assert answer.status == 200
    left, right = _sides(await answer.body())
    assert _has(left, CALLER_HZ), "left is what the caller said"
    assert not _has(left, MICROPHONE_HZ)
    assert _has(right, MICROPHONE_HZ), "right is what the caller heard"
    assert not _has(right, CALLER_HZ)
    after = (await system.row("SELECT count(*) AS n FROM audit_log WHERE action = 'listen'"))["n"]
    assert after == before + 1, "each play is audited"
    for file in (system.home / "recordings").rglob("*"):
        if file.is_file():
            assert b"RIFF" not in file.read_bytes()[:64], "no plain sound on the disk"

    await page.goto(f"/calls/{call_id}")
    text = await page.inner_text("main")
    assert "Ana Ruiz" in text
    assert "Wants an appointment next week." in text
    opened = await system.rows(
        "SELECT 1 FROM audit_log WHERE action = 'read' AND person_id = %s AND contact_id = %s", person_id, call_id
    )
    assert opened, "opening the record is audited"


def _sides(body: bytes) -> tuple[np.ndarray, np.ndarray]:
    with wave.open(io.BytesIO(body)) as file:
        assert file.getnchannels() == 2
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).astype(float)
    return sound[:, 0], sound[:, 1]


def _has(sound: np.ndarray, hz: float) -> bool:
    """Whether a tone stands out in at least one second of the sound."""
    for start in range(0, len(sound) - 8000, 4000):
        power = np.abs(np.fft.rfft(sound[start : start + 8000] * np.hanning(8000)))
        if power[int(hz) - 3 : int(hz) + 4].max() > 20 * (np.median(power) + 1) and power.max() > 1e5:
            peak = int(power.argmax())
            if abs(peak - hz) < 5:
                return True
    return False
