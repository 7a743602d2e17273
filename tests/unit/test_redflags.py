"""The list of words that may mean danger, and how it is matched."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
import yaml

from careline.speech.redflags import lexicon, read_lexicon, scan

pytestmark = pytest.mark.unit
SENTENCES: dict[str, Any] = yaml.safe_load((files("careline.bench") / "spoken/redflags.yaml").read_text("utf-8"))
DANGER = [
    (language, rule, sentence)
    for language, both in SENTENCES.items()
    for rule, sentences in both["danger"].items()
    for sentence in sentences
]
ORDINARY = [(language, sentence) for language, both in SENTENCES.items() for sentence in both["ordinary"]]


@pytest.mark.parametrize(("language", "rule", "sentence"), DANGER)
def test_v5_every_dangerous_sentence_of_the_test_set_is_found_in_text(language: str, rule: str, sentence: str):
    assert rule in {hit.rule_id for hit in scan(sentence, language)}


@pytest.mark.parametrize(("language", "sentence"), ORDINARY)
def test_an_ordinary_sentence_raises_nothing(language: str, sentence: str):
    assert scan(sentence, language) == []


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ("i have a chess pain", "chest-pain"),
        ("My chest really hurts", "chest-pain"),
        ("she can’t breathe", "breathing"),
        ("she cant breath", "breathing"),
        ("me duele mucho el pecho", "chest-pain"),
        ("NO PUEDO RESPIRAR", "breathing"),
        ("no esta respirando", "breathing"),
        ("he said he wants to end his own life", "suicide"),
        ("pensando en el suicidio", "suicide"),
    ],
)
def test_words_are_found_as_they_are_said_and_misheard(said: str, rule: str):
    assert rule in {hit.rule_id for hit in scan(said)}


@pytest.mark.parametrize(
    "said",
    ["the bread is good", "a chest x-ray", "chest of drawers and then no pain in the foot", "stroke of luck", "", "?!"],
)
def test_words_that_only_look_like_it_raise_nothing(said: str):
    assert scan(said) == []


def test_a_hit_says_where_it_is():
    said = "well, I have chest pain today"
    (hit,) = scan(said)
    assert said[slice(*hit.span)] == "chest pain"
    assert hit.severity == "emergency"


def test_the_list_is_dated_sourced_and_says_that_a_clinician_has_to_approve_it():
    found = lexicon()
    assert found.edition.year >= 2026
    assert found.approval == "needs clinical approval"
    assert all(rule.sources and rule.phrases["en"] and rule.phrases["es"] for rule in found.rules)
    assert set(found.spotted().values()) <= {rule.id for rule in found.rules}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"severity": "bad"}, "severity"),
        ({"sources": ["nobody"]}, "source"),
        ({"es": []}, "English and Spanish"),
    ],
)
def test_a_list_that_is_wrong_is_refused(change: dict[str, Any], words: str):
    rule = {"id": "x", "severity": "urgent", "sources": ["a"], "en": ["word"], "es": ["palabra"], **change}
    text = yaml.safe_dump({"edition": "2026-11-23", "approval": "none", "sources": {"a": "A"}, "rules": [rule]})
    with pytest.raises(ValueError, match=words):
        read_lexicon(text)
