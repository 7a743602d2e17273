"""Every sentence of this capability's pages and errors exists in Spanish, with the same placeholders."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from jinja2 import Environment

import careline.security
from careline.platform.i18n import gettext, ngettext, use_language
from careline.web.i18n import load_catalogues

pytestmark = pytest.mark.unit

PACKAGE = Path(careline.security.__file__).parent
ERRORS = {"CarelineError", "NotSignedIn", "TooManyRequests", "InvalidInput", "Forbidden", "Conflict"}


def of_templates() -> set[tuple[str, ...]]:
    env = Environment(extensions=["jinja2.ext.i18n"])
    found: set[tuple[str, ...]] = set()
    for file in PACKAGE.glob("templates/security/*.html"):
        for _, _, message in env.extract_translations(file.read_text("utf-8")):  # type: ignore[attr-defined]
            parts = (message,) if isinstance(message, str) else tuple(m for m in message if m)
            if parts:
                found.add(parts)
    return found


def first_text(call: ast.AST) -> str | None:
    """The first argument of a call, if it is a text."""
    if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant):
        value = call.args[0].value
        return value if isinstance(value, str) else None
    return None


def of_code() -> set[tuple[str, ...]]:
    """What is given to `_()`, what errors are raised with, and the first lines of errors' docstrings."""
    found: set[tuple[str, ...]] = set()
    for file in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            text = None
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_":
                text = first_text(node)
            elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                # A ValueError is a programmer's mistake; nobody else ever reads it.
                text = first_text(node.exc) if getattr(node.exc.func, "id", "") != "ValueError" else None
            elif isinstance(node, ast.ClassDef) and any(getattr(base, "id", "") in ERRORS for base in node.bases):
                text = (ast.get_docstring(node) or "").splitlines()[0]
            if text:
                found.add((text,))
    return found


MESSAGES = sorted(of_templates() | of_code())


def test_there_are_messages() -> None:
    assert len(MESSAGES) > 150
    assert ("The password is not right.",) in MESSAGES
    assert ("Sign in",) in MESSAGES


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m[0][:50])
def test_exists_in_spanish(message: tuple[str, ...]) -> None:
    load_catalogues()
    use_language("es")
    try:
        many = [ngettext(message[0], message[-1], n) for n in (1, 2)] if len(message) > 1 else [gettext(message[0])]
    finally:
        use_language("en")
    for spoken in many:
        assert spoken not in message
        assert sorted(re.findall(r"%\(\w+\)s", spoken)) == sorted(re.findall(r"%\(\w+\)s", message[0]))
