"""Telephone credentials for a signed-in agent's browser: made for one page, worth nothing without its session."""

from __future__ import annotations

import secrets
from typing import Any, Protocol

from litestar import post
from litestar.datastructures import State
from litestar.di import NamedDependency

from careline.kernel.errors import NotSignedIn
from careline.security.actor import Actor
from careline.security.permissions import Permission
from careline.web.telephones import Telephones
from careline.web.tickets import Kind, Tickets

#: The domain in SIP addresses of browser telephones. It is never resolved: the socket is the way.
DOMAIN = "careline.invalid"


class GrantTelephone(Protocol):
    """`services.telephony_grant`: lets a browser register at the switch as `username`.

    For kind `agent` the telephone becomes the actor's (order `agent.phone`); a caller's telephone has no actor.
    Raises `Unavailable` when the switch cannot be reached.
    """

    async def __call__(self, username: str, password: str, kind: Kind, actor: Actor | None) -> None: ...

    async def retire(self, username: str) -> None:
        """Withdraw a telephone that nobody uses any more."""
        ...


@post("/softphone/credentials", status_code=200, opt={"while_locked": True})
async def softphone_credentials(state: State, actor: NamedDependency[Actor]) -> dict[str, Any]:
    """A SIP user name and password for this page. Also with a locked screen: the call in progress must come back."""
    actor.require(Permission.CALL_HANDLE)
    if actor.session_id is None:
        raise NotSignedIn("A telephone in the browser needs a signed-in browser.")
    return await credentials(state, "agent", str(actor.session_id), actor)


async def credentials(state: State, kind: Kind, holder: str, actor: Actor | None) -> dict[str, Any]:
    """Make a telephone for a holder and have the switch admit it."""
    tickets: Tickets = state.tickets
    username = tickets.name(kind, holder)
    password = secrets.token_urlsafe(18)
    grant: GrantTelephone = state.services.telephony_grant
    await grant(username, password, kind, actor)
    telephones: Telephones = state.telephones
    telephones.granted(username)
    return {
        "username": username,
        "password": password,
        "uri": f"sip:{username}@{DOMAIN}",
        "socket": f"/sip/{username}",
        "domain": DOMAIN,
    }


handlers: list[Any] = [softphone_credentials]
