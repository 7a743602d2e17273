"""The one root of every error Careline raises on purpose: a stable id, an HTTP status, a plain sentence."""

from __future__ import annotations

from typing import ClassVar


class CarelineError(Exception):
    """Something went wrong inside Careline."""

    #: Stable kebab-case id that clients may match on; never renamed once released.
    id: ClassVar[str] = "internal-error"
    #: HTTP status that the pages and the API answer with.
    status: ClassVar[int] = 500
    #: Whether repeating the same request later can succeed.
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str | None = None, **facts: object) -> None:
        """`detail` is shown to people: no patient data. `facts` are structured values for the log and problem+json."""
        self.detail = detail or (type(self).__doc__ or "Error").strip().splitlines()[0]
        self.facts = facts
        super().__init__(self.detail)


class InvalidInput(CarelineError):
    """The request is not valid."""

    id = "invalid-input"
    status = 400


class NotSignedIn(CarelineError):
    """Sign in first."""

    id = "not-signed-in"
    status = 401


class Forbidden(CarelineError):
    """You do not have permission to do this."""

    id = "forbidden"
    status = 403


class NotFound(CarelineError):
    """There is nothing here, or you may not see it."""

    id = "not-found"
    status = 404


class Conflict(CarelineError):
    """The state has changed meanwhile; nothing was done."""

    id = "conflict"
    status = 409


class TooManyRequests(CarelineError):
    """Too many attempts; wait a little."""

    id = "too-many-requests"
    status = 429
    retryable = True


class Unavailable(CarelineError):
    """A part of Careline is not available just now."""

    id = "unavailable"
    status = 503
    retryable = True
