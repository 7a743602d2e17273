"""What an utterance says: keywords and grammar (English), and a transcript where the speech extra is installed.

`quick` and `thorough` are the work of worker processes: each holds its own models, and nothing it hears leaves it but
the answer.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rapidfuzz import fuzz

from careline.speech import spotting
from careline.speech.asr import SpeechExtraMissing, Whisper, find_transcriber
from careline.speech.audio import RATE, decode_ulaw
from careline.speech.endpoint import padded
from careline.speech.redflags import scan

#: A transcript names a menu phrase when it fits it at least so well (0 to 100).
_FITS = 86.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What was understood. No words: a phrase that was asked for, the rule of a red flag."""

    phrase: str | None = None
    confidence: float = 0.0
    red_flag: str | None = None
    #: Which recognisers worked on it: `sphinx`, `whisper`.
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ability:
    """What this machine can understand, by language."""

    #: Languages whose menu words and red flags are heard.
    phrases: frozenset[str]
    red_flags: frozenset[str]

    @property
    def nothing(self) -> bool:
        """No recogniser at all is installed."""
        return not self.phrases and not self.red_flags


def ability(models: Path) -> Ability:
    """What is installed. English needs one of the two extras, other languages the speech extra."""
    languages = {"en"} if spotting.available() else set()
    if transcriber(models) is not None:
        languages |= {"en", "es"}
    return Ability(frozenset(languages), frozenset(languages))


@cache
def transcriber(models: Path) -> Whisper | None:
    """The machine's Whisper, or None."""
    try:
        found = find_transcriber(models)
    except SpeechExtraMissing:
        return None
    return found if isinstance(found, Whisper) else None


@cache
def _spotter() -> spotting.Spotter:
    return spotting.Spotter()


def quick(sound: bytes, language: str, phrases: tuple[str, ...], red_flags: bool) -> Heard:
    """One utterance of µ-law, by keywords and grammar: about 0.2 s for 4 s of English. Blocks."""
    if language != "en" or not spotting.available():
        return Heard()
    spotter, wide = _spotter(), spotting.widened(decode_ulaw(padded(sound)))
    said = spotter.phrase(wide, phrases) if phrases else None
    flag = spotter.red_flag(wide) if red_flags else None
    best = max((found.confidence for found in (said, flag) if found), default=0.0)
    return Heard(said.phrase if said else None, round(best, 2), flag.phrase if flag else None, ("sphinx",))


def thorough(sound: bytes, language: str, phrases: tuple[str, ...], red_flags: bool, models: Path) -> Heard:
    """The same by writing it down first: about a second, and only with the speech extra. Blocks."""
    whisper = transcriber(models)
    if whisper is None:
        return Heard()
    text = whisper.write_down(decode_ulaw(padded(sound)), RATE, language, phrases).text
    hits = scan(text) if red_flags else []
    named = in_text(text, phrases) if phrases else None
    flag = hits[0].rule_id if hits else None
    return Heard(named, 0.8 if named or flag else 0.0, flag, ("whisper",))


def in_text(text: str, phrases: tuple[str, ...]) -> str | None:
    """Which phrase a transcript names, fuzzily; None: none, or two equally."""
    said = plain(text)
    fits = sorted(((fuzz.partial_ratio(plain(p), said), p) for p in phrases), reverse=True) if said else []
    if not fits or fits[0][0] < _FITS or (len(fits) > 1 and fits[0][0] == fits[1][0]):
        return None
    return fits[0][1]


def plain(text: str) -> str:
    """Letters only, without accents."""
    bare = unicodedata.normalize("NFD", text.lower())
    return " ".join(re.findall(r"[a-z']+", "".join(c for c in bare if not unicodedata.combining(c))))
