"""Every sentence of desk, records, queues and board exists in Spanish: in templates, code, errors and scripts."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from jinja2 import Environment

import careline
from careline.kernel import errors
from careline.platform.i18n import gettext, use_language
from careline.platform.words import sentences
from careline.web.i18n import load_catalogues

pytestmark = pytest.mark.unit

ROOT = Path(careline.__file__).parent
PACKAGES = [ROOT / name for name in ("calls", "queues", "reporting")]
ERRORS = {name for name in dir(errors) if isinstance(getattr(errors, name), type)}
SCRIPTS = [p for p in sorted((ROOT / "web/static").glob("*.js")) if p.name.startswith(("desk", "board"))]
#: Proper names, and words that are spelled alike.
ALIKE = {"Careline", "No"}


def of_templates() -> set[str]:
    env = Environment(extensions=["jinja2.ext.i18n"])
    return {
        message if isinstance(message, str) else str(message[0])
        for package in PACKAGES
        for file in package.glob("templates/*/*.html")
        for _, _, message in env.extract_translations(file.read_text("utf-8"))  # type: ignore[attr-defined]
        if message
    }


def _text(call: ast.expr | None) -> str | None:
    if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant):
        value = call.args[0].value
        return value if isinstance(value, str) else None
    return None


def of_code() -> set[str]:
    """What is given to `_()`, what errors are raised with, and what errors say by themselves."""
    found: set[str | None] = set()
    for file in (file for package in PACKAGES for file in package.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_":
                found.add(_text(node))
            elif isinstance(node, ast.Raise) and getattr(getattr(node.exc, "func", None), "id", "") != "ValueError":
                found.add(_text(node.exc))
            elif isinstance(node, ast.ClassDef) and any(getattr(base, "id", "") in ERRORS for base in node.bases):
                found.add((ast.get_docstring(node) or "").splitlines()[0])
    return {text for text in found if text}


def of_scripts() -> set[str]:
    return set(sentences("careline.web", *(f"static/{p.name}" for p in SCRIPTS)))


MESSAGES = sorted((of_templates() | of_code() | of_scripts()) - ALIKE)


def test_there_are_messages() -> None:
    assert len(MESSAGES) > 450
    assert {"Every step", "This call is not ringing at your telephone.", "Waiting now"} <= set(MESSAGES)


def test_scripts_mark_only_plain_sentences() -> None:
    """A sentence put together from pieces would escape the translation."""
    for script in SCRIPTS:
        calls = re.findall(r"(?<![\w.])t\(", script.read_text("utf-8"))
        marked = re.findall(r'(?<![\w.])t\("', script.read_text("utf-8"))
        assert len(calls) == len(marked), script.name


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m[:50])
def test_exists_in_spanish(message: str) -> None:
    load_catalogues()
    use_language("es")
    try:
        spoken = gettext(message)
    finally:
        use_language("en")
    assert spoken != message
    assert sorted(re.findall(r"%\(\w+\)s", spoken)) == sorted(re.findall(r"%\(\w+\)s", message))
