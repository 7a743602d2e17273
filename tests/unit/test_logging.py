"""The last line of defence: whatever is handed to a logger, no patient data is written."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from careline.kernel.errors import Conflict
from careline.platform.logging import setup

pytestmark = pytest.mark.unit

PLANTED = ("Okonkwo", "Ngozi", "555201", "5552010001", "1961-04-03", "MRN")


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    setup("debug", "json", stream)
    yield stream
    logging.captureWarnings(False)
    root.handlers[:], level = before[0], before[1]
    root.setLevel(level)


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_known_identifiers_are_written(out: io.StringIO) -> None:
    call = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
    logging.getLogger("careline.calls").info("call ended", extra={"call_id": call, "seconds": 12.5, "cause": "normal"})
    (line,) = lines(out)
    assert (line["event"], line["call_id"], line["seconds"]) == ("call ended", str(call), 12.5)
    assert line["cause"] == "normal"


def test_unknown_keys_are_dropped_and_named(out: io.StringIO) -> None:
    logging.getLogger("careline.x").info("seen", extra={"patient_name": "Ngozi Okonkwo", "call_id": "c-1"})
    (line,) = lines(out)
    assert line["dropped"] == ["patient_name"] and line["call_id"] == "c-1"


@pytest.mark.parametrize("value", ["Ngozi Okonkwo", "+15552010001", "5552010001", "born 1961-04-03", "tel:5552010001"])
def test_values_that_are_no_identifier_are_withheld(out: io.StringIO, value: str) -> None:
    logging.getLogger("careline.x").info("seen", extra={"reason": value})
    assert lines(out)[0]["reason"] == "withheld"


@pytest.mark.parametrize("style", ["json", "console"])
def test_exceptions_show_their_place_and_never_their_text(out: io.StringIO, style: Any) -> None:
    setup("debug", style, out)
    try:
        try:
            raise psycopg.errors.UniqueViolation("Key (name)=(Ngozi Okonkwo) already exists, tel 5552010001")
        except psycopg.Error as error:
            raise Conflict("MRN of Ngozi Okonkwo") from error
    except Conflict:
        logging.getLogger("careline.x").exception("not saved")
    text = out.getvalue()
    assert not any(word in text for word in PLANTED)
    assert "UniqueViolation" in text and "23505" in str(lines(out)) if style == "json" else "Conflict" in text
    assert "test_logging.py" in text


def test_libraries_cannot_write_what_they_were_given(out: io.StringIO) -> None:
    library = logging.getLogger("somelibrary.client")
    library.warning("request to %s failed", "https://ehr/Patient?name=Okonkwo")
    library.warning(f"request for {'Ngozi Okonkwo'} failed")
    first, second = lines(out)
    assert first["event"] == "request to %s failed"
    assert second["event"].startswith("withheld (test_logging:")
    assert not any(word in out.getvalue() for word in PLANTED)
