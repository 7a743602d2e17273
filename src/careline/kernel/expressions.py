"""A small language of conditions: `caller.known and weekday in ["sat", "sun"]`. Reads, never does; always ends. Pure.

Words: numbers, 'text', true, false, none, [lists], names with dots, `+ -`, `== != < <= > >=`, `in`, `not in`, `and`,
`or`, `not`, parentheses, and the functions that the surroundings offer. No loops, no assignment, no attributes of
Python objects: an expression that was read can be evaluated by anybody, at any time, and never raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from careline.kernel.errors import InvalidInput

#: Longest expression, and deepest nesting of parentheses and lists.
LONGEST, DEEPEST = 500, 20
#: The longest text and the largest number that can come of `+` and `-`: a few expressions, each doubling what the one
#: before made, would fill all memory. What is larger is none.
LONGEST_TEXT, LARGEST_NUMBER = 2000, 10**15

Value = str | int | float | bool | None | list[Any]
Function = Callable[..., Any]


class ExpressionError(InvalidInput):
    """This expression cannot be read."""

    id = "invalid-expression"


_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>'[^']*'|"[^"]*")|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_]\w*)*)
    |(?P<sign><=|>=|==|!=|[<>()\[\],+-]))""",
    re.VERBOSE | re.ASCII,
)
_WORDS: Mapping[str, Any] = {"true": True, "false": False, "none": None}
_COMPARE = ("==", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that has been read."""

    text: str
    tree: tuple[Any, ...]
    #: The names it looks at, and the functions it asks with their first argument where that is plain text.
    names: frozenset[str] = frozenset()
    calls: tuple[tuple[str, int, Any], ...] = ()

    def value(self, names: Callable[[str], Any], functions: Mapping[str, Function] | None = None) -> Any:
        """What it comes to. `names` gives the value of a name, None for one it does not know. Never raises: what makes
        no sense, like ordering a text and a number, is none or false."""
        return _value(self.tree, names, functions or {})

    def true(self, names: Callable[[str], Any], functions: Mapping[str, Function] | None = None) -> bool:
        """Whether it holds."""
        return bool(self.value(names, functions))


def read(text: str) -> Expression:
    """Read an expression. Raises `ExpressionError` saying what was expected and where."""
    if len(text) > LONGEST:
        raise ExpressionError(f"A condition has at most {LONGEST} characters.")
    reader = _Reader(text)
    tree = reader.either(0)
    if reader.token[0] != "end":
        raise reader.error("the end")
    return Expression(text, tree, frozenset(reader.names), tuple(reader.calls))


@dataclass(slots=True)
class _Reader:
    text: str
    tokens: Iterator[tuple[str, str, int]] = field(init=False)
    token: tuple[str, str, int] = field(init=False)
    names: set[str] = field(default_factory=set)
    calls: list[tuple[str, int, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tokens = _tokens(self.text)
        self.token = next(self.tokens)

    def error(self, expected: str) -> ExpressionError:
        found = f"“{self.token[1]}”" if self.token[1] else "the end"
        return ExpressionError(f"Expected {expected} but found {found} at character {self.token[2] + 1}.")

    def take(self, *words: str) -> str | None:
        """The present word if it is one of these, going on to the next."""
        kind, word, _ = self.token
        if kind in ("sign", "name") and word in words:
            self.token = next(self.tokens)
            return word
        return None

    def need(self, word: str) -> None:
        if not self.take(word):
            raise self.error(f"“{word}”")

    def either(self, depth: int) -> tuple[Any, ...]:
        if depth > DEEPEST:
            raise ExpressionError("This is nested too deeply.")
        found = [self.both(depth)]
        while self.take("or"):
            found.append(self.both(depth))
        return found[0] if len(found) == 1 else ("or", *found)

    def both(self, depth: int) -> tuple[Any, ...]:
        found = [self.denied(depth)]
        while self.take("and"):
            found.append(self.denied(depth))
        return found[0] if len(found) == 1 else ("and", *found)

    def denied(self, depth: int) -> tuple[Any, ...]:
        odd = False
        while self.take("not"):
            odd = not odd
        compared = self.compared(depth)
        return ("not", compared) if odd else compared

    def compared(self, depth: int) -> tuple[Any, ...]:
        left = self.sum(depth)
        if sign := self.take(*_COMPARE):
            return (sign, left, self.sum(depth))
        if self.take("in"):
            return ("in", left, self.sum(depth))
        if self.take("not"):
            self.need("in")
            return ("not", ("in", left, self.sum(depth)))
        return left

    def sum(self, depth: int) -> tuple[Any, ...]:
        left = self.one(depth)
        while sign := self.take("+", "-"):
            left = (sign, left, self.one(depth))
        return left

    def one(self, depth: int) -> tuple[Any, ...]:
        kind, word, _ = self.token
        if self.take("-"):
            return ("-", ("value", 0), self.one(depth + 1)) if depth <= DEEPEST else self.either(depth + 1)
        if self.take("("):
            inner = self.either(depth + 1)
            self.need(")")
            return inner
        if self.take("["):
            return ("list", *self.several("]", depth))
        if kind == "number":
            self.token = next(self.tokens)
            if len(word) > 22 or len(word.partition(".")[0]) > 15:
                raise ExpressionError("A number has at most 15 digits, and 6 after the point.")
            return ("value", float(word) if "." in word else int(word))
        if kind == "text":
            self.token = next(self.tokens)
            return ("value", word[1:-1])
        if kind == "name" and word not in ("and", "or", "not", "in"):
            self.token = next(self.tokens)
            if word in _WORDS:
                return ("value", _WORDS[word])
            if self.take("("):
                arguments = self.several(")", depth)
                first = arguments[0][1] if arguments and arguments[0][0] == "value" else None
                self.calls.append((word, len(arguments), first))
                return ("call", word, *arguments)
            self.names.add(word)
            return ("name", word)
        raise self.error("a value")

    def several(self, end: str, depth: int) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        while not self.take(end):
            if found:
                self.need(",")
            found.append(self.either(depth + 1))
        return found


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            at = len(text) - len(text[at:].lstrip())
            raise ExpressionError(f"“{text[at]}” at character {at + 1} means nothing here.")
        yield match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)
        at = match.end()
    while True:
        yield "end", "", len(text)


def _value(tree: tuple[Any, ...], names: Callable[[str], Any], functions: Mapping[str, Function]) -> Any:
    match tree:
        case ("value", value):
            return value
        case ("name", name):
            return names(name)
        case ("list", *items):
            return [_value(item, names, functions) for item in items]
        case ("call", name, *items):
            arguments = [_value(item, names, functions) for item in items]
            return _call(functions.get(name), arguments)
        case ("and", *items):
            return all(_value(item, names, functions) for item in items)
        case ("or", *items):
            return any(_value(item, names, functions) for item in items)
        case ("not", item):
            return not _value(item, names, functions)
        case (sign, left, right):
            return _pair(sign, _value(left, names, functions), _value(right, names, functions))
    return None


def _call(function: Function | None, arguments: Sequence[Any]) -> Any:
    if function is None:
        return None
    try:
        return function(*arguments)
    except (TypeError, ValueError, KeyError, IndexError, OverflowError):
        return None


def _pair(sign: str, left: Any, right: Any) -> Any:
    if sign == "in":
        if isinstance(right, str):
            return isinstance(left, str) and left != "" and left in right
        return isinstance(right, list | tuple) and any(same(left, item) for item in right)
    if sign in ("==", "!="):
        return same(left, right) is (sign == "==")
    a, b = _number(left), _number(right)
    if sign in ("+", "-"):
        if a is None or b is None:
            return _joined(left, right) if sign == "+" else None
        made = a + b if sign == "+" else a - b
        return made if abs(made) <= LARGEST_NUMBER else None
    if a is None or b is None:
        if not (isinstance(left, str) and isinstance(right, str)):
            return False
        return _ordered(sign, left, right)
    return _ordered(sign, a, b)


def _joined(left: Any, right: Any) -> str | None:
    if not (isinstance(left, str) and isinstance(right, str)) or len(left) + len(right) > LONGEST_TEXT:
        return None
    return left + right


def _ordered(sign: str, a: Any, b: Any) -> bool:
    return bool({"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[sign])


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal as people mean it: typed digits equal the number they show, though "007" is not 7
    when both are texts."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, str) != isinstance(right, str):
        a, b = _number(left), _number(right)
        return a is not None and a == b
    return bool(left == right)


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,15}(\.\d{1,6})?", value, re.ASCII):
        return float(value) if "." in value else int(value)
    return None
