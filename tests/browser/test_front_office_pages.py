"""The inbox and the organization's pages as people meet them: in a real Chromium, in two languages, watched by axe."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import Page

from careline.messages.model import Draft, Urgency
from careline.patients.model import Stated
from careline.security.actor import Actor, system_actor
from careline.security.permissions import Role
from careline.testing.browser import Visit, axe, becomes
from careline.testing.builders import Practice, make_call, make_patient, make_practice
from careline.testing.web import WebApp

pytestmark = pytest.mark.browser


class Clinic:
    """A tenant with one practice, an administrator, and a nurse who works its inbox."""

    def __init__(self, app: WebApp) -> None:
        self.app = app
        self.tenant = app.make_tenant()
        self.nurse = app.make_person(self.tenant, "nurse@example.org", Role.PROVIDER, name="Nora Lind")
        self.admin = app.make_person(self.tenant, "admin@example.org", Role.ADMINISTRATOR, name="Hal Ames")
        self.practice: Practice = app.run(self._prepare)

    async def _prepare(self, services: Any) -> Practice:
        practice = await make_practice(services.db, self.tenant, services.clock)
        actor = system_actor(self.tenant)
        await services.organization.set_member(actor, practice.department_id, self.nurse, member=True)
        return practice

    def take(self, body: str, **fields: Any) -> UUID:
        """Put a message into the department's inbox, as an agent would."""

        async def go(services: Any) -> UUID:
            patient = await make_patient(services.db, self.tenant, "Tamsin Overbrook")
            actor: Actor = system_actor(self.tenant)
            values: dict[str, Any] = {
                "department_id": self.practice.department_id, "patient_id": patient, "caller_name": "Wilf Overbrook",
                "callback": "312-555-0142", "reason": "refill", "body": body, **fields,
            }  # fmt: skip
            message_id: UUID = await services.messages.take(actor, Draft(**values))
            return message_id

        return self.app.run(go)


@pytest.fixture
def clinic(app: WebApp) -> Clinic:
    return Clinic(app)


async def visit_as(visit: Visit, clinic: Clinic, person: UUID, path: str) -> Page:
    visitor = await visit(clinic.app.session_of(clinic.tenant, person))
    page: Page = await visitor.open(path)
    return page


async def test_an_inbox_fills_by_itself_and_a_message_is_worked_by_keyboard(clinic: Clinic, visit: Visit) -> None:
    page = await visit_as(visit, clinic, clinic.nurse, "/inbox")
    assert await axe(page) == []
    assert "Nothing is waiting" in await page.inner_text("main")
    await becomes(page, "window.performance.getEntriesByType('resource').some(e => e.name.includes('inbox.js'))")
    clinic.take("Five tablets left.", urgency=Urgency.URGENT)
    await becomes(page, "document.querySelector('tbody a') !== null")
    assert "Overbrook" not in await page.inner_text("main"), "lists hold no patient data"
    assert await axe(page) == []

    await page.focus("tbody a")
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    text = await page.inner_text("main")
    assert "Tamsin Overbrook" in text and "Five tablets left." in text and "not read back" in text
    assert await axe(page) == []
    await page.focus("button.primary")
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    assert "Taken on: Nora Lind" in await page.inner_text(".page-head")
    await page.fill("#reply-note", "Sent to the pharmacy.")
    await page.keyboard.press("Tab")
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    assert "Sent to the pharmacy." in await page.inner_text(".timeline")
    await page.select_option("#outcome", "called-back")
    await page.focus("#finish-note")
    await page.keyboard.press("Tab")
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    assert "Nothing is waiting" in await page.inner_text("main")
    await page.goto(clinic.app.url + "/inbox?done=1")
    assert await page.locator("tbody tr").count() == 1


async def test_a_voicemail_can_be_played_where_it_arrives(clinic: Clinic, visit: Visit) -> None:
    async def arrive(services: Any) -> UUID:
        call = await make_call(services.db, clinic.tenant, clinic.practice, caller="+13125550142")
        async with services.db.tenant(clinic.tenant) as tx:
            await tx.run(
                "INSERT INTO recording (id, call_id, kind, state, started_at, seconds, bytes, sha256, transcript_state)"
                " VALUES (gen_random_uuid(), %(call)s, 'voicemail', 'ready', now(), 9, 1, 'x', 'no-speech-extra')",
                {"call": call},
            )
            filed: UUID = await services.messages.take_voicemail(
                tx, call_id=call, department_id=clinic.practice.department_id, caller="+13125550142", language="en"
            )
            return filed

    page = await visit_as(visit, clinic, clinic.nurse, f"/inbox/{clinic.app.run(arrive)}")
    assert await page.locator("audio").count() == 1
    assert "the speech extra is not installed" in await page.inner_text("main")
    assert await page.locator("a[href^='/calls/']").count() == 0, "no link to what a provider may not open"
    assert await axe(page) == []


async def test_a_supervisor_lifts_a_lock_with_a_reason(clinic: Clinic, visit: Visit) -> None:
    supervisor = clinic.app.make_person(clinic.tenant, "gil@example.org", Role.SUPERVISOR, name="Gil Ray")

    async def lock(services: Any) -> None:
        actor = Actor(
            tenant_id=clinic.tenant, kind="person", person_id=supervisor, name="Gil Ray",
            roles=frozenset({Role.SUPERVISOR}),
        )  # fmt: skip
        call = await make_call(services.db, clinic.tenant, clinic.practice, caller=None)
        patient = await make_patient(services.db, clinic.tenant, "Tamsin Overbrook")
        for _ in range(3):
            await services.patients.verify(actor, call, patient, Stated(mrn="wrong"))

    clinic.app.run(lock)
    page = await visit_as(visit, clinic, supervisor, "/manage")
    async with page.expect_navigation():
        await page.click("main a[href='/verification-locks']")
    text = await page.inner_text("main")
    assert "T. O." in text and "Gil Ray" in text and "Overbrook" not in text
    assert await axe(page) == []
    await page.fill("#reason-1", "Called back on the number on file")
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    assert "Nobody is locked." in await page.inner_text("main")


