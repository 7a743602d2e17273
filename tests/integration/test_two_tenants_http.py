"""Every address of pages and API that takes an id, tried with the ids of another practice by somebody with every role.

An address that is new is tried too: what it sends may have to be added below.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from litestar.routes import HTTPRoute

from careline.security.permissions import Role
from careline.testing.floor import Floor
from careline.testing.neighbours import THEIRS, everything, neighbours
from careline.testing.postgres import Urls
from careline.testing.scene import Orders
from careline.testing.web import WebApp, web_app

pytestmark = pytest.mark.integration

#: Addresses without anybody's ids.
NOBODYS = {"/static/{version:str}/{path:path}", "/api/schema/{path:str}", "/organization/add/{kind:str}",
           "/prompts/{language:str}/{key:str}/sound", "/prompts/{language:str}/{key:str}",
           "/prompts/{language:str}/{key:str}/restore", "/recordings-of-ours/{language:str}",
           "/flows/recordings/{language:str}"}  # fmt: skip
#: Orders are judged by call control, which knows the calls of everybody: see unit/test_tenants_on_the_floor.
ORDERS = re.compile(r"(/api/v1)?/(calls|callbacks)/\{call_id:uuid\}/"
                    r"(assign|digits|move|priority|transfer|wrap-up|why|call-now|machine|\{order:str\})")  # fmt: skip
#: A conversation's own token is asked for there, not a session: see test_two_tenants.
TOKENS = {"/api/v1/voice-agents/{call_id:uuid}/next"}

WORDS = {"act": "deactivate", "what": "archive", "order": "cancel", "move": "acknowledge", "old": "1", "new": "1",
         "number": "1", "language": "en", "key": "goodbye"}  # fmt: skip
TEXT = "careline: flow/1\nlanguages: [en]\nstart: a\nnodes:\n  a: {kind: end}\n"
HOURS = {"zone": "America/Chicago", "weekly": {"mon": [["08:00", "17:00"]]}, "exceptions": []}
#: What is sent where an empty form or object would be refused for its own sake.
SENT: dict[str, Any] = {
    "PUT /api/v1/people/{person_id:uuid}/roles": {"roles": ["agent"]},
    "PUT /api/v1/lines/{line_id:uuid}/config": {"config": {"languages": ["en"]}},
    "PUT /api/v1/hours/{hours_id:uuid}": {"hours": HOURS},
    "PUT /api/v1/queues/{queue_id:uuid}": {"name": "Taken"},
    "PUT /api/v1/queues/{queue_id:uuid}/members": {"people": []},
    "PUT /api/v1/queues/{queue_id:uuid}/places": {"places": {}},
    "PUT /api/v1/flows/{flow_id:uuid}/draft": {"text": TEXT, "based_on": 0},
    "PUT /api/v1/flows/{flow_id:uuid}/name": {"name": "Taken"},
    "PUT /api/v1/flows/{flow_id:uuid}/versions/{number:int}/share": {"share": 100},
    "PUT /api/v1/flow-tables/{table_id:uuid}": {"rows": [["x"]], "based_on": 1},
    "PUT /api/v1/lookup-endpoints/{endpoint_id:uuid}": {"base_url": "https://evil.example"},
    "PUT /api/v1/calls/{call_id:uuid}/notes": {"body": "x", "based_on": 0},
    "POST /api/v1/desk/calls/{call_id:uuid}/code": {"code": "appointment"},
    "PATCH /api/v1/callbacks/{call_id:uuid}": {"number": "+13125550123"},
    "POST /api/v1/calls/{call_id:uuid}/patients/search": {"mrn": "MRN000001"},
    "POST /api/v1/calls/{call_id:uuid}/patients/{patient_id:uuid}/verify": {"stated": {"name": "Maria"}},
    "POST /api/v1/calls/{call_id:uuid}/patients/{patient_id:uuid}/emergency": {"reason": "collapsed"},
    "POST /api/v1/messages/{message_id:uuid}/finish": {"outcome": "resolved"},
    "POST /api/v1/messages/{message_id:uuid}/forward": {"department_id": str(uuid4())},
    "POST /api/v1/messages/{message_id:uuid}/reply": {"note": "x"},
    "POST /api/v1/messages/{message_id:uuid}/reopen": {"note": "x"},
    "PUT /flows/{flow_id:uuid}/draft": {"revision": 1, "text": TEXT},
    "POST /flows/{flow_id:uuid}/name": {"name": "Taken"},
    "POST /flows/{flow_id:uuid}/text": {"text": TEXT},
    "PUT /tables/{table_id:uuid}/rows": {"version": 1, "rows": [["x"]]},
    "POST /api/v1/patients/{patient_id:uuid}/unlock": {"reason": "asked for"},
    "POST /verification-locks/{patient_id:uuid}": {"reason": "asked for"},
    "POST /people/{person_id:uuid}/name": {"name": "Taken Over"},
    "POST /people/{person_id:uuid}/roles": {"roles": "agent"},
}


#: Pages whose forms send JSON.
JSON = ("/api/", "/flows/{flow_id:uuid}/", "/tables/{table_id:uuid}/rows")
#: Answers of nothing: they judge what was sent, or list what one has oneself.
EMPTY = {
    "GET /api/v1/flows/{flow_id:uuid}/used-by": {"lines": [], "flows": []},
    "GET /api/v1/calls/{call_id:uuid}/briefing": [],
}
#: They work on the text that is sent along; the id only tells where it is shown.
TEXTS = {f"POST /flows/{{flow_id:uuid}}/{work}" for work in ("check", "simulate", "tests", "text")}


@pytest.fixture
def app(pg_urls: Urls, tmp_path: Path) -> Iterator[WebApp]:
    with web_app(pg_urls, tmp_path) as running:
        running.services.commands = Orders()
        yield running


def attacks(app: WebApp, ids: dict[str, UUID]) -> list[tuple[str, str, str]]:
    """(method, address as declared, address with their ids) of everything that takes an id."""
    found = []
    for route in app.app.routes:
        taken = not isinstance(route, HTTPRoute) or route.path in NOBODYS | TOKENS or ORDERS.fullmatch(route.path)
        if taken or "{" not in route.path:
            continue
        values = {**WORDS, "name": str(ids["recording_id"]), **{name: str(id_) for name, id_ in ids.items()}}
        if "/voice-agents/" not in route.path and "agent_id" in route.path:
            values["agent_id"] = str(ids["person_id"])
        assert isinstance(route, HTTPRoute)
        path = re.sub(r"\{(\w+):\w+\}", lambda slot, values=values: values[slot[1]], route.path)  # type: ignore[misc]
        found += [(method, route.path, path) for method in sorted(set(route.methods) - {"OPTIONS", "HEAD"})]
    return found


def test_no_address_shows_changes_or_names_what_is_another_practices(app: WebApp) -> None:
    theirs, _owner, ids = app.run(neighbours)
    mine = app.make_tenant("near")
    mallory = app.make_person(mine, "mallory@example.org", *Role, name="Mallory Roe")
    app.run(lambda services: Floor(services.db, mine, datetime.now(UTC)).wrap_up_codes())
    token = "c" * 43
    cookies = {"careline_session": app.session_of(mine, mallory), "careline_csrf": token}
    before = app.run(lambda services: everything(services.db, theirs))
    tried = attacks(app, ids)
    assert len(tried) > 90, "the addresses are found"
    wrong = []
    with httpx.Client(base_url=app.url, cookies=cookies, headers={"x-csrf-token": token}, timeout=30) as web:
        for method, declared, path in tried:
            sent = SENT.get(f"{method} {declared}", {})
            json = declared.startswith(JSON) and "/do/" not in declared
            body: dict[str, Any] = {} if method in ("GET", "DELETE") else {"json": sent} if json else {"data": sent}
            answer = web.request(method, path, **body)
            named = THEIRS.casefold() in answer.text.casefold()
            what = f"{method} {declared}"
            empty = what in TEXTS or (what in EMPTY and answer.json() == EMPTY[what])
            if named or not (empty or answer.status_code == 404):
                wrong.append(f"{method} {declared}: {answer.status_code} {answer.text[:160]!r}")
            if app.run(lambda services: everything(services.db, theirs)) != before:
                wrong.append(f"{method} {declared}: CHANGED")
                break
    assert not wrong, "\n" + "\n".join(wrong)


def test_no_list_names_what_is_another_practices(app: WebApp) -> None:
    app.run(neighbours)
    mine = app.make_tenant("near")
    mallory = app.make_person(mine, "mallory@example.org", *Role, name="Mallory Roe")
    cookies = {"careline_session": app.session_of(mine, mallory), "careline_csrf": "c" * 43}
    lists = [
        route.path
        for route in app.app.routes
        if isinstance(route, HTTPRoute) and "{" not in route.path and "GET" in route.methods
    ]
    assert len(lists) > 50
    with httpx.Client(base_url=app.url, cookies=cookies, timeout=30) as web:
        named = [path for path in lists if THEIRS.casefold() in web.get(path).text.casefold()]
    assert named == []


def test_the_owner_of_those_things_opens_them_at_the_same_addresses(app: WebApp) -> None:
    """What is refused above is there."""
    theirs, owner, ids = app.run(neighbours)
    cookies = {"careline_session": app.session_of(theirs, owner), "careline_csrf": "c" * 43}
    with httpx.Client(base_url=app.url, cookies=cookies, timeout=30) as web:
        shut = {declared for method, declared, path in attacks(app, ids) if method == "GET"
                if web.get(path).status_code != 200}  # fmt: skip
    # No sound was recorded, nothing was uploaded, and no call with a patient is in hand.
    assert shut == {
        "/recordings/{recording_id:uuid}/audio",
        "/recordings-of-ours/{language:str}/{name:str}/sound",
        "/api/v1/calls/{call_id:uuid}/candidates",
        "/api/v1/calls/{call_id:uuid}/patients/{patient_id:uuid}",
        "/api/v1/calls/{call_id:uuid}/patients/{patient_id:uuid}/card",
    }
