"""Every sentence of the pages of flows exists in Spanish: templates, code, scripts, and the language's own words."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from jinja2 import Environment

import careline
from careline.flows.kinds import KINDS
from careline.kernel import errors
from careline.platform.i18n import gettext, use_language
from careline.platform.words import sentences
from careline.web.i18n import load_catalogues

pytestmark = pytest.mark.unit

ROOT = Path(careline.__file__).parent
SCRIPTS = sorted((ROOT / "web/static").glob("flow-*.js"))
FILES = [ROOT / "flows" / f"{name}.py" for name in ("pages", "editor", "table_pages", "views", "table_service")]
ERRORS = {name for name in dir(errors) if isinstance(getattr(errors, name), type)} | {"InvalidInput", "Conflict"}
#: Spelled the same in Spanish, or a name.
ALIKE = {"No", "Variable", "Variables", "HTTP", "FHIR", "Careline"}


def of_templates() -> set[str]:
    env = Environment(extensions=["jinja2.ext.i18n"])
    return {
        message if isinstance(message, str) else str(message[0])
        for file in (ROOT / "flows/templates/flows").glob("*.html")
        for _, _, message in env.extract_translations(file.read_text("utf-8"))  # type: ignore[attr-defined]
        if message
    }


def of_code() -> set[str]:
    """What is given to `_()`, and what errors say by themselves."""
    found: set[str] = set()
    for file in [*FILES, ROOT / "telephony/flow_sounds.py"]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_" and node.args:
                argument = node.args[0]
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    found.add(argument.value)
            elif isinstance(node, ast.ClassDef) and any(getattr(base, "id", "") in ERRORS for base in node.bases):
                found.add((ast.get_docstring(node) or "").splitlines()[0])
    return found


def of_scripts() -> set[str]:
    return set(sentences("careline.web", *(f"static/{p.name}" for p in SCRIPTS)))


def of_language() -> set[str]:
    return {text for kind in KINDS.values() for text in (kind.doc, *(field.doc for field in kind.fields)) if text}


MESSAGES = sorted((of_templates() | of_code() | of_scripts() | of_language()) - ALIKE)


def test_there_are_messages() -> None:
    assert len(MESSAGES) > 300
    assert {"Name of the step", "Roll back now", "Wait for somebody."} <= set(MESSAGES)


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
