"""The actor: on whose behalf a use case runs. Every service method takes one first and asks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from careline.kernel.errors import Forbidden
from careline.security.permissions import MATRIX, Permission, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A signed-in person, an API token, or Careline itself, within one tenant."""

    tenant_id: int
    kind: Literal["person", "token", "system"]
    #: The person, or the person a token acts for; None for Careline itself.
    person_id: UUID | None = None
    #: Display name for timelines and the audit log (staff, never a patient).
    name: str = "Careline"
    roles: frozenset[Role] = frozenset()
    #: For tokens: the scopes granted, which narrow the roles. None means no narrowing.
    scopes: frozenset[Permission] | None = None
    session_id: UUID | None = None
    ip: str | None = None

    def may(self, permission: Permission) -> bool:
        """Whether this actor may do `permission`."""
        if self.kind == "system":
            return True
        granted = any(permission in MATRIX[role] for role in self.roles)
        return granted and (self.scopes is None or permission in self.scopes)

    def require(self, *anyof: Permission) -> None:
        """Raise `Forbidden` unless at least one of the permissions is held."""
        if not any(self.may(p) for p in anyof):
            raise Forbidden(needs=[str(p) for p in anyof])


def system_actor(tenant_id: int) -> Actor:
    """Careline acting by itself (timers, call control) in a tenant."""
    return Actor(tenant_id=tenant_id, kind="system")
