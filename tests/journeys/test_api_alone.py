"""From ring to record through the public API alone: desk phone, menu, verification, message, wrap-up, voicemail."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from careline.demo.phone import Phone, PhoneCall
from careline.security.permissions import Permission, Role
from careline.speech.audio import encode_ulaw, tone
from careline.testing.builders import make_patient
from careline.testing.callcenter import NUMBER, until
from careline.testing.sip_peer import SipPeers
from careline.testing.system import System, registered

pytestmark = pytest.mark.journeys

GIVEN, FAMILY, MRN = "Zephyrine", "Quillfeather", "QX-774411"
CALLER = "+17735550177"
BORN = date(1961, 7, 9)
STREET = "9 Marzipan Crescent"
NOTE = "wants to speak about the violet inhaler"
MESSAGE = "asks whether the crimson tablets go with grapefruit"
PLANTED = (
    GIVEN,
    FAMILY,
    MRN,
    "7735550177",
    "773) 555-0177",
    "1961-07-09",
    "07/09/1961",
    "Marzipan",
    "violet inhaler",
    "crimson tablets",
)


@dataclass
class Api:
    """A client of the public API with one token."""

    http: aiohttp.ClientSession

    async def __call__(self, method: str, path: str, expect: int = 200, **options: Any) -> Any:
        async with self.http.request(method, f"/api/v1{path}", **options) as answer:
            body = await answer.read()
            assert answer.status == expect, (method, path, answer.status, body[:400])
            return await answer.json() if body and "json" in answer.content_type else body


@contextlib.asynccontextmanager
async def _api(system: System, person: Any) -> AsyncIterator[Api]:
    manager = await system.person("Nora Keeper", Role.ADMINISTRATOR)
    _, secret = await system.services.security.tokens.create(
        manager, name="journey", scopes=list(Permission), life=timedelta(days=1), person_id=person
    )
    async with aiohttp.ClientSession(system.settings.url, headers={"Authorization": f"Bearer {secret}"}) as http:
        yield Api(http)


@contextlib.asynccontextmanager
async def _trunk() -> AsyncIterator[Phone]:
    """The public network."""
    phone = Phone()
    await phone.start()
    try:
        yield phone
    finally:
        await phone.stop()


async def _press_until(system: System, call: PhoneCall, key: str, call_id: UUID, kind: str) -> None:
    async def done() -> bool:
        if kind in await system.events(call_id):
            return True
        if not call.media.busy:
            call.media.press(key)
        return False

    await until(done)


async def test_a_call_from_ring_to_record_by_the_api_alone(system: System):
    ana = await system.person("Ana Ruiz", Role.AGENT)
    patient = await make_patient(
        system.services.db,
        system.tenant_id,
        f"{GIVEN} {FAMILY}",
        mrn=MRN,
        birth_date=BORN,
        street=STREET,
        phones=[CALLER],
    )
    async with _trunk() as trunk, _api(system, ana.person_id) as api, SipPeers() as peers:
        user, password = await system.desk_phone(ana)
        desk = await registered(peers, user, password, system, hz=1000.0)
        await api("POST", "/desk/phone", json={"endpoint": user})

        async def reachable() -> bool:
            return bool((await api("GET", "/desk/"))["me"]["phone_online"])

        await until(reachable)
        await api("POST", "/desk/status", json={"status": "available"})

        call = await trunk.call(NUMBER, system.sip, caller=CALLER)
        await call.answered.wait()
        call_id = await system.call_in("flow")
        await _press_until(system, call, "1", call_id, "language_chosen")
        await _press_until(system, call, "1", call_id, "queued")
        with_ana = await desk.next_call()
        await system.call_in("talking")
        call.media.say(encode_ulaw(tone(440.0, 30.0)))
        with_ana.forget()
        await with_ana.hears_tone(440.0)

        await _serve(api, str(call_id), patient)

        await api("POST", f"/calls/{call_id}/hold")
        await api("POST", f"/calls/{call_id}/resume")
        await api("POST", f"/calls/{call_id}/hang-up", headers={"Idempotency-Key": "end-1"})
        await api("POST", f"/calls/{call_id}/hang-up", headers={"Idempotency-Key": "end-1"})
        await call.ended.wait()
        await api("POST", f"/calls/{call_id}/wrap-up", json={"code": "message-taken"})
        await api("POST", "/desk/status", json={"status": "offline"})

        record = await api("GET", f"/calls/{call_id}")
        assert record["call"]["outcome"] == "handled"

        voicemail = await _leave_voicemail(system, trunk)
        found = await api("POST", "/calls/search", json={"text": "violet inhaler"})
        assert str(call_id) in str(found)
        audit = await system.rows("SELECT DISTINCT action FROM audit_log WHERE patient_id = %s", patient)
        assert {"verify", "read"} <= {row["action"] for row in audit}
        assert voicemail


async def _serve(api: Api, call_id: str, patient: UUID) -> None:
    """Identify, verify, read the card, note, and pass a message on."""
    candidates = await api("GET", f"/calls/{call_id}/candidates")
    assert str(patient) in str(candidates)
    for planted in PLANTED:
        assert planted not in str(candidates), "no patient data before verification"
    refused = await api("GET", f"/calls/{call_id}/patients/{patient}/card", expect=403)
    assert FAMILY not in str(refused)
    stated = {"name": f"{GIVEN} {FAMILY}", "birth_date": BORN.isoformat(), "street": STREET, "mrn": MRN}
    verified = await api("POST", f"/calls/{call_id}/patients/{patient}/verify", json={"stated": stated})
    assert verified["level"] >= 1
    card = await api("GET", f"/calls/{call_id}/patients/{patient}/card")
    assert FAMILY in str(card)
    await api("PUT", f"/calls/{call_id}/notes", json={"body": f"{GIVEN} {NOTE}", "based_on": 0})
    departments = await api("GET", "/departments")
    await api(
        "POST",
        "/messages/",
        expect=201,
        json={
            "department_id": departments[0]["id"],
            "call_id": call_id,
            "patient_id": str(patient),
            "caller_name": f"{GIVEN} {FAMILY}",
            "caller_role": "self",
            "callback": CALLER,
            "callback_confirmed": True,
            "reason": "other",
            "body": MESSAGE,
            "urgency": "routine",
            "key": "journey-1",
        },
    )


async def _leave_voicemail(system: System, trunk: Phone) -> UUID:
    """A caller who would rather leave a message: it is in the department's inbox, with its recording."""
    call = await trunk.call(NUMBER, system.sip, caller=CALLER)
    await call.answered.wait()
    call_id = await system.call_in("flow")
    await _press_until(system, call, "1", call_id, "language_chosen")
    await _press_until(system, call, "1", call_id, "queued")
    await _press_until(system, call, "1", call_id, "voicemail_started")

    async def recording() -> bool:
        rows = await system.rows("SELECT state FROM recording WHERE call_id = %s", call_id)
        return bool(rows)

    await until(recording)
    call.media.say(encode_ulaw(tone(523.0, 3.0)))
    await call.wait(3.5)
    await _press_until(system, call, "#", call_id, "voicemail_ended")
    await call.ended.wait()

    async def ready() -> bool:
        rows = await system.rows("SELECT state, seconds FROM recording WHERE call_id = %s", call_id)
        return rows[0]["state"] == "ready"

    await until(ready)
    message = await system.row("SELECT * FROM message WHERE call_id = %s", call_id)
    assert message["department_id"] == system.practice.department_id
    assert message["due_at"] is not None
    assert message["callback"] == CALLER
    return call_id
