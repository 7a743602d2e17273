"""One-time codes of an authenticator app (RFC 6238: SHA-1, six digits, 30 s) and recovery codes on paper."""

from __future__ import annotations

import hashlib
import hmac
import io
from datetime import datetime

import pyotp
import segno

from careline.security.passwords import readable_secret

STEP = 30
#: Steps before and after now that are accepted: clocks differ and people type slowly.
DRIFT = 1
RECOVERY_CODES = 10


def new_secret() -> str:
    """A fresh seed, base32, 160 bits."""
    return pyotp.random_base32()


def match(secret: str, code: str, at: datetime, last_step: int | None) -> int | None:
    """The time step whose code this is, or None. A step at or before `last_step` is used up."""
    digits = "".join(c for c in code if c in "0123456789")
    if len(digits) != 6:
        return None
    totp = pyotp.TOTP(secret)
    now = int(at.timestamp()) // STEP
    found: int | None = None
    for step in range(now - DRIFT, now + DRIFT + 1):
        # No early exit: the time taken says nothing about which step matched.
        right = hmac.compare_digest(totp.generate_otp(step), digits)
        if right and (last_step is None or step > last_step):
            found = step
    return found


def uri(secret: str, *, email: str, issuer: str) -> str:
    """The `otpauth:` address that an authenticator app reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)


def qr_svg(text: str) -> str:
    """A QR code as an inline SVG element, dark on light in either colour scheme. The page names it."""
    out = io.BytesIO()
    segno.make(text, error="m").save(
        out,
        kind="svg",
        xmldecl=False,
        svgns=False,
        scale=5,
        border=4,
        light="#fff",
        dark="#000",
        svgclass="qr",
        lineclass=None,
        omitsize=False,
        nl=False,
    )
    return out.getvalue().decode()


def new_recovery_codes() -> list[str]:
    """A set of single-use codes for the day the telephone is lost (about 59 bits each)."""
    return [readable_secret(3) for _ in range(RECOVERY_CODES)]


def recovery_hash(code: str) -> bytes:
    """What is stored of a recovery code. The codes are random, so a plain hash suffices."""
    return hashlib.sha256("".join(c for c in code.lower() if c.isalnum()).encode()).digest()
