"""What tells who calls never stands in an address, nor in what agents are asked for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from careline.flows import gate
from careline.flows.reading import read
from careline.flows.text import load
from careline.lookups.model import Endpoint, Question, request

pytestmark = pytest.mark.unit

BYE = {"kind": "end"}
WAYS = {"not_found": "bye", "timeout": "bye", "failed": "bye"}
VARIABLES = {"member": {"type": "digits", "secret": True}, "copy": {}, "office": {"type": "digits"}, "plan": {}}


def problems(node: dict[str, Any], **others: Any) -> set[tuple[str, str, str]]:
    """What is wrong with a look-up, as (field, code, severity)."""
    find = {"kind": "lookup", "endpoint": "ehr", "seconds": 3, "next": "bye", "exits": WAYS, **node}
    nodes = {"find": find, "bye": BYE, **others}
    found = read({"start": next(iter(others), "find"), "languages": ["en"], "variables": VARIABLES, "nodes": nodes})
    assert found.problems == ()
    return {(p.field, p.code, p.severity) for p in gate.problems(found.flow)}


@pytest.mark.parametrize("asked", ["= member", "= last(member, 4)", "= caller.number", "= copy"])
def test_a_secret_is_refused_in_an_address_and_may_be_asked_for_in_the_body(asked: str) -> None:
    take = {"take": {"kind": "set", "values": {"copy": "= length(member) + 1"}, "next": "find"}}
    assert problems({"query": {"who": asked}, "send": "address"}, **take) == {
        ("query.who", "secret-in-address", "error")
    }
    assert problems({"query": {"who": asked}}, **take) == set()
    assert problems({"query": {"who": asked}, "send": "address", "method": "fhir"}, **take) == set(), "always a form"


@pytest.mark.parametrize("method", ["http", "fhir"])
def test_a_secret_is_refused_in_a_path_however_it_is_asked(method: str) -> None:
    assert problems({"path": "Patient/{member}", "method": method}) == {("path", "secret-in-address", "error")}
    assert problems({"path": "callers/{caller.number}", "method": method}) == {("path", "secret-in-address", "error")}
    assert problems({"path": "plans/{plan}", "method": method}) == set()


def test_what_a_caller_typed_is_warned_of_in_an_address() -> None:
    typed = {"ask": {"kind": "collect", "prompts": [{"text": {"en": "Office?"}}], "variable": "office", "least": 1,
                     "most": 2, "next": "find", "exits": {"no_input": "bye", "no_match": "bye"}}}  # fmt: skip
    assert problems({"path": "offices/{office}"}, **typed) == {("path", "answer-in-address", "warning")}
    assert problems({"query": {"office": "= office"}}, **typed) == set()


def test_agents_are_not_asked_for_by_what_is_secret() -> None:
    nodes = {"wait": {"kind": "queue", "queue": "Desk", "requirement": "= member"}}
    found = read({"start": "wait", "variables": VARIABLES, "nodes": nodes})
    assert [(p.field, p.code) for p in gate.problems(found.flow)] == [("requirement", "secret-told")]


OPEN = {"topic": {"shown": True}, "member": {"secret": True}, "copy": {}}


def test_what_agents_see_holds_no_secret() -> None:
    nodes = {"a": {"kind": "set", "values": {"copy": "= member"}, "next": "b"},
             "b": {"kind": "set", "values": {"topic": "= copy"}, "next": "bye"}, "bye": BYE}  # fmt: skip
    found = read({"start": "a", "variables": OPEN, "nodes": nodes})
    assert [(p.node, p.field, p.code) for p in gate.problems(found.flow)] == [("b", "values.topic", "secret-told")]


@pytest.mark.parametrize(
    ("number", "refused"),
    [("= office", True), ("= copy", True), ('= table("offices", office, "phone")', False), ("+13125550100", False)],
)
def test_a_caller_does_not_choose_the_number_that_is_rung(number: str, refused: bool) -> None:
    nodes = {
        "ask": {"kind": "collect", "prompts": [{"text": {"en": "Office?"}}], "variable": "office", "least": 1,
                "most": 11, "next": "keep", "exits": {"no_input": "bye", "no_match": "bye"}},
        "keep": {"kind": "set", "values": {"copy": "= office"}, "next": "ring"},
        "ring": {"kind": "transfer", "number": number, "exits": dict.fromkeys(("busy", "no_answer", "failed"), "bye")},
        "bye": BYE,
    }  # fmt: skip
    found = read({"start": "ask", "languages": ["en"], "variables": VARIABLES, "nodes": nodes})
    assert ("number-typed" in {p.code for p in gate.problems(found.flow)}) is refused


@pytest.mark.parametrize("number", ["1" + "0" * 400 + ".0", "1e999", "10" * 10])
def test_numbers_that_cannot_be_kept_are_none(number: str) -> None:
    text = f"start: x\nvariables: {{v: {{default: 0}}}}\nnodes:\n  x: {{kind: end}}\n  y: {number}\n"
    assert isinstance(load(text)["nodes"]["y"], str)
    nodes = {"x": {"kind": "set", "values": {"plan": float("inf")}, "next": "bye"}, "bye": BYE}
    assert [p.code for p in read({"start": "x", "variables": VARIABLES, "nodes": nodes}).problems] == ["field-invalid"]


def test_a_question_travels_in_the_body_unless_the_flow_says_otherwise() -> None:
    ehr = Endpoint(
        id=UUID(int=1), name="ehr", kind="http", base_url="https://ehr.example/v1", header=None, has_secret=False,
        max_seconds=5,
    )  # fmt: skip
    query = {"member": "123", "count": 2, "none": None}
    body = request(ehr, Question(endpoint="ehr", path="members", query=query))
    assert (body.method, body.url, body.json, body.form) == (
        "POST", "https://ehr.example/v1/members", {"member": "123", "count": 2}, None
    )  # fmt: skip
    address = request(ehr, Question(endpoint="ehr", path="plans", query={"plan": "gold"}, send="address"))
    assert (address.method, address.url, address.json) == ("GET", "https://ehr.example/v1/plans?plan=gold", None)
    bare = request(ehr, Question(endpoint="ehr", path="status"))
    assert (bare.method, bare.url, bare.json) == ("GET", "https://ehr.example/v1/status", None)
