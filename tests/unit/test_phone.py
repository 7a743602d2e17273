"""Telephone numbers: one stored form, however they were written (checklist R2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline.kernel.phone import pretty, spoken, to_e164

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "written",
    [
        "+15552010001",
        "15552010001",
        "5552010001",
        "(555) 201-0001",
        "555-201-0001",
        "555.201.0001",
        "555/201-0001",
        " 555 201 0001 ",
        "+1 (555) 201-0001",
        "+1 (555) 201-0001 ext 5",
        "555-201-0001 x5",
        "1-555-201-0001",
        "011 1 555 201 0001",
        "tel:+1-555-201-0001",
        "+1‐555‐201‐0001",  # typographic hyphens
        "+1 555 201 0001",  # no-break spaces
        "５５５２０１０００１",  # full-width digits
    ],
)
def test_r2_every_spelling_is_the_same_number(written: str) -> None:
    assert to_e164(written) == "+15552010001"


@pytest.mark.parametrize(
    "written",
    [None, "", "anonymous", "Restricted", "unknown", "911", "2010001", "555201000", "55520100012345", "+1", "x" * 65],
)
def test_r2_what_names_nobody_is_no_number(written: str | None) -> None:
    assert to_e164(written) is None


def test_r2_the_region_decides_what_a_national_number_means() -> None:
    assert to_e164("030 901820", region="DE") == "+4930901820"
    assert to_e164("+49 30 901820") == "+4930901820"
    assert to_e164("(55) 5658 1111", region="MX") == "+525556581111"


@given(st.from_regex(r"\+1[2-9][0-9]{2}[2-9][0-9]{6}", fullmatch=True))
def test_r2_the_stored_form_is_stable(number: str) -> None:
    stored = to_e164(number)
    assert stored == number
    assert to_e164(pretty(stored)) == stored


def test_as_people_read_it() -> None:
    assert pretty("+15552010001") == "(555) 201-0001"
    assert pretty("+4930901820") == "+49 30 901820"
    assert pretty(None) == "" and pretty("nonsense") == "nonsense"
    assert spoken("+15552010001") == "5 5 5, 2 0 1, 0 0 0 1"
