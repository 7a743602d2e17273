"""How prompts are put into words and keys: greetings, wait ranges, the key to press, numbers."""

from __future__ import annotations

from careline.kernel.errors import NotFound

#: Upper ends, in minutes, of the wait ranges that have a recording.
WAIT_BANDS = (1, 2, 5, 10, 15, 20, 30, 45)


class UnknownPrompt(NotFound):
    """There is no prompt of that name."""

    id = "unknown-prompt"


#: The keys of a telephone.
KEYS = frozenset("0123456789*#")


def press(digit: str) -> str:
    """The recording that names a key. Raises `UnknownPrompt`."""
    if digit not in KEYS:
        raise UnknownPrompt("There is no such key.")
    return {"*": "menu.press-star", "#": "menu.press-pound"}.get(digit, f"menu.press.{digit}")


def line_greeting(lang: str, name: str) -> str:
    """The greeting of a line by its name."""
    return f"Gracias por llamar a {name}." if lang == "es" else f"Thank you for calling {name}."


def menu_words(lang: str, words: str) -> str:
    """A menu choice in the practice's own words."""
    return f"Para {words}," if lang == "es" else f"For {words},"


def wait_band(minutes: int) -> str:
    """The wait range that ends at or after `minutes`: never promises less than was estimated."""
    return next((str(band) for band in WAIT_BANDS if minutes <= band), "more")


def whole(value: object) -> int:
    """A number rounded up, never below 0. Raises `UnknownPrompt`."""
    if isinstance(value, int | float):
        return max(0, -int(-value // 1))
    raise UnknownPrompt("This prompt needs a number.")
