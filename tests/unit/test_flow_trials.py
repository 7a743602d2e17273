"""Flow tests are data and run on virtual time; the shipped examples are sound and their tests green."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

import careline.flows
from careline.cli import main
from careline.flows import diff, gate, text, trials
from careline.flows.judge import Context
from careline.flows.kinds import KINDS
from careline.flows.model import Flow, FlowError
from careline.flows.reading import read, read_text
from careline.flows.rehearsal import Rehearsal
from careline.flows.schema import schema
from careline.flows.start import Start
from careline.flows.words import words_of
from careline.telephony.prompts.known import known_prompts

pytestmark = pytest.mark.unit

EXAMPLES = sorted(Path(careline.flows.__file__).with_name("examples").glob("*.yaml"))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_q4_the_examples_pass_the_gate_the_schema_and_their_own_tests(file: Path) -> None:
    written = file.read_text("utf-8")
    reading = read_text(written)
    assert reading.problems == ()
    assert gate.problems(reading.flow, Context(prompts=known_prompts())) == []
    data = text.load(written)
    jsonschema_rs.Draft202012Validator(schema()).validate(data)
    played = trials.run(reading.flow, data["tests"])
    assert [test for test in played if not test.ok] == []
    assert len(played) >= 5
    every = {name for test in played for name in test.path}
    assert every >= set(reading.flow.nodes), "a node that no test comes to"


def test_there_are_examples() -> None:
    assert [file.stem for file in EXAMPLES] == ["after-hours", "main-line", "spanish-first"]


FLOW: dict[str, Any] = {
    "start": "hours",
    "languages": ["en", "es"],
    "variables": {"member": {"type": "digits"}, "plan": "none", "tries": 0},
    "nodes": {
        "hours": {"kind": "hours", "calendar": "Pharmacy",
                  "exits": {"open": "chat", "closed": "bye", "closure": "bye"}},
        "chat": {
            "kind": "branch",
            "cases": [{"when": 'channel == "chat"', "next": "desk"}, {"when": 'time > "17:00"', "next": "bye"}],
            "exits": {"otherwise": "ask"},
        },
        "ask": {
            "kind": "collect", "prompts": [{"text": {"en": "Your number?", "es": "¿Su número?"}}], "variable": "member",
            "least": 3, "most": 6, "next": "find", "exits": {"no_input": "desk", "no_match": "desk"},
        },
        "find": {
            "kind": "lookup", "endpoint": "ehr", "seconds": 4, "into": {"plan": "x"}, "next": "desk",
            "exits": {"not_found": "bye", "timeout": "sorry", "failed": "sorry"},
        },
        "sorry": {"kind": "say", "prompts": ["sorry.technical"], "next": "desk"},
        "desk": {"kind": "queue", "queue": "Front desk", "reason": "member", "exits": {"leave": "bye"}},
        "bye": {"kind": "end", "outcome": "told"},
    },
}  # fmt: skip


def flow() -> Flow:
    found = read(FLOW)
    assert found.problems == ()
    return found.flow


def one(test: dict[str, Any]) -> trials.Trial:
    (played,) = trials.run(flow(), [{"name": "it", **test}])
    return played


OPEN: Any = {"calendars": {"Pharmacy": "open"}}


@pytest.mark.parametrize(
    "test",
    [
        {"start": OPEN, "steps": [{"type": "1234#"}, {"answer": {"exit": "next", "values": {"plan": "gold"}}}],
         "expect": {"queue": "Front desk", "variables": {"plan": "gold", "member": "1234"}, "asked": "ehr"}},
        {"start": OPEN, "answers": {"find": "not_found"}, "steps": [{"type": "123456"}], "expect": {"ended": "told"}},
        {"start": OPEN, "steps": [{"type": "123456"}, {"wait": 3}, {"expect": {"node": "find"}}, {"wait": 1}],
         "expect": {"heard": "sorry.technical", "queue": "Front desk"}},
        {"start": {**OPEN, "language": "es"}, "steps": ["silence", "silence", "silence"],
         "expect": {"queue": "Front desk", "heard": ["¿Su número?", "no-input"], "not_heard": "Your number?"}},
        {"start": {**OPEN, "channel": "chat"}, "expect": {"queue": "Front desk", "not_passed": "ask"}},
        {"start": {**OPEN, "time": "2026-11-23T17:30", "zone": "America/Chicago"}, "expect": {"ended": "told"}},
        {"start": {"calendars": {"Pharmacy": "closed"}}, "expect": {"ended": "told", "passed": ["hours", "bye"]}},
        {"start": {**OPEN, "variables": {"plan": "silver"}}, "steps": ["hang up"],
         "expect": {"ended": "hung-up", "variables": {"plan": "silver"}, "queue": False}},
        {"start": {**OPEN, "channel": "chat"}, "steps": [{"answer": "leave"}], "expect": {"ended": "told"}},
    ],
)  # fmt: skip
def test_q4_initial_attributes_steps_answers_and_expectations(test: dict[str, Any]) -> None:
    assert one(test).said == ""


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ({"start": OPEN, "steps": [{"type": "1234#"}], "expect": {"queue": "Front desk"}}, "found nothing"),
        (
            {"start": {**OPEN, "channel": "chat"}, "expect": {"queue": "Nurses"}},
            "expected “Nurses”, found “Front desk”",
        ),
        ({"start": {**OPEN, "channel": "chat"}, "expect": {"queue": False}}, "Expected no queue"),
        ({"start": OPEN, "expect": {"heard": "Good evening"}}, "“Good evening” was not heard"),
        ({"start": OPEN, "expect": {"not_heard": "Your number"}}, "was heard"),
        ({"start": OPEN, "expect": {"passed": "desk"}}, "never to “desk”"),
        ({"start": OPEN, "expect": {"node": "bye"}}, "at “ask”"),
        ({"start": OPEN, "expect": {"variables": {"plan": "gold"}}}, "“plan” is “none”"),
        ({"start": OPEN, "expect": {"colour": 1}}, "Nothing called “colour”"),
        ({"start": {"colour": 1, "door": "ajar"}, "expect": {"ended": True}}, "cannot be read"),
        ({"start": {"variables": {"nope": 1}}, "expect": {"ended": True}}, "no variable “nope”"),
        ({"start": OPEN, "steps": [{"dance": 1}]}, "A step is one of"),
        ({"start": OPEN, "steps": [{"press": "x"}]}, "No telephone has the key"),
        ({"start": OPEN, "steps": ["hang up", {"press": "1"}]}, "over already"),
        ({"start": OPEN}, "expects nothing"),
        ({"colour": 1}, "A test has no “colour”"),
    ],
)
def test_q4_a_test_that_fails_says_why(test: dict[str, Any], said: str) -> None:
    played = one(test)
    assert not played.ok
    assert said in played.said


def test_q4_a_failing_step_is_named_with_the_place_of_the_call() -> None:
    played = one({"start": OPEN, "steps": [{"type": "1234#"}, {"expect": {"node": "bye"}}], "expect": {"ended": True}})
    assert (played.step, played.node, played.path) == (2, "find", ["hours", "chat", "ask", "find"])


def test_a_rehearsal_goes_through_json_at_every_step() -> None:
    start = Start.from_body(OPEN)
    call = Rehearsal.begin(flow(), start)
    straight = Rehearsal.begin(flow(), start)
    for do, value in [("spoken", None), ("press", "1"), ("press", "2"), ("press", "3"), ("press", "#"), ("wait", 2)]:
        call = Rehearsal.resume(flow(), start, json.loads(json.dumps(call.to_body())))
        call.act(do, value)
        straight.act(do, value)
        assert call.to_body() == straight.to_body()
    assert (call.phase, call.ask and call.ask["kind"]) == ("asking", "lookup")
    for body in ({}, {**call.to_body(), "cursor": {"node": "gone"}}, {**call.to_body(), "now": "2026-01-01"}):
        with pytest.raises(FlowError):
            Rehearsal.resume(flow(), start, body)


def test_q3_a_diff_says_what_changed_as_people_say_it() -> None:
    after = json.loads(json.dumps(FLOW))
    after["nodes"]["ask"]["exits"]["no_input"] = "bye"
    after["nodes"]["ask"]["most"] = 8
    after["nodes"]["goodbye"] = after["nodes"].pop("bye")
    after["nodes"]["chat"]["exits"]["otherwise"] = "sorry"
    after["nodes"]["extra"] = {"kind": "voicemail"}
    after["variables"]["plan"] = "basic"
    told = {(c.node, c.text) for c in diff.changes(FLOW, after)}
    assert told >= {
        (None, "variable “plan”: “basic”, before “none”"),
        ("goodbye", "“bye” is now called “goodbye”"),
        ("ask", "exit “no_input” now leads to “bye”, before to “desk”"),
        ("ask", "most: “8”, before “6”"),
        ("chat", "exit “otherwise” now leads to “sorry”, before to “ask”"),
        ("extra", "new: voicemail “extra”"),
    }
    assert diff.changes(FLOW, FLOW) == []


def test_the_command_line_judges_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(text.dump({"careline": "flow/1", **FLOW, "tests": [{"start": OPEN, "expect": {"node": "ask"}}]}))
    bad.write_text(good.read_text().replace("otherwise: ask", "otherwise: nowhere"))
    assert main(["flow", "check", str(good)]) == 0
    assert main(["flow", "test", str(good)]) == 0
    assert "1 of 1 tests green" in capsys.readouterr().out
    assert main(["flow", "test", str(good), str(bad)]) == 1
    assert "“otherwise” leads to “nowhere”, which does not exist." in capsys.readouterr().out
    assert main(["flow", "diff", str(good), str(bad)]) == 0
    assert "now leads to “nowhere”, before to “ask”" in capsys.readouterr().out
    assert main(["flow", "check", str(tmp_path / "none.yaml")]) == 1


def test_own_words_are_known_ahead_as_they_will_be_spoken() -> None:
    told = {"en": "Hello {caller.number}, today is {date:date}. Goodbye", "es": "Hola."}
    say = {"kind": "say", "prompts": [{"text": told}, {"text": "Ciao"}], "next": "y"}
    found = read({"start": "x", "languages": ["en", "es"], "nodes": {"x": say, "y": {"kind": "end"}}})
    ahead = words_of(found.flow)
    assert ahead == {
        ("en", "Hello"),
        ("en", "today is"),
        ("en", "Goodbye"),
        ("es", "Hola."),
        ("en", "Ciao"),
        ("es", "Ciao"),
    }
    call = Rehearsal.begin(found.flow, Start.from_body({"number": "+13125550100"}))
    spoken = {p["params"]["text"] for e in call.log if e["what"] == "heard" for p in e["prompts"] if p["key"] == "text"}
    assert {("en", words) for words in spoken} <= ahead


def test_the_flow_of_the_guide_is_sound() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "flows.md").read_text("utf-8")
    (written,) = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    reading = read_text(written)
    assert [*reading.problems, *gate.problems(reading.flow, Context(prompts=known_prompts()))] == []
    assert [test.said for test in trials.run(reading.flow, text.load(written)["tests"])] == ["", ""]
    for kind in KINDS.values():
        row = next(line for line in guide.splitlines() if line.startswith(f"| `{kind.name}` |"))
        assert all(exit in row for exit in (*kind.exits, *kind.optional)), kind.name


def test_a_test_says_whether_the_hours_it_depends_on_are_open() -> None:
    ways = {"open": "bye", "closed": "bye", "closure": "bye"}
    nodes = {"hours": {"kind": "hours", "calendar": "Pharmacy", "exits": ways}, "bye": {"kind": "end"}}
    found = read({"start": "hours", "nodes": nodes})
    (unsaid,) = trials.run(found.flow, [{"name": "Nothing said", "expect": {"ended": "closed"}}])
    assert not unsaid.ok
    assert "“Pharmacy”" in unsaid.said
    said = {"name": "Said", "start": {"calendars": {"Pharmacy": "open"}}, "expect": {"ended": "closed"}}
    assert trials.run(found.flow, [said])[0].ok
    here = "7b1c1f4e-0000-4000-8000-000000000001"
    published = read({"start": "hours", "nodes": {**nodes, "hours": {**nodes["hours"], "calendar": here}}}).flow
    assert trials.run(published, [said], names={here: "Pharmacy"})[0].ok, "names have become ids"
    (unsaid,) = trials.run(published, [{"name": "x", "expect": {"ended": "closed"}}], names={here: "Pharmacy"})
    assert "“Pharmacy”" in unsaid.said
