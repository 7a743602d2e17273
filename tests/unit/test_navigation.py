"""Each job is shown the pages it may use, and nothing else; and none that does not exist."""

from __future__ import annotations

import pytest

from careline.security.actor import Actor
from careline.security.permissions import Role
from careline.web.navigation import MAIN, MANAGEMENT, Navigation

pytestmark = pytest.mark.unit

EVERYTHING = {entry.href for entry in MAIN + MANAGEMENT}


def shown(role: Role, paths: set[str] = EVERYTHING) -> tuple[list[str], list[str]]:
    """The top row and the Manage page of a role."""
    navigation = Navigation()
    navigation.know(paths)
    actor = Actor(tenant_id=1, kind="person", roles=frozenset({role}))
    return [e["href"] for e in navigation.entries(actor)], [e["href"] for e in navigation.management(actor)]


@pytest.mark.parametrize(
    ("role", "top", "manage"),
    [
        (Role.AGENT, ["/desk", "/callbacks", "/calls", "/inbox"], []),
        (
            Role.SUPERVISOR,
            ["/desk", "/board", "/callbacks", "/calls", "/inbox", "/manage"],
            ["/hours", "/queues", "/flows", "/tables", "/verification-locks", "/demo"],
        ),
        (Role.QUALITY, ["/board", "/callbacks", "/calls"], []),
        (Role.PROVIDER, ["/inbox"], []),
        (Role.PRIVACY_OFFICER, ["/calls", "/manage"], ["/audit"]),
        (Role.SYSTEM, ["/board", "/callbacks", "/manage"], ["/people", "/tokens", "/demo"]),
        (
            Role.ADMINISTRATOR,
            ["/board", "/callbacks", "/manage"],
            [
                "/organization",
                "/lines",
                "/hours",
                "/queues",
                "/flows",
                "/tables",
                "/lookups",
                "/voice-agents",
                "/prompts",
                "/people",
                "/tokens",
                "/demo",
            ],
        ),
    ],
)
def test_a_job_sees_its_own_pages(role: Role, top: list[str], manage: list[str]) -> None:
    assert shown(role) == (top, manage)


def test_a_page_that_does_not_exist_is_not_shown() -> None:
    assert shown(Role.AGENT, {"/calls"}) == (["/calls"], [])


@pytest.mark.parametrize(
    ("role", "home"),
    [
        (Role.AGENT, "/desk"),
        (Role.SUPERVISOR, "/board"),
        (Role.PROVIDER, "/inbox"),
        (Role.QUALITY, "/board"),
        (Role.PRIVACY_OFFICER, "/calls"),
    ],
)
def test_everybody_starts_where_their_work_is(role: Role, home: str) -> None:
    navigation = Navigation()
    navigation.know(EVERYTHING)
    assert navigation.home(Actor(tenant_id=1, kind="person", roles=frozenset({role}))) == home


def test_nobody_signed_in_sees_nothing() -> None:
    navigation = Navigation()
    navigation.know(EVERYTHING)
    assert navigation.entries(None) == []
