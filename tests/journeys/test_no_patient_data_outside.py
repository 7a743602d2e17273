"""A patient's call goes through the whole running system, well and badly; then every log, metric and address is read.

Names, numbers, dates and words are planted that occur nowhere else. They must be found in the database, and nowhere in
what the system writes beside it: log files of all processes (Asterisk's and PostgreSQL's too), metrics, addresses.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from careline.demo.phone import Phone
from careline.kernel.ids import new_id
from careline.platform import postgres
from careline.security.actor import Actor
from careline.security.model import Stage
from careline.security.permissions import MATRIX, Role
from careline.testing.builders import make_patient
from careline.testing.callcenter import NUMBER, until
from careline.testing.sip_peer import SipPeers
from careline.testing.system import System, registered, running_system

pytestmark = pytest.mark.journeys

CALLER = "+13125559173"
PLANTED = (
    "Quillon", "Vandermeersch", "5559173", "555-9173", "QZ-909090", "1948-02-29", "02/29/1948", "Thistlewood",
    "quillon@", "brachytherapy",
)  # fmt: skip


Doors = tuple[httpx.AsyncClient, httpx.AsyncClient]


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@asynccontextmanager
async def doors(system: System, person: Actor, role: Role) -> AsyncIterator[Doors]:
    """A person's two ways in: the API with a token, and the pages with a session."""
    security = system.services.security
    maker = Actor(
        tenant_id=system.tenant_id, kind="person", person_id=person.person_id, name=person.name,
        roles=frozenset({role, Role.ADMINISTRATOR}),
    )  # fmt: skip
    _, token = await security.tokens.create(maker, name="test", scopes=sorted(MATRIX[role]), life=timedelta(days=1))
    async with system.services.db.tenant(system.tenant_id) as tx:
        assert person.person_id is not None
        opened = await security.sessions.open(tx, person.person_id, Stage.FULL, "127.0.0.1", "test")
    base = system.settings.url
    async with (
        httpx.AsyncClient(base_url=base, headers={"authorization": f"Bearer {token}"}, timeout=30) as api,
        httpx.AsyncClient(base_url=base, cookies={"careline_session": str(opened.secret)}, timeout=30) as pages,
    ):
        yield api, pages


def files_beside_the_database(home: Path) -> Iterator[Path]:
    """Everything a running system writes, but the database itself and sealed recordings."""
    yield home.parent / "up.log"
    for path in home.rglob("*"):
        parts = path.relative_to(home).parts
        if path.is_file() and not path.is_symlink() and parts[0] != "recordings" and parts[:2] != ("postgres", "data"):
            yield path


def found_in(text: str) -> list[str]:
    return [word for word in PLANTED if word.casefold() in text.casefold()]


async def test_k14_nothing_of_a_patient_is_in_logs_metrics_or_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = {name: free_port() for name in ("CALLCONTROL", "WORKER")}
    for name, port in ports.items():
        monkeypatch.setenv(f"CARELINE_{name}_METRICS_PORT", port)
    monkeypatch.setenv("CARELINE_LOG_LEVEL", "debug")
    async with running_system() as system:
        ana = await system.person("Ana Ruiz", Role.AGENT)
        patient = await make_patient(
            system.services.db, system.tenant_id, "Quillon Vandermeersch", mrn="QZ-909090", phones=[CALLER],
            birth_date=date(1948, 2, 29), street="77 Thistlewood Lane", email="quillon@example.org",
        )  # fmt: skip
        async with SipPeers() as peers, doors(system, ana, Role.AGENT) as (api, pages):
            user, password = await system.desk_phone(ana)
            desk = await registered(peers, user, password, system, hz=1000.0)
            await system.sign_on(ana, user)
            phone = Phone()
            await phone.start()
            try:
                calling = await phone.call(NUMBER, system.sip, caller=CALLER)
                with_ana = await desk.next_call()
                call_id = await system.call_in("talking")
                answers = await _work(api, call_id, patient, system)
                answers += await _mistakes(api, call_id)
                answers += await _without_a_database(system, api, call_id)
                calling.hang_up()
                await with_ana.ended.wait()
                refused = await phone.call("+13125550000", system.sip, caller=CALLER)
                await refused.ended.wait()
            finally:
                await phone.stop()
            looked_at = await _pages(pages, call_id)

        # What was planted did go through the system.
        notes = await system.rows("SELECT body FROM message")
        assert "brachytherapy" in str(notes)
        assert (await system.row("SELECT caller FROM call WHERE id = %s", call_id))["caller"] == CALLER
        assert {a.status_code for a in answers} >= {200, 400, 404, 503}

        addresses = [str(a.request.url) for a in answers] + [a.headers.get("location", "") for a in answers]
        addresses += re.findall(r'(?:href|src|action)="([^"]*)"', looked_at)
        assert len(addresses) > 30
        ours = [a for a in addresses if "planted-by-the-test" not in a]
        assert found_in("\n".join(ours)) == []

        async with httpx.AsyncClient(timeout=30) as scrape:
            metrics = (await scrape.get(f"{system.settings.url}/metrics")).text
            for port in ports.values():
                metrics += await _scraped(scrape, f"http://127.0.0.1:{port}/metrics")
        assert "careline_http_request" in metrics and "careline_timers" in metrics
        assert found_in(metrics) == []

        read, leaks = set(), {}
        for path in files_beside_the_database(system.home):
            text = path.read_bytes().decode("utf-8", "replace")
            name = str(path.relative_to(system.home.parent))
            if text:
                read.add(name)
            if found := found_in(text):
                leaks[name] = (found, [line[:300] for line in text.splitlines() if found_in(line)][:3])
        assert leaks == {}
        assert read >= {"home/logs/web.log", "home/logs/callcontrol.log", "home/postgres/server.log", "up.log"}
        logged = (system.home / "logs" / "web.log").read_text()
        assert "DatabaseAway" in logged or "database" in logged, "the web process logged nothing of the failures"


