"""Every sentence of the pages of synthetic callers and of prompts exists in Spanish."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from jinja2 import Environment

import careline
from careline.demo.callers import BadCallerSettings, NotADemo
from careline.platform.i18n import gettext, use_language
from careline.telephony.prompts.book import BadRecording
from careline.telephony.prompts.phrases import UnknownPrompt
from careline.telephony.prompts.recordings import Clipped, TooQuiet
from careline.web.i18n import load_catalogues

pytestmark = pytest.mark.unit

PACKAGES = [Path(careline.__file__).parent / name for name in ("demo", "telephony")]


def sentences() -> set[str]:
    env = Environment(extensions=["jinja2.ext.i18n"])
    found = {
        message if isinstance(message, str) else str(message[0])
        for package in PACKAGES
        for file in package.glob("templates/*/*.html")
        for _, _, message in env.extract_translations(file.read_text("utf-8"))  # type: ignore[attr-defined]
    }
    for package in PACKAGES:
        for node in ast.walk(ast.parse((package / "pages.py").read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_":
                found |= {str(given.value) for given in node.args if isinstance(given, ast.Constant)}
    errors = (TooQuiet, Clipped, BadCallerSettings, NotADemo, BadRecording, UnknownPrompt)
    return found | {(error.__doc__ or "").strip().splitlines()[0] for error in errors}


def test_everything_is_said_in_spanish() -> None:
    load_catalogues()
    use_language("es")
    try:
        missing = {text for text in sentences() if gettext(text) == text}
    finally:
        use_language("en")
    assert len(sentences()) > 40
    assert missing == set()
