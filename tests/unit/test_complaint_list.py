"""O23: each of the 28 complaints about distribution of calls has a test of its number, or a note why there is none; and
every item of the checklist that flows and queues answer for has a test of its name."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
PAGE = (ROOT / "docs" / "complaints.md").read_text("utf-8")
NUMBERS = range(1, 29)

#: What issue 3 answers for, as `domain/checklist.md` names it. O19 (calling out) belongs to outreach.
ITEMS = (
    *(f"o{n}" for n in range(1, 24) if n != 19), *(f"q{n}" for n in range(1, 7)), "m1", "m2", "m9", "t3", "t4", "t5",
    "u6", "v5", "w3", "w5",
)  # fmt: skip


@cache
def by_file() -> dict[str, dict[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every test function, by file (`unit/test_x.py`) and name."""
    found: dict[str, dict[str, ast.FunctionDef | ast.AsyncFunctionDef]] = defaultdict(dict)
    for file in sorted(TESTS.glob("*/test_*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found[f"{file.parent.name}/{file.name}"][node.name] = node
    return found


def rows() -> dict[int, tuple[str, str, str]]:
    """The page's table: number -> complaint with its source, what Careline does, files of tests."""
    found = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
    return {int(number): (complaint, answer, files) for number, complaint, answer, files in found}


def notes() -> set[int]:
    """The complaints that the page explains under “What is missing”."""
    _, _, missing = PAGE.partition("## What is missing")
    return {int(number) for number in re.findall(r"^- \*\*(\d+)\*\*: ", missing, re.MULTILINE)}


def named(prefix: str) -> list[tuple[str, str]]:
    """Files and names of the tests whose name begins so, as whole words."""
    return [(file, name) for file, found in by_file().items() for name in found if name.startswith(f"test_{prefix}_")]


def proves(test: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a test can fail by its own words (it asserts, expects an error, waits for a condition) and is run."""
    text = ast.unparse(test)
    asserts = any(isinstance(node, ast.Assert) for node in ast.walk(test)) or "raises(" in text or "until(" in text
    return asserts and not re.search(r"\b(skip|skipif|xfail)\b", text)


def test_o23_the_page_has_each_of_the_28_complaints_once() -> None:
    assert list(rows()) == list(NUMBERS)


@pytest.mark.parametrize("number", NUMBERS)
def test_o23_each_complaint_has_a_test_of_its_number_or_a_note(number: int) -> None:
    complaint, answer, cell = rows()[number]
    assert re.search(r"(#\d+|PR#\d+)\)?", complaint), "it says where the complaint was made"
    assert len(answer) > 3
    files = re.findall(r"`([\w/]+\.py)`", cell)
    assert files and all((TESTS / file).is_file() for file in files), "the page names files that exist"
    proofs = named(f"complaint_{number}")
    if not proofs:
        assert number in notes(), f"complaint {number} has neither a test of its number nor a note"
        assert "*in part*" in answer or "*cannot occur*" in answer, "and the table itself does not promise more"
    for file, name in proofs:
        assert proves(by_file()[file][name]), f"{file}::{name} cannot fail"
        assert file in files, f"{file} proves complaint {number}, and the page does not say so"


def test_o23_no_test_claims_a_complaint_that_is_not_on_a_list() -> None:
    claimed = {
        int(match[1])
        for found in by_file().values()
        for name in found
        if (match := re.match(r"test_complaint_(\d+)_", name))
    }
    assert claimed >= set(NUMBERS) - notes()
    assert max(claimed) <= 65, "the list of complaints ends there"


@pytest.mark.parametrize("item", ITEMS)
def test_each_item_of_the_checklist_has_a_test_of_its_name(item: str) -> None:
    proofs = named(item)
    assert proofs, f"no test is called test_{item}_…"
    assert any(proves(by_file()[file][name]) for file, name in proofs)
