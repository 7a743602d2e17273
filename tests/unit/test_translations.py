"""Every sentence that a person can read exists in Spanish, with the same placeholders: pages, errors, scripts.

An area is what one team of pages says; each tells where its sentences are, and a few that must be among them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest
from jinja2 import Environment

import careline
from careline.demo.callers import BadCallerSettings, NotADemo
from careline.flows.kinds import KINDS
from careline.kernel import errors
from careline.kernel.errors import CarelineError
from careline.platform.i18n import gettext, ngettext, use_language
from careline.platform.words import sentences
from careline.telephony.prompts.book import BadRecording
from careline.telephony.prompts.phrases import UnknownPrompt
from careline.telephony.prompts.recordings import Clipped, TooQuiet
from careline.web.i18n import load_catalogues

pytestmark = pytest.mark.unit

ROOT = Path(careline.__file__).parent
STATIC = ROOT / "web/static"
#: A sentence, or the singular and the plural of one.
Message = tuple[str, ...]
ERRORS = {name for name in dir(errors) if isinstance(getattr(errors, name), type)}


@dataclass(frozen=True)
class Area:
    """Sentences of some packages' pages."""

    messages: frozenset[Message]
    #: Fewer than so many, and this test no longer finds what it should.
    least: int
    among: frozenset[str] = frozenset()


def of_templates(*packages: str) -> set[Message]:
    env = Environment(extensions=["jinja2.ext.i18n"])
    found: set[Message] = set()
    for file in (file for package in packages for file in (ROOT / package).glob("templates/*/*.html")):
        for _, _, message in env.extract_translations(file.read_text("utf-8")):  # type: ignore[attr-defined]
            found.add((message,) if isinstance(message, str) else tuple(p for p in message or () if p))
    return {message for message in found if message}


def of_code(files: Iterable[Path], *, marks: Iterable[str] = ("_",), raised: bool = False) -> set[Message]:
    """What is given to `_()` or another mark, and what errors raised or defined there say."""
    marks, found = set(marks), set()
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text("utf-8")))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in marks:
            found |= set(_texts(node.args))
        # A ValueError is a programmer's mistake; nobody else ever reads it.
        elif raised and isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            found |= set(_texts(node.exc.args[:1])) if getattr(node.exc.func, "id", "") != "ValueError" else set()
        elif isinstance(node, ast.ClassDef) and any(getattr(base, "id", "") in ERRORS for base in node.bases):
            found |= {(doc.splitlines()[0],) for doc in [ast.get_docstring(node)] if doc}
    return found


def _texts(given: Iterable[ast.expr]) -> Iterator[Message]:
    return ((one.value,) for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str) and one.value)


def of_errors(*packages: str) -> set[Message]:
    """What the errors of packages say by themselves, however they are derived."""
    for package in packages:
        import_module(f"careline.{package}.service")
    return {said_by(error) for error in _derived(CarelineError) if error.__module__.split(".")[1] in packages}


def said_by(error: type[CarelineError]) -> Message:
    return ((error.__doc__ or "").strip().splitlines()[0],)


def _derived(of: type[CarelineError]) -> Iterator[type[CarelineError]]:
    for error in of.__subclasses__():
        yield error
        yield from _derived(error)


def python(*packages: str) -> list[Path]:
    return [file for package in packages for file in (ROOT / package).glob("*.py")]


def of_scripts(*beginnings: str) -> set[Message]:
    return {(text,) for text in sentences("careline.web", *(f"static/{p.name}" for p in scripts(*beginnings)))}


def scripts(*beginnings: str) -> list[Path]:
    return [file for file in sorted(STATIC.glob("*.js")) if file.name.startswith(beginnings)]


def area(*found: set[Message], least: int, among: Iterable[str] = (), alike: Iterable[str] = ()) -> Area:
    """`alike`: proper names, and words that are spelled the same in both languages."""
    same = {(word,) for word in alike}
    return Area(frozenset(set().union(*found) - same), least, frozenset(among))


FLOWS = [ROOT / f"flows/{name}.py" for name in ("pages", "editor", "table_pages", "views", "table_service")]
DESK, OFFICE = ("calls", "queues", "reporting"), ("organization", "lookups", "patients", "messages")
AREAS = {
    "desk": area(
        of_templates(*DESK), of_code(python(*DESK), raised=True), of_scripts("desk", "board"),
        least=450, among=("Every step", "This call is not ringing at your telephone.", "Waiting now"),
        alike=("Careline", "No"),
    ),
    "office": area(
        of_templates(*OFFICE), of_code(python(*OFFICE), raised=True), of_errors(*OFFICE),
        least=180, among=("Verify the caller first.", "Take it on"), alike=("Careline", "Error", "No", "no"),
    ),
    "flows": area(
        of_templates("flows"), of_code([*FLOWS, ROOT / "telephony/flow_sounds.py"]), of_scripts("flow-"),
        {(text,) for kind in KINDS.values() for text in (kind.doc, *(field.doc for field in kind.fields)) if text},
        least=300, among=("Name of the step", "Roll back now", "Wait for somebody."),
        alike=("No", "Variable", "Variables", "HTTP", "FHIR", "Careline"),
    ),
    "security": area(
        of_templates("security"), of_code(python("security"), raised=True),
        least=150, among=("The password is not right.", "Sign in"),
    ),
    "callers and prompts": area(
        of_templates("demo", "telephony"), of_code([ROOT / "demo/pages.py", ROOT / "telephony/pages.py"]),
        {said_by(e) for e in (TooQuiet, Clipped, BadCallerSettings, NotADemo, BadRecording, UnknownPrompt)},
        least=40,
    ),
    "voice agents": area(
        of_templates("voice_agents"), of_code(python("voice_agents"), marks=("_", "InvalidVoiceAgent")), least=35,
    ),
}  # fmt: skip
EACH = sorted((name, message) for name, one in AREAS.items() for message in one.messages)


@pytest.mark.parametrize("name", AREAS)
def test_the_sentences_are_found(name: str) -> None:
    found = AREAS[name]
    assert len(found.messages) > found.least
    assert {(text,) for text in found.among} <= found.messages


@pytest.mark.parametrize("script", scripts("desk", "board", "flow-"), ids=lambda file: file.name)
def test_scripts_mark_only_plain_sentences(script: Path) -> None:
    """A sentence put together from pieces would escape the translation."""
    text = script.read_text("utf-8")
    assert len(re.findall(r"(?<![\w.])t\(", text)) == len(re.findall(r'(?<![\w.])t\("', text))


@pytest.mark.parametrize(
    ("name", "message"), EACH, ids=lambda given: given if isinstance(given, str) else given[0][:50]
)
def test_exists_in_spanish(name: str, message: Message) -> None:
    load_catalogues()
    use_language("es")
    try:
        many = [ngettext(message[0], message[-1], n) for n in (1, 2)] if len(message) > 1 else [gettext(message[0])]
    finally:
        use_language("en")
    for spoken in many:
        assert spoken not in message
        assert sorted(re.findall(r"%\(\w+\)s", spoken)) == sorted(re.findall(r"%\(\w+\)s", message[0]))
