"""Migrations: numbered SQL files, applied once each, forward only, under a lock, with their checksums kept.

`migrate(admin_url)` does everything a new or older database needs: roles, the database itself, each missing migration
in a transaction of its own. It may run at every start and from several machines at once.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from careline.kernel.errors import CarelineError

log = logging.getLogger(__name__)

OWNER = "careline_owner"
APP = "careline_app"
RELAY = "careline_relay"
#: May not sign in; owns the few functions that look across tenants (see `careline_lookup` in 0001).
LOOKUP = "careline_lookup"
LOGINS = (OWNER, APP, RELAY)

#: "CareLine" as eight ASCII bytes: the advisory lock that lets one migrator in at a time.
_LOCK = int.from_bytes(b"CareLine")
#: A second lock, cluster-wide in effect because it is taken in the maintenance database, for roles.
_ROLES_LOCK = int.from_bytes(b"CareRole")


class MigrationError(CarelineError):
    """The database cannot be brought to this version of Careline."""

    id = "migration-failed"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file `NNNN_name.sql`."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file's text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@cache
def migrations() -> Sequence[Migration]:
    """Every migration shipped with this version, in order."""
    found = []
    for entry in files("careline.platform").joinpath("migrations").iterdir():
        if entry.name.endswith(".sql"):
            number, _, name = entry.name.removesuffix(".sql").partition("_")
            found.append(Migration(int(number), name, entry.read_text("utf-8")))
    found.sort(key=lambda m: m.version)
    if len({m.version for m in found}) != len(found):
        raise MigrationError("two migrations have the same number")
    return tuple(found)


def migrate(admin_url: str, *, passwords: Mapping[str, str] | None = None, upto: int | None = None) -> list[str]:
    """Bring the database of `admin_url` to this version; returns the names of what was applied.

    `admin_url` belongs to a superuser, or a role with CREATEDB and CREATEROLE. `passwords` are set on the sign-in
    roles; without them the server must know its clients otherwise (peer, certificates). `upto` stops early, for
    upgrade tests.
    """
    wanted = conninfo_to_dict(admin_url)
    database = str(wanted.get("dbname") or "careline")
    maintenance = make_conninfo(admin_url, dbname="postgres")
    with psycopg.connect(maintenance, autocommit=True) as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", (_ROLES_LOCK,))
        _ensure_roles(conn, passwords or {})
        _ensure_database(conn, database)
    with psycopg.connect(make_conninfo(admin_url, dbname=database), autocommit=True) as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        _ensure_grants(conn, database)
        conn.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(OWNER)))
        return _apply(conn, upto)


def pending(url: str) -> list[str]:
    """Names of migrations the database of `url` has not had yet (`doctor`; refusing to run on an old one)."""
    with psycopg.connect(url, autocommit=True) as conn:
        known = conn.execute("SELECT to_regclass('schema_migration') IS NOT NULL").fetchone()
        done: set[int] = set()
        if known and known[0]:
            done = {row[0] for row in conn.execute("SELECT version FROM schema_migration")}
    return [f"{m.version:04}_{m.name}" for m in migrations() if m.version not in done]


def _ensure_roles(conn: psycopg.Connection, passwords: Mapping[str, str]) -> None:
    for role in (*LOGINS, LOOKUP):
        name = sql.Identifier(role)
        if not conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
            kind = sql.SQL("LOGIN" if role in LOGINS else "NOLOGIN")
            conn.execute(sql.SQL("CREATE ROLE {} {} NOSUPERUSER NOCREATEDB NOCREATEROLE").format(name, kind))
        if role in passwords:
            # The verifier is computed on this side, so that the password itself can reach no server log.
            verifier = conn.pgconn.encrypt_password(passwords[role].encode(), role.encode(), b"scram-sha-256").decode()
            conn.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(verifier)))
    # Needed when the administrator is not a superuser: to act as the owner, and to give functions to LOOKUP.
    conn.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(OWNER)))
    conn.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(LOOKUP), sql.Identifier(OWNER)))


def _ensure_database(conn: psycopg.Connection, database: str) -> None:
    if conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
        return
    conn.execute(
        sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(
            sql.Identifier(database), sql.Identifier(OWNER)
        )
    )


def _ensure_grants(conn: psycopg.Connection, database: str) -> None:
    name = sql.Identifier(database)
    conn.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    conn.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}, {}").format(name, *map(sql.Identifier, (APP, RELAY))))
    conn.execute(sql.SQL("GRANT CREATE, TEMPORARY, CONNECT ON DATABASE {} TO {}").format(name, sql.Identifier(OWNER)))
    conn.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}, {}").format(*map(sql.Identifier, (APP, RELAY))))
    conn.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {} WITH GRANT OPTION").format(sql.Identifier(OWNER)))
    conn.execute(sql.SQL("GRANT CREATE, USAGE ON SCHEMA public TO {}").format(sql.Identifier(LOOKUP)))


def _apply(conn: psycopg.Connection, upto: int | None) -> list[str]:
    conn.execute(
        "CREATE TABLE IF NOT EXISTS schema_migration (version integer PRIMARY KEY, name text NOT NULL,"
        " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
    )
    conn.execute(sql.SQL("GRANT SELECT ON schema_migration TO {}, {}").format(*map(sql.Identifier, (APP, RELAY))))
    done = {row[0]: (row[1], row[2]) for row in conn.execute("SELECT version, name, checksum FROM schema_migration")}
    shipped = {m.version: m for m in migrations()}
    for version, (name, checksum) in done.items():
        if version not in shipped:
            raise MigrationError("the database was made by a newer version of Careline", version=version, name=name)
        if shipped[version].checksum != checksum:
            raise MigrationError("a migration was changed after it had been applied", version=version, name=name)
    applied = []
    for migration in migrations():
        if migration.version in done or (upto is not None and migration.version > upto):
            continue
        with conn.transaction():
            conn.execute(migration.text)
            conn.execute(
                "INSERT INTO schema_migration (version, name, checksum) VALUES (%s, %s, %s)",
                (migration.version, migration.name, migration.checksum),
            )
        log.info("migration applied", extra={"migration": f"{migration.version:04}_{migration.name}"})
        applied.append(f"{migration.version:04}_{migration.name}")
    return applied
