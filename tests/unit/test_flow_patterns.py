"""What a new flow may begin from is complete: it can be read, and the gate has nothing against it."""

from __future__ import annotations

import pytest

from careline.flows import gate
from careline.flows.patterns import PATTERNS
from careline.flows.reading import read

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_a_pattern_is_a_flow(pattern: str) -> None:
    reading = read(PATTERNS[pattern]("Main line", ["Scheduling", "Billing"]))
    found = [*reading.problems, *gate.problems(reading.flow)]
    wrong = {(p.node, p.code) for p in found if p.severity == "error"}
    # The blank one is for the person to go on with, and says where.
    assert wrong == ({("greeting", "exit-missing")} if pattern == "blank" else set())


def test_two_queues_are_the_first_two_there_are() -> None:
    nodes = PATTERNS["two-queues"]("Main line", ["Billing", "Scheduling", "Triage"])["nodes"]
    assert [nodes[name]["queue"] for name in ("first", "second", "callback")] == ["Billing", "Scheduling", "Scheduling"]


@pytest.mark.parametrize("queues", [[], ["Only"]])
def test_fewer_queues_make_a_flow_too(queues: list[str]) -> None:
    nodes = PATTERNS["two-queues"]("Main line", queues)["nodes"]
    assert nodes["second"]["queue"] == (queues[0] if queues else "")
