"""Nothing secret and nobody's name reaches the log while people sign in, fail to, and administer each other."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from careline.kernel.errors import CarelineError
from careline.platform.db import Database
from careline.security.model import SecurityConfig
from careline.security.permissions import Permission, Role
from careline.testing.clock import ManualClock
from careline.testing.security import PASSWORD, code_of, enrol, make_security, make_staff, sign_in

pytestmark = pytest.mark.integration

NAME, EMAIL, WRONG = "Wilhelmina Quackenbush", "wilhelmina@example.org", "wrong-but-telling-password"


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


async def test_no_secret_and_no_name_in_logs_events_or_errors(
    db: Database, tenant: int, tmp_path: Path, everything_logged: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    security = make_security(db, clock, tmp_path, config=SecurityConfig(mfa_required=False))
    admin = await make_staff(db, clock, tenant, [Role.ADMINISTRATOR], email="ada@example.org", name="Ada Admin")
    _, session = await sign_in(security, admin)
    person, first = await security.people.create(session.actor, email=EMAIL, name=NAME, roles=[Role.AGENT])
    errors: list[CarelineError] = []
    for password in (WRONG, WRONG):
        try:
            await security.sign_in.start(EMAIL, password, ip="192.0.2.1")
        except CarelineError as error:
            errors.append(error)
    opened = await security.sign_in.start(EMAIL, first, ip="192.0.2.1")
    pending = await security.sessions.read(opened.secret)
    changed = await security.account.change_password(pending, current=first, new=PASSWORD)
    theirs = await security.sessions.read(changed.secret)
    seed, enrolled, codes = await enrol(security, theirs, clock)
    _, token = await security.tokens.create(
        session.actor, name="t", scopes=[Permission.CALL_READ], life=timedelta(days=1), person_id=person.id
    )
    clock.advance(minutes=5)
    again = await security.sessions.read((await security.sign_in.start(EMAIL, PASSWORD, ip=None)).secret)
    try:
        await security.sign_in.give_code(again, "000000", ip=None)
    except CarelineError as error:
        errors.append(error)
    code = code_of(seed, clock)
    whole = await security.sign_in.give_code(again, code, ip=None)
    await security.people.deactivate(session.actor, person.id)
    assert len(errors) == 3

    async with db.tenant(tenant) as tx:
        events = await tx.all("SELECT stream, kind, body FROM event")
        audited = await tx.all("SELECT to_jsonb(a)::text AS row FROM audit_log a")
    logged = "\n".join(f"{r.getMessage()} {json.dumps(r.__dict__, default=str)}" for r in everything_logged.records)
    told = logged + json.dumps(events, default=str) + "".join(f"{e.detail} {e.facts} {e!r}" for e in errors)
    secrets = [
        WRONG,
        first,
        PASSWORD,
        seed,
        token,
        opened.secret,
        changed.secret,
        enrolled.secret,
        whole.secret,
        *codes,
    ]
    assert len(events) > 5 and len(audited) > 5
    for secret in (*secrets, NAME, EMAIL):
        assert secret not in told
    for secret in secrets:
        assert not any(secret in row["row"] for row in audited)
