"""The language in which a call says what its agent must be able to do, and the scales skills are measured on. Pure.

    spanish >= 50 and (billing in 20..80 or agent:018f…) and not trainee

A bare name asks for the skill at any proficiency. A skill that an agent does not have makes every comparison false:
no skill is not a skill of zero. `not` binds closest, then `and`, then `or`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias
from uuid import UUID

from careline.kernel.errors import InvalidInput


class BadExpression(InvalidInput):
    """This is not a skill expression."""

    id = "bad-skill-expression"


@dataclass(frozen=True, slots=True)
class Has:
    """The proficiency in a skill lies between two bounds (0..100)."""

    skill: str
    least: float = 0.0
    most: float = 100.0
    #: Whether the bounds themselves count.
    with_least: bool = True
    with_most: bool = True


@dataclass(frozen=True, slots=True)
class Named:
    """A certain agent."""

    agent_id: UUID


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: Expression


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; without parts: anybody."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Expression, ...]


Expression: TypeAlias = Has | Named | Not | All | AnyOf
ANYBODY = All(())


def holds(expression: Expression, agent_id: UUID, skills: Mapping[str, float]) -> bool:
    """Whether an agent satisfies an expression."""
    match expression:
        case Has(skill, least, most, with_least, with_most):
            have = skills.get(skill)
            if have is None:
                return False
            return (have >= least if with_least else have > least) and (have <= most if with_most else have < most)
        case Named(named):
            return agent_id == named
        case Not(part):
            return not holds(part, agent_id, skills)
        case All(parts):
            return all(holds(p, agent_id, skills) for p in parts)
        case AnyOf(parts):
            return any(holds(p, agent_id, skills) for p in parts)


def skills_in(expression: Expression) -> frozenset[str]:
    """The skills an expression asks for; those under `not` are no merit and do not count."""
    match expression:
        case Has(skill):
            return frozenset({skill})
        case All(parts) | AnyOf(parts):
            return frozenset().union(*(skills_in(p) for p in parts))
        case _:
            return frozenset()


def without(expression: Expression, dropped: frozenset[str]) -> Expression:
    """The expression when some skills are no longer asked for. Under `or` the other ways stay, and all are open."""
    match expression:
        case Has(skill) if skill in dropped:
            return ANYBODY
        case Not(part):
            left = without(part, dropped)
            return ANYBODY if left != part and left == ANYBODY else Not(left)
        case All(parts):
            return every(*(without(p, dropped) for p in parts))
        case AnyOf(parts):
            some = tuple(without(p, dropped) for p in parts)
            return ANYBODY if ANYBODY in some else AnyOf(some)
        case _:
            return expression


def every(*parts: Expression) -> Expression:
    """All of these together, in the flattest form."""
    flat: dict[Expression, None] = {}
    for part in parts:
        flat.update(dict.fromkeys(part.parts if isinstance(part, All) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else All(tuple(flat))


def at_least(skills: Mapping[str, float]) -> Expression:
    """A plain list of skills with least proficiencies: all of them."""
    return every(*(Has(skill, float(least)) for skill, least in sorted(skills.items())))


# --- reading ------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"\s*(?:(?P<agent>agent:[0-9a-fA-F-]{36})|(?P<range>\.\.)|(?P<number>\d+(?:\.(?!\.)\d*)?)|(?P<sign>>=|<=|==|=|>|<)"
    r"|(?P<paren>[()])|(?P<name>[a-z][a-z0-9-]*))"
)
_WORDS = frozenset({"and", "or", "not", "in"})
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """The expression in a text; an empty text asks for nothing. Raises `BadExpression`, which points at the place."""
    tokens = _tokens(text)
    if not tokens:
        return ANYBODY
    reader = _Reader(text, tokens)
    expression = reader.either(0)
    if reader.left is not None:
        raise reader.error("here the expression should end, or go on with and / or")
    return expression


def _tokens(text: str) -> list[_Token]:
    tokens, at = [], 0
    end = len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise BadExpression(f"Character {at + 1}: {text[at]!r} does not belong here.", at=at)
        kind = found.lastgroup or ""
        word = found[kind]
        if kind == "name" and word in _WORDS:
            kind = word
        tokens.append(_Token(kind, word, found.start(found.lastgroup or 0)))
        at = found.end()
    return tokens


class _Reader:
    """Recursive descent, one method a level of binding."""

    def __init__(self, text: str, tokens: list[_Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.at = 0

    @property
    def left(self) -> _Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def error(self, what: str) -> BadExpression:
        token = self.left
        place = token.at if token else len(self.text)
        seen = f" (there is {token.text!r})" if token else " (there is nothing more)"
        return BadExpression(f"Character {place + 1}: {what}{seen}.", at=place)

    def take(self, *kinds: str) -> _Token | None:
        token = self.left
        if token is None or token.kind not in kinds:
            return None
        self.at += 1
        return token

    def either(self, depth: int) -> Expression:
        parts = self._joined("or", lambda: self.both(depth))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def both(self, depth: int) -> Expression:
        return every(*self._joined("and", lambda: self.one(depth)))

    def _joined(self, word: str, part: Callable[[], Expression]) -> list[Expression]:
        parts = [part()]
        while self.take(word):
            parts.append(part())
        return parts

    def one(self, depth: int) -> Expression:
        if depth > _DEEPEST:
            raise self.error("this is nested too deeply")
        if self.take("not"):
            return Not(self.one(depth + 1))
        if (token := self.left) and token.text == "(":
            self.at += 1
            inside = self.either(depth + 1)
            if (token := self.left) is None or token.text != ")":
                raise self.error("a closing parenthesis is missing")
            self.at += 1
            return inside
        if token := self.take("agent"):
            try:
                return Named(UUID(token.text.removeprefix("agent:")))
            except ValueError:
                self.at -= 1
                raise self.error("this is not an agent's id") from None
        if token := self.take("name"):
            return self.compared(token.text)
        raise self.error("a skill, agent:…, not or an opening parenthesis should stand here")

    def compared(self, skill: str) -> Expression:
        if self.take("in"):
            least = self.number()
            if not self.take("range"):
                raise self.error("a range is written 20..80")
            most = self.number()
            if most < least:
                self.at -= 1
                raise self.error("a range goes from the smaller to the greater")
            return Has(skill, least, most)
        sign = self.take("sign")
        if sign is None:
            return Has(skill)
        bound = self.number()
        match sign.text:
            case ">=":
                return Has(skill, bound)
            case ">":
                return Has(skill, bound, with_least=False)
            case "<=":
                return Has(skill, 0.0, bound)
            case "<":
                return Has(skill, 0.0, bound, with_most=False)
            case _:
                return Has(skill, bound, bound)

    def number(self) -> float:
        token = self.take("number")
        if token is None:
            raise self.error("a number from 0 to 100 should stand here")
        value = float(token.text)
        if value > 100:
            self.at -= 1
            raise self.error("proficiency goes from 0 to 100")
        return value


# --- scales of other systems ----------------------------------------------------------------------------------------


def from_scale(value: float, scale: str) -> float:
    """A proficiency of another system on ours (0..100, the higher the better).

    Scales: "1-20-inverted" (1 is best), "0-5", "1-10". Raises `ValueError` for a value off its scale.
    """
    least, most, inverted = {"1-20-inverted": (1, 20, True), "0-5": (0, 5, False), "1-10": (1, 10, False)}[scale]
    if not least <= value <= most:
        raise ValueError(f"{value} is not on the scale {scale}")
    share = (value - least) / (most - least)
    return round(100 * (1 - share if inverted else share), 4)
