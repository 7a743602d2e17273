"""The API of calls, desk, queues and board through HTTP: scopes, problems, idempotency, orders as they are given."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from careline.security.actor import Actor
from careline.security.permissions import Permission as P
from careline.security.permissions import Role
from careline.testing.postgres import Urls
from careline.testing.scene import Scene
from careline.testing.web import WebApp, web_app

pytestmark = pytest.mark.integration


@pytest.fixture
def app(pg_urls: Urls, tmp_path: Path) -> Iterator[WebApp]:
    with web_app(pg_urls, tmp_path) as running:
        yield running


@pytest.fixture
def scene(app: WebApp) -> Scene:
    return Scene(app)


def program(scene: Scene, person: UUID, *scopes: P) -> httpx.Client:
    """A program that acts for a person within scopes."""

    admin = Actor(tenant_id=scene.tenant, kind="person", person_id=scene.vera, roles=frozenset({Role.ADMINISTRATOR}))

    async def make(services: Any) -> str:
        _, secret = await services.security.tokens.create(
            admin, name="test", scopes=scopes, life=timedelta(days=1), person_id=person
        )
        return str(secret)

    secret = scene.app.run(make)
    return httpx.Client(base_url=scene.app.url + "/api/v1", headers={"authorization": f"Bearer {secret}"}, timeout=30)


def test_a_call_through_the_api_alone(scene: Scene) -> None:
    scene.talk()
    with program(scene, scene.ana, P.CALL_HANDLE, P.CALL_READ_OWN, P.PATIENT_SEARCH) as api:
        contact = api.get("/desk").json()["contact"]
        assert (contact["call_id"], contact["state"]) == (str(scene.call), "talking")
        at = f"/calls/{scene.call}"
        for order in ("hold", "resume", "mute", "unmute", "hang-up", "emergency", "transfer-complete"):
            assert api.post(f"{at}/{order}", headers={"idempotency-key": order}).status_code == 200, order
        assert api.post(f"{at}/digits", json={"digits": "12#"}).status_code == 200
        to = {"kind": "number", "number": "(312) 555-0177"}
        assert api.post(f"{at}/transfer", json={"to": to, "mode": "consult"}).status_code == 200
        assert api.post(f"{at}/wrap-up", json={"code": "message"}).status_code == 200
        note = api.put(f"{at}/notes", json={"body": "Asks about parking", "based_on": 0}).json()
        assert note["version"] == 1
        stale = api.put(f"{at}/notes", json={"body": "Other", "based_on": 0})
        assert (stale.status_code, stale.json()["id"]) == (409, "stale-notes")
        assert stale.json()["body"] == "Asks about parking"
        record = api.get(at).json()
        assert record["notes"][0]["body"] == "Asks about parking"
        assert [s["kind"] for s in record["steps"]] == ["arrived", "queued", "offered", "connected"]
        found = api.post("/calls/search", json={"number": "555-0123"})
        assert found.status_code == 200, found.text
        assert [c["id"] for c in found.json()["calls"]] == [str(scene.call)]
    assert scene.orders.kinds() == [
        "call.hold", "call.resume", "call.mute", "call.unmute", "call.hang_up", "call.emergency",
        "call.transfer_complete", "call.digits", "call.transfer", "call.wrap_up",
    ]  # fmt: skip
    body = dict(scene.orders.given)["call.transfer"]
    assert body == {
        "call_id": str(scene.call), "mode": "consult", "to": {"kind": "number", "number": "+13125550177"},
    }  # fmt: skip


def test_the_same_key_is_the_same_order(scene: Scene) -> None:
    scene.talk()
    with program(scene, scene.ana, P.CALL_HANDLE) as api:
        for _ in range(3):
            answer = api.post(f"/calls/{scene.call}/hold", headers={"idempotency-key": "one"})
            assert answer.status_code == 200
        other = api.post(f"/calls/{scene.call}/mute", headers={"idempotency-key": "one"})
        assert (other.status_code, other.json()["id"]) == (422, "idempotency-key-reused")
    assert scene.orders.kinds() == ["call.hold"]


def test_scopes_narrow_what_a_program_may_do(scene: Scene) -> None:
    scene.talk()
    with program(scene, scene.ana, P.CALL_READ_OWN) as api:
        assert api.get(f"/calls/{scene.call}").status_code == 200
        for refused in (
            api.post(f"/calls/{scene.call}/hold"),
            api.put(f"/calls/{scene.call}/notes", json={"body": "x", "based_on": 0}),
            api.get("/desk"),
            api.get("/board"),
            api.post("/queues", json={"name": "Mine"}),
        ):
            assert (refused.status_code, refused.json()["id"]) == (403, "forbidden")
            assert refused.headers["content-type"].startswith("application/problem+json")
    assert scene.orders.given == []


def test_wrong_requests_are_refused_and_change_nothing(scene: Scene) -> None:
    scene.talk()
    with program(scene, scene.ana, P.CALL_HANDLE, P.CALL_READ_OWN) as api:
        at = f"/calls/{scene.call}"
        for answer, status in (
            (api.post(f"{at}/explode"), 400),
            (api.post(f"{at}/transfer", json={"to": {"kind": "number", "number": "12"}}), 400),
            (api.post(f"{at}/transfer", json={"to": {"kind": "agent"}}), 400),
            (api.post("/desk/status", json={"status": "asleep"}), 400),
            (api.get(f"/calls/{uuid4()}"), 404),
            (api.post("/calls/search", json={"since": "2026-11-23T10:00:00"}), 400),
        ):
            assert answer.status_code == status, answer.text
            assert answer.json()["status"] == status
    assert scene.orders.given == []


def test_queues_and_the_board(scene: Scene) -> None:
    with program(scene, scene.vera, P.QUEUE_MANAGE, P.BOARD_READ) as api:
        made = api.post("/queues", json={"name": "Refills", "skills": {"pharmacy": 40}})
        assert made.status_code == 201
        queue = f"/queues/{made.json()['id']}"
        assert api.post("/queues", json={"name": "refills"}).json()["id"] == "name-taken"
        assert api.put(f"{queue}/members", json={"people": [str(scene.ana)]}).json()["members"] == [str(scene.ana)]
        wrong = api.put(queue, json={"name": "Refills", "ring_seconds": 500})
        assert (wrong.status_code, wrong.json()["field"]) == (400, "ring_seconds")
        assert api.get(queue).json()["rules"]["ring_seconds"] == 20
        phone = api.post("/desk-phones", json={"person_id": str(scene.ana), "label": "Front"}).json()
        assert phone["username"].startswith("d-")
        assert phone["password"] not in api.get("/desk-phones").text
        assert api.post(f"/desk-phones/{phone['id']}/revoke").status_code == 204
        board = api.get("/board").json()
        assert {row["name"] for row in board["queues"]} == {"Billing", "Refills", "Scheduling"}
        assert board["service_level_variant"] == "negative-abandon"


def test_a_queue_with_waiting_callers_stays_in_service(scene: Scene) -> None:
    scene.do(lambda floor: floor.call(scene.line, queue_id=scene.queue, place_at=floor.now))
    with program(scene, scene.vera, P.QUEUE_MANAGE) as api:
        refused = api.put(f"/queues/{scene.queue}", json={"name": "Scheduling", "active": False})
        assert (refused.status_code, refused.json()["id"]) == (409, "queue-in-use")
        assert api.get(f"/queues/{scene.queue}").json()["rules"]["active"] is True
