"""The recording file: stereo G.711 µ-law in chunks, each sealed as it is written (AES-256-GCM).

    CLREC01\\n   u32 length   JSON header   chunk   chunk   …   last chunk

A chunk is `u32 word · nonce (12) · ciphertext and tag`; the word's top bit marks the last one, the rest is the number
of µ-law bytes inside. Number, mark and recording id are authenticated: chunks cannot be changed, reordered, dropped
from the middle, or moved to another recording, and a cut-off file shows. Each file has its own random key, kept in the
header under a key of the recorder's that the tenant's key has sealed. A file without its last chunk (power cut, kill
-9) is readable up to its last whole chunk, and can be continued.
"""

from __future__ import annotations

import base64
import json
import os
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from careline.kernel.errors import CarelineError
from careline.security.keys import decrypt, encrypt

MAGIC = b"CLREC01\n"
#: µ-law bytes in a full chunk: 1.024 s of both sides, which is what Asterisk writes at once.
CHUNK = 16384
RATE = 8000
CHANNELS = 2
#: µ-law bytes of one second.
BYTES_A_SECOND = RATE * CHANNELS
_LAST = 0x8000_0000
_NONCE, _TAG = 12, 16


class DamagedRecording(CarelineError):
    """The recording's file was changed, cut off or belongs to something else."""

    id = "damaged-recording"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a file says about itself, unencrypted: identifiers and keys that only the tenant's key opens."""

    recording: str
    tenant: int
    #: ISO 8601, UTC.
    started: str
    #: The wrapping key's id and the wrapping key as sealed with the tenant's key.
    kek: str
    kek_sealed: str
    #: The file's own key, encrypted with the wrapping key.
    key: str

    @property
    def sealed_wrapping_key(self) -> bytes:
        """For `Keyring.open(tx, …, kek_context(header.kek))`."""
        return base64.b64decode(self.kek_sealed)


@dataclass(frozen=True, slots=True)
class WrappingKey:
    """One key of the recorder's life that wraps the keys of many files, so that none of them needs the database."""

    id: str
    secret: bytes
    sealed: bytes


def kek_context(kek: str) -> str:
    """The context under which a wrapping key is sealed with the tenant's key."""
    return f"recorder {kek}"


def wrap(wrapping: WrappingKey, key: bytes, recording: str, tenant: int, started: str) -> Header:
    """A header that carries a file's key."""
    return Header(
        recording=recording,
        tenant=tenant,
        started=started,
        kek=wrapping.id,
        kek_sealed=base64.b64encode(wrapping.sealed).decode(),
        key=base64.b64encode(encrypt(wrapping.secret, key, f"recording {recording}".encode())).decode(),
    )


def unwrap(header: Header, secret: bytes) -> bytes:
    """The file's key. Raises `Undecryptable`."""
    return decrypt(secret, base64.b64decode(header.key), f"recording {header.recording}".encode())


class Sealer:
    """Appends sealed chunks to a file."""

    def __init__(self, path: Path, header: Header, key: bytes) -> None:
        """Open a new file, or continue one: what is behind its last whole chunk is cut off."""
        self.path = path
        self.header = header
        self.chunks = 0
        #: µ-law bytes written so far.
        self.size = 0
        self._cipher = AESGCM(key)
        fresh = not path.exists()
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if fresh:
            text = json.dumps(asdict(header), separators=(",", ":")).encode()
            os.write(self._fd, MAGIC + struct.pack("<I", len(text)) + text)
            return
        with path.open("rb") as file:
            read_header(file)
            end = file.tell()
            for offset, size, last in _chunks(file, path.stat().st_size):
                if last:
                    raise DamagedRecording("A finished recording cannot be continued.")
                self.chunks += 1
                self.size += size
                end = offset + size + _TAG
        os.ftruncate(self._fd, end)
        os.lseek(self._fd, end, os.SEEK_SET)

    def add(self, sound: bytes, *, last: bool = False) -> None:
        """Seal a chunk. Raises OSError (disk full) without leaving half a chunk."""
        nonce = os.urandom(_NONCE)
        word = len(sound) | (_LAST if last else 0)
        sealed = self._cipher.encrypt(nonce, sound, _context(self.header.recording, self.chunks, last))
        before = os.lseek(self._fd, 0, os.SEEK_CUR)
        data = struct.pack("<I", word) + nonce + sealed
        try:
            written = os.write(self._fd, data)
            if written < len(data):
                os.write(self._fd, data[written:])
        except OSError:
            os.ftruncate(self._fd, before)
            os.lseek(self._fd, before, os.SEEK_SET)
            raise
        self.chunks += 1
        self.size += len(sound)

    def close(self) -> None:
        """Flush to disk and close."""
        os.fsync(self._fd)
        os.close(self._fd)


class Opener:
    """Reads a file: any range of its sound, without reading what lies before."""

    def __init__(self, path: Path, key: bytes) -> None:
        """Raises `DamagedRecording`, also when the mark of the last chunk is forged."""
        self._path = path
        self._cipher = AESGCM(key)
        with path.open("rb") as file:
            self.header = read_header(file)
            self._index = list(_chunks(file, path.stat().st_size))
            if self._index and self._index[-1][2]:
                self._open(file, len(self._index) - 1, *self._index[-1])
        #: Whether the last chunk is there: nothing was cut off.
        self.whole = bool(self._index) and self._index[-1][2]
        #: µ-law bytes in all.
        self.size = sum(size for _, size, _ in self._index)

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The µ-law bytes from `start` up to `end`, a chunk at a time. Raises `DamagedRecording`."""
        position = 0
        with self._path.open("rb") as file:
            for number, (offset, size, last) in enumerate(self._index):
                if position >= end:
                    return
                if position + size > start:
                    sound = self._open(file, number, offset, size, last)
                    yield sound[max(0, start - position) : end - position]
                position += size

    def _open(self, file: BinaryIO, number: int, offset: int, size: int, last: bool) -> bytes:
        file.seek(offset - _NONCE)
        nonce, sealed = file.read(_NONCE), file.read(size + _TAG)
        try:
            return self._cipher.decrypt(nonce, sealed, _context(self.header.recording, number, last))
        except InvalidTag as error:
            raise DamagedRecording(recording=self.header.recording) from error


def measure(path: Path) -> int:
    """µ-law bytes in a file, without its key. Raises `DamagedRecording`."""
    with path.open("rb") as file:
        read_header(file)
        return sum(size for _, size, _ in _chunks(file, path.stat().st_size))


def read_header(file: BinaryIO) -> Header:
    """The header; leaves the file at its first chunk. Raises `DamagedRecording`."""
    try:
        if file.read(len(MAGIC)) != MAGIC:
            raise DamagedRecording("This is not a recording of Careline's.")
        (length,) = struct.unpack("<I", file.read(4))
        return Header(**json.loads(file.read(length)))
    except (struct.error, ValueError, TypeError) as error:
        raise DamagedRecording from error


def _chunks(file: BinaryIO, total: int) -> Iterator[tuple[int, int, bool]]:
    """(where the ciphertext begins, µ-law bytes, whether it is the last) of every whole chunk."""
    while True:
        head = file.read(4)
        if len(head) < 4:
            return
        (word,) = struct.unpack("<I", head)
        size, offset = word & ~_LAST, file.tell() + _NONCE
        if offset + size + _TAG > total:
            return
        yield offset, size, bool(word & _LAST)
        if word & _LAST:
            return
        file.seek(offset + size + _TAG)


def _context(recording: str, number: int, last: bool) -> bytes:
    return f"careline {recording} {number} {'last' if last else 'more'}".encode()
