"""Backup: one sealed file with the database, recordings, prompts, settings and keys. The system may be running.

The database is dumped first, in one snapshot; files are only ever added or removed as wholes, so what the rows name is
there. Plain text never touches the disk, and the file is read back completely before it gets its name.
"""

from __future__ import annotations

import hashlib
import io
import os
import pwd
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, cast

import psycopg

from careline import __version__
from careline.kernel.clock import Clock, SystemClock
from careline.kernel.errors import CarelineError, Conflict
from careline.platform import postgres
from careline.platform.backup_file import DUMP, MANIFEST, MASTER_KEY, SETTINGS, Hashing, Manifest, verify
from careline.platform.sealed import Sealer, Secret
from careline.platform.settings import Settings

#: What of the state directory is kept. The rest (database files, logs, sockets, unpacked programs) is made anew.
FOLDERS = ("recordings", "prompts", "keys", "audit")
#: Below those, what every start makes again.
REMADE = ("prompts/bundled", "prompts/spoken")

_PART = 16 << 20

Tell = Callable[[str], None]


class BackupFailed(CarelineError):
    """The backup could not be made; nothing was left behind."""

    id = "backup-failed"


def backup(
    settings: Settings, file: Path, secret: Secret, *, clock: Clock | None = None, tell: Tell = lambda _text: None
) -> Manifest:
    """Write everything to `file`, read it back, and return what it holds. The system may be running.

    Raises `Conflict` when `file` exists, `BackupFailed` when something cannot be read or written.
    """
    if file.exists():
        raise Conflict(f"{file} exists already")
    made_at = (clock or SystemClock()).now()
    partial = file.with_name(file.name + ".partial")
    try:
        with database(settings) as server:
            _check_rights(server)
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                sealer = Sealer(out, secret, {"made_at": made_at.isoformat(), "version": __version__})
                _write(settings, server, sealer, made_at, tell)
                sealer.close()
                out.flush()
                os.fsync(out.fileno())
        tell("reading it back")
        manifest = verify(partial, secret)
        partial.rename(file)
        _sync_directory(file.parent)
    except (OSError, psycopg.Error, subprocess.SubprocessError) as error:
        raise BackupFailed(f"The backup could not be made: {reason(error)}") from error
    finally:
        partial.unlink(missing_ok=True)
    return manifest


@contextmanager
def database(settings: Settings) -> Iterator[postgres.Server]:
    """The server of this installation; our own is started for the time it takes when it does not run."""
    if settings.database_url:
        yield postgres.external(settings.database_url)
    elif running := postgres.attach(settings.home):
        yield running
    else:
        server = postgres.start(settings.home)
        try:
            yield server
        finally:
            server.stop()


def reason(error: Exception) -> str:
    """The first line of an error of the system or the database."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _write(settings: Settings, server: postgres.Server, sealer: Sealer, made_at: datetime, tell: Tell) -> None:
    with psycopg.connect(server.admin_url) as conn:
        done = [row[0] for row in conn.execute("SELECT version FROM schema_migration ORDER BY version")]
    manifest = Manifest(version=__version__, made_at=made_at.isoformat(), migrations=done)
    with tarfile.open(fileobj=cast(IO[bytes], sealer), mode="w|", format=tarfile.PAX_FORMAT) as archive:
        tell("dumping the database")
        _write_dump(server, archive, manifest)
        tell("reading files")
        for name, path in _files(settings):
            if path.is_dir():
                entry = _described(_entry(name, 0), path.stat())
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)
            else:
                _write_file(archive, name, path, manifest)
        text = manifest.encode()
        archive.addfile(_entry(MANIFEST, len(text)), io.BytesIO(text))


def _write_dump(server: postgres.Server, archive: tarfile.TarFile, manifest: Manifest) -> None:
    command = [str(postgres.binaries() / "pg_dump"), "--format=custom", "--no-password", "--dbname", server.admin_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/") as dump:
        assert dump.stdout is not None
        assert dump.stderr is not None
        number = 0
        # In parts, because a tar entry begins with its length and the dump's is not known before its end.
        while part := dump.stdout.read(_PART):
            name = f"{DUMP}/{number:06}"
            archive.addfile(_entry(name, len(part)), io.BytesIO(part))
            manifest.files[name] = [len(part), hashlib.sha256(part).hexdigest()]
            number += 1
        complaint = dump.stderr.read().decode(errors="replace").strip()
    if dump.returncode:
        raise BackupFailed(f"pg_dump failed: {complaint.splitlines()[0] if complaint else dump.returncode}")


def _files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Every file and directory to keep, by the name it has in the archive."""
    if settings.master_key_path.is_file():
        yield MASTER_KEY, settings.master_key_path
    if (settings.home / SETTINGS).is_file():
        yield SETTINGS, settings.home / SETTINGS
    for folder in FOLDERS:
        root = settings.home / folder
        for path in [root, *sorted(root.rglob("*"))]:
            name = path.relative_to(settings.home).as_posix()
            remade = any(name == skip or name.startswith(skip + "/") for skip in REMADE)
            plain = (path.is_file() or path.is_dir()) and not path.is_symlink()
            if plain and not remade and path != settings.master_key_path:
                yield name, path


def _write_file(archive: tarfile.TarFile, name: str, path: Path, manifest: Manifest) -> None:
    try:
        source = path.open("rb")
    except FileNotFoundError:
        return  # its retention time ended this very moment
    with source:
        status = os.fstat(source.fileno())
        entry = _described(_entry(name, status.st_size), status)
        hashed = Hashing(source, status.st_size)
        archive.addfile(entry, cast(IO[bytes], hashed))
    manifest.files[name] = [status.st_size, hashed.digest()]


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.mode = 0o600
    return entry


def _described(entry: tarfile.TarInfo, status: os.stat_result) -> tarfile.TarInfo:
    """With mode, time and the owner's name (numbers differ between machines)."""
    entry.mode = status.st_mode & 0o777
    entry.mtime = int(status.st_mtime)
    with suppress(KeyError):
        entry.uname = pwd.getpwuid(status.st_uid).pw_name
    return entry


def _check_rights(server: postgres.Server) -> None:
    with psycopg.connect(server.admin_url) as conn:
        row = conn.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user").fetchone()
    if not (row and row[0]):
        raise BackupFailed(
            "The account of database_url must be a superuser or have BYPASSRLS to see every tenant's rows"
            " (or use the database's own backup)."
        )


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
