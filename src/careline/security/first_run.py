"""The first run: an empty system gets its first tenant and its first administrator, once."""

from __future__ import annotations

import hmac
import os
import re
import unicodedata
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from careline.kernel.clock import Clock
from careline.kernel.errors import Forbidden, InvalidInput
from careline.kernel.ids import new_id
from careline.platform.db import Database, queries
from careline.platform.events import NewEvent, append
from careline.security import audit
from careline.security.actor import system_actor
from careline.security.audit import Action
from careline.security.model import AlreadySetUp, check_password, normal_email
from careline.security.passwords import Hasher, readable_secret
from careline.security.people import check_language, check_name, insert_person
from careline.security.permissions import Role

_q = queries("careline.security")
#: "Careline" set-up: one at a time, in whatever process.
_LOCK = int.from_bytes(b"CareRun1")


class SetupCodeWrong(Forbidden):
    """The set-up code is not right; it is printed where Careline was started."""

    id = "setup-code-wrong"


def setup_code(home: Path) -> str:
    """The code that proves access to this machine: made once, kept in a file only its owner can read."""
    file = home / "keys" / "setup-code"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(readable_secret(2))
    except FileExistsError:
        pass
    return file.read_text("ascii").strip()


class FirstRunService:
    """Makes the first tenant with its first administrator. There is no actor: nobody exists yet."""

    def __init__(self, db: Database, clock: Clock, hasher: Hasher, code: str | None) -> None:
        """`code`: what must be typed, or None where only this machine can reach the page."""
        self._db = db
        self._clock = clock
        self._hasher = hasher
        self._code = code
        self._over = False

    @property
    def needs_code(self) -> bool:
        """Whether the page must ask for the set-up code."""
        return self._code is not None

    async def is_needed(self) -> bool:
        """Whether there is no tenant yet."""
        if not self._over:
            async with self._db.system() as tx:
                self._over = await tx.one(_q["any_tenant"]) is not None
        return not self._over

    async def run(
        self,
        *,
        code: str,
        organization: str,
        kind: str,
        zone: str,
        email: str,
        name: str,
        password: str,
        language: str = "en",
        also: frozenset[Role] = frozenset(),
    ) -> tuple[int, UUID]:
        """Make both; returns their ids. Raises `AlreadySetUp`, `SetupCodeWrong`, `InvalidInput`, `PasswordRejected`."""
        if self._code is not None and not hmac.compare_digest(code.strip().lower().encode(), self._code.encode()):
            raise SetupCodeWrong
        organization, name, email = check_name(organization), check_name(name), normal_email(email)
        language = check_language(language)
        if kind not in ("administrative", "integrated"):
            raise InvalidInput("Choose what kind of service this is.", field="kind")
        check_zone(zone)
        check_password(password, email=email, name=name)
        password_hash = await self._hasher.hash(password)
        person_id = new_id()
        async with self._db.system() as tx:
            await tx.run("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            if await tx.one(_q["any_tenant"]) is not None:
                raise AlreadySetUp
            values = {"slug": slug(organization), "name": organization, "kind": kind, "zone": zone}
            row = await tx.one(_q["insert_tenant"], values)
            if row is None:
                raise AlreadySetUp
            tenant_id = int(row["id"])
            # From here on the same transaction belongs to the tenant it has just made: both or neither.
            await tx.run("SELECT set_config('app.tenant', %s, true)", (str(tenant_id),))
            await insert_person(
                tx,
                self._clock,
                person_id,
                email=email,
                name=name,
                language=language,
                roles=sorted({Role.ADMINISTRATOR, *also}),
                password_hash=password_hash,
                must_change=False,
            )
            created = NewEvent(
                stream="person", stream_id=person_id, kind="created", body={"first": True}, person_id=person_id
            )
            await append(tx, [created])
            actor = system_actor(tenant_id)
            await audit.record(tx, actor, Action.CREATE, "person", person_id, detail={"first-run": True})
        return tenant_id, person_id


def slug(name: str) -> str:
    """A short name for addresses and folders: `Lakeshore Health` → `lakeshore-health`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-") or "tenant"


def check_zone(zone: str) -> None:
    """Raise `InvalidInput` unless this is an IANA time zone."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput("This is not a time zone, such as America/Chicago.", field="zone") from error
