"""Names of browser telephones that prove by themselves whose they are, so that any web process can check them.

A telephone's SIP user is `s-` (agent) or `w-` (caller), a random part, and a keyed hash over that part and the secret
thing that the browser holds: its session, or the caller's cookie. A restarted web process loses nothing by this.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from base64 import b32encode
from pathlib import Path
from typing import Literal

from careline.kernel.errors import CarelineError

Kind = Literal["agent", "caller"]
_PREFIX: dict[Kind, str] = {"agent": "s", "caller": "w"}
_NAME = re.compile(r"([sw])-([a-z2-7]{8})([a-z2-7]{16})")


class WebKeyUnsafe(CarelineError):
    """Others can read the key of the web process."""

    id = "web-key-unsafe"


class Tickets:
    """Makes and checks names of browser telephones, and the signed cookie of a caller's page."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def load(cls, file: Path) -> Tickets:
        """Read the key, making it at the first start. Several web hosts need the same file."""
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(descriptor, "wb") as out:
                out.write(secrets.token_bytes(32))
        if file.stat().st_mode & 0o077:
            raise WebKeyUnsafe(f"Others can read the key of the web process; type: chmod 600 {file}")
        return cls(file.read_bytes())

    def name(self, kind: Kind, holder: str) -> str:
        """A fresh SIP user name for a holder (session id, or the caller's cookie)."""
        nonce = _base32(os.urandom(5))
        return f"{_PREFIX[kind]}-{nonce}{self._proof(kind, nonce, holder)}"

    def kind_of(self, name: str, holder: str) -> Kind | None:
        """What kind of telephone a name is, if it belongs to this holder; otherwise None."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        kind: Kind = "agent" if found.group(1) == "s" else "caller"
        right = hmac.compare_digest(found.group(3), self._proof(kind, found.group(2), holder))
        return kind if right else None

    def sign(self, issued: int) -> str:
        """A caller's cookie: when it was made, and that we made it."""
        body = f"{issued}.{secrets.token_urlsafe(12)}"
        return f"{body}.{self._mac('cookie', body)[:24]}"

    def issued(self, cookie: str) -> int | None:
        """When a caller's cookie was made (Unix seconds); None for one we did not make."""
        body, _, mac = cookie.rpartition(".")
        if not body or not hmac.compare_digest(mac.encode(), self._mac("cookie", body)[:24].encode()):
            return None
        return int(body.partition(".")[0])

    def _proof(self, kind: Kind, nonce: str, holder: str) -> str:
        return _base32(hmac.digest(self._key, f"{kind}\0{nonce}\0{holder}".encode(), "sha256"))[:16]

    def _mac(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()


def _base32(raw: bytes) -> str:
    return b32encode(raw).decode().rstrip("=").lower()
