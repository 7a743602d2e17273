"""Security's services put together: what the composition root builds once and hands to pages and API."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from careline.kernel.clock import Clock
from careline.platform.db import Database
from careline.security.account import AccountService
from careline.security.chain import anchors_file
from careline.security.first_run import FirstRunService
from careline.security.keys import Keyring
from careline.security.model import SecurityConfig
from careline.security.passwords import Hasher
from careline.security.people import PeopleService
from careline.security.sessions import SessionService
from careline.security.sign_in import SignInService
from careline.security.tokens import TokenService
from careline.security.trail import AuditService


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """One attribute a service."""

    config: SecurityConfig
    keyring: Keyring
    hasher: Hasher
    sessions: SessionService
    sign_in: SignInService
    account: AccountService
    people: PeopleService
    tokens: TokenService
    audit: AuditService
    first_run: FirstRunService


def build(
    db: Database,
    clock: Clock,
    *,
    config: SecurityConfig,
    keyring: Keyring,
    home: Path,
    hasher: Hasher | None = None,
    setup_code: str | None = None,
) -> Security:
    """Construct every service of the capability."""
    hasher = hasher or Hasher()
    sessions = SessionService(db, clock, config)
    sign_in = SignInService(db, clock, config, hasher, keyring, sessions)
    return Security(
        config=config,
        keyring=keyring,
        hasher=hasher,
        sessions=sessions,
        sign_in=sign_in,
        account=AccountService(db, clock, config, hasher, keyring, sessions, sign_in),
        people=PeopleService(db, clock, hasher, sessions),
        tokens=TokenService(db, clock, config),
        audit=AuditService(db, keyring, anchors_file(home)),
        first_run=FirstRunService(db, clock, hasher, setup_code),
    )
