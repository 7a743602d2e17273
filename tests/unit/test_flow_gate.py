"""The publish gate refuses what would leave a caller nowhere; what it lets pass never raises and never spins."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careline.flows import diff, gate, interpreter, shape, trials
from careline.flows.judge import Context
from careline.flows.kinds import KINDS
from careline.flows.model import Cursor
from careline.flows.moves import Answered, Cause, Env, Heard, Key, Stimulus
from careline.flows.nodes import ways
from careline.flows.reading import read
from careline.flows.schema import schema

pytestmark = pytest.mark.unit

PROMPTS = {"greeting.welcome": frozenset({"en", "es"}), "goodbye": frozenset({"en", "es"}), "only": frozenset({"en"}),
           "voicemail.instructions": frozenset({"en", "es"}), "transfer.please-wait": frozenset({"en", "es"}),
           "value.*": frozenset({"en", "es"})}  # fmt: skip
CONTEXT = Context(
    queues={UUID(int=1): "Scheduling"},
    departments={UUID(int=2): "Nurses"},
    calendars={UUID(int=3): "Pharmacy"},
    flows={},
    tables={"insurers": ("prefix", "accepted")},
    endpoints=frozenset({"ehr"}),
    prompts=PROMPTS,
)


def judge(nodes: dict[str, Any], start: str = "x", **more: Any) -> set[tuple[str | None, str]]:
    """What is wrong, as (node, code)."""
    found = read({"start": start, "languages": ["en", "es"], "nodes": nodes, **more})
    every = [*found.problems, *gate.problems(found.flow, CONTEXT, names=frozenset(nodes))]
    return {(p.node, p.code) for p in every}


BYE = {"kind": "end"}
SAY = {"kind": "say", "prompts": ["greeting.welcome"]}


def test_q2_a_sound_flow_passes() -> None:
    assert judge({"x": {**SAY, "next": "bye"}, "bye": BYE}) == set()


def test_q2_a_dangling_exit_is_refused() -> None:
    assert judge({"x": {**SAY, "next": "gone"}}) == {("x", "exit-dangling")}
    assert judge({"x": SAY}) == {("x", "exit-missing")}
    menu = {"kind": "menu", "prompts": ["greeting.welcome"], "options": {"1": "gone"}, "exits": {"no_input": "x"}}
    assert judge({"x": menu}) >= {("x", "exit-dangling"), ("x", "exit-missing")}
    assert judge({"x": BYE}, start="nowhere") == {(None, "start-missing")}


def test_q2_a_loop_without_a_wait_is_refused() -> None:
    talk = {"x": {**SAY, "next": "y"}, "y": {**SAY, "next": "x"}}
    assert judge(talk) == {("x", "loop-without-wait"), ("y", "loop-without-wait")}
    branch = {"kind": "branch", "cases": [{"when": "caller.known", "next": "x"}], "exits": {"otherwise": "bye"}}
    assert judge({"x": branch, "bye": BYE}) == {("x", "loop-without-wait")}
    lookup = {
        "kind": "lookup", "endpoint": "ehr", "seconds": 3, "next": "bye",
        "exits": {"not_found": "bye", "timeout": "x", "failed": "x"},
    }  # fmt: skip
    assert judge({"x": lookup, "bye": BYE}) == {("x", "loop-without-wait")}
    menu = {"kind": "menu", "prompts": ["greeting.welcome"], "options": {"9": "x"}}
    assert judge({"x": {**menu, "exits": {"no_input": "bye", "no_match": "bye"}}, "bye": BYE}) == set()
    silent = {"x": {**menu, "exits": {"no_input": "x", "no_match": "bye"}}, "bye": BYE}
    assert judge(silent) == {("x", "silent-loop")}, "a warning: silence alone would never end"


def test_q2_a_prompt_that_misses_a_language_is_refused() -> None:
    for prompt in ("only", {"text": {"en": "Hello."}}, {"text": "Hello."}, {"recording": {"es": "1"}}):
        assert judge({"x": {**SAY, "prompts": [prompt], "next": "bye"}, "bye": BYE}) == {("x", "prompt-language")}
    assert judge({"x": {**SAY, "prompts": ["unheard-of"], "next": "bye"}, "bye": BYE}) == {("x", "prompt-unknown")}
    empty = {**SAY, "prompts": [{"text": {"en": "Hi", "es": " "}}], "next": "bye"}
    assert judge({"x": empty, "bye": BYE}) == {("x", "prompt-empty")}


def test_q2_a_look_up_without_a_time_out_is_refused() -> None:
    ways = {"not_found": "bye", "timeout": "bye", "failed": "bye"}
    node = {"kind": "lookup", "endpoint": "ehr", "next": "bye", "exits": ways}
    assert judge({"x": node, "bye": BYE}) == {("x", "field-missing")}
    assert judge({"x": {**node, "seconds": 0}, "bye": BYE}) == {("x", "field-invalid")}
    assert judge({"x": {**node, "seconds": 3, "exits": {"failed": "bye"}}, "bye": BYE}) == {("x", "exit-missing")}
    agent = {
        "kind": "agent",
        "endpoint": "ehr",
        "next": "bye",
        "exits": {"person": "bye", "timeout": "bye", "failed": "bye"},
    }
    assert judge({"x": agent, "bye": BYE}) == {("x", "field-missing")}


def test_q2_an_unreachable_node_is_refused() -> None:
    assert judge({"x": BYE, "island": BYE}) == {("island", "unreachable")}


def test_q2_keys_no_telephone_has_and_the_emergency_key_are_refused() -> None:
    menu = {"kind": "menu", "prompts": ["greeting.welcome"], "exits": {"no_input": "bye", "no_match": "bye"}}
    assert judge({"x": {**menu, "options": {"12": "bye"}}, "bye": BYE}) == {("x", "key-invalid")}
    assert judge({"x": {**menu, "options": {"*": "bye"}}, "bye": BYE}) == {("x", "key-emergency")}
    assert judge({"x": {**menu, "options": {}}, "bye": BYE}) == {("x", "field-missing")}


@pytest.mark.parametrize(
    ("node", "code"),
    [
        ({"kind": "queue", "queue": "Nobody"}, "queue-unknown"),
        ({"kind": "queue", "queue": str(UUID(int=9))}, "queue-unknown"),
        ({"kind": "voicemail", "department": "Nobody"}, "department-unknown"),
        ({"kind": "hours", "calendar": "Never", "exits": dict.fromkeys(("open", "closed", "closure"), "bye")},
         "opening-hours-unknown"),
        ({"kind": "table", "table": "none", "key": "time", "next": "bye", "exits": {"not_found": "bye"}},
         "table-unknown"),
        ({"kind": "table", "table": "insurers", "key": "time", "into": {"v": "colour"}, "next": "bye",
          "exits": {"not_found": "bye"}}, "column-unknown"),
        ({"kind": "subflow", "flow": "Other", "exits": {"done": "bye"}}, "flow-unknown"),
        ({"kind": "set", "values": {"undeclared": 1}, "next": "bye"}, "variable-unknown"),
        ({"kind": "set", "values": {"v": "= 1 +"}, "next": "bye"}, "expression-invalid"),
        ({"kind": "set", "values": {"v": "= delete(1)"}, "next": "bye"}, "function-unknown"),
        ({"kind": "say", "prompts": [{"text": {"en": "{who}", "es": "{who}"}}], "next": "bye"}, "variable-unknown"),
        ({"kind": "collect", "prompts": ["goodbye"], "variable": "v", "next": "bye",
          "exits": {"no_input": "bye", "no_match": "bye"}}, "field-missing"),
        ({"kind": "collect", "prompts": ["goodbye"], "variable": "v", "least": 5, "most": 2, "next": "bye",
          "exits": {"no_input": "bye", "no_match": "bye"}}, "limits"),
        ({"kind": "transfer", "number": "nobody", "exits": dict.fromkeys(("busy", "no_answer", "failed"), "bye")},
         "number-invalid"),
        ({"kind": "verify", "factors": [],
          "exits": dict.fromkeys(("verified", "failed", "no_input", "timeout"), "bye")}, "field-missing"),
        ({"kind": "dance"}, "kind-unknown"),
        ({"kind": "end", "colour": "red"}, "field-unknown"),
    ],
)  # fmt: skip
def test_q2_what_does_not_exist_or_makes_no_sense_is_refused_where_it_stands(node: dict[str, Any], code: str) -> None:
    found = judge({"x": node, "bye": BYE}, variables={"v": ""})
    assert ("x", code) in found
    assert {where for where, c in found if c != "unreachable"} == {"x"}


# --- whatever passes can be walked ------------------------------------------------------------------------------------

NAMES = [f"n{i}" for i in range(7)]
TARGET = st.sampled_from(NAMES)
PROMPT = st.sampled_from(["goodbye", {"text": {"en": "{v} at {time}", "es": "{v:number}"}}])
EXPRESSION = st.sampled_from(
    ["v > 3", "v", "caller.known and not (door == 'open')", 'table("insurers", v, "accepted")', "length(v) - 1",
     "last(v, 2) in ['1', 2]", "v + 1", "- v < time"]
)  # fmt: skip
PHRASES = {"en": ["help"], "es": ["ayuda"]}
VALUE = st.one_of(st.sampled_from(["", "text", 3, True, None, ["a", 1]]), EXPRESSION.map(lambda e: f"= {e}"))


@st.composite
def a_node(draw: st.DrawFn) -> dict[str, Any]:
    kind = KINDS[draw(st.sampled_from(sorted(set(KINDS) - {"subflow"})))]
    made: dict[str, Any] = {"kind": kind.name, "exits": {exit: draw(TARGET) for exit in kind.exits}}
    made["exits"] |= {exit: draw(TARGET) for exit in kind.optional if draw(st.booleans())}
    values = {
        "prompts": st.lists(PROMPT, min_size=1, max_size=2),
        "options": st.dictionaries(
            st.sampled_from("0123456789#"),
            st.one_of(TARGET, st.builds(lambda t: {"next": t, "language": "es", "phrases": PHRASES}, TARGET)),
            min_size=1, max_size=3,
        ),
        "cases": st.lists(st.builds(lambda w, n: {"when": w, "next": n}, EXPRESSION, TARGET), min_size=1, max_size=2),
        "condition": EXPRESSION,
        "values": st.dictionaries(st.just("v"), VALUE, min_size=1),
        "value": st.sampled_from(["+13125550100", "= table('insurers', v, 'accepted')"]),
        "into": st.just({"v": "accepted"}),
        "factors": st.just([{"name": "phone", "prompts": ["goodbye"], "least": 2, "most": 3}]),
    }  # fmt: skip
    fixed = {"queue": "Scheduling", "table": "insurers", "endpoint": "ehr", "variable": "v", "seconds": 4, "least": 1,
             "most": 4, "department": "Nurses", "calendar": "Pharmacy", "requirement": "= weekday"}  # fmt: skip
    for spec in kind.fields:
        if spec.name == "type":
            made["type"] = draw(st.sampled_from(["digits", "number", "phone", "money"]))
        elif spec.name in fixed:
            made[spec.name] = fixed[spec.name]
        elif spec.type in values and (spec.needed or draw(st.booleans())):
            made[spec.name] = draw(values[spec.type])
        elif spec.type == "boolean":
            made[spec.name] = draw(st.booleans())
        elif spec.name == "tries":
            made["tries"] = draw(st.integers(1, 3))
    made.pop("path", None)
    return made


CAUSE: st.SearchStrategy[Cause] = st.one_of(
    st.sampled_from([Stimulus.SPOKEN, Stimulus.SPOKEN, Stimulus.SILENCE, Stimulus.ENTERED]),
    st.sampled_from("0123456789#*AБ").map(Key),
    st.builds(Heard, st.sampled_from(["help", "ayuda por favor", "", "x" * 500]), st.floats(0, 1)),
    st.builds(
        Answered,
        st.sampled_from(["next", "timeout", "failed", "verified", "leave", "declined", "busy", "nonsense"]),
        st.sampled_from([{}, {"v": [1, {"a": 2}]}, {"v": {"deep": []}}, {"v": "9" * 600}, {"w": 1}]),
    ),
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    nodes=st.lists(a_node(), min_size=len(NAMES), max_size=len(NAMES)),
    causes=st.lists(CAUSE, max_size=25),
    door=st.sampled_from(["open", "closed", "closure"]),
    row=st.sampled_from([None, {"accepted": True}, {"accepted": "x"}, {}]),
)
def test_what_passes_the_gate_never_raises_or_spins(nodes: Any, causes: Any, door: Any, row: Any) -> None:
    data: dict[str, Any] = {
        "careline": "flow/1", "start": "n0", "languages": ["en", "es"],
        "variables": {"v": {"type": "text", "secret": len(causes) % 2 == 0}},
        "nodes": dict(zip(NAMES, nodes, strict=True)),
    }  # fmt: skip
    reached = shape.reachable(read(data).flow, "n0")
    data["nodes"] = {name: node for name, node in data["nodes"].items() if name in reached}
    found = read(data)
    assert found.problems == ()
    for name in shape.circles(found.flow):
        data["nodes"][name] = {"kind": "voicemail"}
    reached = shape.reachable(read(data).flow, "n0")
    data["nodes"] = {name: node for name, node in data["nodes"].items() if name in reached}
    flow = read(data).flow
    assert [p for p in gate.problems(flow, CONTEXT) if p.severity == "error"] == []
    env = Env(now=datetime(2026, 11, 23, 14, 30, tzinfo=UTC), door=lambda: door, table=lambda _t, _k: row)
    cursor: Cursor | None = None
    for cause in [Stimulus.ENTERED, *causes]:
        cursor, _ = interpreter.step(flow, cursor, cause, env)
        assert cursor.node in flow.nodes
        folded = Cursor.from_body(json.loads(json.dumps(cursor.to_body())))
        assert folded == cursor.public()
        again, _ = interpreter.resume(flow, folded, env)
        assert again.node in flow.nodes


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(nodes=st.lists(a_node(), min_size=len(NAMES), max_size=len(NAMES)))
def test_the_published_schema_takes_what_the_reader_takes(nodes: Any) -> None:
    data = {"careline": "flow/1", "start": "n0", "nodes": dict(zip(NAMES, nodes, strict=True))}
    assert read(data).problems == ()
    jsonschema_rs.Draft202012Validator(schema()).validate(data)


def test_every_way_out_of_every_kind_is_drawn() -> None:
    node = read({"start": "x", "nodes": {"x": {
        "kind": "menu", "prompts": ["goodbye"], "options": {"1": "a", "2": {"next": "b"}},
        "exits": {"no_input": "c", "no_match": "d"}}}}).flow.nodes["x"]  # fmt: skip
    assert ways(node) == [("key 1", "a"), ("key 2", "b"), ("no_input", "c"), ("no_match", "d")]


SCALAR = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 99),
    st.floats(),
    st.sampled_from(["", "n1", "= v", "= (", "\x00", "goodbye"]),
)
WORD = st.sampled_from(["text", "key", "next", "when", "name", "en", "1"])
JUNK = st.recursive(
    SCALAR,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORD, inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(node=a_node(), data=st.data(), extra=JUNK)
def test_any_mistake_in_a_node_is_a_problem_and_never_a_failure(node: Any, data: Any, extra: Any) -> None:
    spoilt = dict(node)
    for name in data.draw(st.lists(st.sampled_from([*node, "exits", "colour"]), min_size=1, max_size=3)):
        spoilt[name] = data.draw(JUNK)
    whole = {"start": data.draw(JUNK), "languages": data.draw(JUNK), "variables": {"v": extra}, "nodes": {"n0": spoilt}}
    found = read(whole)
    for problem in [*found.problems, *gate.problems(found.flow, CONTEXT, names=frozenset({"n0"}))]:
        assert problem.text
        assert problem.node in (None, "n0")
    diff.changes({"nodes": {"n0": node}}, whole)
    trials.run(found.flow, data.draw(JUNK))
