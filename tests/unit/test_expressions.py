"""Conditions: read with a plain sentence for every mistake, evaluated without ever raising."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careline.kernel.expressions import ExpressionError, read, same

pytestmark = pytest.mark.unit

NAMES: dict[str, Any] = {"a": 7, "typed": "007", "plan": "gold", "yes": True, "list": ["x", 3], "caller.known": False}


def value(text: str) -> Any:
    return read(text).value(NAMES.get, {"length": len, "half": lambda n: n / 2})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 - 4", -1),
        ("-3 + 1", -2),
        ("a == 7 and typed == a", True),
        ("typed == '7'", False),
        ('plan in ["silver", "gold"]', True),
        ("3 in list and not ('y' in list)", True),
        ("'ol' in plan", True),
        ("plan not in list", True),
        ("not not yes", True),
        ("yes == 1", False),
        ("yes == true", True),
        ("caller.known or a >= 7.0", True),
        ("(a > 5 or nothing) and plan != 'silver'", True),
        ("nothing == none", True),
        ("a < plan", False),
        ("plan < 'silver'", True),
        ("plan + '!'", "gold!"),
        ("plan + 1", None),
        ("length(plan) == 4", True),
        ("half(plan)", None),
        ("unknown(1)", None),
        ("typed >= 7", True),
        ("[1, [2, 3], plan]", [1, [2, 3], "gold"]),
        ("true and false or true", True),
    ],
)
def test_what_an_expression_comes_to(text: str, expected: Any) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Expected a value but found the end"),
        ("a ==", "found the end at character"),
        ("a b", "Expected the end but found “b” at character 3"),
        ("(a", "Expected “)”"),
        ("a = 1", "“=” at character 3 means nothing here"),
        ("__import__('os').system('x')", "means nothing here"),
        ("a; b", "“;”"),
        ("not in", "Expected a value"),
        ("(" * 40 + "1" + ")" * 40, "nested too deeply"),
        ("-" * 60 + "1", "nested too deeply"),
        ("a or " * 200 + "a", "at most 500"),
        ("1" * 16, "at most 15 digits"),
        ("9" * 400 + ".0", "at most 15 digits"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        read(text)
    assert said in refused.value.detail


def test_names_and_functions_are_known_after_reading() -> None:
    found = read("caller.known and table('t', plan, 'c') > a and true")
    assert found.names == {"caller.known", "plan", "a"}
    assert found.calls == (("table", 3, "t"),)


@given(st.text(alphabet="ab1'\"()[],+-<>=! .andornotin", max_size=60))
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_or_refused_and_what_is_read_has_a_value(text: str) -> None:
    try:
        found = read(text)
    except ExpressionError:
        return
    found.value({"a": 1, "b": "x"}.get, {})


def test_sameness_is_what_people_mean() -> None:
    assert same("7", 7)
    assert same("7.0", 7)
    assert not same("007", "7")
    assert not same(True, 1)
    assert not same(None, "")


def test_nothing_grows_without_end_however_often_it_is_added_to_itself() -> None:
    """Sixty doublings would fill the memory of the one process that leads every call."""
    text: Any = "x"
    number: Any = 1
    for _ in range(60):
        text = read("t + t + t + t").value({"t": text}.get)
        number = read("t + t + t + t").value({"t": number}.get)
    assert text is None and number is None


@given(st.floats(), st.floats(), st.sampled_from("+-"))
def test_a_sum_is_a_number_that_can_be_written_down_or_nothing(left: float, right: float, sign: str) -> None:
    found = read(f"a {sign} b").value({"a": left, "b": right}.get)
    assert found is None or abs(found) <= 10**15
