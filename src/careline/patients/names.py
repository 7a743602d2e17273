"""Names as people say, spell and mishear them: folding, sounds, nicknames, similarity. Pure; the tables are data."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files

import jellyfish

_KEEP = re.compile(r"[^a-z ]+")
_APART = re.compile(r"[\s\-/.,]+")
#: Parts of a name that tell nobody apart, or that callers leave out.
_PARTICLES = frozenset({"jr", "sr", "ii", "iii", "iv", "mr", "mrs", "ms", "dr"})


@lru_cache(maxsize=65_536)
def fold(text: str) -> str:
    """Lower case without accents, apostrophes or hyphens: "O'Brien-Núñez" becomes "obrien nunez"."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss").replace("ø", "o").replace("ł", "l"))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return " ".join(_KEEP.sub("", _APART.sub(" ", plain)).split())


def words(*parts: str) -> tuple[str, ...]:
    """The distinct words of some name parts, without titles and generation marks, in order."""
    found = dict.fromkeys(word for part in parts for word in fold(part).split())
    return tuple(word for word in found if word not in _PARTICLES)


@lru_cache(maxsize=65_536)
def sound(word: str) -> str:
    """How a folded word sounds (Metaphone); the word itself when it has no sound."""
    return jellyfish.metaphone(word) or word


def keys(name_words: Iterable[str]) -> tuple[str, ...]:
    """Under what a name is found: each word as it is (`=maria`), its sounds with those of its nicknames, its beginning
    (`^mar`), which survives a slip further on."""
    found: dict[str, None] = {}
    for word in name_words:
        found[f"={word}"] = None
        found[f"^{word[:3]}"] = None
        found.update(dict.fromkeys(sound(w) for w in (word, *sorted(nicknames(word)))))
    return tuple(found)


@cache
def _families() -> dict[str, frozenset[str]]:
    table: dict[str, set[str]] = {}
    for line in files("careline.patients").joinpath("data/nicknames.txt").read_text("utf-8").splitlines():
        names = line.split("#")[0].split()
        for name in names:
            table.setdefault(name, set()).update(n for n in names if n != name)
    return {name: frozenset(others) for name, others in table.items()}


def nicknames(word: str) -> frozenset[str]:
    """Other given names in common use for the same given name (folded)."""
    return _families().get(word, frozenset())


def near(a: str, b: str) -> bool:
    """Whether two folded words could be one word misheard or mistyped: same sound, or one slip of the keys."""
    if a == b or sound(a) == sound(b):
        return True
    return min(len(a), len(b)) >= 4 and jellyfish.damerau_levenshtein_distance(a, b) <= 1


def same_given(a: str, b: str) -> bool:
    """Whether two folded words are the same given name or its nickname."""
    return a == b or b in nicknames(a)
