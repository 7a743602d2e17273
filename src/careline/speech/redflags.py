"""Words that may mean danger: a reviewed list, matched as people say them and as recognisers mishear them. Pure.

The list is data (`data/redflags.yaml`): dated, with sources, and marked as needing clinical approval. A match never
assesses anybody; it brings a person to the telephone sooner, or marks a message. Negations are not understood on
purpose ("no chest pain" matches): what is missed costs more than what is checked in vain.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

import yaml
from jellyfish import metaphone
from rapidfuzz.distance import OSA

Severity = Literal["emergency", "urgent"]

#: How many other words may stand between two words of a phrase ("chest really hurts").
SLACK = 2
_WORD = re.compile(r"[\w']+")
#: Words that sound like, or are a letter away from, a word of the list and mean nothing of the kind.
_NEVER = frozenset({"breed", "bread", "broke", "broken", "strike", "stroll", "paint", "paints"})


class Hit(NamedTuple):
    """One match. `span`: first and after-last character in the text that was scanned."""

    rule_id: str
    span: tuple[int, int]
    severity: Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """One danger and the words for it."""

    id: str
    severity: Severity
    sources: tuple[str, ...]
    #: Language -> phrases; a phrase is a sequence of words, each with its alternatives.
    phrases: dict[str, tuple[tuple[frozenset[str], ...], ...]]
    #: Phrases to listen for in sound (English).
    spot: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The list in force."""

    edition: date
    #: Said wherever the list is shown, until a clinician has signed it.
    approval: str
    sources: dict[str, str]
    rules: tuple[Rule, ...]

    def spotted(self) -> dict[str, str]:
        """Phrase listened for in sound -> its rule."""
        return {phrase: rule.id for rule in self.rules for phrase in rule.spot}

    def severity(self, rule_id: str) -> Severity | None:
        """How grave a rule is; None for one that is no longer listed."""
        return next((rule.severity for rule in self.rules if rule.id == rule_id), None)


@cache
def lexicon() -> Lexicon:
    """The list that comes with Careline. Raises `ValueError` naming what is wrong with it."""
    return read_lexicon((files("careline.speech") / "data/redflags.yaml").read_text("utf-8"))


def read_lexicon(text: str) -> Lexicon:
    """Read a list. Raises `ValueError`: an unknown source, an unknown severity, a rule without words."""
    body: dict[str, Any] = yaml.safe_load(text)
    sources = {str(k): str(v) for k, v in body["sources"].items()}
    rules = []
    for entry in body["rules"]:
        name, severity = str(entry["id"]), str(entry["severity"])
        if severity not in ("emergency", "urgent"):
            raise ValueError(f"{name}: the severity is 'emergency' or 'urgent'.")
        if not set(entry["sources"]) <= set(sources):
            raise ValueError(f"{name}: a source is not listed.")
        phrases = {lang: tuple(_phrase(p) for p in entry[lang]) for lang in ("en", "es")}
        if not all(phrases.values()):
            raise ValueError(f"{name}: every rule needs words in English and Spanish.")
        rules.append(Rule(name, severity, tuple(entry["sources"]), phrases, tuple(entry.get("spot", ()))))  # type: ignore[arg-type]
    if len({rule.id for rule in rules}) != len(rules):
        raise ValueError("Two rules have the same name.")
    return Lexicon(body["edition"], str(body["approval"]), sources, tuple(rules))


def _phrase(text: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(plain(option) for option in word.split("|")) for word in text.split())


def plain(word: str) -> str:
    """A word without case, accents and apostrophes; a final `*` stays."""
    bare = unicodedata.normalize("NFD", word.lower().replace("’", "'"))
    return "".join(c for c in bare if not unicodedata.combining(c)).replace("'", "")


def scan(text: str, language: str | None = None) -> list[Hit]:
    """Every rule that the text matches, once each, at its first place. `language`: only its words; None: all.

    Pure, and quick enough for every partial transcript: well under a millisecond for a sentence.
    """
    found = [(plain(m.group().replace("’", "'")), m.start(), m.end()) for m in _WORD.finditer(text.replace("’", "'"))]
    words = [word for word, _, _ in found]
    hits = []
    for rule in lexicon().rules:
        for lang, phrases in rule.phrases.items():
            if language is not None and lang != language:
                continue
            place = next((p for phrase in phrases if (p := _find(words, phrase))), None)
            if place is not None:
                hits.append(Hit(rule.id, (found[place[0]][1], found[place[1]][2]), rule.severity))
                break
    return sorted(hits, key=lambda hit: hit.span)


def _find(words: Sequence[str], phrase: Sequence[frozenset[str]]) -> tuple[int, int] | None:
    """First and last word of a phrase in the text, or None."""
    for start, word in enumerate(words):
        if not _means(word, phrase[0]):
            continue
        at = start
        for wanted in phrase[1:]:
            after = range(at + 1, min(len(words), at + 2 + SLACK))
            nearest = next((n for n in after if _means(words[n], wanted)), None)
            if nearest is None:
                break
            at = nearest
        else:
            return start, at
    return None


def _means(word: str, options: frozenset[str]) -> bool:
    return word in options or any(_alike(word, option) for option in options)


@lru_cache(maxsize=20_000)
def _alike(word: str, option: str) -> bool:
    """Whether a recogniser may have written `word` for `option`: the same sound, or one letter off in a long word."""
    if option.endswith("*"):
        return word.startswith(option[:-1])
    if min(len(word), len(option)) < 4 or word in _NEVER or word[0] != option[0]:
        return False
    if len(option) >= 5 and OSA.distance(word, option) <= 1:
        return True
    return len(option) >= 5 and metaphone(word) == metaphone(option)
