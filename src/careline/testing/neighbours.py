"""A second practice in the same installation, full of things that nobody of the first may see, change or even name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from careline.kernel.ids import new_id
from careline.messages.model import Draft, Urgency
from careline.platform.db import Database
from careline.security.model import Stage
from careline.security.permissions import Permission, Role
from careline.testing.builders import make_patient, make_practice, make_tenant
from careline.testing.floor import Floor

#: Stands in whatever the other practice calls its own.
THEIRS = "Farthing"


async def everything(db: Database, tenant_id: int) -> dict[str, Any]:
    """Every row of a practice, apart from what reading it writes down."""
    found: dict[str, Any] = {}
    async with db.tenant(tenant_id) as tx:
        tables = await tx.all(
            "SELECT DISTINCT table_name AS name FROM information_schema.columns WHERE column_name = 'tenant_id'"
            " AND table_schema = 'public' AND table_name NOT IN ('timer', 'person_directory', 'sign_in_throttle')"
        )
        for name in sorted(row["name"] for row in tables):
            rows = await tx.all(
                f"SELECT count(*) AS n, md5(string_agg(t::text, '|' ORDER BY t::text)) AS all FROM {name} t"  # noqa: S608
            )
            found[name] = rows[0]
    return found


async def neighbours(services: Any) -> tuple[int, UUID, dict[str, UUID]]:
    """The other practice, its administrator, and the ids of its things by the names that addresses give them."""
    db = services.db
    tenant = await make_tenant(db, "farthing", name=f"{THEIRS} Clinic", kind="integrated")
    floor = Floor(db, tenant, datetime.now(UTC))
    practice = await make_practice(db, tenant, services.clock, number="+14145550100", name=THEIRS)
    admin = floor.actor(await floor.person(f"{THEIRS} Admin", *Role), f"{THEIRS} Admin", *Role)
    queue = await floor.queue(f"{THEIRS} nurses")
    person = await floor.agent(f"{THEIRS} Okafor", queue)
    call = await floor.call(practice.line_id, phase="ended", ended_at=floor.ago(5), caller="+14145550177")
    patient = await make_patient(db, tenant, f"Maria {THEIRS}")
    flow = await services.flows.create(admin, f"{THEIRS} flow")
    await services.flows.publish(admin, flow.id)
    table = await services.tables.create(admin, THEIRS.lower(), [{"name": "key", "type": "text"}], [[THEIRS]])
    await services.voice_agents.allow(admin, "agents.example.org")
    agent = await services.voice_agents.add(
        admin, name=THEIRS.lower(), url="wss://agents.example.org/x", baa_signed=True
    )
    endpoint = await services.lookups.add(admin, name=THEIRS.lower(), kind="http", base_url="https://ehr.example.org")
    draft = Draft(
        department_id=practice.department_id, provider_id=None, caller_name=THEIRS, callback="+14145550177",
        callback_confirmed=True, voicemail_ok=True, language="en", reason="refill", body=f"{THEIRS} asks",
        urgency=Urgency.ROUTINE, patient_id=None, key="one",
    )  # fmt: skip
    token, _ = await services.security.tokens.create(
        admin, name=THEIRS, scopes=(Permission.CALL_READ,), life=timedelta(days=1)
    )
    assert admin.person_id is not None
    async with db.tenant(tenant) as tx:
        await services.security.sessions.open(tx, admin.person_id, Stage.FULL, "127.0.0.1", "test")
        session = await tx.one("SELECT id FROM session")
    assert session is not None
    recording = await floor.insert(
        "recording", id=new_id(), call_id=call, kind="voicemail", state="ready", started_at=floor.ago(30),
        seconds=20, bytes=1000, sha256="00", transcript=f"{THEIRS} speaking",
    )  # fmt: skip
    phone = await services.queues.add_phone(admin, person, f"{THEIRS} desk")
    return tenant, admin.person_id, {
        "queue_id": queue, "person_id": person, "call_id": call, "patient_id": patient, "flow_id": flow.id,
        "table_id": table.id, "agent_id": agent, "endpoint_id": endpoint, "recording_id": recording,
        "message_id": await services.messages.take(admin, draft), "line_id": practice.line_id,
        "hours_id": practice.hours_id, "department_id": practice.department_id, "account_id": practice.account_id,
        "surge_id": await services.queues.begin_surge(admin, queue_id=queue),
        "closure_id": await services.organization.close(admin, reason=THEIRS), "phone_id": phone.id,
        "token_id": token, "session_id": session["id"], "batch": new_id(),
    }  # fmt: skip
