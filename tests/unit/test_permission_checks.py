"""Every public use case that takes an actor asks what the actor may do, before anything else can happen."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import careline

pytestmark = pytest.mark.unit

PACKAGE = Path(careline.__file__).parent

#: Use cases that ask no permission, and why that is right.
ALLOWED = {
    # Everybody may do these to their own session: the session is the actor's own by construction.
    "SessionService.is_alive": "asks whether the actor's own session still stands",
    "SessionService.lock": "locks the actor's own session",
    "SessionService.sign_out": "ends the actor's own session",
    "SessionService.mine": "lists the actor's own sessions",
    "SessionService.end_mine": "ends one of the actor's own sessions",
}


def use_cases() -> list[tuple[str, ast.AsyncFunctionDef | ast.FunctionDef, ast.ClassDef]]:
    """Public methods, with `actor: Actor` as their first parameter, of every class named `…Service`."""
    found = []
    for file in sorted(PACKAGE.glob("*/*.py")):
        for node in ast.parse(file.read_text("utf-8")).body:
            if not isinstance(node, ast.ClassDef) or not node.name.endswith("Service"):
                continue
            for method in node.body:
                if not isinstance(method, ast.AsyncFunctionDef | ast.FunctionDef) or method.name.startswith("_"):
                    continue
                names = [argument.arg for argument in method.args.args]
                if len(names) > 1 and names[1] == "actor":
                    found.append((f"{node.name}.{method.name}", method, node))
    return found


def asks(method: ast.AST, owner: ast.ClassDef, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a method calls `actor.require(…)`, or hands the actor on to a method of its class that does."""
    for node in ast.walk(method):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        target = node.func
        if target.attr == "require" and isinstance(target.value, ast.Name) and target.value.id == "actor":
            return True
        if isinstance(target.value, ast.Name) and target.value.id == "self" and target.attr not in seen:
            handed_on = any(isinstance(a, ast.Name) and a.id == "actor" for a in node.args)
            for other in owner.body:
                if (
                    handed_on
                    and isinstance(other, ast.AsyncFunctionDef | ast.FunctionDef)
                    and other.name == target.attr
                    and asks(other, owner, seen | {target.attr})
                ):
                    return True
    return False


CASES = use_cases()


def test_there_are_use_cases_to_check() -> None:
    assert len(CASES) > 15
    assert "PeopleService.deactivate" in {name for name, _, _ in CASES}


@pytest.mark.parametrize(("name", "method", "owner"), CASES, ids=[name for name, _, _ in CASES])
def test_use_case_asks_for_permission(
    name: str, method: ast.AsyncFunctionDef | ast.FunctionDef, owner: ast.ClassDef
) -> None:
    if name in ALLOWED:
        assert not asks(method, owner), f"{name} asks by now: take it off the list"
    else:
        assert asks(method, owner), f"{name} never calls actor.require(…)"


def test_the_list_names_only_what_exists() -> None:
    assert set(ALLOWED) <= {name for name, _, _ in CASES}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("async def f(self, actor):\n    actor.require(P.X)", True),
        ("async def f(self, actor):\n    await self.g(actor, 1)", True),
        ("async def f(self, actor):\n    await self.g(1)", False),
        ("async def f(self, actor):\n    self.require(actor)", False),
        ("async def f(self, actor):\n    pass", False),
    ],
)
def test_the_check_itself(source: str, expected: bool) -> None:
    body = "class S:\n" + "\n".join(
        "    " + line for line in (source + "\nasync def g(self, actor, n):\n    actor.require(P.Y)").splitlines()
    )
    owner = ast.parse(body).body[0]
    assert isinstance(owner, ast.ClassDef)
    assert asks(owner.body[0], owner) is expected
