"""The prompt catalogue: every sentence Careline says, by key and language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml


@dataclass(frozen=True, slots=True)
class Language:
    """One language callers can choose, with the voice of its bundled recordings."""

    code: str
    #: In the language itself.
    name: str
    voice: str
    locale: str
    speed: float


@dataclass(frozen=True, slots=True)
class Prompt:
    """One key. With `each`, one recording for every number of that range, named `key.number`."""

    key: str
    texts: Mapping[str, str]
    each: range | None = None

    def recordings(self, language: str) -> Iterator[tuple[str, str]]:
        """(name, text) of each recording that this prompt consists of."""
        text = self.texts[language]
        if self.each is None:
            yield self.key, text
        else:
            for number in self.each:
                words = text.replace("{number}", spell(number, language))
                yield f"{self.key}.{number}", words.replace("{ordinal}", ordinal(number, language))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All prompts."""

    languages: Mapping[str, Language]
    prompts: Mapping[str, Prompt]
    #: Fixed texts that are not keys but deserve the bundled voice (the demo's practice names).
    spoken: Mapping[str, tuple[str, ...]]

    def recordings(self, language: str) -> dict[str, str]:
        """Every recording's name and text in a language."""
        return {name: text for prompt in self.prompts.values() for name, text in prompt.recordings(language)}


@cache
def catalogue() -> Catalogue:
    """The catalogue as shipped."""
    raw = yaml.safe_load(files("careline.telephony.prompts").joinpath("catalogue.yaml").read_text("utf-8"))
    languages = {code: Language(code, **values) for code, values in raw["languages"].items()}
    prompts = {}
    for key, entry in raw["prompts"].items():
        missing = languages.keys() - entry.keys()
        if missing:
            raise ValueError(f"Prompt {key} has no text in: {', '.join(sorted(missing))}")
        each = range(entry["each"][0], entry["each"][1] + 1) if "each" in entry else None
        prompts[key] = Prompt(key, {code: entry[code] for code in languages}, each)
    return Catalogue(languages, prompts, {code: tuple(texts) for code, texts in raw.get("spoken", {}).items()})


@cache
def names(language: str) -> frozenset[str]:
    """The names of all recordings of a language."""
    return frozenset(catalogue().recordings(language))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_EN = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_EN_TENS = _words("_ _ twenty thirty forty fifty sixty seventy eighty ninety")
_ES = _words(
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete "
    "dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete "
    "veintiocho veintinueve"
)
_ES_TENS = _words("_ _ _ treinta cuarenta cincuenta sesenta setenta ochenta noventa")


def spell(number: int, language: str) -> str:
    """A number from 0 to 99 in words; digits for a language whose number words are not known here."""
    if not 0 <= number <= 99:
        raise ValueError("Only 0 to 99 are spoken as one number.")
    tens, ones = divmod(number, 10)
    match language:
        case "en":
            return _EN[number] if number < 20 else _EN_TENS[tens] + (f"-{_EN[ones]}" if ones else "")
        case "es":
            return _ES[number] if number < 30 else _ES_TENS[tens] + (f" y {_ES[ones]}" if ones else "")
        case _:
            return str(number)


_EN_ORDINALS = _words(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth"
)
_ES_ORDINALS = _words("primero segundo tercero cuarto quinto sexto séptimo octavo noveno décimo")


def ordinal(number: int, language: str) -> str:
    """A rank from 1 to 31 in words. Spanish speaks ordinals up to ten and plain numbers beyond, as people do (RAE)."""
    if language == "es":
        return _ES_ORDINALS[number - 1] if 1 <= number <= 10 else spell(number, language)
    if language != "en":
        return str(number)
    if 1 <= number < 20:
        return _EN_ORDINALS[number - 1]
    tens, ones = divmod(number, 10)
    if ones == 0:
        return f"{_EN_TENS[tens].removesuffix('y')}ieth"
    return f"{_EN_TENS[tens]}-{_EN_ORDINALS[ones - 1]}"
