"""Sealed files: a stream encrypted in chunks, so that any change, cut or wrong key is noticed before anything is used.

Layout: a line of JSON that says how the key is derived, then chunks of AES-256-GCM. Each chunk's nonce holds its number
and whether it is the last (the STREAM construction), and each chunk authenticates the first line: chunks can be neither
swapped, dropped nor cut off, and the parameters cannot be weakened.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import IO, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from careline.kernel.errors import CarelineError, InvalidInput

FORMAT = "careline-sealed-1"
CHUNK = 1 << 20
_TAG = 16
#: Half a second and 128 MiB a guess.
_SCRYPT_N = 1 << 17
_MAX_HEADER = 4096


class WeakSecret(InvalidInput):
    """A passphrase needs at least 12 characters, a key file at least 32 bytes."""

    id = "weak-secret"


class Damaged(CarelineError):
    """The file is damaged or incomplete, or the passphrase or key is not the one it was made with."""

    id = "backup-damaged"
    status = 400


@dataclass(frozen=True, slots=True)
class Secret:
    """What opens a sealed file: a passphrase that people remember, or the content of a key file."""

    value: bytes
    is_key_file: bool

    @classmethod
    def passphrase(cls, text: str) -> Secret:
        """Stretched with scrypt. Raises `WeakSecret`."""
        if len(text) < 12:
            raise WeakSecret
        return cls(text.encode(), False)

    @classmethod
    def key_file(cls, content: bytes) -> Secret:
        """Taken as it is; make one with `head -c 32 /dev/urandom`. Raises `WeakSecret`."""
        if len(content) < 32:
            raise WeakSecret
        return cls(content, True)

    def _derive(self, header: dict[str, Any]) -> bytes:
        salt = bytes.fromhex(header["salt"])
        if header["kdf"] == "scrypt":
            return Scrypt(salt=salt, length=32, n=header["n"], r=8, p=1).derive(self.value)
        return HKDF(algorithm=SHA256(), length=32, salt=salt, info=FORMAT.encode()).derive(self.value)


class Sealer:
    """A writable binary stream that encrypts into `out`. Only `close()` makes it whole."""

    def __init__(self, out: IO[bytes], secret: Secret, facts: dict[str, Any] | None = None) -> None:
        """`facts` are readable without the secret: when it was made, by which version."""
        header: dict[str, Any] = {
            **(facts or {}),
            "format": FORMAT,
            "kdf": "hkdf" if secret.is_key_file else "scrypt",
            "salt": os.urandom(16).hex(),
            "nonce": os.urandom(7).hex(),
        }
        if not secret.is_key_file:
            header["n"] = _SCRYPT_N
        self._line = json.dumps(header).encode() + b"\n"
        self._out = out
        self._cipher = AESGCM(secret._derive(header))
        self._prefix = bytes.fromhex(header["nonce"])
        self._number = 0
        self._buffer = bytearray()
        out.write(self._line)

    def write(self, data: bytes) -> int:
        """Encrypt more."""
        self._buffer += data
        while len(self._buffer) > CHUNK:
            self._chunk(bytes(self._buffer[:CHUNK]), last=False)
            del self._buffer[:CHUNK]
        return len(data)

    def close(self) -> None:
        """Write the last chunk, which says that it is the last."""
        self._chunk(bytes(self._buffer), last=True)
        self._buffer.clear()

    def _chunk(self, data: bytes, *, last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._prefix, self._number, last), data, self._line))
        self._number += 1


class Unsealer:
    """A readable binary stream of what a `Sealer` was given. Raises `Damaged` instead of giving a changed byte."""

    def __init__(self, source: IO[bytes], secret: Secret) -> None:
        self._source = source
        self._line = source.readline(_MAX_HEADER)
        self.header = _header(self._line)
        if (self.header["kdf"] == "hkdf") != secret.is_key_file:
            asked = "key file" if self.header["kdf"] == "hkdf" else "passphrase"
            raise Damaged(f"This file was made with a {asked}.")
        self._cipher = AESGCM(secret._derive(self.header))
        self._prefix = bytes.fromhex(self.header["nonce"])
        self._number = 0
        self._ahead = source.read(CHUNK + _TAG)
        self._plain = b""
        self._done = False

    def read(self, size: int = -1) -> bytes:
        """The next bytes; fewer than `size` only at the end."""
        parts, left = [], size if size >= 0 else 1 << 62
        while left:
            if not self._plain and not self._next():
                break
            part, self._plain = self._plain[:left], self._plain[left:]
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def _next(self) -> bool:
        if self._done:
            return False
        chunk, self._ahead = self._ahead, self._source.read(CHUNK + _TAG)
        last = not self._ahead
        try:
            self._plain = self._cipher.decrypt(_nonce(self._prefix, self._number, last), chunk, self._line)
        except (InvalidTag, ValueError):
            raise Damaged from None
        self._number += 1
        self._done = last
        return bool(self._plain)


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    return prefix + number.to_bytes(4) + bytes([last])


def _header(line: bytes) -> dict[str, Any]:
    try:
        header = json.loads(line)
        wanted = {"format": str, "kdf": str, "salt": str, "nonce": str}
        good = all(isinstance(header[name], kind) for name, kind in wanted.items())
        good = good and header["format"] == FORMAT and header["kdf"] in ("scrypt", "hkdf")
        good = good and len(bytes.fromhex(header["nonce"])) == 7 and len(bytes.fromhex(header["salt"])) == 16
        # A huge cost would be a way to exhaust memory with a prepared file.
        good = good and (header["kdf"] == "hkdf" or header["n"] in {1 << bits for bits in range(14, 21)})
    except (ValueError, KeyError, TypeError):
        good = False
    if not good:
        raise Damaged("This is not a Careline backup, or its beginning is damaged.")
    found: dict[str, Any] = header
    return found
