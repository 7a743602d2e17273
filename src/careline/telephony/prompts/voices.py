"""The voices of this machine: finding them, fetching the small one, and opening the prompt book with them."""

from __future__ import annotations

from pathlib import Path

from careline.speech.tts import Espeak, VoiceEngine, engines
from careline.telephony.apt import Progress, fetch_packages, find_archive, silent
from careline.telephony.engine import default_cache
from careline.telephony.prompts.book import PromptBook


def _unpacked(cache: Path) -> Path:
    return cache / "voices" / "espeak-ng"


def voice_engines(cache: Path | None = None) -> list[VoiceEngine]:
    """The voices that can be used now, best first."""
    return engines([_unpacked(cache or default_cache())])


def fetch_voice(cache: Path | None = None, progress: Progress = silent) -> Espeak:
    """Unpack espeak-ng without root, unless a voice for every language is here. Raises `FetchFailed`."""
    root = _unpacked(cache or default_cache())
    found = Espeak.find([root])
    if found is not None:
        return found
    archive = find_archive()
    root.parent.mkdir(parents=True, exist_ok=True)
    fetch_packages(["espeak-ng"], archive.codename, root, progress, archive)
    found = Espeak.find([root])
    if found is None:
        raise FileNotFoundError("espeak-ng was unpacked, but its program is not there.")
    return found


def open_book(home: Path, cache: Path | None = None) -> PromptBook:
    """The prompt book of the installation in `home` (CARELINE_HOME), with its recordings in place."""
    book = PromptBook(home / "prompts", voice_engines(cache))
    book.install()
    return book
