"""Signing people in for tests: security's services on a standing clock, with cheap password hashes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pyotp

from careline.kernel.clock import Clock
from careline.kernel.ids import new_id
from careline.platform.db import Database
from careline.security import service
from careline.security.keys import Keyring
from careline.security.model import SecurityConfig
from careline.security.passwords import Hasher
from careline.security.people import insert_person
from careline.security.permissions import Role
from careline.security.service import Security
from careline.security.sessions import Opened, Session

#: Good enough for the rules, and the same for everybody.
PASSWORD = "correct horse battery"  # noqa: S105
#: The hash costs a millisecond and is always the same password: made once.
_HASH = Hasher.cheap().hash_now(PASSWORD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """A person with a password, ready to sign in."""

    tenant_id: int
    id: UUID
    email: str
    name: str


def make_security(
    db: Database,
    clock: Clock,
    home: Path,
    *,
    config: SecurityConfig | None = None,
    keyring: Keyring | None = None,
    setup_code: str | None = None,
) -> Security:
    """The services, without a demanded second factor unless `config` says so."""
    return service.build(
        db,
        clock,
        config=config or SecurityConfig(mfa_required=False),
        keyring=keyring or Keyring.ephemeral(),
        home=home,
        hasher=Hasher.cheap(),
        setup_code=setup_code,
    )


async def make_staff(
    db: Database, clock: Clock, tenant_id: int, roles: Iterable[Role], *, email: str, name: str = "Robin Park"
) -> Staff:
    """A person who can sign in with `PASSWORD`."""
    person_id = new_id()
    async with db.tenant(tenant_id) as tx:
        await insert_person(
            tx,
            clock,
            person_id,
            email=email,
            name=name,
            language="en",
            roles=sorted(roles),
            password_hash=_HASH,
            must_change=False,
        )
    return Staff(tenant_id=tenant_id, id=person_id, email=email, name=name)


async def sign_in(security: Security, staff: Staff, *, ip: str = "127.0.0.1") -> tuple[Opened, Session]:
    """Sign in with the password alone."""
    opened = await security.sign_in.start(staff.email, PASSWORD, ip=ip)
    return opened, await security.sessions.read(opened.secret, ip=ip)


async def enrol(security: Security, session: Session, clock: Clock) -> tuple[str, Opened, list[str]]:
    """Set up an authenticator; returns its seed, the session's new secret and the recovery codes."""
    offered = await security.account.begin_enrolment(session)
    opened, codes = await security.account.confirm_enrolment(session, code_of(offered.secret, clock))
    return offered.secret, opened, codes


def code_of(seed: str, clock: Clock) -> str:
    """What the authenticator shows now."""
    return pyotp.TOTP(seed).at(clock.now())
