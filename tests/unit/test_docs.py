"""The documents say what is there: links lead somewhere, commands and settings exist, nothing names a machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from careline.cli import parser
from careline.platform.settings import ENVIRONMENT_ONLY, options

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SUFFIXES = {".py", ".md", ".sql", ".html", ".js", ".css", ".conf", ".xml", ".yaml", ".toml"}


def test_there_are_documents() -> None:
    names = {p.relative_to(ROOT).as_posix() for p in DOCUMENTS}
    assert {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"} <= names
    assert (ROOT / "LICENSE").read_text().lstrip().startswith("Apache License")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_commands_and_variables_exist(path: Path) -> None:
    text = path.read_text()
    (commands,) = (a.choices for a in parser()._actions if a.dest == "command")
    assert commands is not None
    for word in re.findall(r"\./careline ([a-z]+)", text):
        assert word in commands, word
    known = {f"CARELINE_{option.name.upper()}" for option in options()} | set(ENVIRONMENT_ONLY)
    for variable in re.findall(r"\bCARELINE_[A-Z_]+[A-Z]\b", text):
        assert variable in known, variable


@pytest.mark.parametrize("option", ["demo", "up", "stop", "doctor", "test", "backup", "restore", "call", "bench"])
def test_every_command_of_the_newcomer_is_in_the_readme_or_a_guide(option: str) -> None:
    assert any(f"./careline {option}" in path.read_text() for path in DOCUMENTS)


def _texts() -> Iterator[tuple[Path, str]]:
    for folder in ("src", "tests", "docs"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in SUFFIXES and "vendor" not in path.parts and path != Path(__file__):
                yield path, path.read_text("utf-8")


def test_nothing_names_somebodys_machine() -> None:
    places = re.compile(r"/(?:work|home|Users)/[a-z]")
    found = [f"{path.relative_to(ROOT)}: {m.group()}" for path, text in _texts() for m in places.finditer(text)]
    assert found == []
