"""The matrix of roles and actions, cell by cell, against a table written independently of the code."""

from __future__ import annotations

from uuid import uuid4

import pytest

from careline.kernel.errors import Forbidden
from careline.security.actor import Actor, system_actor
from careline.security.permissions import Permission, Role

pytestmark = pytest.mark.unit

# One row an action, one column a role: x may, . may not.
TABLE = """
action               agent supervisor quality provider administrator privacy-officer system
call.handle            x       x         .       .           .             .            .
call.read              .       x         x       .           .             x            .
call.read-own          x       x         .       .           .             .            .
recording.play         .       x         x       .           .             .            .
recording.play-own     x       x         .       .           .             .            .
board.read             .       x         x       .           x             .            x
agent.manage           .       x         .       .           .             .            .
patient.search         x       x         .       .           .             .            .
patient.read           x       x         .       x           .             .            .
message.take           x       x         .       .           .             .            .
message.read           x       x         .       x           .             .            .
message.read-all       .       x         .       .           .             .            .
queue.manage           .       x         .       .           x             .            .
organization.manage    .       .         .       .           x             .            .
flow.edit              .       x         .       .           x             .            .
flow.publish           .       .         .       .           x             .            .
table.edit             .       x         .       .           x             .            .
closure.switch         .       x         .       .           x             .            .
people.manage          .       .         .       .           x             .            x
token.manage           .       .         .       .           x             .            x
audit.read             .       .         .       .           .             x            .
demo.drive             .       x         .       .           x             .            x
"""
_HEADER, *_ROWS = [line.split() for line in TABLE.strip().splitlines()]
CELLS = [(row[0], role, mark == "x") for row in _ROWS for role, mark in zip(_HEADER[1:], row[1:], strict=True)]


def actor(*roles: Role, scopes: frozenset[Permission] | None = None) -> Actor:
    return Actor(
        tenant_id=1,
        kind="token" if scopes is not None else "person",
        person_id=uuid4(),
        roles=frozenset(roles),
        scopes=scopes,
    )


def test_the_table_knows_every_role_and_every_action() -> None:
    assert set(_HEADER[1:]) == {role.value for role in Role}
    assert {row[0] for row in _ROWS} == {permission.value for permission in Permission}
    assert len(CELLS) == len(Role) * len(Permission)


@pytest.mark.parametrize(("action", "role", "allowed"), CELLS, ids=[f"{r}-{a}" for a, r, _ in CELLS])
def test_cell(action: str, role: str, allowed: bool) -> None:
    someone, permission = actor(Role(role)), Permission(action)
    assert someone.may(permission) is allowed
    if allowed:
        someone.require(permission)
    else:
        with pytest.raises(Forbidden) as refused:
            someone.require(permission)
        assert refused.value.facts == {"needs": [action]}


def test_nobody_without_a_role_may_anything() -> None:
    assert not any(actor().may(permission) for permission in Permission)


def test_roles_add_up() -> None:
    both = actor(Role.QUALITY, Role.PROVIDER)
    assert both.may(Permission.RECORDING_PLAY) and both.may(Permission.MESSAGE_READ)
    assert not both.may(Permission.CALL_HANDLE)


@pytest.mark.parametrize("permission", list(Permission))
def test_scopes_narrow_and_never_widen(permission: Permission) -> None:
    everything = frozenset(Permission)
    agent = actor(Role.AGENT)
    assert actor(Role.AGENT, scopes=everything).may(permission) is agent.may(permission)
    assert not actor(*Role, scopes=frozenset()).may(permission)
    only = actor(*Role, scopes=frozenset({permission}))
    assert [p for p in Permission if only.may(p)] == [permission]


def test_one_of_several_suffices() -> None:
    actor(Role.AGENT).require(Permission.CALL_READ, Permission.CALL_READ_OWN)
    with pytest.raises(Forbidden):
        actor(Role.PROVIDER).require(Permission.CALL_READ, Permission.CALL_READ_OWN)


def test_careline_itself_may_everything() -> None:
    assert all(system_actor(1).may(permission) for permission in Permission)


def test_those_who_run_the_system_see_no_patient() -> None:
    of_patients = {
        Permission.CALL_READ,
        Permission.CALL_READ_OWN,
        Permission.RECORDING_PLAY,
        Permission.RECORDING_PLAY_OWN,
        Permission.PATIENT_READ,
        Permission.PATIENT_SEARCH,
        Permission.MESSAGE_READ,
        Permission.MESSAGE_READ_ALL,
        Permission.AUDIT_READ,
    }
    for role in (Role.ADMINISTRATOR, Role.SYSTEM):
        assert not any(actor(role).may(permission) for permission in of_patients)
