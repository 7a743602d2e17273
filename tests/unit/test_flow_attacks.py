"""Texts of flows that are meant to hurt: refused, or soon done with, and never with anything but a problem."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from careline.flows import interpreter
from careline.flows.model import Cursor, FlowError
from careline.flows.moves import Env, Key, Stimulus
from careline.flows.reading import read_text
from careline.flows.text import LONGEST, load
from careline.kernel.errors import CarelineError

pytestmark = pytest.mark.unit

ENV = Env(now=datetime(2026, 11, 23, 18, tzinfo=UTC), facts={"caller.number": "+15555550100"})

BOMBS = {
    "a billion laughs": "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a, *a]\n" for n in range(30)),
    "a merge of itself": "a: &a\n  <<: *a\n",
    "an object of Python": "!!python/object/apply:os.system ['true']",
    "bytes": "a: !!binary aGVsbG8=",
    "a moment": "a: !!timestamp 2026-11-23",
    "a set": "a: !!set {x, y}",
    "pairs": "a: !!omap [x: 1]",
    "brackets": "[" * 50_000,
    "braces": "{a: " * 50_000,
    "indentation": "".join(" " * n + "a:\n" for n in range(400)),
    "quotes": '"' * 99_999,
    "a key that is a list": "? [a, b]\n: c",
    "a key twice": "a: 1\na: 2",
    "too long": "a: " + "x" * LONGEST,
    "many documents": "---\na: 1\n" * 2000,
    "NUL": "a: \x00",
    "half a character": "a: \ud800",
}


@pytest.mark.parametrize("what", BOMBS)
def test_a_bomb_is_a_problem_and_no_more(what: str) -> None:
    with pytest.raises(FlowError):
        load(BOMBS[what])
    assert read_text(BOMBS[what]).problems[0].code == "text-unreadable"


def doubling(times: int) -> str:
    nodes = "".join(
        f"  n{n}: {{kind: set, values: {{a: '= {' + '.join(['a'] * 100)}'}}, next: n{n + 1}}}\n" for n in range(times)
    )
    head = "start: n0\nlanguages: [en]\nvariables: {a: {default: xy, shown: true}}\nnodes:\n"
    return f"{head}{nodes}  n{times}: {{kind: end}}\n"


def test_a_flow_that_doubles_a_text_a_hundred_times_ends_at_once_and_small() -> None:
    found = read_text(doubling(60))
    assert found.problems == ()
    cursor, _ = interpreter.step(found.flow, None, Stimulus.ENTERED, ENV)
    assert len(json.dumps(cursor.to_body())) < 5000


SECRETS = """
languages: [en]
start: ask
variables: {pin: {secret: true}, copy: {}, mixed: {}, plan: {}, told: {shown: true}}
nodes:
  ask:
    {kind: collect, prompts: [goodbye], variable: pin, least: 4, most: 4,
     exits: {next: copies, no_input: z, no_match: z}}
  copies: {kind: set, values: {copy: = pin, mixed: "= 'x' + copy", told: "= 'open'"}, next: born}
  born:
    {kind: collect, prompts: [goodbye], variable: plan, least: 8, most: 8,
     exits: {next: last, no_input: z, no_match: z}}
  last:
    {kind: collect, prompts: [goodbye], variable: told, least: 1, most: 4,
     exits: {next: z, no_input: z, no_match: z}}
  z: {kind: end}
"""


def test_nothing_a_caller_typed_or_that_was_made_of_it_is_in_an_event() -> None:
    """A secret copied, joined to another text, or typed where no agent is to see it; at every key on the way."""
    flow = read_text(SECRETS).flow
    cursor: Cursor | None
    cursor, actions = interpreter.step(flow, None, Stimulus.ENTERED, ENV)
    written: list[str] = []
    for key in "4711" + "02011980":
        cursor, more = interpreter.step(flow, cursor, Key(key), ENV)
        actions += more
        written.append(json.dumps([cursor.to_body(), cursor.public().to_body()]))
    whole = "".join(written)
    assert "4711" not in whole and "x4711" not in str(actions)
    assert "0201" not in whole and "1980" not in whole
    assert cursor.node == "last" and cursor.variables["mixed"] == "x4711", "it was walked, and the flow itself knows"
    assert cursor.to_body()["variables"] == {"told": "open"}, "what is no secret is kept"


def test_an_error_of_a_bomb_is_short() -> None:
    """What is refused is not quoted back whole: neither a page nor a log should carry it."""
    with pytest.raises(CarelineError) as refused:
        load("a: [" + "secret " * 10_000)
    assert len(refused.value.detail) < 300 and "secret" not in refused.value.detail
