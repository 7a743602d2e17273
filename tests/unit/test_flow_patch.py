"""Comments and untouched lines of a flow's text survive every change made in the drawing."""

from __future__ import annotations

import copy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import careline.flows
from careline.flows.patch import patched, same
from careline.flows.text import dump, load

pytestmark = pytest.mark.unit

TEXT = """\
# The front line. Ask Maria before you change it.
careline: flow/1
name: Front line   # as callers know it
languages: [en, es]

start: menu
nodes:
  # --- the door ---
  menu:
    kind: menu
    prompts:
      - greeting.welcome   # first of all
      - text: {en: "Press one.", es: 'Oprima el uno.'}
      - text:
          en: >-
            A long word
            on two lines.
          es: Una palabra.
    options:
      # One is the most wanted.
      1: {next: desk, reason: help}   # since May
      2: bye
    exits: {no_input: desk,   no_match: desk}
    seconds:   7   # not less

  # The desk closes at five.
  desk: {kind: queue, queue: "Front desk"}
  bye:
    kind: end   # politely
# The end.
tests:
  - name: One is help
    steps: [press: 1]
    expect: {queue: Front desk}
"""


def changed(text: str, *path: Any, to: Any) -> str:
    """The text after one change at a path; None takes it away."""
    data = load(text)
    place = data
    for part in path[:-1]:
        place = place[part]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    made = patched(text, data)
    assert same(load(made), data)
    return made


def lines_lost(made: str, text: str = TEXT) -> list[str]:
    """Lines of the old text that are not in the new one."""
    return list((Counter(text.splitlines()) - Counter(made.splitlines())).elements())


def comments(text: str) -> int:
    return text.count("#")


@pytest.mark.parametrize(
    ("path", "to", "lost"),
    [
        (("name",), "Main line", 1),
        (("nodes", "menu", "seconds"), 9, 1),
        (("nodes", "menu", "exits", "no_match"), "bye", 1),
        (("nodes", "menu", "options", "1", "next"), "bye", 1),
        (("nodes", "menu", "options", "3"), {"next": "bye"}, 0),
        (("nodes", "menu", "prompts", 0), "goodbye", 1),
        (("nodes", "menu", "prompts", 2, "text", "en"), "Other words, on as many lines as it takes.", 2),
        (("nodes", "desk", "reason"), "help", 1),
        (("nodes", "bye", "prompts"), ["goodbye"], 0),
        (("nodes", "new"), {"kind": "voicemail"}, 0),
        (("variables",), {"x": {"secret": True}}, 0),
        (("tests", 0, "expect"), {"queue": "Front desk", "reason": "help"}, 1),
        (("languages",), ["en"], 1),
    ],
)  # fmt: skip
def test_only_the_lines_that_must_change_do(path: tuple[Any, ...], to: Any, lost: int) -> None:
    made = changed(TEXT, *path, to=to)
    assert len(lines_lost(made)) == lost
    assert comments(made) == comments(TEXT)


def test_what_is_taken_away_goes_with_its_line_and_nothing_else() -> None:
    assert lines_lost(changed(TEXT, "nodes", "menu", "seconds", to=None)) == ["    seconds:   7   # not less"]
    assert lines_lost(changed(TEXT, "nodes", "bye", to=None)) == ["  bye:", "    kind: end   # politely"]
    assert lines_lost(changed(TEXT, "nodes", "menu", "prompts", 0, to=None)) == [
        "      - greeting.welcome   # first of all"
    ]


def test_a_renamed_step_keeps_its_comments() -> None:
    data = load(TEXT)
    nodes = {{"bye": "goodbye"}.get(name, name): node for name, node in data["nodes"].items()}
    nodes["menu"] = {**nodes["menu"], "options": {**nodes["menu"]["options"], "2": "goodbye"}}
    made = patched(TEXT, {**data, "nodes": nodes})
    assert same(load(made)["nodes"], nodes)
    assert lines_lost(made) == ["      2: bye", "  bye:"]
    assert comments(made) == comments(TEXT)


def test_nothing_changed_is_the_same_text_and_what_cannot_be_read_is_written_anew() -> None:
    assert patched(TEXT, load(TEXT)) == TEXT
    assert patched("nodes: [", load(TEXT)) == dump(load(TEXT))


EXAMPLES = [
    TEXT,
    *(p.read_text("utf-8") for p in sorted(Path(careline.flows.__file__).with_name("examples").glob("*.yaml"))),
]
SCALARS = st.one_of(
    st.text(max_size=30),
    st.integers(-5, 99),
    st.booleans(),
    st.sampled_from(["a: b # c", "- x", "[1, 2]", "yes", "", "  "]),
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.sampled_from(["en", "es", "1"]), SCALARS))


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place below the top of some data."""
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [p for key, value in inside for p in ((*path, key), *places(value, (*path, key)))]


@settings(max_examples=60, deadline=None)
@given(text=st.sampled_from(EXAMPLES), data=st.data())
def test_any_field_can_be_edited_and_the_text_holds_it(text: str, data: st.DataObject) -> None:
    wanted = load(text)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(wanted)))
        place = wanted
        for part in path[:-1]:
            place = place[part]
        what = data.draw(st.sampled_from(["edit", "remove", "add"]))
        if what == "remove":
            del place[path[-1]]
        elif what == "add" and isinstance(place, list):
            place.insert(path[-1], data.draw(VALUES))
        elif what == "add":
            place["further"] = data.draw(VALUES)
        else:
            place[path[-1]] = data.draw(VALUES)
        if not wanted:
            return
    made = patched(text, wanted)
    assert same(load(made), wanted)


@settings(max_examples=60, deadline=None)
@given(text=st.sampled_from(EXAMPLES), data=st.data())
def test_an_edited_word_leaves_every_other_line_as_it_was(text: str, data: st.DataObject) -> None:
    wanted = copy.deepcopy(load(text))
    words = [p for p in places(wanted) if isinstance(_at(wanted, p), str)]
    path = data.draw(st.sampled_from(words))
    before = _at(wanted, path)
    _at(wanted, path[:-1])[path[-1]] = data.draw(st.text("abc: #'\"{}[],", min_size=1, max_size=20))
    made = patched(text, wanted)
    assert same(load(made), wanted)
    assert len(lines_lost(made, text)) <= 1 + len(before) // 25, "the line of the word, or the lines of a folded text"


def _at(data: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        data = data[part]
    return data
