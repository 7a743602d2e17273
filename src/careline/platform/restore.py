"""Restore: a backup into an empty system that is not running.

The file is read completely before anything is touched. The database is filled under another name and takes the real one
at the very end; files wait in a staging folder until then.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from careline.kernel.errors import CarelineError, Conflict
from careline.platform import postgres
from careline.platform.backup import Tell, database, reason
from careline.platform.backup_file import MASTER_KEY, SETTINGS, Manifest, read, verify
from careline.platform.db import queries
from careline.platform.migrate import migrate, migrations
from careline.platform.sealed import Secret
from careline.platform.settings import Settings


class RestoreFailed(CarelineError):
    """The backup could not be restored; the system is as it was."""

    id = "restore-failed"


class NotEmpty(Conflict):
    """A backup is restored into an empty system only."""

    id = "system-not-empty"


def restore(file: Path, settings: Settings, secret: Secret, *, tell: Tell = lambda _text: None) -> Manifest:
    """Bring a backup into an empty system that is not running.

    Raises `Damaged` or `NotEmpty` before anything is touched, `RestoreFailed` with everything as it was.
    """
    if not file.is_file():
        raise RestoreFailed(f"{file} is not a file")
    tell("checking the backup")
    manifest = verify(file, secret)
    newer = sorted(set(manifest.migrations) - {m.version for m in migrations()})
    if newer:
        raise RestoreFailed(f"The backup was made by a newer version of Careline ({manifest.version}).")
    _check_folders_empty(settings)
    staging = settings.home / "restore.partial"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        with _exclusively(settings) as server:
            _check_database_empty(server)
            tell("restoring the database")
            with _new_database(server) as (name, new_url):
                read(file, secret, _Restoring(new_url, staging))
                _renumber_events(new_url)
                migrate(new_url, passwords=server.passwords)
                tell("putting files in their places")
                undo = _place(staging, settings)
                try:
                    _take_over(server, name)
                except BaseException:
                    undo()
                    raise
    except (OSError, psycopg.Error, subprocess.SubprocessError) as error:
        raise RestoreFailed(f"The backup could not be restored: {reason(error)}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return manifest


class _Restoring:
    """A reader's consumer that fills a new database and a staging folder."""

    def __init__(self, url: str, staging: Path) -> None:
        command = [
            str(postgres.binaries() / "pg_restore"), "--exit-on-error", "--single-transaction", "--no-password",
            "--dbname", url,
        ]  # fmt: skip
        staging.mkdir(parents=True, mode=0o700)
        self._staging = staging
        self._errors = (staging / "errors").open("w+b")
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=self._errors, cwd="/")

    def dump(self, part: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # its exit status tells more than this
            self._process.stdin.write(part)

    def file(self, entry: tarfile.TarInfo, content: IO[bytes]) -> None:
        target = self._staging / "files" / entry.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            while data := content.read(1 << 20):
                out.write(data)
            out.flush()
            os.fsync(out.fileno())
        _describe(target, entry)

    def directory(self, entry: tarfile.TarInfo) -> None:
        target = self._staging / "files" / entry.name
        target.mkdir(parents=True, exist_ok=True)
        _describe(target, entry)

    def close(self) -> None:
        """Raises `RestoreFailed` with pg_restore's first complaint."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        status = self._process.wait()
        with self._errors as errors:
            errors.seek(0)
            # Only the first line: the following ones quote rows.
            complaint = errors.readline().decode(errors="replace").strip()
        if status:
            raise RestoreFailed(f"pg_restore failed: {complaint}")


def _describe(target: Path, entry: tarfile.TarInfo) -> None:
    """Mode, time and, where we may, the owner."""
    target.chmod(entry.mode)
    if os.geteuid() == 0 and entry.uname:
        with suppress(LookupError):
            shutil.chown(target, entry.uname)
    os.utime(target, (entry.mtime, entry.mtime))


@contextmanager
def _exclusively(settings: Settings) -> Iterator[postgres.Server]:
    """The server, with nobody else supervising it."""
    if settings.database_url:
        with database(settings) as server:
            yield server
        return
    try:
        server = postgres.start(settings.home)
    except postgres.PostgresOwned:
        raise NotEmpty("Careline is running: stop it first") from None
    try:
        yield server
    finally:
        server.stop()


def _check_folders_empty(settings: Settings) -> None:
    for folder in ("recordings", "audit"):
        if any(path.is_file() for path in (settings.home / folder).rglob("*")):
            raise NotEmpty(f"{settings.home / folder} holds files: a backup is restored into an empty system only")


def _check_database_empty(server: postgres.Server) -> None:
    database = conninfo_to_dict(server.admin_url)["dbname"]
    with psycopg.connect(server.url(postgres.ADMIN, "postgres"), autocommit=True) as conn:
        if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
            return
    with psycopg.connect(server.admin_url, autocommit=True) as conn:
        there = conn.execute("SELECT to_regclass('tenant') IS NOT NULL").fetchone()
        if there and there[0] and conn.execute("SELECT 1 FROM tenant LIMIT 1").fetchone():
            raise NotEmpty("The database holds an organization: a backup is restored into an empty system only")


@contextmanager
def _new_database(server: postgres.Server) -> Iterator[tuple[str, str]]:
    """An empty database beside the real one, dropped unless it was renamed by then."""
    name = f"{conninfo_to_dict(server.admin_url)['dbname']}_restoring"
    url = make_conninfo(server.admin_url, dbname=name)
    # Makes the roles too, which the dump's objects belong to.
    _drop(server, name)
    migrate(url, passwords=server.passwords, upto=0)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("DROP TABLE schema_migration")
    try:
        yield name, url
    finally:
        _drop(server, name)


def _drop(server: postgres.Server, name: str) -> None:
    with psycopg.connect(server.url(postgres.ADMIN, "postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _take_over(server: postgres.Server, name: str) -> None:
    real = str(conninfo_to_dict(server.admin_url)["dbname"])
    _drop(server, real)
    with psycopg.connect(server.url(postgres.ADMIN, "postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(real)))


def _renumber_events(url: str) -> None:
    """A new cluster counts transactions from the start: give all events one old number, and followers their places.

    Otherwise the restored events would lie in the future, and new ones before every follower's position. An event that
    a follower had not read comes again, and perhaps some after it that it had: at least once, as promised.
    """
    known = queries("careline.platform")
    with psycopg.connect(url) as conn:
        for name in ("reset_cursors", "reset_events", "reset_leases"):
            conn.execute(known[name])


def _place(staging: Path, settings: Settings) -> Callable[[], None]:
    """Move restored files to their places; returns how to undo it.

    A key file that an empty system made for itself is kept aside, and this machine's own settings stay in force.
    """
    files = staging / "files"
    moved: list[tuple[Path, Path]] = []

    def move(source: Path, target: Path) -> None:
        moved.append((source, target))
        shutil.move(source, target)

    def undo() -> None:
        for source, target in reversed(moved):
            if target.exists():
                shutil.move(target, source)

    try:
        for path in sorted(files.rglob("*")):
            name = path.relative_to(files).as_posix()
            target = settings.master_key_path if name == MASTER_KEY else settings.home / name
            if path.is_dir():
                if not target.exists():
                    target.mkdir(parents=True)
                    shutil.copystat(path, target)
                    os.chown(target, path.stat().st_uid, path.stat().st_gid)
                continue
            if name == SETTINGS and target.exists():
                target = target.with_name(SETTINGS + ".restored")
            elif target.exists():
                move(target, target.with_name(target.name + ".before-restore"))
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            move(path, target)
    except BaseException:
        undo()
        raise
    return undo
