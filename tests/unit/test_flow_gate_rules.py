"""What the publish gate refuses besides the five great faults: each refusal by itself, and the flow beside it that
passes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from careline.flows import gate
from careline.flows.judge import Context
from careline.flows.model import Flow, key_of
from careline.flows.reading import read
from careline.flows.shape import DEEPEST, with_library

pytestmark = pytest.mark.unit

CONTEXT = Context(endpoints=frozenset({"ehr"}))
BYE = {"kind": "end"}
OUTER = {"topic": {"shown": True}, "pin": {"secret": True}, "name": {"secret": True, "shown": True}, "note": ""}


def flow_of(nodes: dict[str, Any], **more: Any) -> Flow:
    found = read({"start": "x", "languages": ["en", "es"], "variables": OUTER, "nodes": nodes, **more})
    assert found.problems == ()
    return found.flow


def found_in(flow: Flow, context: Context = CONTEXT) -> set[tuple[str, str]]:
    """Errors and warnings of node x, as (field, code)."""
    return {(p.field, p.code) for p in gate.problems(flow, context) if p.node == "x"}


def judged(node: dict[str, Any], context: Context = CONTEXT) -> set[tuple[str, str]]:
    return found_in(flow_of({"x": node, "bye": BYE}), context)


@pytest.mark.parametrize(
    ("path", "refused"),
    [("/plans/a", False), ("/plans//a", True), ("//evil.example/a", True), ("/plans/../admin", True),
     ("..", True), ("/plans\\a", True), ("/plans.v2/a.json", False)],
)  # fmt: skip
def test_a_look_up_stays_below_the_systems_own_address(path: str, refused: bool) -> None:
    node = {"kind": "lookup", "endpoint": "ehr", "seconds": 3, "path": path, "next": "bye",
            "exits": dict.fromkeys(("not_found", "timeout", "failed"), "bye")}  # fmt: skip
    assert (("path", "path-invalid") in judged(node)) is refused


def test_a_digit_cannot_end_digits() -> None:
    node = {"kind": "collect", "prompts": [{"text": {"en": "Type.", "es": "Teclee."}}], "variable": "note",
            "least": 1, "most": 4, "next": "bye", "exits": {"no_input": "bye", "no_match": "bye"}}  # fmt: skip
    assert judged(node) == set()
    assert judged({**node, "terminator": "5"}) == {("terminator", "key-twice")}


def test_a_menu_speaks_the_languages_of_its_flow_in_keys_and_words() -> None:
    def menu(option: dict[str, Any]) -> set[tuple[str, str]]:
        said = [{"text": {"en": "Press one.", "es": "Oprima uno."}}]
        exits = {"no_input": "bye", "no_match": "bye"}
        node = {"kind": "menu", "prompts": said, "options": {"1": {"next": "bye", **option}}, "exits": exits}
        return judged(node)

    assert menu({"language": "es", "phrases": {"en": ["bill"], "es": ["factura"]}}) == set()
    assert menu({"language": "fr"}) == {("options.1.language", "language-unknown")}
    assert menu({"phrases": {"en": ["bill"]}}) == {("options.1.phrases", "prompt-language")}
    assert menu({"phrases": {"en": ["bill"], "es": []}}) == {("options.1.phrases", "prompt-language")}


def test_a_verification_asks_each_thing_once() -> None:
    def factor(name: str) -> dict[str, Any]:
        return {"name": name, "prompts": [{"text": {"en": "Type.", "es": "Teclee."}}], "least": 2, "most": 8}

    node = {"kind": "verify", "exits": dict.fromkeys(("verified", "failed", "no_input", "timeout"), "bye")}
    assert judged({**node, "factors": [factor("phone"), factor("date_of_birth")]}) == set()
    assert judged({**node, "factors": [factor("phone"), factor("phone")]}) == {("factors", "field-invalid")}


def test_a_name_that_two_queues_share_is_refused_and_an_id_is_not() -> None:
    one, two = UUID(int=1), UUID(int=2)
    context = Context(queues={one: "Nurses", two: "Nurses"})
    assert judged({"kind": "queue", "queue": "Nurses"}, context) == {("queue", "name-ambiguous")}
    assert judged({"kind": "queue", "queue": str(two)}, context) == set()


# --- sub-flows --------------------------------------------------------------------------------------------------------

INNER: dict[str, Any] = {
    "start": "x",
    "languages": ["en", "es"],
    "variables": {"told": {"shown": True}, "kept": {"secret": True}, "plain": ""},
    "nodes": {
        "x": {"kind": "branch", "cases": [{"when": "caller.known", "next": "a"}], "exits": {"otherwise": "b"}},
        "a": {"kind": "end", "returns": "known"},
        "b": {"kind": "end", "returns": "unknown"},
    },
}


def sub(exits: tuple[str, ...] = ("known", "unknown"), **more: Any) -> set[tuple[str, str]]:
    node = {"kind": "subflow", "flow": "Who", "exits": dict.fromkeys(exits, "bye"), **more}
    inner = read(INNER)
    assert inner.problems == ()
    return found_in(with_library(flow_of({"x": node, "bye": BYE}), {key_of("Who", "live"): inner.flow}))


def test_every_way_back_from_a_sub_flow_leads_somewhere() -> None:
    assert sub() == set()
    assert sub(exits=("known",)) == {("exits.unknown", "subflow-exit")}
    assert sub(exits=("known", "unknown", "third")) == {("exits.third", "subflow-exit-unused")}


def test_nothing_secret_goes_into_or_out_of_a_sub_flow_where_agents_would_see_it() -> None:
    assert sub(inputs={"told": "= note"}) == set()
    assert sub(inputs={"told": "= pin"}) == {("inputs.told", "secret-told")}
    assert sub(inputs={"kept": "= pin"}) == set()
    assert sub(inputs={"nothing": 1}) == {("inputs.nothing", "variable-unknown")}
    assert sub(outputs={"topic": "plain"}) == set()
    assert sub(outputs={"topic": "kept"}) == {("outputs.topic", "secret-told")}
    assert sub(outputs={"pin": "kept", "name": "kept"}) == set(), "what is secret outside too may hold it"
    assert sub(outputs={"topic": "nothing"}) == {("outputs.topic", "variable-unknown")}


@pytest.mark.parametrize(("below", "refused"), [(DEEPEST, False), (DEEPEST + 1, True)])
def test_sub_flows_lie_so_deep_and_no_deeper(below: int, refused: bool) -> None:
    leaf = read({"start": "x", "languages": ["en"], "nodes": {"x": {"kind": "end", "returns": "done"}}}).flow
    for _ in range(below):
        node = {"kind": "subflow", "flow": "Deeper", "exits": {"done": "y"}}
        whole = {"start": "x", "languages": ["en"], "nodes": {"x": node, "y": {"kind": "end", "returns": "done"}}}
        leaf = with_library(read(whole).flow, {key_of("Deeper", "live"): leaf})
    assert any(p.code == "subflow-depth" for p in gate.problems(leaf)) is refused
