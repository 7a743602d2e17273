"""Every kind of node, walked by every way out; what is secret stays out of events; what is typed ahead counts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from careline.flows import interpreter
from careline.flows.kinds import KINDS
from careline.flows.model import Cursor, Flow, id_of, key_of
from careline.flows.moves import (
    Action,
    Answered,
    Ask,
    Cause,
    Chosen,
    Consented,
    Env,
    Finish,
    Heard,
    Hush,
    Key,
    Listen,
    Noted,
    Speak,
    Stimulus,
    ToCallback,
    ToQueue,
    ToTransfer,
    ToVoicemail,
)
from careline.flows.reading import parse, read, read_text
from careline.flows.schema import schema
from careline.flows.spoken import Prompt
from careline.flows.text import dump, load

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)

ENDS = {name: {"kind": "end", "outcome": name} for name in ("a", "b", "c", "d")}


def flow(node: Mapping[str, Any], **more: Any) -> Flow:
    """A flow that begins with a node, whose exits lead to ends of their own."""
    found = read(
        {
            "start": "x",
            "languages": ["en"],
            "variables": {"typed": {"type": "digits"}, "topic": {"shown": True}, "count": 1, "pin": {"secret": True}},
            "nodes": {"x": node, **ENDS, **more},
        }
    )
    assert found.problems == ()
    return found.flow


class Walk:
    """A caller in a flow."""

    def __init__(self, flow: Flow, **env: Any) -> None:
        self.flow = flow
        self.env = Env(**{"now": NOW, "zone": "America/Chicago", **env})
        self.cursor: Cursor | None = None
        self.actions: list[Action] = []
        self.go(Stimulus.ENTERED)

    def go(self, *causes: Cause) -> Walk:
        for cause in causes:
            self.cursor, self.actions = interpreter.step(self.flow, self.cursor, cause, self.env)
        return self

    def did(self, kind: type[Any]) -> Any:
        return next((a for a in self.actions if isinstance(a, kind)), None)

    @property
    def at(self) -> str:
        assert self.cursor
        return self.cursor.node


SPOKEN, SILENCE = Stimulus.SPOKEN, Stimulus.SILENCE


def keys(text: str) -> list[Cause]:
    return [Key(digit) for digit in text]


def test_q1_say_speaks_and_goes_on_and_a_key_ends_only_what_may_be_interrupted() -> None:
    say = {"kind": "say", "prompts": ["greeting.welcome"], "next": "a"}
    assert Walk(flow(say)).did(Speak).prompts == (Prompt("greeting.welcome"),)
    assert Walk(flow(say)).go(SPOKEN).at == "a"
    assert Walk(flow(say)).go(Key("1")).at == "x"
    walk = Walk(flow({**say, "interruptible": True})).go(Key("1"))
    assert (walk.at, walk.did(Hush)) == ("a", Hush())


MENU = {
    "kind": "menu",
    "prompts": ["menu.intro"],
    "options": {"1": {"next": "a", "reason": "appointments", "phrases": {"en": ["an appointment"]}}, "2": "b"},
    "tries": 2,
    "exits": {"no_input": "c", "no_match": "d"},
}


def test_q1_a_menu_has_exits_for_its_keys_words_silence_and_wrong_keys() -> None:
    walk = Walk(flow(MENU)).go(SPOKEN)
    assert walk.did(Listen) == Listen(5.0, ("an appointment",))
    chosen = Walk(flow(MENU)).go(Key("1"))
    assert (chosen.at, chosen.did(Chosen)) == ("a", Chosen("x", "1", "appointments", None))
    assert Walk(flow(MENU)).go(SPOKEN, Heard("I need an Appointment, please")).at == "a"
    unsure = Walk(flow(MENU)).go(SPOKEN, Heard("an appointment", 0.2))
    assert (unsure.at, unsure.did(Speak).prompts) == ("x", (Prompt("no-input"), Prompt("menu.intro")))
    assert Walk(flow(MENU)).go(SPOKEN, SILENCE, SPOKEN, SILENCE).at == "c"
    assert Walk(flow(MENU)).go(SPOKEN, Key("7"), SPOKEN, Key("7")).at == "d"
    assert Walk(flow(MENU)).go(SPOKEN, Heard("the weather"), SPOKEN, Heard("the weather")).at == "d"


COLLECT = {
    "kind": "collect",
    "prompts": ["menu.intro"],
    "variable": "typed",
    "least": 3,
    "most": 5,
    "tries": 2,
    "next": "a",
    "exits": {"no_input": "b", "no_match": "c"},
}


def test_q1_collect_ends_by_length_terminator_or_pause_and_gives_up_by_its_own_exits() -> None:
    for typed, value in (("12345", "12345"), ("123#", "123")):
        walk = Walk(flow(COLLECT)).go(*keys(typed))
        assert (walk.at, walk.cursor and walk.cursor.variables["typed"]) == ("a", value)
    paused = Walk(flow(COLLECT)).go(SPOKEN, *keys("007"))
    assert paused.did(Listen) == Listen(3.0)
    assert paused.go(SILENCE).at == "a"
    assert Walk(flow(COLLECT)).go(SPOKEN, SILENCE, SPOKEN, SILENCE).at == "b"
    assert Walk(flow(COLLECT)).go(*keys("1#"), *keys("2#")).at == "c"
    dated = flow({**COLLECT, "type": "date", "least": 8, "most": 8})
    assert Walk(dated).go(*keys("02301990"), *keys("02281990")).cursor.variables["typed"] == "1990-02-28"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('time >= "08:00" and time < "09:00"', True),
        ('weekday in ["sat", "sun"]', False),
        ('weekday == "mon" and date == "2026-11-23"', True),
        ('language == "es"', False),
        ("caller.known", True),
        ('starts_with(caller.number, "+1312")', True),
        ('table("insurers", "ABC", "accepted")', True),
        ('listed("insurers", "XYZ")', False),
        ("count + 1 == 2", True),
        ("typed > 3", False),
        ("not (door == 'open')", False),
    ],
)
def test_q1_branch_looks_at_time_day_language_caller_tables_and_variables(condition: str, holds: bool) -> None:
    node = {"kind": "branch", "cases": [{"when": condition, "next": "a"}], "exits": {"otherwise": "b"}}
    env = {
        "facts": {"caller.known": True, "caller.number": "+13125550100"},
        "table": lambda table, key: {"accepted": True} if (table, key) == ("insurers", "ABC") else None,
    }
    assert Walk(flow(node), **env).at == ("a" if holds else "b")


def test_q1_set_and_table_fill_variables_and_the_agent_is_told_of_those_that_are_shown() -> None:
    put = flow({"kind": "set", "values": {"topic": "billing", "count": "= count + 41"}, "next": "a"})
    walk = Walk(put)
    assert walk.cursor and walk.cursor.variables == {"topic": "billing", "count": 42}
    assert walk.did(Noted) == Noted({"topic": "billing"})
    find = {
        "kind": "table",
        "table": "t",
        "key": "count",
        "into": {"topic": "dept"},
        "next": "a",
        "exits": {"not_found": "b"},
    }
    assert Walk(flow(find)).at == "b"
    found = Walk(flow(find), table=lambda *_: {"dept": "lab"})
    assert (found.at, found.did(Noted)) == ("a", Noted({"topic": "lab"}))


def test_q1_a_look_up_has_a_time_out_and_an_exit_for_every_failure() -> None:
    node = {
        "kind": "lookup", "endpoint": "ehr", "path": "Patient/{count}", "query": {"id": "= count"}, "seconds": 4,
        "into": {"topic": "name.0"}, "prompts": ["lookup.wait"], "next": "a",
        "exits": {"not_found": "b", "timeout": "c", "failed": "d"},
    }  # fmt: skip
    walk = Walk(flow(node))
    assert walk.did(Ask) == Ask(
        "lookup",
        {
            "endpoint": "ehr",
            "method": "http",
            "path": "Patient/1",
            "send": "body",
            "query": {"id": 1},
            "into": {"topic": "name.0"},
        },
        4.0,
    )
    assert walk.did(Speak)
    assert walk.go(SPOKEN).at == "x"
    answered = walk.go(Answered("next", {"topic": "lab", "count": 99}))
    assert (answered.at, answered.cursor and answered.cursor.variables) == ("a", {"count": 1, "topic": "lab"})
    for exit, to in (("not_found", "b"), ("timeout", "c"), ("failed", "d"), ("nonsense", "d")):
        assert Walk(flow(node)).go(Answered(exit)).at == to
    incomplete = read({"start": "x", "nodes": {"x": {"kind": "lookup", "endpoint": "ehr", "next": "x"}}})
    assert {p.field for p in incomplete.problems} == {"seconds", "exits.not_found", "exits.timeout", "exits.failed"}


@pytest.mark.parametrize("door", ["open", "closed", "closure"])
def test_q1_hours_and_closure_ask_the_door_and_calendars(door: Any) -> None:
    ways = {"open": "a", "closed": "b", "closure": "c"}
    assert Walk(flow({"kind": "hours", "exits": ways}), door=lambda: door).at == ways[door]
    switch = {"kind": "closure", "exits": {"on": "a", "off": "b"}}
    assert Walk(flow(switch), door=lambda: door).at == ("a" if door == "closure" else "b")
    other = flow({"kind": "hours", "calendar": "Pharmacy", "exits": ways})
    is_open = {id_of("Pharmacy"): True}
    assert Walk(other, door=lambda: door, calendar=is_open.get).at == ("c" if door == "closure" else "a")


def test_q1_consent_is_given_refused_or_not_answered() -> None:
    node = {
        "kind": "consent", "prompts": ["consent.ask"], "tries": 1,
        "exits": {"accepted": "a", "refused": "b", "no_input": "c"},
    }  # fmt: skip
    for key, to, said in (("1", "a", True), ("2", "b", False)):
        walk = Walk(flow(node)).go(Key(key))
        assert (walk.at, walk.did(Consented)) == (to, Consented(said))
    silent = Walk(flow(node)).go(SPOKEN, SILENCE)
    assert (silent.at, silent.did(Consented)) == ("c", None)
    assert Walk(flow(node)).go(Key("5")).at == "c"


VERIFY = {
    "kind": "verify",
    "factors": [
        {"name": "date_of_birth", "prompts": ["verify.birth-date"]},
        {"name": "postal_code", "prompts": ["verify.postal-code"], "least": 5, "most": 5},
    ],
    "tries": 2,
    "exits": {"verified": "a", "failed": "b", "no_input": "c", "timeout": "d"},
}


def test_q1_verification_asks_each_factor_and_tells_no_event_what_was_typed() -> None:
    walk = Walk(flow(VERIFY)).go(*keys("02281990"))
    assert walk.did(Speak).prompts == (Prompt("verify.postal-code"),)
    walk.go(SPOKEN, *keys("6061"))
    assert walk.cursor
    told = json.dumps(walk.cursor.to_body())
    assert "6061" not in told
    assert "1990" not in told
    walk.go(Key("4"))
    assert walk.did(Ask) == Ask("verify", {"factors": {"date_of_birth": "1990-02-28", "postal_code": "60614"}}, 5.0)
    assert walk.go(SILENCE).at == "x"
    for exit, to in (("verified", "a"), ("failed", "b"), ("timeout", "d")):
        again = Walk(flow(VERIFY)).go(*keys("0228199060614"))
        assert again.go(Answered(exit)).at == to
    assert Walk(flow(VERIFY)).go(SPOKEN, SILENCE, SPOKEN, SILENCE).at == "c"


def test_q1_queue_callback_voicemail_transfer_agent_and_end_hand_over_and_take_back() -> None:
    queue = flow(
        {"kind": "queue", "queue": "Desk", "reason": "r", "exits": {"leave": "a", "callback": "b", "overflow": "c"}}
    )
    walk = Walk(queue)
    assert walk.did(ToQueue) == ToQueue(id_of("Desk"), "r", "a", "b", "c")
    assert walk.go(Answered("overflow")).at == "c"
    callback = {"kind": "callback", "queue": "Desk", "exits": {"accepted": "a", "declined": "b", "failed": "c"}}
    assert Walk(flow(callback)).did(ToCallback) == ToCallback(id_of("Desk"), "queue", None)
    for exit, to in (("accepted", "a"), ("declined", "b"), ("failed", "c")):
        assert Walk(flow(callback)).go(Answered(exit)).at == to
    message = Walk(flow({"kind": "voicemail", "department": "Nurses"}))
    assert message.did(ToVoicemail) == ToVoicemail(id_of("Nurses"), (Prompt("voicemail.instructions"),))
    out = {"kind": "transfer", "number": "+13125550100", "exits": {"busy": "a", "no_answer": "b", "failed": "c"}}
    rung = Walk(flow(out)).go(SPOKEN)
    assert rung.did(ToTransfer) == ToTransfer("+13125550100", 30.0)
    for exit, to in (("busy", "a"), ("no_answer", "b"), ("failed", "c")):
        assert Walk(flow(out)).go(SPOKEN, Answered(exit)).at == to
    assert Walk(flow({**out, "number": "= topic"})).go(SPOKEN).at == "c", "nobody to ring"
    agent = {
        "kind": "agent", "endpoint": "bot", "seconds": 60, "tells": {"n": "= count"}, "into": {"topic": "reason"},
        "next": "a", "exits": {"person": "b", "timeout": "c", "failed": "d"},
    }  # fmt: skip
    assert Walk(flow(agent)).did(Ask).body == {"endpoint": "bot", "tells": {"n": 1}, "into": {"topic": "reason"}}
    for exit, to in (("next", "a"), ("person", "b"), ("timeout", "c"), ("failed", "d")):
        assert Walk(flow(agent)).go(Answered(exit, {"topic": "t"})).at == to
    assert Walk(flow({"kind": "end"})).did(Finish) == Finish((Prompt("goodbye"),), "closed")


def test_q1_a_sub_flow_has_variables_of_its_own_and_comes_back_by_the_exit_it_names() -> None:
    inner = read(
        {
            "start": "ask",
            "variables": {"level": "none", "hint": ""},
            "nodes": {
                "ask": {"kind": "menu", "prompts": ["menu.intro"], "options": {"1": "set"}, "tries": 1,
                        "exits": {"no_input": "no", "no_match": "no"}},
                "set": {"kind": "set", "values": {"level": "= hint"}, "next": "yes"},
                "yes": {"kind": "end", "returns": "verified"},
                "no": {"kind": "end", "returns": "unverified"},
            },
        }
    ).flow  # fmt: skip
    outer = flow(
        {"kind": "subflow", "flow": "Who", "inputs": {"hint": "= count"}, "outputs": {"topic": "level"},
         "exits": {"verified": "a", "unverified": "b"}}
    )  # fmt: skip
    whole = Flow(start="x", nodes=outer.nodes, variables=outer.variables, library={key_of("Who", "live"): inner})
    walk = Walk(whole).go(SPOKEN)
    assert walk.cursor and (walk.at, [f.node for f in walk.cursor.stack]) == ("ask", ["x"])
    assert Cursor.from_body(json.loads(json.dumps(walk.cursor.to_body()))) == walk.cursor
    walk.go(Key("1"))
    assert walk.cursor and (walk.at, walk.cursor.variables["topic"]) == ("a", 1)
    assert walk.cursor.stack == ()
    assert Walk(whole).go(SPOKEN, SILENCE).at == "b"


def test_q1_every_kind_is_in_the_table_the_schema_and_the_published_file() -> None:
    assert set(KINDS) == {
        "say", "menu", "collect", "branch", "set", "table", "lookup", "subflow", "hours", "closure", "consent",
        "verify", "queue", "callback", "voicemail", "transfer", "agent", "end",
    }  # fmt: skip
    assert set(schema()["$defs"]) >= set(KINDS)
    import careline.flows

    shipped = Path(careline.flows.__file__).with_name("schema.json")
    assert json.loads(shipped.read_text("utf-8")) == schema(), "write schema.json anew"


def test_secrets_are_asked_again_after_an_outage() -> None:
    asking = {**COLLECT, "variable": "pin", "next": "menu"}
    whole = flow(asking, menu={**MENU, "options": {"1": "a"}})
    walk = Walk(whole).go(*keys("12345"))
    assert walk.cursor and walk.at == "menu"
    folded = Cursor.from_body(json.loads(json.dumps(walk.cursor.to_body())))
    assert folded == walk.cursor.public()
    assert "pin" not in folded.variables
    again, actions = interpreter.resume(whole, folded, walk.env)
    assert again.node == "x"
    assert isinstance(actions[0], Speak)
    kept, _ = interpreter.resume(whole, walk.cursor, walk.env)
    assert kept.node == "menu"


def test_values_in_texts_are_spoken_by_their_type() -> None:
    text = "You have {count} visits, the next on {day:date} at {time}. Ask for {topic:name}."
    whole = read(
        {
            "start": "x", "languages": ["en", "es"],
            "variables": {"count": 3, "day": "2026-12-01", "topic": "Dr. Osei"},
            "nodes": {"x": {"kind": "say", "prompts": [{"text": {"en": text, "es": "Hola {count}"}}], "next": "y"},
                      "y": {"kind": "end"}},
        }
    ).flow  # fmt: skip
    spoken = Walk(whole).did(Speak).prompts
    assert [(p.key, *dict(p.params).values()) for p in spoken] == [
        ("text", "You have"), ("value.number", 3), ("text", "visits, the next on"), ("value.date", "2026-12-01"),
        ("text", "at"), ("value.time", "08:30"), ("text", "Ask for"), ("value.name", "Dr. Osei"),
    ]  # fmt: skip
    assert [p.key for p in Walk(whole, language="es").did(Speak).prompts] == ["text", "value.number"]


def test_yaml_has_no_surprises() -> None:
    text = "exits: {no: a, yes: b, on: c}\ntime: 08:30\nkey: 007\nlist: [1, 2.5, true, null, 2026-01-01]\n"
    assert load(text) == {
        "exits": {"no": "a", "yes": "b", "on": "c"},
        "time": "08:30",
        "key": "007",
        "list": [1, 2.5, True, None, "2026-01-01"],
    }
    assert load(dump(load(text))) == load(text)
    assert list(load(dump(load("b: 1\na: 2\n")))) == ["b", "a"]


@pytest.mark.parametrize(
    "text", ["a: &x [1]\nb: *x", "a: 1\na: 2", "- 1", "a: [", "a: !!python/none x", "? [1]\n: 2", ""]
)
def test_a_text_that_is_no_flow_is_one_plain_problem(text: str) -> None:
    found = read_text(text)
    assert [p.code for p in found.problems] == ["text-unreadable"]


def test_parse_refuses_what_is_not_whole() -> None:
    from careline.flows.model import FlowError

    with pytest.raises(FlowError, match="nowhere"):
        parse({"start": "x", "nodes": {"x": {"kind": "say", "prompts": ["goodbye"], "next": "nowhere"}}})
