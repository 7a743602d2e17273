"""Every sentence of the page of voice agents, and every refusal, exists in Spanish."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from jinja2 import Environment

import careline
from careline.platform.i18n import gettext, use_language
from careline.web.i18n import load_catalogues

pytestmark = pytest.mark.unit

PACKAGE = Path(careline.__file__).parent / "voice_agents"
#: The words of an errors' first argument are shown on the page.
ERRORS = {"InvalidVoiceAgent"}


def sentences() -> set[str]:
    env = Environment(extensions=["jinja2.ext.i18n"])
    found = {
        message if isinstance(message, str) else str(message[0])
        for file in PACKAGE.glob("templates/*/*.html")
        for _, _, message in env.extract_translations(file.read_text("utf-8"))  # type: ignore[attr-defined]
    }
    for file in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"_", *ERRORS}:
                found |= {given.value for given in node.args if isinstance(given, ast.Constant)}
    return found


def test_everything_is_said_in_spanish() -> None:
    load_catalogues()
    use_language("es")
    try:
        missing = {text for text in sentences() if gettext(text) == text}
    finally:
        use_language("en")
    assert len(sentences()) > 35
    assert missing == set()
