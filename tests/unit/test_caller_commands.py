"""`careline call` and `careline prompts` as commands: what they print and how they end."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from careline.demo.call import Moment, Plan, Report
from careline.setup import calling, voices
from careline.setup.calling import BadAddress
from careline.speech.listening import Kind, Segment

pytestmark = pytest.mark.unit


def options(**given: Any) -> argparse.Namespace:
    usual = {"number": "+15555550100", "say": None, "keys": "1, 2,,3", "wait": 4.0, "save": None, "caller": None}
    return argparse.Namespace(**{**usual, "to_address": "127.0.0.1:5090", **given})


@pytest.fixture
def placed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Any, ...]]:
    """Calls that would have been placed; the first ends answered, the next ones not."""
    calls: list[tuple[Any, ...]] = []

    async def place(number: str, to: tuple[str, int], plan: Plan, **more: Any) -> Report:
        calls.append((number, to, plan, more))
        report = Report(number, answered=len(calls) == 1, end="hung up")
        report.moments = [Moment(0.0, "calling"), Moment(3.0, "heard music", 2.0), Moment(1.0, "heard speech", 1.5)]
        report.segments = [Segment(Kind.SPEECH, 0.0, 1.5)]
        for moment in report.moments[:1]:
            more["tell"](moment)
        return report

    monkeypatch.setattr(calling, "place_call", place)
    monkeypatch.setenv("CARELINE_HOME", str(tmp_path))
    monkeypatch.setenv("CARELINE_TRUNK_SOURCES", "10.1.2.3,127.0.0.7")
    return calls


def test_a_call_is_placed_from_the_trunk_and_told_in_order(
    placed: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert calling.command(options()) == 0
    ((number, to, plan, more),) = placed
    assert (number, to) == ("+15555550100", ("127.0.0.1", 5090))
    assert plan.keys == ("1", "2", "3") and plan.pace is None and plan.wait == 4.0
    assert more["ip"] == "127.0.0.7"
    out = capsys.readouterr().out
    assert out.index("calling") < out.index("heard speech 1.5 s") < out.index("heard music 2.0 s")
    assert calling.command(options()) == 1
    assert "not answered" in capsys.readouterr().out


@pytest.mark.parametrize("address", ["nowhere", ":5060", "host:", "host:99999", "host:abc", "host:0"])
def test_a_bad_address_is_named(placed: list[tuple[Any, ...]], address: str) -> None:
    with pytest.raises(BadAddress):
        calling.command(options(to_address=address))
    assert placed == []


def test_prompts_are_checked_and_rendering_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert voices.command(argparse.Namespace(action="check")) == 0
    monkeypatch.setattr(voices, "outdated", lambda: ["en/goodbye"])
    assert voices.command(argparse.Namespace(action="check")) == 1
    assert "en/goodbye" in capsys.readouterr().out
    monkeypatch.delenv("CARELINE_KOKORO_PYTHON", raising=False)
    assert voices.command(argparse.Namespace(action="render")) == 1
    assert "CARELINE_KOKORO_PYTHON" in capsys.readouterr().out
