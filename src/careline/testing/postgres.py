"""A real PostgreSQL for tests: one server a session, one migrated template, a fresh database a test.

Several test sessions may run at once: each has its own directory. What a killed session left behind is removed by the
next one. Set CARELINE_TEST_DATABASE_URL (an administrator's address) to test against an external server instead.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from careline.platform import postgres
from careline.platform.migrate import APP, OWNER, RELAY, migrate

#: Tests prove logic, not disks: losing the data in a power cut is fine here, and only here.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
}
_PREFIX = "careline-test-"
_TEMPLATE = "careline_template"
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Urls:
    """The addresses of one test's database."""

    admin: str
    owner: str
    app: str
    relay: str
    name: str


@contextmanager
def server() -> Iterator[postgres.Server]:
    """A server with the migrated template database, stopped and removed at the end."""
    if given := os.environ.get("CARELINE_TEST_DATABASE_URL"):
        outside = postgres.external(make_conninfo(given, dbname=f"{_TEMPLATE}_{os.getpid()}"))
        migrate(outside.admin_url, passwords=outside.passwords)
        try:
            yield outside
        finally:
            _drop(outside, f"{_TEMPLATE}_{os.getpid()}")
        return
    with private_directory() as home:
        ours = postgres.start(home, database=_TEMPLATE, config=FAST)
        try:
            migrate(ours.admin_url)
            yield ours
        finally:
            ours.stop()


@contextmanager
def database(on: postgres.Server) -> Iterator[Urls]:
    """A fresh copy of the template, dropped afterwards whoever is still connected."""
    template = psycopg.conninfo.conninfo_to_dict(on.admin_url)["dbname"]
    name = f"careline_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(on.url("postgres", "postgres"), autocommit=True) as conn:
        make = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY file_copy")
        conn.execute(make.format(*map(sql.Identifier, (name, str(template), OWNER))))
        # Privileges on the database itself are not copied from the template.
        close = sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC; GRANT CONNECT ON DATABASE {} TO {}, {}")
        conn.execute(close.format(*map(sql.Identifier, (name, name, APP, RELAY))))
    try:
        yield Urls(
            admin=on.url("postgres", name),
            owner=on.url(OWNER, name),
            app=on.url(APP, name),
            relay=on.url(RELAY, name),
            name=name,
        )
    finally:
        _drop(on, name)


@contextmanager
def private_directory() -> Iterator[Path]:
    """A short-named directory the service account can reach, removed at the end; in memory where there is any."""
    root = Path("/dev/shm") if os.access("/dev/shm", os.W_OK | os.X_OK) else Path(tempfile.gettempdir())  # noqa: S108
    _sweep(root)
    home = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
    home.chmod(0o755)  # only to be passed through; what lies inside is 0700
    with (home / "starting").open("w") as mark:
        # Locked before it has its name, so that no other session can find it unlocked and take us for dead.
        fcntl.flock(mark, fcntl.LOCK_EX)
        (home / "starting").rename(home / "alive")
        try:
            yield home
        finally:
            shutil.rmtree(home, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove the directories of sessions that were killed: nobody holds their lock any more."""
    for old in root.glob(_PREFIX + "*"):
        with suppress(OSError), (old / "alive").open("r+") as mark:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for pid_file in old.rglob("postmaster.pid"):
                with suppress(ValueError, IndexError, OSError):
                    pid = int(pid_file.read_text().splitlines()[0])
                    if postgres.is_postgres(pid):
                        os.kill(pid, signal.SIGQUIT)
            shutil.rmtree(old, ignore_errors=True)


def _drop(on: postgres.Server, name: str) -> None:
    with psycopg.connect(on.url("postgres", "postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
