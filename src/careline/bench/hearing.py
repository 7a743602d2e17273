"""`careline bench redflags`: how many red flags are missed, how many are seen where there are none, and how late.

A stated set of sentences (`spoken/redflags.yaml`) is spoken by every voice that this machine has, goes through
telephone sound (8 kHz µ-law), and is heard exactly as a caller is: cut into utterances, keywords and grammar, and a
transcript where the speech extra is installed. Synthesised voices in a quiet room: people in distress, on mobile
telephones, in a car, will be heard worse. The figures compare versions of Careline; they promise nothing.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from careline.bench import listening
from careline.bench.figures import Figure, Report
from careline.setup.steps import say
from careline.speech import spotting, understanding
from careline.speech.audio import RATE, SILENCE, encode_ulaw, level, trim
from careline.speech.endpoint import Endpointer
from careline.speech.tts import Espeak, Kokoro, Piper, VoiceUnavailable

_MENU = ("appointments", "prescriptions", "test results", "billing", "medical records", "nurse")
_NO_CHOICE = (
    "pizza delivery", "the weather tomorrow", "my sister is tall", "purple elephant", "i do not know", "uh, hello",
    "what did you say", "good morning, doctor", "twenty seven", "parking garage", "flu season",
)  # fmt: skip
#: Kokoro's voices that the set is spoken with, when it is there (see `careline prompts render`).
_KOKORO = {"en": ("af_heart", "am_michael", "bf_emma"), "es": ("ef_dora", "em_alex")}

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
    """Every voice against every recogniser; then many callers at once. About four minutes, less without Kokoro."""
    report = Report("redflags")
    models = Path(os.environ.get("CARELINE_HOME") or ".careline") / "models"
    written = understanding.transcriber(models) is not None
    understood: list[bytes] = []
    ordinary: list[bytes] = []
    workers = max(1, len(os.sched_getaffinity(0)))
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for voice in voices():
            say(f"{voice.name} speaks {voice.language}")
            spoken = [(rule, _ulaw(voice, text)) for rule, text in sentences(voice.language, every=6 if quick else 1)]
            for recogniser in ("keywords", *(["with transcripts"] if written else [])):
                if recogniser == "keywords" and voice.language != "en":
                    continue
                # A transcript takes a second or two: every other sentence has to do.
                heard, where = (spoken, None) if recogniser == "keywords" else (spoken[::2], models)
                found = list(pool.map(partial(hear, language=voice.language, models=where), [s for _, s in heard]))
                tally = count(heard, found)
                report.figures += _of(tally, f"{voice.language}, {voice.name}, {recogniser}")
                if recogniser == "keywords":
                    understood += [s for (rule, s), hit in zip(spoken, found, strict=True) if rule and hit]
                    ordinary += [s for (rule, s), hit in zip(spoken, found, strict=True) if not rule and not hit]
            if voice.language == "en" and spotting.available():
                report.figures += menu(voice)
    if understood and ordinary:
        report.figures += listening.figures(understood, ordinary, models, quick=quick)
    return report


def count(spoken: Sequence[tuple[str | None, bytes]], found: Sequence[bool]) -> Tally:
    """How many dangers were missed, and how often one was seen where there is none."""
    tally = Tally()
    for (rule, _), hit in zip(spoken, found, strict=True):
        if rule is not None:
            tally.danger += 1
            tally.missed += not hit
        else:
            tally.ordinary += 1
            tally.false += hit
    return tally


def _of(tally: Tally, whose: str) -> list[Figure]:
    return [
        Figure(f"missed of {tally.danger} ({whose})", _share(tally.missed, tally.danger), None, "%"),
        Figure(f"false alarms in {tally.ordinary} ({whose})", _share(tally.false, tally.ordinary), None, "%"),
    ]


def _ulaw(voice: Voice, text: str) -> bytes:
    """The sentence as a telephone carries it, without silence around it; spoken once for all runs."""
    name = hashlib.sha256(f"{voice.name}|{voice.language}|{text}".encode()).hexdigest()[:32]
    kept = Path(os.environ.get("CARELINE_HOME") or ".careline") / "cache/bench-voices" / f"{name}.ulaw"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(encode_ulaw(level(trim(voice.speak(text)))))
    return kept.read_bytes()


def sentences(language: str, every: int = 1) -> Iterator[tuple[str | None, str]]:
    """(rule or None, sentence), in the order of the file."""
    body: Mapping[str, Any] = yaml.safe_load((files("careline.bench") / "spoken/redflags.yaml").read_text("utf-8"))
    found = [(rule, text) for rule, texts in body[language]["danger"].items() for text in texts]
    found += [(None, text) for text in body[language]["ordinary"]]
    yield from found[::every]


def hear(sound: bytes, language: str, models: Path | None) -> bool:
    """Whether a red flag is heard in it, as a caller's speech is: cut into utterances, each worked on."""
    for utterance in Endpointer().feed(SILENCE * RATE + sound + SILENCE * RATE):
        found = understanding.quick(utterance.sound, language, (), True)
        if found.red_flag is None and models is not None:
            found = understanding.thorough(utterance.sound, language, (), True, models)
        if found.red_flag is not None:
            return True
    return False


def menu(voice: Voice) -> list[Figure]:
    """Choices of a menu that are said, and sentences that are none of them."""
    right = wrong = 0
    for phrase in _MENU:
        found = understanding.quick(_ulaw(voice, phrase), "en", _MENU, False).phrase
        right += found == phrase
        wrong += found not in (None, phrase)
    taken = sum(understanding.quick(_ulaw(voice, text), "en", _MENU, False).phrase is not None for text in _NO_CHOICE)
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
                    kokoro.speak("one", language)
                    yield Voice(f"kokoro {name}", language, _once(kokoro.speak, language))
                except VoiceUnavailable:
                    say(f"kokoro {name} is not among the voices")
                finally:
                    kokoro.close()


def _once(speak: Callable[[str, str], array[int]], language: str) -> Speak:
    return cache(lambda text: speak(text, language))


def _share(count: int, of: int) -> float:
    return round(100 * count / of, 1) if of else 0.0