async def test_a_stale_page_is_told_and_changes_nothing(clinic: Clinic, visit: Visit) -> None:
    message_id = clinic.take("Call me.")
    first = await visit_as(visit, clinic, clinic.nurse, f"/inbox/{message_id}")
    second = await visit_as(visit, clinic, clinic.nurse, f"/inbox/{message_id}")
    async with first.expect_navigation():
        await first.click("button.primary")
    async with second.expect_navigation():
        await second.click("form[action$=finish] button")
    assert "changed this message meanwhile" in await second.inner_text(".error-summary")
    assert await axe(second) == []


async def test_the_pages_speak_spanish(clinic: Clinic, visit: Visit) -> None:
    message_id = clinic.take("Llámeme.")
    visitor = await visit(clinic.app.session_of(clinic.tenant, clinic.nurse))
    page = await visitor.open("/inbox")
    await page.locator("summary").first.click()
    async with page.expect_navigation():
        await page.click("button[value=es]")
    assert "Bandeja" in await page.inner_text("h1")
    await page.goto(f"{clinic.app.url}/inbox/{message_id}")
    assert "Qué ocurrió" in await page.inner_text("main")


async def test_an_administrator_builds_a_practice_up_to_its_line(clinic: Clinic, visit: Visit) -> None:
    page = await visit_as(visit, clinic, clinic.admin, "/organization")
    assert await axe(page) == []
    await page.click("#accounts summary")
    await page.fill("#account-name", "Harbor Clinic")
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    await page.click("#locations summary")
    await page.select_option("#location-account", label="Harbor Clinic")
    await page.fill("#location-name", "Harbor East")
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    assert "Harbor East" in await page.inner_text("#locations")
    await page.click("#departments summary")
    await page.select_option("#department-location", label="Harbor East")
    await page.fill("#department-name", "Harbor Desk")
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    await page.click("tr:has-text('Harbor Desk') a")
    await page.check("label:has-text('Nora Lind') input")
    assert await axe(page) == []
    async with page.expect_navigation():
        await page.click("button.primary")

    await page.goto(clinic.app.url + "/hours/new")
    assert await axe(page) == []
    await page.fill("#name", "Harbor hours")
    await page.fill("#sat", "nine to five")
    async with page.expect_navigation():
        await page.click("button.primary")
    assert "Write openings as" in await page.inner_text(".error-summary")
    await page.fill("#name", "Harbor hours")
    await page.fill("#sat", "9:00-12:00, 13:00-24:00")
    await page.fill("#exceptions", "2026-12-25 closed Christmas Day\n2026-12-24 08:00-12:00 Christmas Eve")
    async with page.expect_navigation():
        await page.click("button.primary")
    assert await page.input_value("#sat") == "09:00-12:00, 13:00-24:00"
    assert "2026-12-25 closed Christmas Day" in await page.input_value("#exceptions")
    assert await axe(page) == []

    await page.goto(clinic.app.url + "/lines/new")
    assert await axe(page) == []
    await page.fill("#number", "312-555-0150")
    await page.fill("#label", "Harbor Clinic")
    await page.select_option("#location_id", label="Harbor East")
    await page.select_option("#hours_id", label="Harbor hours")
    async with page.expect_navigation():
        await page.click("button.primary")
    assert "(312) 555-0150" in await page.inner_text("h1")
    await page.uncheck("#lang-es")
    await page.fill("#note", "English only for now")
    async with page.expect_navigation():
        await page.click("button.primary")
    assert "English only for now" in await page.inner_text("main")
    assert await axe(page) == []
    await page.goto(clinic.app.url + "/lines")
    assert "(312) 555-0150" in await page.inner_text("main")
    assert await axe(page) == []


async def test_the_closure_switch_closes_at_once_and_opens_again(clinic: Clinic, visit: Visit) -> None:
    page = await visit_as(visit, clinic, clinic.admin, "/hours")
    await page.click("details summary:has-text('Close at once')")
    await page.fill("#reason", "Burst pipe")
    assert await axe(page) == []
    async with page.expect_navigation():
        await page.click("button.harm")
    assert "Burst pipe" in await page.inner_text(".notice")
    assert await axe(page) == []
    await page.goto(clinic.app.url + "/lines")
    assert "Closed: emergency" in await page.inner_text("main")
    await page.goto(clinic.app.url + "/hours")
    async with page.expect_navigation():
        await page.click("main >> text=Open again")
    assert "None is on." in await page.inner_text("main")


async def test_the_banner_on_the_page_of_closures_opens_again_and_the_page_says_so(
    clinic: Clinic, visit: Visit
) -> None:
    page = await visit_as(visit, clinic, clinic.admin, "/hours")
    await page.click("details summary:has-text('Close at once')")
    await page.fill("#reason", "Burst pipe")
    async with page.expect_navigation():
        await page.click("button.harm")
    async with page.expect_navigation():
        await page.click("#switches >> text=Open again")
    assert "None is on." in await page.inner_text("main")
