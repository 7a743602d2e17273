"""Understanding a few seconds of English without a network: PocketSphinx with a grammar, and with keywords.

A grammar fits something to every sound; how much better the words fit than bare sounds
of the language do decides whether to believe it. Other languages have no model here.
"""

from __future__ import annotations

import importlib
import math
import os
import re
import tempfile
from array import array
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from operator import mul
from typing import Any

from careline.speech.audio import pcm_bytes
from careline.speech.redflags import lexicon

#: A spotted phrase counts when it is at least so likely, by the number of its sounds: 10 to the minus twice that.
#: Measured (docs/benchmarks.md, `./careline bench redflags`): misses on one side, false alarms on the other.
_BY_SOUND = 2.0
#: Words against bare sounds, in likelihood for each frame: below this a menu phrase is not believed (measured).
_BELIEVED = -8e-4
_CARRIERS = "i need | i want | i would like | for | it is about"
_GRAMMAR_WORD = re.compile(r"[a-z']+")


def available() -> bool:
    """Whether this machine has the recogniser."""
    return find_spec("pocketsphinx") is not None


@dataclass(frozen=True, slots=True)
class Understood:
    """A phrase, and how far to trust it (0 to 1)."""

    phrase: str
    confidence: float


@dataclass(slots=True)
class Spotter:
    """One recogniser: for one thread at a time. Models are loaded when first used (0.1 s each)."""

    _keywords: Any = None
    _sounds: Any = None
    _grammars: dict[tuple[str, ...], Any] = field(default_factory=dict)

    def phrase(self, wide: bytes, phrases: tuple[str, ...]) -> Understood | None:
        """Which of these phrases was said; None: none of them. About 25 ms for a second of sound (`widened`)."""
        known = {p: words for p in phrases if (words := _in_grammar(p))}
        if not known:
            return None
        found = _decode(self._grammar(tuple(sorted(known.values()))), wide)
        if found is None:
            return None
        # The words may stand in a carrier ("i need …").
        said = next((p for p in sorted(known, key=len, reverse=True) if known[p] in found.text), None)
        bare = _decode(self._bare(), wide)
        if said is None or bare is None or not found.frames:
            return None
        fit = (found.score - bare.score) / found.frames
        return Understood(said, 1 / (1 + math.exp(-(fit - _BELIEVED) * 4000))) if fit >= _BELIEVED else None

    def red_flag(self, wide: bytes) -> Understood | None:
        """The rule whose spoken phrases are in the sound; None: none was. About 30 ms for a second of sound."""
        if self._keywords is None:
            self._keywords = _keyword_decoder()
        spots = lexicon().spotted()
        for word, chance in _segments(self._keywords, wide):
            if word in spots:
                return Understood(spots[word], chance)
        return None

    def _grammar(self, words: tuple[str, ...]) -> Any:
        if words not in self._grammars:
            if len(self._grammars) > 50:
                self._grammars.clear()
            module: Any = importlib.import_module("pocketsphinx")
            decoder = module.Decoder(loglevel="FATAL", lm=None)
            decoder.add_jsgf_string(
                "said", f"#JSGF V1.0; grammar m; public <m> = [{_CARRIERS}] ( {' | '.join(words)} ) [please];"
            )
            decoder.activate_search("said")
            self._grammars[words] = decoder
        return self._grammars[words]

    def _bare(self) -> Any:
        if self._sounds is None:
            module: Any = importlib.import_module("pocketsphinx")
            model = module.get_model_path("en-us/en-us-phone.lm.bin")
            self._sounds = module.Decoder(loglevel="FATAL", lm=None, allphone=model, lw=2.0, beam=1e-20, pbeam=1e-20)
        return self._sounds


@dataclass(frozen=True, slots=True)
class _Found:
    text: str
    score: float
    frames: int


def widened(samples: array[int]) -> bytes:
    """Telephone sound at twice its rate, as the English model wants it: every second sample is put in between."""
    taps = _between()
    count, edge = len(samples), len(taps) // 2
    around = array("h", bytes(2 * edge)) + samples + array("h", bytes(2 * edge))
    shifted = [around[n : n + count] for n in range(len(taps))]
    out = array("h", bytes(4 * count))
    out[0::2] = samples
    out[1::2] = array(
        "h", (max(-32768, min(32767, round(sum(map(mul, taps, near))))) for near in zip(*shifted, strict=True))
    )
    return pcm_bytes(out)


@cache
def _between() -> tuple[float, ...]:
    """A windowed sinc, half a sample late."""
    reach = 7
    raw = []
    for index in range(-reach, reach + 1):
        x = index - 0.5
        raw.append((0.5 + 0.5 * math.cos(math.pi * x / (reach + 1))) * math.sin(math.pi * x) / (math.pi * x))
    return tuple(value / sum(raw) for value in raw)


def _decode(decoder: Any, wide: bytes) -> _Found | None:
    decoder.start_utt()
    decoder.process_raw(wide, False, True)
    decoder.end_utt()
    best = decoder.hyp()
    return _Found(best.hypstr, float(best.score), int(decoder.n_frames())) if best is not None else None


def _segments(decoder: Any, wide: bytes) -> list[tuple[str, float]]:
    decoder.start_utt()
    decoder.process_raw(wide, False, True)
    decoder.end_utt()
    return [(segment.word.strip(), min(1.0, float(segment.prob))) for segment in decoder.seg() or ()]


def _keyword_decoder() -> Any:
    module: Any = importlib.import_module("pocketsphinx")
    sounds = dictionary()
    lines = [
        f"{phrase} /1e-{round(_BY_SOUND * sum(sounds[word] for word in phrase.split()))}/\n"
        for phrase in lexicon().spotted()
        if all(word in sounds for word in phrase.split())
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".kws", delete=False) as file:
        file.writelines(lines)
    try:
        return module.Decoder(kws=file.name, loglevel="FATAL")
    finally:
        os.unlink(file.name)


@cache
def dictionary() -> dict[str, int]:
    """Every word the English model can hear, and how many sounds it has."""
    module: Any = importlib.import_module("pocketsphinx")
    with open(module.get_model_path("en-us/cmudict-en-us.dict"), encoding="utf-8") as file:
        return {word: len(rest.split()) for word, _, rest in (line.partition(" ") for line in file)}


def _in_grammar(phrase: str) -> str:
    """A phrase as the grammar spells it, or nothing when a word of it is unknown to the model."""
    words = _GRAMMAR_WORD.findall(phrase.lower().replace("’", "'"))
    return " ".join(words) if words and all(word in dictionary() for word in words) else ""