async def _scraped(client: httpx.AsyncClient, address: str) -> str:
    """What a process tells; one that is just being started again after the failures above is waited for."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(httpx.ConnectError):
                return (await client.get(address)).text
            await asyncio.sleep(0.1)


async def _work(api: httpx.AsyncClient, call_id: Any, patient: Any, system: System) -> list[httpx.Response]:
    """What an agent does in a call about a patient."""
    call = f"/api/v1/calls/{call_id}"
    person = f"{call}/patients/{patient}"
    stated = {"name": "Quillon Vandermeersch", "birth_date": "1948-02-29", "postal_code": "60614"}
    draft = {
        "call_id": str(call_id), "patient_id": str(patient), "department_id": str(system.practice.department_id),
        "caller_name": "Quillon Vandermeersch", "callback": "312 555 9173", "callback_confirmed": True,
        "body": "Quillon asks about brachytherapy.", "key": "k",
    }  # fmt: skip
    answers = [
        await api.get(f"{call}/candidates"),
        await api.post(f"{call}/patients/search", json={"name": "Quillen Vandermersh", "birth_date": "1948-02-29"}),
        await api.post(f"{person}/verify", json={"stated": stated}),
        await api.get(f"{person}/card"),
        await api.put(
            f"{call}/notes", json={"body": "Quillon Vandermeersch: brachytherapy on Thistlewood Lane", "based_on": 0}
        ),
        await api.post("/api/v1/messages", json=draft),
        await api.post("/api/v1/calls/search", json={"number": CALLER, "text": "brachytherapy"}),
        await api.get(call),
    ]
    assert [a.status_code for a in answers] == [200, 200, 200, 200, 200, 201, 200, 200]
    return answers


async def _mistakes(api: httpx.AsyncClient, call_id: Any) -> list[httpx.Response]:
    """Bad input that quotes the patient in every place it can; what is in an address here, the test has put there."""
    call = f"/api/v1/calls/{call_id}"
    mark = {"planted-by-the-test": "1"}
    return [
        await api.post(f"{call}/patients/search", content=b'{"name": "Quillon Vandermeersch'),
        await api.post(f"{call}/patients/search", json={"birth_date": "02/29/1948 Quillon"}),
        await api.post("/api/v1/messages", json={"caller_name": "Quillon Vandermeersch", "body": 7}),
        await api.post(f"{call}/wrap-up", json={"code": "Quillon Vandermeersch"}),
        await api.post(f"{call}/transfer", json={"mode": "blind", "to": {"kind": "number", "number": "x5559173"}}),
        await api.get("/api/v1/patients/Quillon-Vandermeersch", params=mark),
        await api.get("/search", params={"name": "Quillon Vandermeersch", **mark}),
        await api.get(f"{call}/patients/{new_id()}/card", headers={"referer": "http://x/?q=Quillon"}),
        await api.post(
            "/sign-in", data={"email": "quillon@example.org", "password": "brachytherapy"},
            headers={"authorization": ""}, params=mark,
        ),
    ]  # fmt: skip


async def _without_a_database(system: System, api: httpx.AsyncClient, call_id: Any) -> list[httpx.Response]:
    """PostgreSQL is killed again and again: failures with the patient's data in hand, until it may come back."""
    answers: list[httpx.Response] = []

    async def kill_again_and_again() -> None:
        while not any(answer.status_code == 503 for answer in answers):
            server = postgres.attach(system.home)
            if server is not None and server.pid is not None:
                os.kill(server.pid, signal.SIGKILL)
            await asyncio.sleep(0.02)

    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        killing = group.create_task(kill_again_and_again())
        while not (killing.done() and answers[-1].status_code == 200):
            answers.append(await api.post(f"/api/v1/calls/{call_id}/patients/search", json={"name": "Quillon V"}))
            await asyncio.sleep(0.05)

    async def talking() -> bool:
        return bool((await system.row("SELECT phase FROM call WHERE id = %s", call_id))["phase"] == "talking")

    await until(talking, 60)
    return answers


async def _pages(pages: httpx.AsyncClient, call_id: Any) -> str:
    """The pages about it, as one text."""
    found = [await pages.get(path) for path in ("/desk", "/calls", f"/calls/{call_id}", "/inbox")]
    assert [page.status_code for page in found] == [200, 200, 200, 200]
    token = re.search(r'name="(_csrf[^"]*)"[^>]*value="([^"]+)"', found[1].text)
    assert token is not None
    found.append(await pages.post("/calls", data={token[1]: token[2], "number": CALLER, "text": "brachytherapy"}))
    assert found[-1].status_code == 200 and str(call_id) in found[-1].text
    return "\n".join(page.text for page in found)
