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


@pytest.mark.parametrize(
    ("queues", "booking", "other"),
    [
        (["Billing", "Scheduling", "Triage"], "Scheduling", "Billing"),
        (["Appointments", "Billing", "General"], "Appointments", "General"),
        (["Citas", "Recepción"], "Citas", "Recepción"),
        (["North", "South"], "North", "South"),
    ],
)
def test_two_queues_are_those_whose_names_fit_and_each_calls_back_its_own(
    queues: list[str], booking: str, other: str
) -> None:
    nodes = PATTERNS["two-queues"]("Main line", queues)["nodes"]
    assert nodes["appointments"]["queue"] == booking and nodes["anything-else"]["queue"] == other
    for name in ("appointments", "anything-else"):
        assert nodes[nodes[name]["exits"]["callback"]]["queue"] == nodes[name]["queue"]


@pytest.mark.parametrize("queues", [[], ["Only"]])
def test_fewer_queues_make_a_flow_too(queues: list[str]) -> None:
    nodes = PATTERNS["two-queues"]("Main line", queues)["nodes"]
    assert nodes["anything-else"]["queue"] == (queues[0] if queues else "")
