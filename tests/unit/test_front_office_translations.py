"""Every sentence of the pages and errors of organization, patients and messages exists in Spanish."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest
from jinja2 import Environment

import careline
from careline.kernel.errors import CarelineError
from careline.platform.i18n import gettext, use_language
from careline.web.i18n import load_catalogues

pytestmark = pytest.mark.unit

PACKAGES = [Path(careline.__file__).parent / name for name in ("organization", "lookups", "patients", "messages")]
#: Proper names and words that are the same in both languages.
SAME = {"Careline", "Error"}


def of_templates() -> set[str]:
    env = Environment(extensions=["jinja2.ext.i18n"])
    return {
        message if isinstance(message, str) else str(message[0])
        for package in PACKAGES
        for file in package.glob("templates/*/*.html")
        for _, _, message in env.extract_translations(file.read_text("utf-8"))  # type: ignore[attr-defined]
    }


def _text(call: ast.expr | None) -> str | None:
    if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant):
        value = call.args[0].value
        return value if isinstance(value, str) else None
    return None


def of_code() -> set[str]:
    """What is given to `_()`, what errors are raised with, and what errors say by themselves."""
    found: set[str | None] = set()
    for package in PACKAGES:
        for file in package.glob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_":
                    found.add(_text(node))
                elif isinstance(node, ast.Raise) and getattr(getattr(node.exc, "func", None), "id", "") != "ValueError":
                    found.add(_text(node.exc))
    for error in _subclasses(CarelineError):
        if error.__module__.split(".")[1] in {p.name for p in PACKAGES}:
            found.add((error.__doc__ or "").strip().splitlines()[0])
    return {text for text in found if text}


def _subclasses(of: type[CarelineError]) -> set[type[CarelineError]]:
    for package in PACKAGES:
        import_module(f"careline.{package.name}.service")
    found = set(of.__subclasses__())
    return found | {deeper for sub in found for deeper in _subclasses(sub)}


MESSAGES = sorted((of_templates() | of_code()) - SAME)


def test_there_are_messages() -> None:
    assert len(MESSAGES) > 180
    assert "Verify the caller first." in MESSAGES
    assert "Take it on" in MESSAGES


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m[:50])
def test_exists_in_spanish(message: str) -> None:
    load_catalogues()
    use_language("es")
    try:
        spoken = gettext(message)
    finally:
        use_language("en")
    assert spoken != message or message in _ALIKE
    assert sorted(re.findall(r"%\(\w+\)s", spoken)) == sorted(re.findall(r"%\(\w+\)s", message))


#: Spelled the same in Spanish.
_ALIKE = {"No", "no"}
