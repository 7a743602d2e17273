"""`careline bench redflags`: how many red flags are missed, how many are seen where there are none, and how late.

A stated set of sentences (`spoken/redflags.yaml`) is spoken by every voice that this machine has, goes through
telephone sound (8 kHz µ-law), and is heard exactly as a caller is: cut into utterances, keywords and grammar, and a
transcript where the speech extra is installed. Synthesised voices in a quiet room: people in distress, on mobile
telephones, in a car, will be heard worse. The figures compare versions of Careline; they promise nothing.
"""

from __future__ import annotations

import os
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from careline.bench.figures import Figure, Report, quantile
from careline.speech import understanding
from careline.speech.audio import FRAME, RATE, SILENCE, encode_ulaw, level
from careline.speech.endpoint import PAUSE, Endpointer
from careline.speech.tts import Espeak, Kokoro, Piper

#: From the last word to the interruption, as docs/listening.md states it (seconds).
STATED = 5.0
_MENU = ("appointments", "prescriptions", "test results", "billing", "medical records", "nurse")
_NO_CHOICE = (
    "pizza delivery", "the weather tomorrow", "my sister is tall", "purple elephant", "i do not know", "uh, hello",
    "what did you say", "good morning, doctor", "twenty seven", "parking garage", "flu season",
)  # fmt: skip
#: Kokoro's voices that the set is spoken with, when it is there (see `careline prompts render`).
_KOKORO = {"en": ("am_michael", "bf_emma"), "es": ("em_alex",)}

Speak: TypeAlias = "Callable[[str], array[int]]"


@dataclass(frozen=True)
class Voice:
    """Somebody who speaks the set."""

    name: str
    language: str
    speak: Speak


@dataclass(slots=True)
class Tally:
    """What was heard of one voice."""

    danger: int = 0
    missed: int = 0
    ordinary: int = 0
    false: int = 0


def command(quick: bool) -> Report:
    """Every voice against every recogniser."""
    report = Report("redflags")
    models = Path(os.environ.get("CARELINE_HOME") or ".careline") / "models"
    written = understanding.transcriber(models) is not None
    late: list[float] = []
    for voice in voices():
        by = {"keywords": Tally(), **({"with transcripts": Tally()} if written else {})}
        for rule, sentence in sentences(voice.language, every=5 if quick else 1):
            sound = encode_ulaw(level(voice.speak(sentence)))
            for name, tally in by.items():
                found, seconds = hear(sound, voice.language, models if name != "keywords" else None)
                if rule is not None:
                    tally.danger += 1
                    tally.missed += not found
                    late += [seconds] if found else []
                else:
                    tally.ordinary += 1
                    tally.false += found
        for name, tally in by.items():
            if name == "keywords" and voice.language != "en":
                continue
            whose = f"{voice.language}, {voice.name}, {name}"
            report.figures += [
                Figure(f"missed of {tally.danger} ({whose})", _share(tally.missed, tally.danger), None, "%"),
                Figure(f"false alarms in {tally.ordinary} ({whose})", _share(tally.false, tally.ordinary), None, "%"),
            ]
        if voice.language == "en":
            report.figures += menu(voice)
    report.figures += [
        Figure("from the last word to the interruption, median", _round(quantile(late, 0.5)), None, "s"),
        Figure("the same, the slowest", _round(max(late, default=None)), None, "s", STATED),
    ]
    return report


def sentences(language: str, every: int = 1) -> Iterator[tuple[str | None, str]]:
    """(rule or None, sentence), in the order of the file."""
    body: Mapping[str, Any] = yaml.safe_load((files("careline.bench") / "spoken/redflags.yaml").read_text("utf-8"))
    found = [(rule, text) for rule, texts in body[language]["danger"].items() for text in texts]
    found += [(None, text) for text in body[language]["ordinary"]]
    yield from found[::every]


def hear(sound: bytes, language: str, models: Path | None) -> tuple[bool, float]:
    """Whether a red flag was heard, and how long after the end of the utterance's sound (pause included)."""
    heard = Endpointer().feed(SILENCE * RATE + sound + SILENCE * RATE)
    for utterance in heard:
        began = time.monotonic()
        found = understanding.quick(utterance.sound, language, (), True)
        if found.red_flag is None and models is not None:
            found = understanding.thorough(utterance.sound, language, (), True, models)
        if found.red_flag is not None:
            # A piece that was cut out of long speech was heard before the speech ended.
            pause = PAUSE if utterance.whole else FRAME / RATE
            return True, pause + time.monotonic() - began
    return False, 0.0


def menu(voice: Voice) -> list[Figure]:
    """Choices of a menu that are said, and sentences that are none of them."""
    right = wrong = 0
    for phrase in _MENU:
        found = understanding.quick(encode_ulaw(level(voice.speak(phrase))), "en", _MENU, False).phrase
        right += found == phrase
        wrong += found not in (None, phrase)
    taken = sum(
        understanding.quick(encode_ulaw(level(voice.speak(text))), "en", _MENU, False).phrase is not None
        for text in _NO_CHOICE
    )
    return [
        Figure(f"menu choices understood ({voice.name})", _share(right, len(_MENU)), None, "%"),
        Figure(f"menu choices taken for another ({voice.name})", _share(wrong, len(_MENU)), None, "%"),
        Figure(f"other words taken for a choice ({voice.name})", _share(taken, len(_NO_CHOICE)), None, "%"),
    ]


def voices() -> Iterator[Voice]:
    """Every voice on this machine, one after the other; each sentence is spoken once."""
    if (espeak := Espeak.find()) is not None:
        for language in ("en", "es"):
            yield Voice("espeak-ng", language, _once(espeak.speak, language))
    if (piper := Piper.find()) is not None:
        yield Voice("piper joe", "en", _once(piper.speak, "en"))
    places = [os.environ.get(f"CARELINE_KOKORO_{name}") for name in ("PYTHON", "MODEL", "VOICES")]
    if all(places):
        python, model, file = (Path(place) for place in places if place)
        for language, names in _KOKORO.items():
            for name in names:
                locale = {"a": "en-us", "b": "en-gb", "e": "es"}[name[0]]
                kokoro = Kokoro(python, model, file, {language: (name, locale, 1.0)})
                try:
                    yield Voice(f"kokoro {name}", language, _once(kokoro.speak, language))
                finally:
                    kokoro.close()


def _once(speak: Callable[[str, str], array[int]], language: str) -> Speak:
    return cache(lambda text: speak(text, language))


def _share(count: int, of: int) -> float:
    return round(100 * count / of, 1) if of else 0.0


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
