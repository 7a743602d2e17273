"""A backup file: what is in it, and how it is read. The stream of a tar archive, sealed (`careline.platform.sealed`).

In it: the dump in parts `database/NNNNNN`, files under their names in the state directory, `manifest.json` at the end.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol, cast

from careline.platform import postgres
from careline.platform.sealed import Damaged, Secret, Unsealer

MASTER_KEY = "master.key"
SETTINGS = "careline.toml"
DUMP = "database"
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds."""

    version: str
    made_at: str
    migrations: list[int]
    #: name → [bytes, sha256]
    files: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes before encryption."""
        return sum(int(entry[0]) for entry in self.files.values())

    def encode(self) -> bytes:
        """As it stands in the file."""
        return json.dumps(asdict(self)).encode()


class Consumer(Protocol):
    """Who is given the content of a backup as it is read. Nothing is authentic as a whole before `read` returns."""

    def dump(self, part: bytes) -> None:
        """More of the database dump."""

    def directory(self, entry: tarfile.TarInfo) -> None:
        """A directory, before the files in it."""

    def file(self, entry: tarfile.TarInfo, content: IO[bytes]) -> None:
        """A file; must be read to its end."""

    def close(self) -> None:
        """The end, good or bad."""


def verify(file: Path, secret: Secret) -> Manifest:
    """Read a backup completely: every byte authentic, every file's checksum right, the dump readable to pg_restore.

    Raises `Damaged`.
    """
    listing = _Listing()
    manifest = read(file, secret, listing)
    if not listing.good:
        raise Damaged("The database in the backup cannot be read.")
    return manifest


def read(file: Path, secret: Secret, to: Consumer) -> Manifest:
    """Give everything in a backup to a consumer, and check it against the manifest at its end."""
    found: dict[str, list[Any]] = {}
    manifest: Manifest | None = None
    try:
        with file.open("rb") as source:
            stream = Unsealer(source, secret)
            with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|") as archive:
                for entry in archive:
                    if entry.name.startswith("/") or ".." in entry.name.split("/"):
                        raise Damaged
                    if entry.isdir():
                        to.directory(entry)
                        continue
                    content = archive.extractfile(entry)
                    if content is None:
                        raise Damaged
                    hashed = Hashing(content, entry.size)
                    if entry.name == MANIFEST:
                        manifest = Manifest(**json.loads(hashed.read()))
                        continue
                    if entry.name.startswith(DUMP + "/"):
                        to.dump(hashed.read())
                    else:
                        to.file(entry, cast(IO[bytes], hashed))
                    found[entry.name] = [entry.size, hashed.digest()]
            while rest := stream.read(1 << 20):  # to the last chunk, which proves that nothing was cut off
                if rest.strip(b"\0"):
                    raise Damaged
    except (tarfile.TarError, ValueError, TypeError) as error:
        raise Damaged from error
    finally:
        to.close()
    if manifest is None or manifest.files != found:
        raise Damaged
    return manifest


class Hashing:
    """Reads exactly `size` bytes (a recording may be growing meanwhile) and knows their checksum."""

    def __init__(self, source: IO[bytes], size: int) -> None:
        self._source = source
        self._left = size
        self._sum = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._source.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        self._sum.update(data)
        return data

    def digest(self) -> str:
        """SHA-256 of what was read."""
        return self._sum.hexdigest()


class _Listing:
    """Keeps nothing; the dump goes to `pg_restore --list`, which reads its table of contents."""

    def __init__(self) -> None:
        # Into a file: a long list would fill a pipe, and pg_restore would wait for us while we wait for it.
        self._listed = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        command = [str(postgres.binaries() / "pg_restore"), "--list"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=self._listed, stderr=subprocess.DEVNULL, cwd="/"
        )
        self._listening = True

    def dump(self, part: bytes) -> None:
        assert self._process.stdin is not None
        if self._listening:
            try:
                self._process.stdin.write(part)
            except BrokenPipeError:
                self._listening = False  # it has seen the table of contents and wants no more

    def directory(self, entry: tarfile.TarInfo) -> None:
        """Nothing to check."""

    def file(self, entry: tarfile.TarInfo, content: IO[bytes]) -> None:  # noqa: ARG002 (only read for its checksum)
        while content.read(1 << 20):
            pass

    def close(self) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        status = self._process.wait()
        with self._listed as out:
            out.seek(0)
            self.good = status == 0 and b"TABLE DATA" in out.read()
