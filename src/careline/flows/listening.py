"""What a node that listens makes of keys, words and silence: menus, digits, consent, verification. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from careline.flows.moves import Heard
from careline.flows.nodes import Collect, Consent, Factor, Menu, Option, Verify
from careline.flows.place import Place
from careline.flows.spoken import Prompt, Spoken
from careline.kernel.phone import to_e164

Listener = Menu | Collect | Consent | Verify

#: Words understood with less confidence than this count as not understood.
SURE = 0.5

_SILENT, _WRONG = (Prompt("no-input"),), (Prompt("invalid-key"),)


@dataclass(frozen=True, slots=True)
class More:
    """Go on listening for so many seconds."""

    seconds: float
    phrases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Again:
    """Say what went wrong and ask anew."""

    sorry: tuple[Prompt, ...]


@dataclass(frozen=True, slots=True)
class Chose:
    """An option was chosen."""

    option: Option
    digit: str


@dataclass(frozen=True, slots=True)
class Agreed:
    """Consent was given or refused."""

    record: bool
    to: str


@dataclass(frozen=True, slots=True)
class Typed:
    """A value is complete."""

    variable: str
    value: str | int
    to: str


@dataclass(frozen=True, slots=True)
class Complete:
    """Everything for a verification is typed."""

    factors: Mapping[str, str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Leave:
    """Give up by an exit."""

    to: str


Outcome = More | Again | Chose | Agreed | Typed | Complete | Leave


def prompts(at: Place, node: Listener) -> tuple[Spoken, ...]:
    """What a caller hears at this node now."""
    return node.factors[at.item].prompts if isinstance(node, Verify) else node.prompts


def wants(node: Listener, digit: str) -> bool:
    """Whether a key pressed before the prompt means something here."""
    match node:
        case Menu():
            return digit in node.options
        case Consent():
            return digit in (node.accept, node.refuse)
        case Collect() | Verify():
            return digit.isdigit()


def listen(at: Place, node: Listener) -> Outcome:
    """The prompt has been heard."""
    phrases: tuple[str, ...] = ()
    if isinstance(node, Menu):
        phrases = tuple(p for option in node.options.values() for p in option.phrases.get(at.spoken_language, ()))
    return More(node.seconds, phrases)


def key(at: Place, node: Listener, digit: str) -> Outcome:
    """A key was pressed."""
    match node:
        case Menu():
            option = node.options.get(digit)
            return Chose(option, digit) if option else _again(at, node, "no_match")
        case Consent():
            if digit == node.accept:
                return Agreed(True, node.exits["accepted"])
            if digit == node.refuse:
                return Agreed(False, node.exits["refused"])
            # Whoever presses something else has not agreed; that is asked again, then counts as silence.
            return _again(at, node, "no_input", _WRONG)
        case Collect():
            return _type(at, node, digit, node.most, node.terminator, node.between)
        case Verify():
            return _type(at, node, digit, node.factors[at.item].most, "#", 3.0)


def heard(at: Place, node: Menu, words: Heard) -> Outcome:
    """A few words were understood."""
    said = _plain(words.phrase)
    if words.confidence >= SURE and said:
        for digit, option in node.options.items():
            for phrase in option.phrases.get(at.spoken_language, ()):
                if f" {_plain(phrase)} " in f" {said} ":
                    return Chose(option, digit)
    return _again(at, node, "no_match", _SILENT)


def silence(at: Place, node: Listener) -> Outcome:
    """Nothing (more) came in time."""
    if isinstance(node, Collect | Verify) and at.digits:
        return _finish(at, node)
    return _again(at, node, "no_input", _SILENT)


def _type(at: Place, node: Collect | Verify, digit: str, most: int, terminator: str, between: float) -> Outcome:
    if digit == terminator:
        return _finish(at, node) if at.digits else _again(at, node, "no_input", _SILENT)
    if not digit.isdigit():
        return More(between)
    at.digits += digit
    return _finish(at, node) if len(at.digits) >= most else More(between)


def _finish(at: Place, node: Collect | Verify) -> Outcome:
    asked: Collect | Factor = node.factors[at.item] if isinstance(node, Verify) else node
    typed, at.digits = at.digits, ""
    value = understand(asked.type, typed) if len(typed) >= asked.least else None
    if value is None:
        return _again(at, node, "no_match" if isinstance(node, Collect) else "no_input", _WRONG)
    if isinstance(node, Collect):
        return Typed(node.variable, value, node.exits["next"])
    at.typed = {**at.typed, node.factors[at.item].name: str(value)}
    at.item += 1
    at.tries = 0
    if at.item < len(node.factors):
        return Again(())
    return Complete(dict(at.typed), node.wait)


def _again(at: Place, node: Listener, exit: str, sorry: tuple[Prompt, ...] = _WRONG) -> Outcome:
    at.digits = ""
    at.tries += 1
    return Again(sorry) if at.tries < node.tries else Leave(node.exits[exit])


def understand(kind: str, typed: str) -> str | int | None:
    """What typed digits mean; None when they mean nothing. A date is month, day and four digits of the year, as it is
    written in the United States; an amount of money is typed in cents."""
    match kind:
        case "number":
            return int(typed)
        case "date":
            match = re.fullmatch(r"(\d\d)(\d\d)(\d{4})", typed)
            try:
                return date(int(match[3]), int(match[1]), int(match[2])).isoformat() if match else None
            except ValueError:
                return None
        case "phone":
            return to_e164(typed)
        case "money":
            return f"{int(typed) // 100}.{int(typed) % 100:02}"
        case _:
            return typed


def _plain(words: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", words.casefold()))
