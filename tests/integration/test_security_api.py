"""People, tokens and the audit log through the public API, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from careline.security.permissions import Permission, Role
from careline.testing.postgres import Urls
from careline.testing.web import WebApp, web_app

pytestmark = pytest.mark.integration


@pytest.fixture
def app(pg_urls: Urls, tmp_path: Path) -> Iterator[WebApp]:
    with web_app(pg_urls, tmp_path) as running:
        yield running


def client_for(app: WebApp, tenant: int, email: str, *roles: Role) -> httpx.Client:
    """An API client that may do what these roles may."""
    person_id = app.make_person(tenant, email, *roles)

    async def make(services: Any) -> str:
        opened = await services.security.sessions.read(app_secret)
        _, secret = await services.security.tokens.create(
            opened.actor, name="test", scopes=list(Permission), life=timedelta(days=1), person_id=person_id
        )
        return str(secret)

    keeper = f"keeper-{email}"
    app.make_person(tenant, keeper, Role.SYSTEM)
    app_secret = app.cookie_for(keeper)
    return httpx.Client(base_url=app.url, headers={"authorization": f"Bearer {app.run(make)}"})


@pytest.fixture
def tenant(app: WebApp) -> int:
    return app.make_tenant()


@pytest.fixture
def admin(app: WebApp, tenant: int) -> Iterator[httpx.Client]:
    with client_for(app, tenant, "ada@example.org", Role.ADMINISTRATOR) as client:
        yield client


def test_who_am_i(admin: httpx.Client) -> None:
    me = admin.get("/api/v1/me").json()
    assert (me["kind"], me["roles"]) == ("token", ["administrator"])
    assert "people.manage" in me["permissions"]
    assert "patient.read" not in me["permissions"]


def test_people_from_adding_to_deactivating(admin: httpx.Client, app: WebApp) -> None:
    body = {"email": "Ana@Example.org", "name": "Ana Osei", "roles": ["agent"], "language": "es"}
    added = admin.post("/api/v1/people", json=body)
    assert added.status_code == 201
    person, password = added.json()["person"], added.json()["first_password"]
    assert (person["email"], person["roles"], person["password_must_change"]) == ("ana@example.org", ["agent"], True)

    async def sign_in(services: Any) -> str:
        opened = await services.security.sign_in.start("ana@example.org", password, ip=None)
        return str(opened.stage.value)

    assert app.run(sign_in) == "new-password"
    address = f"/api/v1/people/{person['id']}"
    assert admin.put(f"{address}/roles", json={"roles": ["provider"]}).json()["roles"] == ["provider"]
    assert admin.post(f"{address}/deactivate").json()["deactivated_at"] is not None
    assert admin.post(f"{address}/reactivate").json()["deactivated_at"] is None
    assert person["id"] in [p["id"] for p in admin.get("/api/v1/people").json()]
    assert admin.get(address).json()["name"] == "Ana Osei"


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"email": "x", "name": "X", "roles": ["agent"]}, 400, "invalid-input"),
        ({"email": "x@example.org", "name": "X", "roles": []}, 400, "invalid-input"),
        ({"email": "x@example.org", "name": "X", "roles": ["king"]}, 400, "invalid-input"),
        ({"email": "x@example.org", "roles": ["agent"]}, 400, "invalid-input"),
        ({"email": "ada@example.org", "name": "X", "roles": ["agent"]}, 409, "email-taken"),
        ([], 400, "invalid-input"),
    ],
)
def test_bad_people_are_refused_and_change_nothing(admin: httpx.Client, body: Any, status: int, error: str) -> None:
    before = admin.get("/api/v1/people").json()
    answer = admin.post("/api/v1/people", json=body)
    assert (answer.status_code, answer.json()["id"]) == (status, error)
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(admin.get("/api/v1/people").json()) == len(before)


def test_a_person_added_twice_with_one_key_is_one_person_with_one_password(
    admin: httpx.Client, app: WebApp, tenant: int
) -> None:
    body = {"email": "ana@example.org", "name": "Ana Osei", "roles": ["agent"]}
    headers = {"idempotency-key": "add-ana"}
    first = admin.post("/api/v1/people", json=body, headers=headers)
    second = admin.post("/api/v1/people", json=body, headers=headers)
    assert (first.status_code, first.json()) == (second.status_code, second.json())

    async def kept(services: Any) -> list[bytes]:
        async with services.db.tenant(tenant) as tx:
            return [bytes(row["body"]) for row in await tx.all("SELECT body FROM idempotency_key")]

    secret = first.json()["first_password"].encode()
    bodies = app.run(kept)
    assert len(bodies) == 1
    assert secret not in bodies[0], "what is told once does not lie about readable"


def test_tokens(admin: httpx.Client, app: WebApp) -> None:
    made = admin.post("/api/v1/tokens", json={"name": "board", "scopes": ["board.read"], "days": 7}).json()
    with httpx.Client(base_url=app.url, headers={"authorization": f"Bearer {made['secret']}"}) as client:
        assert client.get("/api/v1/me").json()["permissions"] == ["board.read"]
        refused = client.get("/api/v1/people")
        assert (refused.status_code, refused.json()["id"]) == (403, "forbidden")
        listed = admin.get("/api/v1/tokens").json()
        assert made["secret"] not in str(listed)
        assert [t["name"] for t in listed if t["id"] == made["id"]] == ["board"]
        assert admin.delete(f"/api/v1/tokens/{made['id']}").status_code == 204
        assert client.get("/api/v1/me").json()["id"] == "token-refused"
    for days in (0, 367, 10**12):
        answer = admin.post("/api/v1/tokens", json={"name": "x", "scopes": ["board.read"], "days": days})
        assert answer.status_code == 400


def test_k2_audit_is_searched_verified_and_kept_to_the_privacy_officer(
    admin: httpx.Client, app: WebApp, tenant: int
) -> None:
    person = admin.post(
        "/api/v1/people", json={"email": "ana@example.org", "name": "Ana Osei", "roles": ["agent"]}
    ).json()["person"]
    assert admin.get("/api/v1/audit").status_code == 403
    with client_for(app, tenant, "pat@example.org", Role.PRIVACY_OFFICER) as officer:
        page = officer.get("/api/v1/audit", params={"action": "create", "limit": 1}).json()
        assert len(page["rows"]) == 1
        assert page["next"] == page["rows"][0]["seq"]
        mine = officer.get("/api/v1/me").json()["person_id"]
        rows = officer.get("/api/v1/audit", params={"action": "create", "limit": 200}).json()["rows"]
        assert person["id"] in [row["object_id"] for row in rows if row["object_type"] == "person"]
        searches = officer.get("/api/v1/audit", params={"person_id": mine, "action": "search"}).json()["rows"]
        assert len(searches) == 2, "the two looks before this one are in it"
        state = officer.post("/api/v1/audit/verify").json()
        assert (state["whole"], state["bad_seq"], state["reason"]) == (True, None, None)
        for params in (
            {"patient_id": "x"},
            {"action": "peek"},
            {"since": "2026-01-01T00:00:00"},
            {"limit": "0"},
            {"before": str(2**70)},
            {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        ):
            answer = officer.get("/api/v1/audit", params=params)
            assert (answer.status_code, answer.json()["id"]) == (400, "invalid-input"), params


def test_unknown_ids_are_not_found(admin: httpx.Client) -> None:
    for method, path in (
        ("GET", f"/api/v1/people/{uuid4()}"),
        ("POST", f"/api/v1/people/{uuid4()}/deactivate"),
        ("DELETE", f"/api/v1/tokens/{uuid4()}"),
        ("GET", "/api/v1/people/nobody"),
    ):
        answer = admin.request(method, path)
        assert (answer.status_code, answer.json()["id"]) == (404, "not-found")


def test_without_a_token_nothing(app: WebApp, tenant: int) -> None:
    with httpx.Client(base_url=app.url) as stranger:
        for path in ("/api/v1/me", "/api/v1/people", "/api/v1/tokens", "/api/v1/audit"):
            assert stranger.get(path).json()["id"] == "not-signed-in"


def test_person_ids_are_uuids_everywhere(admin: httpx.Client) -> None:
    for person in admin.get("/api/v1/people").json():
        assert UUID(person["id"]).version == 7
