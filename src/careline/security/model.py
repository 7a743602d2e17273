"""Sign-in's rules without any I/O: stages of a session, throttling, what a password must be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from careline.kernel.errors import CarelineError, Forbidden, InvalidInput, NotSignedIn, TooManyRequests


class SignInRefused(NotSignedIn):
    """The e-mail address or password is not right."""

    id = "sign-in-refused"


class CodeRefused(NotSignedIn):
    """The code is not right, or was used already."""

    id = "code-refused"


class SessionLocked(NotSignedIn):
    """The screen is locked; unlock it to go on."""

    id = "session-locked"


class SignInUnfinished(NotSignedIn):
    """Sign-in is not finished yet."""

    id = "sign-in-unfinished"


class SignInBlocked(TooManyRequests):
    """Too many failed attempts; wait before trying again."""

    id = "sign-in-blocked"


class PasswordRejected(InvalidInput):
    """Choose another password."""

    id = "password-rejected"


class OwnRightsFixed(Forbidden):
    """Nobody changes their own roles or deactivates themselves; ask another administrator."""

    id = "own-rights-fixed"


class LastAdministrator(Forbidden):
    """This is the last active administrator; make another one first."""

    id = "last-administrator"


class EmailTaken(CarelineError):
    """This e-mail address is in use already."""

    id = "email-taken"
    status: ClassVar[int] = 409


class AlreadySetUp(CarelineError):
    """Careline has been set up already; sign in instead."""

    id = "already-set-up"
    status: ClassVar[int] = 409


class Stage(StrEnum):
    """How far a sign-in has come. Only `FULL` may do anything but finish signing in."""

    #: The password was right; the code of the authenticator app is outstanding.
    TOTP = "totp"
    #: Somebody else chose the password; a new one is outstanding.
    NEW_PASSWORD = "new-password"  # noqa: S105 (a stage's name)
    #: A second factor is demanded here and none is set up yet.
    ENROL = "enrol"
    #: Signed in.
    FULL = "full"


def first_stage(*, has_totp: bool, must_change: bool, mfa_required: bool) -> Stage:
    """What is owed after a right password. A code already set up is asked for first, before anything can be changed."""
    if has_totp:
        return Stage.TOTP
    return next_stage(has_totp=has_totp, must_change=must_change, mfa_required=mfa_required)


def next_stage(*, has_totp: bool, must_change: bool, mfa_required: bool) -> Stage:
    """What is owed once the code (if any) was right."""
    if must_change:
        return Stage.NEW_PASSWORD
    if mfa_required and not has_totp:
        return Stage.ENROL
    return Stage.FULL


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityConfig:
    """The installation's choices about sign-in. The defaults are the safe ones."""

    #: Whether everybody needs an authenticator app.
    mfa_required: bool = True
    #: Without an act of the person for this long, the screen locks (calls go on).
    idle_lock: timedelta = timedelta(minutes=10)
    #: A session ends after this, whatever happens.
    session_life: timedelta = timedelta(hours=12)
    #: An unfinished sign-in ends after this.
    unfinished_life: timedelta = timedelta(minutes=15)
    #: A token may live this long at most.
    token_life: timedelta = timedelta(days=366)
    #: API requests of one token or session: so many at once, then so many a second (0: no limit).
    api_burst: int = 200
    api_per_second: float = 50.0
    #: Forms sent from one address without being signed in, and requests with tokens before they are known.
    form_burst: int = 60
    form_per_second: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """After `limit` failures under one key, block for `first`, doubling with every further failure up to `longest`."""

    limit: int
    first: timedelta
    longest: timedelta

    def block(self, failures: int) -> timedelta | None:
        """How long this many failures block the key, or None while they do not."""
        over = failures - self.limit
        if over < 0:
            return None
        return min(self.first * (1 << min(over, 20)), self.longest)


#: One person's typing errors from one place: soon slowed, soon forgotten.
PAIR = Throttle(limit=5, first=timedelta(seconds=30), longest=timedelta(minutes=15))
#: One account from anywhere: higher, so that a stranger cannot keep an agent out cheaply.
ACCOUNT = Throttle(limit=20, first=timedelta(minutes=1), longest=timedelta(minutes=30))
#: One address against any account; an office behind one address still fits below it.
ADDRESS = Throttle(limit=50, first=timedelta(minutes=1), longest=timedelta(hours=1))
#: Failures older than this are forgotten.
FORGET = timedelta(hours=2)

MIN_PASSWORD = 12
MAX_PASSWORD = 256
#: Long enough to pass the length rule and tried first by everybody who guesses.
_COMMON = frozenset(
    {
        "password1234",
        "passwordpassword",
        "123456789012",
        "1234567890123",
        "qwertyuiop12",
        "qwertyuiop123",
        "letmeinletmein",
        "iloveyou1234",
        "welcome12345",
        "administrator",
        "changeme1234",
        "carelinecareline",
        "password12345",
        "abcdefghijkl",
        "qwerty123456",
        "adminadminadmin",
        "111111111111",
        "000000000000",
    }
)


def check_password(password: str, *, email: str, name: str) -> None:
    """Raise `PasswordRejected` for a password that is too short, well known, or made of the person's own name.

    Length and a block-list instead of composition rules (NIST SP 800-63B section 5.1.1.2).
    """
    if len(password) < MIN_PASSWORD:
        raise PasswordRejected("A password needs at least 12 characters; a few words do well.")
    if len(password) > MAX_PASSWORD:
        raise PasswordRejected("A password has at most 256 characters.")
    lowered = password.casefold()
    if lowered in _COMMON or len(set(lowered)) < 5:
        raise PasswordRejected("This password is among the first that anybody would try.")
    own = {email.partition("@")[0].casefold(), email.casefold(), name.casefold(), name.casefold().replace(" ", "")}
    if any(len(part) >= 4 and lowered.replace(part, "").strip("0123456789!?.-_ ") == "" for part in own):
        raise PasswordRejected("A password must not be made of your name or e-mail address.")


def normal_email(raw: str) -> str:
    """An e-mail address as it is stored and compared. Raises `InvalidInput`."""
    email = raw.strip().lower()
    local, _, domain = email.rpartition("@")
    if not local or "." not in f"{domain}." or not domain or len(email) > 254 or any(c.isspace() for c in email):
        raise InvalidInput("This is not an e-mail address.", field="email")
    return email


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A member of staff as the people's page shows them."""

    id: UUID
    email: str
    name: str
    language: str
    roles: tuple[str, ...]
    totp: bool
    password_must_change: bool
    created_at: datetime
    deactivated_at: datetime | None
    last_seen: datetime | None
