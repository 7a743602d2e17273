"""Small things that callers notice in a flow: keys pressed ahead, the language chosen, silence at its time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from careline.flows import interpreter
from careline.flows.model import Cursor, Flow
from careline.flows.moves import Action, Answered, Ask, Cause, Chosen, Env, Hush, Key, Listen, Speak, Stimulus, ToQueue
from careline.flows.reading import read
from careline.flows.shelf import bucket

pytestmark = pytest.mark.unit

ENDS = {name: {"kind": "end", "outcome": name} for name in ("a", "b", "c", "d")}
SPOKEN, SILENCE = Stimulus.SPOKEN, Stimulus.SILENCE


def flow(nodes: Mapping[str, Any]) -> Flow:
    found = read({"start": "x", "languages": ["en", "es"], "variables": {"v": ""}, "nodes": {**nodes, **ENDS}})
    assert found.problems == ()
    return found.flow


class Walk:
    """A caller in a flow; `actions` are those of the last thing that happened."""

    def __init__(self, nodes: Mapping[str, Any], *causes: Cause) -> None:
        self.flow = flow(nodes)
        self.cursor: Cursor | None = None
        self.actions: list[Action] = []
        self.go(Stimulus.ENTERED, *causes)

    def go(self, *causes: Cause) -> Walk:
        env = Env(now=datetime(2026, 11, 23, 14, 30, tzinfo=UTC), zone="America/Chicago")
        for cause in causes:
            self.cursor, self.actions = interpreter.step(self.flow, self.cursor, cause, env)
        return self

    @property
    def at(self) -> str:
        assert self.cursor
        return self.cursor.node

    def did(self, kind: type[Any]) -> Any:
        return next((a for a in self.actions if isinstance(a, kind)), None)


SAID = [{"text": {"en": "Hello.", "es": "Hola."}}]
MENU = {
    "kind": "menu",
    "prompts": SAID,
    "options": {"1": {"next": "a", "phrases": {"en": ["bill"], "es": ["factura"]}}, "2": "b"},
    "tries": 2,
    "exits": {"no_input": "c", "no_match": "d"},
}


def test_silence_counts_only_once_the_prompt_has_been_heard() -> None:
    walk = Walk({"x": MENU}, SILENCE, SILENCE, SILENCE)
    assert (walk.at, walk.actions) == ("x", []), "whoever listens is not silent"
    assert walk.go(SPOKEN).did(Listen)
    assert walk.go(SILENCE).did(Speak)
    assert walk.go(SILENCE).at == "x", "it is being said again"
    assert walk.go(SPOKEN, SILENCE).at == "c"


def test_the_language_that_was_chosen_is_spoken_and_understood_from_there_on() -> None:
    choice = {**MENU, "options": {"1": {"next": "y", "language": "en"}, "2": {"next": "y", "language": "es"}}}
    for digit, words, phrases in (("1", "Hello.", ("bill",)), ("2", "Hola.", ("factura",))):
        walk = Walk({"x": choice, "y": MENU}, Key(digit))
        assert walk.did(Chosen).language
        (said,) = walk.did(Speak).prompts
        assert words in str(said)
        assert walk.go(SPOKEN).did(Listen).phrases == phrases


def test_a_key_pressed_ahead_passes_what_may_be_interrupted_and_chooses() -> None:
    say = {"kind": "say", "prompts": SAID, "interruptible": True}
    nodes = {"x": {**say, "next": "y"}, "y": {**say, "next": "z"}, "z": MENU}
    walk = Walk(nodes, Key("2"))
    assert walk.at == "b"
    assert isinstance(walk.actions[0], Hush)
    assert not walk.did(Speak), "who knows the choice need not hear it"
    assert Walk(nodes, Key("9")).at == "z", "a key that means nothing there is not held against the caller"
    held = Walk({"x": {**say, "next": "y"}, "y": {**say, "interruptible": False, "next": "z"}, "z": MENU}, Key("2"))
    assert held.at == "y", "what must be heard is heard"


def test_a_queue_is_joined_with_the_priority_that_the_flow_gives() -> None:
    queue = {"kind": "queue", "queue": "Nurses"}
    assert Walk({"x": {**queue, "priority": 7}}).did(ToQueue).priority == 7
    assert Walk({"x": queue}).did(ToQueue).priority == 0


LOOKUP = {"kind": "lookup", "endpoint": "ehr", "seconds": 3, "into": {"v": "x"}, "prompts": SAID, "next": "a",
          "exits": {"not_found": "b", "timeout": "c", "failed": "d"}}  # fmt: skip


def test_words_over_a_look_up_are_cut_off_only_while_they_are_heard() -> None:
    walk = Walk({"x": LOOKUP})
    assert walk.did(Ask)
    assert walk.did(Speak)
    assert Walk({"x": LOOKUP}, Answered("next")).did(Hush)
    assert not Walk({"x": LOOKUP}, SPOKEN, Answered("next")).did(Hush)


def test_what_another_system_sends_is_cut_to_what_a_variable_holds() -> None:
    walk = Walk({"x": LOOKUP}, Answered("next", {"v": "9" * 9000, "unasked": "1"}))
    assert walk.cursor is not None
    assert walk.cursor.variables["v"] == "9" * 500
    assert "unasked" not in walk.cursor.variables


def test_a_share_of_one_flow_picks_other_callers_than_the_same_share_of_another() -> None:
    calls = [UUID(int=7919 * n) for n in range(2000)]
    first, second = ({c for c in calls if bucket(UUID(int=flow), c) < 1000} for flow in (1, 2))
    assert 150 < len(first) < 250
    assert 150 < len(second) < 250
    assert len(first & second) < 60, "nobody is the trial's subject everywhere"
