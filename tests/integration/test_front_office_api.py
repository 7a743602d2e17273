"""The main job through the API alone: who is calling, verification, the card, a message, its inbox, the lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from careline.platform.db import Database
from careline.security.permissions import MATRIX, Role
from careline.testing.builders import Practice, make_call, make_patient, make_practice
from careline.testing.postgres import Urls
from careline.testing.web import PASSWORD, WebApp, web_app

pytestmark = pytest.mark.integration

NUMBER = "+13125550142"
SECRETS = ("Tamsin", "Overbrook", "LH-778899", "1973-09-27", "Wexcombe", "60699", "tamsin@", "5550142", "555-0142")
_IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clinic:
    """A running application, and the clients of some people."""

    app: WebApp
    practice: Practice
    call: UUID
    patient: UUID
    agent: httpx.Client
    nurse: httpx.Client
    admin: httpx.Client


def client(app: WebApp, tenant: int, email: str, role: Role) -> tuple[UUID, httpx.Client]:
    """A person of a role, with a token that may do what the role may."""
    person_id = app.make_person(tenant, email, role)

    async def token(services: Any) -> str:
        opened = await services.security.sign_in.start(email, PASSWORD, ip="127.0.0.1")
        session = await services.security.sessions.read(opened.secret, ip="127.0.0.1", active=False)
        # An administrator makes the token in life; here it is written as if one had.
        administrator = type(session.actor)(
            tenant_id=tenant, kind="person", person_id=person_id, name="Admin",
            roles=frozenset({role, Role.ADMINISTRATOR}),
        )  # fmt: skip
        _, secret = await services.security.tokens.create(
            administrator, name="test", scopes=sorted(MATRIX[role]), life=timedelta(days=1)
        )
        return str(secret)

    secret = app.run(token)
    return person_id, httpx.Client(base_url=app.url, headers={"authorization": f"Bearer {secret}"}, timeout=30)


@pytest.fixture
def clinic(pg_urls: Urls, tmp_path: Path) -> Iterator[Clinic]:
    with web_app(pg_urls, tmp_path) as app:
        tenant = app.make_tenant()
        agent_id, agent = client(app, tenant, "agent@example.org", Role.AGENT)
        nurse_id, nurse = client(app, tenant, "nurse@example.org", Role.PROVIDER)
        _, admin = client(app, tenant, "admin@example.org", Role.ADMINISTRATOR)

        async def prepare(services: Any) -> tuple[Practice, UUID, UUID]:
            db: Database = services.db
            practice = await make_practice(db, tenant, services.clock)
            async with db.tenant(tenant) as tx:
                await tx.run(
                    "INSERT INTO department_member (department_id, person_id) VALUES (%(d)s, %(p)s)",
                    {"d": practice.department_id, "p": nurse_id},
                )
            call = await make_call(db, tenant, practice, caller=NUMBER, agent_id=agent_id)
            patient = await make_patient(
                db, tenant, "Tamsin Overbrook", mrn="LH-778899", birth_date=date(1973, 9, 27), phones=[NUMBER],
                street="9917 Wexcombe Avenue", postal_code="60699", email="tamsin@example.org",
            )  # fmt: skip
            return practice, call, patient

        practice, call, patient = app.run(prepare)
        with agent, nurse, admin:
            yield Clinic(app=app, practice=practice, call=call, patient=patient, agent=agent, nurse=nurse, admin=admin)


def test_from_the_calling_number_to_the_card(clinic: Clinic) -> None:
    base = f"/api/v1/calls/{clinic.call}"
    person = f"{base}/patients/{clinic.patient}"
    before: list[httpx.Response] = [
        clinic.agent.get(f"{base}/candidates"),
        clinic.agent.post(f"{base}/patients/search", json={"name": "Tamzin Overbrooke", "birth_date": "1973-09-27"}),
        clinic.agent.get(person),
        clinic.agent.post(f"{person}/verify", json={"stated": {"name": "Tamsin Overbrook"}}),
        clinic.agent.get(f"{person}/card"),
    ]
    assert [r.status_code for r in before] == [200, 200, 200, 200, 403]
    assert before[0].json()["found"][0]["patient_id"] == str(clinic.patient)
    assert before[1].json()["found"][0]["patient_id"] == str(clinic.patient)
    assert before[-1].headers["content-type"] == "application/problem+json"
    problem = before[-1].json()
    assert (problem["id"], problem["needed"]) == ("verification-needed", 1)
    assert "birth_date" in problem["ask_next"]
    # R2: no PHI in any response body before verification.
    for answer in before:
        text = _IDS.sub("", answer.text)
        assert [s for s in SECRETS if s.casefold() in text.casefold()] == []

    stated = {"name": "Tamsin Overbrook", "birth_date": "1973-09-27", "postal_code": "60699"}
    verified = clinic.agent.post(f"{person}/verify", json={"stated": stated})
    assert (verified.json()["level"], verified.json()["outcome"]) == (1, "verified")
    card = clinic.agent.get(f"{person}/card").json()
    assert (card["name"], card["address"], card["withheld"]) == ("Tamsin Overbrook", None, {"demographics": 2})


def test_the_emergency_bypass_and_the_lock(clinic: Clinic) -> None:
    person = f"/api/v1/calls/{clinic.call}/patients/{clinic.patient}"
    for left in (2, 1, 0):
        answer = clinic.agent.post(f"{person}/verify", json={"stated": {"birth_date": "1999-01-01"}})
        assert answer.json()["attempts_left"] == left
    locked = clinic.agent.post(f"{person}/verify", json={"stated": {"birth_date": "1973-09-27"}})
    assert (locked.status_code, locked.json()["id"]) == (423, "verification-locked")
    assert clinic.agent.post(f"/api/v1/patients/{clinic.patient}/unlock", json={"reason": "x"}).status_code == 403
    assert clinic.agent.get("/api/v1/verification-locks").status_code == 403
    opened = clinic.agent.post(f"{person}/emergency", json={})
    assert (opened.status_code, opened.json()["emergency"]) == (200, True)


def test_a_message_from_the_desk_to_done(clinic: Clinic) -> None:
    draft = {
        "department_id": str(clinic.practice.department_id),
        "call_id": str(clinic.call),
        "patient_id": str(clinic.patient),
        "caller_name": "Wilf Overbrook",
        "caller_role": "spouse/family",
        "callback": "312 555 0142",
        "callback_confirmed": True,
        "reason": "appointment",
        "urgency": "urgent",
        "body": "Asks to move Thursday's visit.",
        "key": "k1",
    }
    made = clinic.agent.post("/api/v1/messages", json=draft)
    assert made.status_code == 201
    assert clinic.agent.post("/api/v1/messages", json=draft).json() == made.json()
    at = f"/api/v1/messages/{made.json()['id']}"

    inbox = clinic.nurse.get("/api/v1/messages/inboxes").json()
    assert [(i["kind"], i["open"]) for i in inbox] == [("department", 1)]
    listed = clinic.nurse.get("/api/v1/messages", params={"inbox": inbox[0]["id"]})
    assert "Overbrook" not in listed.text and listed.json()[0]["urgency"] == "urgent"
    opened = clinic.nurse.get(at).json()
    assert (opened["patient_name"], opened["callback"], opened["state"]) == ("Tamsin Overbrook", NUMBER, "read")
    steps = [
        clinic.nurse.post(f"{at}/acknowledge", json={"version": opened["version"]}),
        clinic.nurse.post(f"{at}/reply", json={"note": "Will call at noon."}),
        clinic.nurse.post(f"{at}/finish", json={"outcome": "called-back"}),
    ]
    assert [s.status_code for s in steps] == [204, 204, 204]
    stale = clinic.nurse.post(f"{at}/forward", json={"provider_id": str(clinic.practice.provider_id), "version": 1})
    assert (stale.status_code, stale.json()["id"]) == (409, "message-changed")
    done = clinic.nurse.get("/api/v1/messages", params={"done": True}).json()
    assert [d["state"] for d in done] == ["done"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/messages", {"caller_name": "x"}),
        ("POST", "/api/v1/messages", {"caller_name": "x", "body": "y", "urgency": "soonish"}),
        ("POST", "/api/v1/messages", {"caller_name": "x\x00", "body": "y", "department_id": str(uuid4())}),
        ("POST", "/api/v1/calls/{call}/patients/search", {"birth_date": "yesterday"}),
        ("POST", "/api/v1/calls/{call}/patients/search", {"name": "Tamsin\x00 Overbrook"}),
        ("POST", "/api/v1/calls/{call}/patients/search", {"name": "x y " * 100}),
        ("POST", "/api/v1/calls/{call}/patients/{patient}/verify", {"stated": {"name": 7}}),
        ("POST", "/api/v1/calls/{call}/patients/{patient}/verify", {"stated": {}, "caller_role": "wizard"}),
    ],
)
def test_bad_input_is_a_clear_400(clinic: Clinic, method: str, path: str, body: dict[str, Any]) -> None:
    where = path.format(call=clinic.call, patient=clinic.patient)
    answer = clinic.agent.request(method, where, json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["id"]


def test_what_is_not_there_or_not_yours_is_404(clinic: Clinic) -> None:
    nothing = uuid4()
    for path in (
        f"/api/v1/calls/{nothing}/candidates",
        f"/api/v1/calls/{clinic.call}/patients/{nothing}",
        f"/api/v1/messages/{nothing}",
        f"/api/v1/lines/{nothing}",
    ):
        assert clinic.agent.get(path).status_code == 404
    assert clinic.nurse.get(f"/api/v1/calls/{clinic.call}/candidates").status_code == 403


def test_lines_hours_and_the_closure_switch(clinic: Clinic) -> None:
    admin, practice = clinic.admin, clinic.practice
    line = admin.get("/api/v1/lines").json()[0]
    assert line["number"] == practice.number
    config = {**line["config"], "languages": ["es"]}
    changed = admin.put(f"/api/v1/lines/{line['id']}/config", json={"config": config, "note": "Spanish only"})
    assert changed.json() == {"version": 2}
    assert [v["version"] for v in admin.get(f"/api/v1/lines/{line['id']}/versions").json()] == [2, 1]
    refused = admin.put(f"/api/v1/lines/{line['id']}/config", json={"config": {"languages": []}})
    assert (refused.status_code, refused.json()["id"]) == (400, "invalid-line-config")
    twice = admin.post(
        "/api/v1/lines",
        json={
            "account_id": str(practice.account_id), "location_id": str(practice.location_id),
            "number": "312-555-0100", "label": "Again", "config": {},
        },
    )  # fmt: skip
    assert (twice.status_code, twice.json()["id"]) == (409, "number-taken")

    hours = admin.get("/api/v1/hours").json()[0]
    body = {**hours["hours"], "weekly": {"sat": [["09:00", "24:00"]]}}
    assert admin.put(f"/api/v1/hours/{hours['id']}", json={"hours": body}).json() == {"version": 2}
    bad = admin.put(f"/api/v1/hours/{hours['id']}", json={"hours": {**body, "zone": "Mars/Olympus"}})
    assert (bad.status_code, bad.json()["id"]) == (400, "invalid-hours")

    closure = admin.post("/api/v1/closures", json={"reason": "Burst pipe"}).json()["id"]
    assert admin.get(f"/api/v1/lines/{line['id']}").json()["door"] == "emergency-closed"
    assert admin.delete(f"/api/v1/closures/{closure}").status_code == 204
    assert admin.get("/api/v1/closures").json() == []
    assert clinic.agent.post("/api/v1/closures", json={"reason": "no"}).status_code == 403
    assert clinic.agent.get("/api/v1/providers").json()[0]["name"] == "Dr. Ana Osei"


def test_the_description_of_the_api_names_every_operation(clinic: Clinic) -> None:
    paths = httpx.get(f"{clinic.app.url}/api/openapi.json").json()["paths"]
    operations = {op["operationId"] for path in paths.values() for op in path.values()}
    assert {"listCandidates", "verifyCaller", "openInEmergency", "takeMessage", "closeNow"} <= operations


def test_a_tenants_verification_policy_is_data_that_can_be_changed(clinic: Clinic) -> None:
    shipped = clinic.admin.get("/api/v1/verification-policy").json()
    assert "164.514(h)" in shipped["citation"]
    stricter = {**shipped, "name": "ours", "citation": "Policy PR-17", "failures": {"most": 1, "hours": 24}}
    assert clinic.agent.put("/api/v1/verification-policy", json={"policy": stricter}).status_code == 403
    assert clinic.admin.put("/api/v1/verification-policy", json={"policy": stricter}).status_code == 204
    assert clinic.admin.get("/api/v1/verification-policy").json()["citation"] == "Policy PR-17"
    person = f"/api/v1/calls/{clinic.call}/patients/{clinic.patient}"
    wrong = {"stated": {"birth_date": "1999-01-01"}}
    assert clinic.agent.post(f"{person}/verify", json=wrong).json()["attempts_left"] == 0
    assert clinic.agent.post(f"{person}/verify", json=wrong).status_code == 423
    for broken in (
        {},
        {**shipped, "citation": ""},
        {**shipped, "actions": {"emergency": 2}},
        {**shipped, "failures": {"most": 0, "hours": 24}},
        {**shipped, "roles": {"self": {"authority": "whim"}}},
    ):
        refused = clinic.admin.put("/api/v1/verification-policy", json={"policy": broken})
        assert (refused.status_code, refused.json()["id"]) == (400, "invalid-verification-policy")


def test_other_systems_by_the_api_without_their_secrets(clinic: Clinic) -> None:
    path = "/api/v1/lookup-endpoints"
    body = {
        "name": "ehr", "kind": "fhir", "base_url": "https://ehr.example.org/fhir", "header": "Authorization",
        "secret": "Bearer s3cret",
    }  # fmt: skip
    assert clinic.agent.post(path, json=body).status_code == 403
    made = clinic.admin.post(path, json=body)
    assert made.status_code == 201, made.text
    assert clinic.admin.post(path, json=body).status_code == 409
    assert clinic.admin.post(path, json={**body, "name": "b", "base_url": "http://x.example.org"}).status_code == 400
    listed = clinic.admin.get(path)
    assert "s3cret" not in listed.text
    assert [one["has_secret"] for one in listed.json()] == [True]
    here = f"{path}/{made.json()['id']}"
    changed = clinic.admin.put(here, json={"base_url": "https://other.example.org/fhir", "max_seconds": 3})
    assert changed.status_code == 204
    assert clinic.admin.get(path).json()[0]["has_secret"] is False
    assert clinic.admin.delete(here).status_code == 204
    assert clinic.admin.get(path).json() == []
    assert clinic.admin.delete(here).status_code == 404
